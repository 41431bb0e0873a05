"""Issues of the simulated code host: a file in its bare repository."""

from dataclasses import dataclass, replace
from pathlib import Path

from gitops.adapters.codehost.simulated import files

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
        with files.locked(self._file):
            issues = list(self.issues())
            ours = [n for n, one in enumerate(issues) if not one.closed and one.body.startswith(marker)]
            if body is None:
                for number in ours:
                    issues[number] = replace(issues[number], closed=True)
            elif ours:
                issues[ours[0]] = Issue(title, body)
            else:
                issues.append(Issue(title, body))
            files.write(self._file, issues)

    def issues(self) -> tuple[Issue, ...]:
        """All issues, oldest first. Raises CodeHostFailed."""
        nothing: tuple[Issue, ...] = ()
        return files.read(self._file, tuple[Issue, ...], nothing)
