"""The publishers' own downloads, checked by hash.

A network that blocks them often answers nothing at all, so each host is asked once, with a short timeout, and what it
would have served is then built. A file that arrives and has another hash is an error, never a reason to go on.
"""

import hashlib
import http.client
import shutil
import tarfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path

from gitops.errors import ToolchainError
from gitops.toolchain import cache
from gitops.toolchain.cache import Installed, Origin
from gitops.toolchain.pins import Download, Piece
from gitops.toolchain.places import Places, Platform
from gitops.toolchain.process import Runner, Stopped

PROBE_SECONDS = 3.0
_READ_SECONDS = 30.0
_BLOCK = 1 << 20
_NETWORK = (urllib.error.URLError, http.client.HTTPException, OSError)


class Unavailable(Exception):
    """The publisher cannot be asked, or does not have the file: look elsewhere. The text says why."""


def fill(template: str, piece: Piece, platform: Platform, *, executable: str = "") -> str:
    """A url or member name of pins.toml for this platform."""
    download = piece.download or Download("")
    return template.format(
        version=piece.version,
        os=download.systems.get(platform.system, platform.system),
        arch=download.architectures.get(platform.architecture, platform.architecture),
        executable=executable,
    )


def published_hash(text: str, file: str) -> str | None:
    """The SHA-256 of a file in a publisher's list: `<hash>  <file>` lines, or the hash alone."""
    for line in text.splitlines():
        words = line.split()
        alone = len(words) == 1
        if words and len(words[0]) == 64 and (alone or words[-1].lstrip("*").removeprefix("./") == file):
            return words[0].lower()
    return None


class Downloader:
    """Fetches pieces for one installation; safe to use from several threads."""

    def __init__(self, places: Places, runner: Runner, *, probe_seconds: float = PROBE_SECONDS) -> None:
        self._places, self._runner, self._probe_seconds = places, runner, probe_seconds
        self._hosts: dict[str, Future[str]] = {}
        self._lock = threading.Lock()
        proxies = {name[:-6].lower(): url for name, url in places.environ.items() if name.lower().endswith("_proxy")}
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))

    def require(self, piece: Piece) -> Download:
        """The piece's download, if there is one for this platform and its host answers. Raises Unavailable."""
        download, platform = piece.download, str(self._places.platform)
        if download is None or (download.platforms and platform not in download.platforms):
            raise Unavailable(f"there is none of {piece} for {platform}")
        self._require_host(fill(download.url, piece, self._places.platform))
        return download

    def install(self, piece: Piece, key: str) -> Installed:
        """Download a piece into the cache. Raises Unavailable, or ToolchainError for a wrong hash."""
        download = self.require(piece)
        with cache.fresh_folder(self._places, f"download-{piece.name}") as folder:
            own = folder / piece.name
            own.mkdir()
            # one file holds everything, unless the url names the executable
            separate = "{executable}" in download.url
            for executable in piece.executables if separate else piece.executables[:1]:
                self._fetch_and_unpack(piece, download, executable, folder, own)
            return cache.store(self._places, piece, key, own, Origin.DOWNLOADED)

    def _fetch_and_unpack(self, piece: Piece, download: Download, executable: str, folder: Path, own: Path) -> None:
        platform = self._places.platform
        url = fill(download.url, piece, platform, executable=executable)
        expected = download.sha256.get(str(platform)) or self._published(piece, download, url, executable)
        archive = folder / f"{executable}.download"
        found = self._fetch(url, archive)
        if expected is not None and found != expected:
            raise ToolchainError(
                f"Downloading {piece}: {url} has the hash {found}, expected is {expected}.",
                hint="Do not use it. Try again; if it happens again, somebody or something between here and the "
                "publisher serves another file.",
            )
        if download.members:
            members = {fill(name, piece, platform): ours for name, ours in download.members.items()}
            unpack(archive, members, own)
        else:
            archive.rename(own / executable)

    def _published(self, piece: Piece, download: Download, url: str, executable: str) -> str | None:
        if not download.checksums:
            return None
        checksums = fill(download.checksums, piece, self._places.platform, executable=executable)
        file = urllib.parse.urlsplit(url).path.rsplit("/", 1)[-1]
        text = self._read(checksums).decode(errors="replace")
        published = published_hash(text, file)
        if published is None:
            raise Unavailable(f"{checksums} does not list {file}")
        return published

    def _read(self, url: str) -> bytes:
        self._require_host(url)
        try:
            with self._opener.open(url, timeout=_READ_SECONDS) as answer:
                return bytes(answer.read(_BLOCK))
        except _NETWORK as error:
            raise Unavailable(f"{url}: {_reason(error)}") from error

    def _fetch(self, url: str, target: Path) -> str:
        """Download to a file; its SHA-256."""
        self._require_host(url)
        digest = hashlib.sha256()
        try:
            answer = self._opener.open(url, timeout=_READ_SECONDS)
        except _NETWORK as error:
            raise Unavailable(f"{url}: {_reason(error)}") from error
        with answer, target.open("wb") as file:
            expected, received = int(answer.headers.get("Content-Length") or 0), 0
            while True:
                if self._runner.stop.is_set():
                    raise Stopped
                try:
                    block = answer.read(_BLOCK)
                except _NETWORK as error:
                    raise Unavailable(f"{url}: {_reason(error)}") from error
                if not block:
                    break
                received += len(block)
                digest.update(block)
                file.write(block)
        if expected and received != expected:
            raise Unavailable(f"{url}: the connection broke after {received} of {expected} bytes")
        return digest.hexdigest()

    def _require_host(self, url: str) -> None:
        """Ask the url's host once for the whole installation. Raises Unavailable when it does not answer."""
        parts = urllib.parse.urlsplit(url)
        host = f"{parts.scheme}://{parts.netloc}"
        with self._lock:
            first = host not in self._hosts
            answer = self._hosts.setdefault(host, Future())
        if first:
            answer.set_result(self._probe(host))
        if answer.result():
            raise Unavailable(f"{host}: {answer.result()}")

    def _probe(self, host: str) -> str:
        """Why a host cannot be used; empty when it can. Any HTTP answer but a proxy's refusal will do."""
        try:
            self._opener.open(urllib.request.Request(f"{host}/", method="HEAD"), timeout=self._probe_seconds).close()
        except urllib.error.HTTPError as error:
            return "a proxy refuses it" if error.code in (407, 511) else ""
        except _NETWORK as error:
            return _reason(error)
        return ""


def unpack(archive: Path, members: Mapping[str, str], folder: Path) -> None:
    """Take single files out of a tar archive, by name, into a folder. Raises ToolchainError when one is missing."""
    try:
        with tarfile.open(archive) as tar:
            for entry in tar:
                ours = members.get(entry.name.removeprefix("./"))
                content = tar.extractfile(entry) if ours and entry.isfile() else None
                if ours and content:
                    with content, (folder / ours).open("wb") as file:
                        shutil.copyfileobj(content, file, _BLOCK)
    except tarfile.TarError as error:
        raise ToolchainError(
            f"{archive.name} is not a tar archive ({error}).", hint="Fetch it again, or correct pins.toml."
        ) from error


def _reason(error: BaseException) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    return str(getattr(error, "reason", "") or error) or type(error).__name__
