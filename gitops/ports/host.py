"""The code host: pull requests, issues, checks, and the runs of workflows."""

from collections.abc import Collection, Mapping
from typing import Protocol

from gitops.model import CheckReport, Comment, PullRequest


class CodeHostReader(Protocol):
    """Pull requests and their approvals."""

    def pull_request_of(self, commit: str, branch: str) -> PullRequest | None:
        """The pull request that became `commit` on `branch`, with its approvals. Raises CodeHostFailed."""

    def pull_request(self, number: int) -> PullRequest:
        """One pull request with its approvals. Raises CodeHostFailed."""

    def files(self, number: int) -> tuple[str, ...] | None:
        """The paths that a pull request changes, old and new names; None where not all can be told.

        Raises CodeHostFailed.
        """

    def contributors(self, base: str, head: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Who wrote or committed what `head` has and `base` has not: accounts, and names of those who have none.

        Merges that the host itself made count for nobody. Raises CodeHostFailed.
        """

    def members(self, team: str) -> frozenset[str]:
        """Who belongs to the team, named as @organisation/team. Raises CodeHostFailed."""

    def may_write(self, login: str) -> bool:
        """Whether this account may push to the repository; an account that is gone may not. Raises CodeHostFailed."""

    def find_comment(self, number: int, comment: int) -> Comment | None:
        """A comment below the pull request as it stands there now; None where there is none (any more) of that id.

        Raises CodeHostFailed.
        """

    def labelled(self, label: str) -> tuple[PullRequest, ...]:
        """The open pull requests that carry a label, in whatever case, without their approvals and people.

        Raises CodeHostFailed.
        """


class CodeHostWriter(Protocol):
    """What the pipeline tells the code host."""

    def comment(self, number: int, marker: str, body: str) -> None:
        """Create the comment that carries `marker`, or replace it where it exists. Raises CodeHostFailed."""

    def label(self, number: int, wanted: Collection[str], ours: Collection[str]) -> None:
        """Of the labels `ours`, let the pull request carry exactly `wanted`; others stay. Raises CodeHostFailed."""

    def propose(self, branch: str, base: str, title: str, body: str) -> int:
        """Open a pull request, or bring title and text of the open one of these branches up to date; its number.

        Raises CodeHostFailed.
        """

    def announce(self, title: str, body: str) -> None:
        """Tell everybody who follows the repository, in Markdown. Raises CodeHostFailed."""


class Issues(Protocol):
    """The code host's issues."""

    def keep_issue(self, marker: str, title: str, body: str | None) -> None:
        """Keep exactly one open issue of ours whose text begins with `marker`: opened, or brought up to date.

        Without a body, close it where there is one. Raises CodeHostFailed.
        """


class Checks(Protocol):
    """What the code host shows beside a commit."""

    def report(self, commit: str, report: CheckReport) -> None:
        """Create the commit's check of that name, or replace it. Raises CodeHostFailed."""

    def findings(self, commit: str, ref: str, sarif: bytes) -> None:
        """Hand a SARIF document to code scanning. `ref` is `refs/heads/…` or `refs/pull/…`. Raises CodeHostFailed."""


class Runs(Protocol):
    """The workflow runs that carry the pipeline. A workflow is named by its file, such as `apply.yml`."""

    def start(self, workflow: str, branch: str, inputs: Mapping[str, str]) -> None:
        """Start a workflow on a branch. Raises CodeHostFailed."""

    def start_again(self, workflow: str, commit: str) -> str:
        """Start the newest run of a workflow for a commit again, with the rights it had; its address.

        Raises CodeHostFailed, also where there is none, or where it is still under way.
        """

    def has_ended(self, run: str) -> bool | None:
        """Whether the run of that number is over; None where the host does not know it. Raises CodeHostFailed."""
