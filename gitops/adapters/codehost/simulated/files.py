"""Files of the simulated code host: one writer at a time, and never half of one."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from gitops.errors import CodeHostFailed

Value = TypeVar("Value")


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Nobody else is within such a block for the file. Raises CodeHostFailed where it cannot be written."""
    try:
        lock = file.with_name(f"{file.name}.lock").open("w")
    except OSError as error:
        raise CodeHostFailed(f"{file.parent} cannot be written: {error.strerror}.") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def read(file: Path, kind: type[Value], otherwise: Value) -> Value:
    """What the file has; `otherwise` where there is none. Raises CodeHostFailed."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except FileNotFoundError:
        return otherwise
    except (OSError, msgspec.DecodeError) as error:
        raise CodeHostFailed(f"{file} cannot be read: {error}.") from error


def write(file: Path, value: object) -> None:
    """Put the value in place of what the file had."""
    beside = file.with_name(f"{file.name}.new")
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(value)))
    beside.replace(file)
