"""A bare Git remote with clones, and what is on it: real, or in memory."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from gitops.adapters.git.command import GitCommand
from tests.support import git

Port = TypeVar("Port")


def remote_with_clones(folder: Path, count: int = 2) -> list[Path]:
    """A bare remote `folder/remote.git`, and clones of it."""
    seed = git.create(folder / "seed", {"README.md": "seed"})
    git.git(folder, "clone", "--quiet", "--bare", str(seed), "remote.git")
    names = [f"clone-{number}" for number in range(count)]
    for name in names:
        git.git(folder, "clone", "--quiet", "remote.git", name)
    return [folder / name for name in names]


@dataclass(frozen=True)
class Two(Generic[Port]):
    """Two users of one store, and a switch for the way there."""

    one: Port
    other: Port
    unplug: Callable[[], None]


def clones_of(folder: Path) -> tuple[GitCommand, GitCommand, Callable[[], None]]:
    """Git in two clones, and how to take their remote away."""
    one, other = remote_with_clones(folder)
    return GitCommand(one), GitCommand(other), lambda: unplug(folder / "remote.git")


def unplug(remote: Path) -> None:
    """Take a remote away."""
    remote.rename(remote.with_suffix(".gone"))
