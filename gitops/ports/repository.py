"""Time, and the commits and files of the local repository."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from gitops.model import Change, Commit


class Clock(Protocol):
    """Time, so that tests can turn it."""

    def now(self) -> datetime:
        """The current time, aware, in UTC; it jumps when somebody sets the clock."""

    def monotonic(self) -> float:
        """Seconds since some moment. Nobody can set it, and it counts the time that the machine was asleep."""

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""


class RepositoryReader(Protocol):
    """Commits and files of the local repository."""

    def resolve(self, revision: str) -> str:
        """The commit that `revision` names. Raises GitFailed when there is none."""

    def change(self, base: str, head: str) -> Change:
        """What `head` changed since it left `base` (their merge base). Raises GitFailed for unknown commits."""

    def paths(self, commit: str) -> Mapping[str, str]:
        """Every file of the commit: path → object id."""

    def symlinks(self, commit: str) -> Mapping[str, str]:
        """The commit's symbolic links: path → target as written in the link."""

    def read(self, commit: str, path: str) -> bytes:
        """A file's content. Raises GitFailed when the commit has no such file."""

    def read_many(self, commit: str, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The content of many files in one Git process, in the order asked."""

    def checkout(self, commit: str) -> AbstractContextManager[Path]:
        """A clean, temporary working tree of exactly that commit, gone when the context ends."""

    def branch_head(self, branch: str) -> str:
        """The commit that the remote's branch is at now, asked of the remote. Raises RemoteUnreachable."""

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Whether `descendant` contains `ancestor`."""

    def commits_touching(self, paths: Sequence[str], since: datetime, until: str) -> tuple[Commit, ...]:
        """The commits of `until`'s own line (first parents), newest first, made since then, that touch a path."""
