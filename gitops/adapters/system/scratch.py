"""Temporary folders that a later run removes when a killed one could not.

Each holds a lock file. The lock dies with the process that has it, and with those it handed the lock on to, so a folder
whose lock can be had belongs to nobody any more. No process id is compared, which another container would misread.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "gitops-scratch-"
_LOCK = ".lock"


@contextmanager
def folder(purpose: str) -> Iterator[Path]:
    """A temporary folder of mode 0700, gone when the block ends or some run after it was killed."""
    with shared_folder(purpose) as (path, _):
        yield path


@contextmanager
def shared_folder(purpose: str) -> Iterator[tuple[Path, int]]:
    """The same, and the open lock: the folder also stays for as long as a process lives that inherited it."""
    path, lock = _make(purpose)
    try:
        yield path, lock
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def sweep() -> tuple[Path, ...]:
    """Remove this user's folders that belong to nobody any more; which those were."""
    removed = []
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # No lock file: being made right now, or being removed.
        with suppress(OSError):
            if path.lstat().st_uid != os.getuid() or path.is_symlink():
                continue
            lock = os.open(path / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
                removed.append(path)
            finally:
                os.close(lock)
    return tuple(removed)


def _make(purpose: str) -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{purpose}-"))
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever swept between the two steps above has it removed by now.
            if (path / _LOCK).exists():
                return path, lock
        os.close(lock)
