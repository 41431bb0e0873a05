"""Issues of the simulated code host: a file in its bare repository."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from gitops.errors import CodeHostFailed

FILE = "issues.json"


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue of the pipeline."""

    title: str
    body: str
    closed: bool = False


class LocalIssues:
    """Implements `gitops.ports.Issues` for one bare repository."""

    def __init__(self, remote: Path) -> None:
        self._file = remote / FILE

    def keep_issue(self, marker: str, title: str, body: str | None) -> None:
        """See `Issues.keep_issue`."""
        with self._locked():
            issues = list(self.issues())
            ours = [n for n, one in enumerate(issues) if not one.closed and one.body.startswith(marker)]
            if body is None:
                for number in ours:
                    issues[number] = replace(issues[number], closed=True)
            elif ours:
                issues[ours[0]] = Issue(title, body)
            else:
                issues.append(Issue(title, body))
            beside = self._file.with_suffix(".new")
            beside.write_bytes(msgspec.json.format(msgspec.json.encode(issues)))
            beside.replace(self._file)

    def issues(self) -> tuple[Issue, ...]:
        """All issues, oldest first. Raises CodeHostFailed."""
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=tuple[Issue, ...])
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.DecodeError) as error:
            raise CodeHostFailed(f"{self._file} cannot be read: {error}.") from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            lock = self._file.with_suffix(".lock").open("w")
        except OSError as error:
            raise CodeHostFailed(f"{self._file.parent} cannot be written: {error.strerror}.") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
