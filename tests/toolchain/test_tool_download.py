"""Downloads against a local publisher: checked by hash, quick to give up, never half-installed."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gitops.errors import ToolchainError
from gitops.toolchain import cache, download
from gitops.toolchain.download import Downloader, Unavailable
from gitops.toolchain.process import Runner
from tests.toolchain.fakes import Toolchain, archive

CLOSED = "http://127.0.0.1:9"


@dataclass
class Publisher:
    """A web server over a folder; `requests` lists what was asked for."""

    folder: Path
    url: str = ""
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    folder = tmp_path / "published"
    folder.mkdir()
    made = Publisher(folder)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, directory=str(folder), **kwargs)  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            made.requests.append(f"{self.command} {self.path}")

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


def table(url: str, *more: str) -> str:
    lines = ["[pieces.hello.download]", f'url = "{url}/hello-{{version}}-{{os}}-{{arch}}.tar.gz"', *more]
    return "\n".join([*lines, 'members = {{ "dist/hello" = "hello" }}'.replace("{{", "{").replace("}}", "}")])


def downloader(toolchain: Toolchain) -> Downloader:
    return Downloader(toolchain.places({"PATH": "/usr/bin"}), Runner(threading.Event()))


def test_an_archive_with_the_published_hash_is_installed(toolchain: Toolchain, publisher: Publisher) -> None:
    digest = archive(publisher.folder / "hello-1.2.3-linux-amd64.tar.gz", {"dist/hello": b"hi", "dist/other": b"no"})
    (publisher.folder / "sums").write_text(f"{'0' * 64}  hello-0.tar.gz\n{digest}  hello-1.2.3-linux-amd64.tar.gz\n")
    toolchain.write(download=table(publisher.url, f'checksums = "{publisher.url}/sums"'))
    downloader(toolchain).install(toolchain.hello, toolchain.key())
    found = cache.stored(toolchain.places({}), toolchain.hello, toolchain.key())
    assert found is not None
    assert found.origin is cache.Origin.DOWNLOADED
    assert (found.folder / "hello").read_bytes() == b"hi"
    assert not (found.folder / "other").exists()


@pytest.mark.parametrize("how", ["published", "pinned"])
def test_a_wrong_hash_is_an_error_and_leaves_nothing_behind(
    toolchain: Toolchain, publisher: Publisher, how: str
) -> None:
    archive(publisher.folder / "hello-1.2.3-linux-amd64.tar.gz", {"dist/hello": b"tampered"})
    (publisher.folder / "sums").write_text(f"{'a' * 64}  hello-1.2.3-linux-amd64.tar.gz\n")
    pin = (
        f'checksums = "{publisher.url}/sums"' if how == "published" else f'sha256 = {{ "linux-amd64" = "{"a" * 64}" }}'
    )
    toolchain.write(download=table(publisher.url, pin))
    with pytest.raises(ToolchainError, match="has the hash") as caught:
        downloader(toolchain).install(toolchain.hello, toolchain.key())
    assert "Do not use it" in caught.value.hint
    places = toolchain.places({})
    assert cache.stored(places, toolchain.hello, toolchain.key()) is None
    assert list(places.work.iterdir()) == []


def test_a_file_that_the_publisher_does_not_list_is_not_taken(toolchain: Toolchain, publisher: Publisher) -> None:
    archive(publisher.folder / "hello-1.2.3-linux-amd64.tar.gz", {"dist/hello": b"hi"})
    (publisher.folder / "sums").write_text("")
    toolchain.write(download=table(publisher.url, f'checksums = "{publisher.url}/sums"'))
    with pytest.raises(Unavailable, match="does not list"):
        downloader(toolchain).install(toolchain.hello, toolchain.key())


def test_a_missing_file_is_left_to_a_build(toolchain: Toolchain, publisher: Publisher) -> None:
    toolchain.write(download=table(publisher.url))
    with pytest.raises(Unavailable, match="HTTP 404"):
        downloader(toolchain).install(toolchain.hello, toolchain.key())


def test_a_host_that_does_not_answer_is_asked_once(toolchain: Toolchain) -> None:
    toolchain.write(download=table(CLOSED))
    one = downloader(toolchain)
    for _ in range(3):
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"):
            one.require(toolchain.hello)


def test_a_host_that_answers_is_probed_once(toolchain: Toolchain, publisher: Publisher) -> None:
    toolchain.write(download=table(publisher.url))
    one = downloader(toolchain)
    for _ in range(3):
        one.require(toolchain.hello)
    assert publisher.requests == ["HEAD /"]


def test_a_platform_without_a_download_is_left_to_a_build(toolchain: Toolchain, publisher: Publisher) -> None:
    toolchain.write(download=table(publisher.url, 'platforms = ["darwin-arm64"]'))
    with pytest.raises(Unavailable, match="linux-amd64"):
        downloader(toolchain).require(toolchain.hello)
    assert publisher.requests == []


def test_an_archive_without_the_executable_is_an_error(toolchain: Toolchain, publisher: Publisher) -> None:
    archive(publisher.folder / "hello-1.2.3-linux-amd64.tar.gz", {"elsewhere/hello": b"hi"})
    toolchain.write(download=table(publisher.url))
    with pytest.raises(ToolchainError, match="hello is missing from what was downloaded"):
        downloader(toolchain).install(toolchain.hello, toolchain.key())


def test_executables_that_are_published_one_by_one_are_checked_one_by_one(
    toolchain: Toolchain, publisher: Publisher
) -> None:
    (publisher.folder / "hello").write_bytes(b"hi")
    (publisher.folder / "hello.sha256").write_text(hashlib.sha256(b"hi").hexdigest())
    where = f"{publisher.url}/{{executable}}"
    toolchain.write(download=f'[pieces.hello.download]\nurl = "{where}"\nchecksums = "{where}.sha256"')
    installed = downloader(toolchain).install(toolchain.hello, toolchain.key())
    assert (installed.folder / "hello").read_bytes() == b"hi"
    assert (installed.folder / "hello").stat().st_mode & 0o111


def test_a_proxy_from_the_environment_is_used(toolchain: Toolchain) -> None:
    toolchain.write(download=table("http://publisher.invalid"))
    places = toolchain.places({"http_proxy": CLOSED})
    with pytest.raises(Unavailable, match="refused"):
        Downloader(places, Runner(threading.Event())).require(toolchain.hello)


@pytest.mark.parametrize(
    "text",
    [f"{'b' * 64}  file.tar.gz", f"{'B' * 64} *file.tar.gz", f"{'b' * 64}  ./file.tar.gz", f"{'b' * 64}\n"],
)
def test_the_usual_formats_of_checksum_files_are_read(text: str) -> None:
    assert download.published_hash(text, "file.tar.gz") == "b" * 64


def test_a_hash_of_another_file_is_not_taken() -> None:
    assert download.published_hash(f"{'b' * 64}  file.tar.gz.sig", "file.tar.gz") is None
