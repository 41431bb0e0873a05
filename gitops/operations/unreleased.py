"""What an apply carries along: changes that were merged before its pull request, and are not released yet.

They are part of the plan, so whoever made them has no say about it either, and their files have owners as well.
"""

from dataclasses import dataclass, replace

from gitops.context import Context
from gitops.errors import GitFailed
from gitops.model import PullRequest, Record
from gitops.operations.program import contains


@dataclass(frozen=True)
class Unreleased:
    """The commits behind `until`, where the pull request begins, that the stack's last release does not hold."""

    context: Context
    since: str
    until: str

    def contributors(self, request: PullRequest) -> PullRequest:
        """The pull request, with those who made the earlier changes among its contributors. Raises CodeHostFailed."""
        people, strangers = self.context.host.contributors(self.since, self.until)
        return replace(
            request,
            contributors=tuple(sorted({*request.contributors, *people})),
            strangers=tuple(sorted({*request.strangers, *strangers})),
        )

    def files(self, files: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """The pull request's files, and those of the earlier changes; None where not all can be told."""
        if files is None:
            return None
        change = self.context.repository.change(self.since, self.until)
        return tuple(sorted({*files, *(one.path for one in change.files)}))


def find(context: Context, release: Record | None, commit: str, open_into: str = "") -> Unreleased | None:
    """What lies between a stack's release and the pull request that became the commit; None where nothing does.

    `open_into` is the branch of one that is still open. Before the first release, and after a branch was rewritten,
    there is nothing to begin from: the plan itself is what is reviewed then. Raises RemoteUnreachable.
    """
    if release is None:
        return None
    try:
        until = context.repository.branch_head(open_into) if open_into else context.repository.resolve(f"{commit}^1")
    except GitFailed:
        if open_into:
            raise
        return None  # the first commit of all
    if release.commit == until or not contains(context, until, release.commit):
        return None
    return Unreleased(context, release.commit, until)
