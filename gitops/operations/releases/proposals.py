"""A pull request that the pipeline itself opens, and keeps up to date: its branch, its text, its preview."""

from collections.abc import Callable
from dataclasses import dataclass

from gitops.context import Context
from gitops.errors import Failed, Refused, RemoteUnreachable, Waiting
from gitops.model import History, Query, RecordKind

PREVIEW = "preview.yml"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A commit for a branch: the pull request's own branch, where it goes, what it says."""

    branch: str
    base: str
    head: str
    title: str
    body: str


def standing(context: Context, branch: str) -> str:
    """The commit that the remote's branch is at, brought here; "" where there is no such branch.

    Raises RemoteUnreachable.
    """
    ref = f"refs/heads/{branch}"
    found = context.git.remote_refs(ref).get(ref, "")
    if found:
        context.git.fetch(ref)
    return found


def propose(context: Context, history: History, proposal: Proposal, is_ours: Callable[[str], bool]) -> int:
    """Move the branch to the head, and open the pull request or bring it up to date; its number.

    `is_ours` says whether a commit that the branch stands at was put there by the verb itself: nobody else's is
    written over. Raises Refused where it is somebody's, Waiting where the branch moved meanwhile, RemoteUnreachable,
    CodeHostFailed.
    """
    ref, before = f"refs/heads/{proposal.branch}", standing(context, proposal.branch)
    if before and before != proposal.head and not is_ours(before):
        raise Refused(
            f"The branch {proposal.branch} is at {before[:12]}, which is somebody's own work; nothing was touched.",
            hint=f"Rename that branch, or delete it: git push {context.git.remote} --delete {proposal.branch}",
        )
    moved = before != proposal.head
    if moved:
        _move(context, ref, before, proposal.head)
    number = context.host.propose(proposal.branch, proposal.base, proposal.title, proposal.body)
    shown = Query(kinds=(RecordKind.PLAN,), commit=proposal.head, shown_on=number)
    # GitHub starts no workflow for what a workflow's own token does, except for one that is started by name.
    if context.environment.get("GITHUB_ACTIONS") == "true" and (moved or history.newest(shown) is None):
        # On its own branch: what its code leaves in the caches of the base branch, applies there would take up.
        context.runs.start(PREVIEW, proposal.branch, {"pull_request": str(number)})
    return number


def _move(context: Context, ref: str, before: str, head: str) -> None:
    try:
        if context.git.swap_ref(ref, before, head):
            return
    except RemoteUnreachable as error:
        if "`workflows` permission" not in error.message:
            raise
        raise Failed(
            f"GitHub refuses to move {ref} to {head[:12]}: its workflow files differ, and a workflow's own token may "
            "not push those.",
            hint="Run the same command on your machine, with your own rights.",
        ) from error
    raise Waiting(f"{ref} was moved by somebody else meanwhile.", hint="Run it again.")
