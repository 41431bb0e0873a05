"""What `promote` and `rollback` share: the releases of an environment, and the commits that carry one."""

from collections.abc import Iterable, Iterator

from gitops.adapters.git import objects
from gitops.context import Context
from gitops.errors import ConfigError, GitFailed, UsageError
from gitops.flow.releases.release import Release, release_at, rollbacks
from gitops.model import History, Query, RecordKind, Stack
from gitops.operations import program
from gitops.operations.program import contains

# How GitHub's own token is limited, and what no Pulumi program reads: the pipeline's own workflows.
WORKFLOWS = (".github", "workflows")
PRIVATE_ADDRESSES = "users.noreply.github.com"
"""Where GitHub gives each account an address that names it."""

_OUTSIDE_OF_WORKFLOWS = (":/", f":(exclude,top){'/'.join(WORKFLOWS)}")


def stacks_at(context: Context, environment: str, commit: str) -> tuple[Stack, ...]:
    """The stacks that the commit's own gitops.yaml gives the environment; none where it cannot be read."""
    try:
        return program.stacks_at(context, environment, context.repository.resolve(commit))
    except (GitFailed, ConfigError, UsageError):
        return ()


def of_environment(context: Context, history: History, environment: str, branch: str) -> Iterator[Release]:
    """The releases of all the environment's stacks that are on `branch` (a commit), newest first."""
    seen: set[str] = set()
    for record in history.select(Query(kinds=(RecordKind.RELEASE,), environment=environment)):
        if record.commit in seen:
            continue
        seen.add(record.commit)
        if found := on_branch(context, history, environment, branch, record.commit):
            yield found


def on_branch(context: Context, history: History, environment: str, branch: str, commit: str) -> Release | None:
    """The environment's release of that commit, where it is on `branch` (a commit) and all its stacks were released."""
    if not contains(context, branch, commit):
        return None
    return release_at(history, environment, commit, stacks_at(context, environment, commit))


def returned_to(context: Context, history: History, environment: str, head: str, merged: str) -> Release | None:
    """The release of this environment whose files a rollback's merge has again; None for any other head.

    Not only its head: what else is on the branch by now, and merged with it, was not part of that release.
    """
    asked = next((one for one in rollbacks(history, environment) if one.head == head), None)
    if asked is None:
        return None
    found = release_at(history, environment, asked.to, stacks_at(context, environment, asked.to))
    try:
        return None if found is None or differing(context, asked.to, merged, with_workflows=False) else found
    except GitFailed:  # one of the two is not in this clone
        return None


def differing(context: Context, one: str, other: str, *, with_workflows: bool = True) -> tuple[str, ...]:
    """The paths that differ between two commits or trees."""
    return objects.differing(context.git, one, other, () if with_workflows else _OUTSIDE_OF_WORKFLOWS)


def promoted(context: Context, head: str) -> str:
    """What the head of a promotion carries: a merge with exactly the files of its first parent is that parent.

    So is what `gitops promote` proposes after a rollback. Any other commit carries itself.
    """
    status, output, _ = context.git.attempt("log", "-1", "--format=%T %P", head)
    files, *above = output.decode().split() or [""]
    if status or len(above) != 2 or objects.tree(context.git, above[0]) != files:
        return head
    return above[0]


def commit_of(context: Context, tree_id: str, onto: Iterable[str], message: str) -> str:
    """A new commit in this clone by whoever asked, so that they count as its author. It is on no branch yet."""
    return objects.commit_of(context.git, tree_id, onto, (_identity(context), context.clock.now()), message)


def _identity(context: Context) -> str:
    """In a workflow the account that started it, by the address that GitHub itself gives it; else Git's own user."""
    name = context.holder.name
    address = f"{context.environment.get('GITHUB_ACTOR') or name}@{PRIVATE_ADDRESSES}"
    if not context.environment.get("GITHUB_ACTOR"):
        address = context.git.attempt("config", "user.email")[1].decode().strip() or address
    name, address = ("".join(c for c in text if c.isprintable() and c not in "<>") for text in (name, address))
    return f"{name} <{address.replace(' ', '.')}>"
