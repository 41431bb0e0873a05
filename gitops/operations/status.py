"""Where each environment stands."""

from gitops.config.settings import Environment
from gitops.context import Context
from gitops.flow.impact.discovery import take_snapshot
from gitops.model import EnvironmentStatus, FileChange, History, LastApply, Lease, Record, Stack, Ticket


def status(context: Context) -> tuple[EnvironmentStatus, ...]:
    """One row an environment, in promotion order. Raises RemoteUnreachable."""
    settings = context.config(context.repository.resolve("HEAD"))
    history = context.ledger().history()
    line = context.leases.all(), context.leases.tickets()
    return tuple(_row(context, environment, history, line) for environment in settings.environments)


def _row(
    context: Context,
    environment: Environment,
    history: History,
    line: tuple[tuple[Lease, ...], tuple[Ticket, ...]],
) -> EnvironmentStatus:
    held, waiting = line
    head = _branch_head(context, environment)
    stacks = _stacks(context, environment, head)
    labels = {stack.label for stack in stacks}
    applies = [r for stack in stacks if (r := history.last_apply(stack))]
    last = max(applies, key=lambda r: r.sequence, default=None)
    released = _released(stacks, history)
    commits, files = _pending(context, released, head)
    return EnvironmentStatus(
        environment=environment.name,
        branch=environment.branch,
        branch_head=head,
        released=released,
        last_apply=LastApply(last.at, last.by, last.kind) if last else None,
        leases=tuple(lease for lease in held if lease.stack in labels),
        waiting=tuple(ticket for ticket in waiting if ticket.stack in labels),
        pending_commits=commits,
        pending_files=files,
    )


def _branch_head(context: Context, environment: Environment) -> str | None:
    """The remote branch's commit, brought here; None where there is no such branch. Raises RemoteUnreachable."""
    ref = f"refs/heads/{environment.branch}"
    head = context.git.remote_refs(ref).get(ref)
    if head:
        context.git.fetch(ref)
    return head


def _stacks(context: Context, environment: Environment, head: str | None) -> tuple[Stack, ...]:
    if head is None:
        return ()
    return tuple(s for s in take_snapshot(context.repository, head).stacks if environment.holds(s))


def _released(stacks: tuple[Stack, ...], history: History) -> str | None:
    """The commit that all stacks of the environment have at least: the oldest of their releases."""
    releases: list[Record] = []
    for stack in stacks:
        release = history.release(stack)
        if release is None:
            return None
        releases.append(release)
    return min(releases, key=lambda r: r.sequence).commit if releases else None


def _pending(
    context: Context, released: str | None, head: str | None
) -> tuple[tuple[str, ...], tuple[FileChange, ...]]:
    if head is None or head == released:
        return (), ()
    span = f"{released}..{head}" if released else head
    commits = tuple(context.git.text("rev-list", span).split())
    change = context.repository.change(released or context.repository.empty_tree(), head)
    return commits, change.files
