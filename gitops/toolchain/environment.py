"""The Python environment of a checkout: `.venv`, filled from requirements.lock with every hash checked."""

import hashlib
import sys
from pathlib import Path

from gitops.toolchain.places import Places

_STAMP = ".requirements"


def is_current(places: Places) -> bool:
    """Whether the environment holds what the lock file says. An installed `gitops` brings its own environment."""
    if places.checkout is None:
        return True
    try:
        return (places.virtual_environment / _STAMP).read_text(encoding="utf-8") == wanted_stamp(places.checkout)
    except OSError:
        return False


def wanted_stamp(checkout: Path) -> str:
    """What the environment's stamp says when it is complete: the lock file's hash, the place and Python's version.

    The place is part of it because an environment cannot be moved.
    """
    lock = hashlib.sha256((checkout / "requirements.lock").read_bytes()).hexdigest()
    return f"{lock}\n{checkout}\n{sys.version_info.major}.{sys.version_info.minor}\n"
