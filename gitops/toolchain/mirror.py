"""A folder of ready archives, for sites without any network: GITOPS_TOOLCHAIN_MIRROR.

It holds `<key>.tar.gz` for each piece, the key being the piece's folder name in the cache, and a SHA256SUMS with a line
for each. `pack` fills such a folder from a machine that has the pieces.
"""

import hashlib
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path

from gitops.errors import ToolchainError
from gitops.toolchain import cache
from gitops.toolchain.cache import Installed, Origin
from gitops.toolchain.download import published_hash, unpack
from gitops.toolchain.pins import Piece
from gitops.toolchain.places import Places

SUMS = "SHA256SUMS"


def install(places: Places, piece: Piece, key: str) -> Installed | None:
    """Take a piece from the mirror; None when it is not there. Raises ToolchainError when its hash is wrong."""
    archive = places.mirror / f"{key}.tar.gz" if places.mirror else None
    if archive is None or not archive.is_file():
        return None
    found, expected = _sha256(archive), _expected(archive)
    if found != expected:
        raise ToolchainError(
            f"Installing {piece} from {archive}: its hash is {found}, {SUMS} says {expected or 'nothing about it'}.",
            hint=f"Copy the archive and {SUMS} again from where they were packed.",
        )
    with cache.fresh_folder(places, f"mirror-{piece.name}") as folder:
        unpack(archive, {name: name for name in piece.executables}, folder)
        return cache.store(places, piece, key, folder, Origin.MIRROR)


def pack(places: Places, pieces: Iterable[tuple[str, Installed]], target: Path) -> list[Path]:
    """Write an archive of each piece, given with its key, and SHA256SUMS; returns the archives."""
    target.mkdir(parents=True, exist_ok=True)
    archives = []
    for key, installed in pieces:
        archive = target / f"{key}.tar.gz"
        with cache.fresh_folder(places, "pack") as folder:
            with tarfile.open(folder / archive.name, "w:gz", compresslevel=6) as tar:
                for name in installed.piece.executables:
                    tar.add(installed.folder / name, name)
            shutil.move(folder / archive.name, archive)
        archives.append(archive)
    known = (target / SUMS).read_text(encoding="utf-8").splitlines() if (target / SUMS).is_file() else []
    packed = {archive.name for archive in archives}
    lines = [line for line in known if line.split()[-1] not in packed]
    lines += [f"{_sha256(archive)}  {archive.name}" for archive in archives]
    (target / SUMS).write_text("\n".join(sorted(lines, key=lambda line: line.split()[-1])) + "\n", encoding="utf-8")
    return archives


def _expected(archive: Path) -> str | None:
    sums = archive.with_name(SUMS)
    return published_hash(sums.read_text(encoding="utf-8"), archive.name) if sums.is_file() else None


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
