"""The cache folder: finished pieces, the lock under which one process works on a piece, and what disks may answer."""

import contextlib
import enum
import errno
import fcntl
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gitops.errors import ToolchainError
from gitops.toolchain.pins import Piece
from gitops.toolchain.places import Places
from gitops.toolchain.process import Stopped

_RECORD = "piece.json"
_LOCK_POLL_SECONDS = 0.2
_PID_WIDTH = 12


class Origin(enum.Enum):
    """Where a piece came from."""

    PRESENT = "present"
    MIRROR = "mirror"
    DOWNLOADED = "downloaded"
    BUILT = "built"


@dataclass(frozen=True)
class Installed:
    """A piece that can be used: the folder its executables lie in."""

    piece: Piece
    version: str
    origin: Origin
    folder: Path


def stored(places: Places, piece: Piece, key: str) -> Installed | None:
    """The finished piece under this key, if it is complete."""
    folder = places.pieces / key
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not all((folder / name).is_file() for name in piece.executables):
        return None
    return Installed(piece, record["version"], Origin(record["origin"]), folder)


def store(places: Places, piece: Piece, key: str, folder: Path, origin: Origin) -> Installed:
    """Move a filled folder into the cache in one step: other processes see the whole piece or nothing.

    Raises ToolchainError when an executable is missing from the folder.
    """
    for name in piece.executables:
        if not (folder / name).is_file():
            raise ToolchainError(
                f"Installing {piece}: {name} is missing from what was {origin.value}.",
                hint="The archive or the recipe does not fit the pins in pins.toml.",
            )
        (folder / name).chmod(0o755)
    record = {"piece": piece.name, "version": piece.version, "origin": origin.value}
    (folder / _RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    target = places.pieces / key
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():  # incomplete, or `stored` would have found it
        shutil.rmtree(target)
    folder.rename(target)
    return Installed(piece, piece.version, origin, target)


@contextlib.contextmanager
def fresh_folder(places: Places, name: str) -> Iterator[Path]:
    """An empty folder on the cache's own file system, removed at the end unless it was moved away."""
    import tempfile  # not when all is there: it takes 5 ms to load

    places.work.mkdir(parents=True, exist_ok=True)
    # the process at the end: `install.sweep` removes what a killed one left
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", suffix=f".{os.getpid()}", dir=places.work))
    folder.chmod(0o755)  # it may become a finished piece, and a cache may be shared
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def lock(places: Places, name: str, stop: threading.Event, waiting: Callable[[str], None]) -> Iterator[int]:
    """Hold the lock of that name; yields its file descriptor, to hand on to processes whose life must hold it too.

    While another process has it, `waiting` is called once with that process's id, then this call waits until it is
    free. Raises Stopped on `stop`.
    """
    places.locks.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(places.locks / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _try_lock(descriptor):
            told = False
            while not _try_lock(descriptor):
                holder = os.pread(descriptor, _PID_WIDTH, 0).decode().strip()
                if holder and not told:  # it is empty for a moment after the lock was taken for the first time
                    waiting(holder)
                    told = True
                if stop.wait(_LOCK_POLL_SECONDS):
                    raise Stopped
        os.pwrite(descriptor, f"{os.getpid():<{_PID_WIDTH}}".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def explained(places: Places, doing: str) -> Iterator[None]:
    """Turn what a disk may answer (full, read-only, not ours) into one ToolchainError with the way out."""
    try:
        yield
    except OSError as error:
        elsewhere = "or set GITOPS_CACHE to a folder on another disk"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise full_disk(places, doing) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
            raise ToolchainError(
                f"{doing}: the cache folder {places.cache} cannot be written to ({error.strerror}).",
                hint=f"Give this user write access to it, {elsewhere}, and run the same command again.",
            ) from error
        raise ToolchainError(
            f"{doing}: {error}", hint=f"The cache folder is {places.cache}; set GITOPS_CACHE to use another."
        ) from error


def full_disk(places: Places, doing: str) -> ToolchainError:
    """The error for a disk without room."""
    return ToolchainError(
        f"{doing}: the disk that holds {places.cache} (or the folder for temporary files) is full.",
        hint="Free some space, or set GITOPS_CACHE and TMPDIR to folders on another disk, and run the same command "
        "again: finished parts are kept.",
    )


def require_space(places: Places, needed: int, free: Callable[[Path], int] | None = None) -> None:
    """Refuse to start what cannot end: raises ToolchainError when fewer than `needed` bytes are free."""
    places.cache.mkdir(parents=True, exist_ok=True)
    left = (free or (lambda path: shutil.disk_usage(path).free))(places.cache)
    if left < needed:
        raise ToolchainError(
            f"Building needs about {needed / 1e9:.1f} GB below {places.cache}, and {left / 1e9:.1f} GB are free.",
            hint="Free some space, or set GITOPS_CACHE to a folder on another disk, and run the same command again.",
        )
