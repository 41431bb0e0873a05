"""Which stacks a change needs looked at or applied, spread over machines."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gitops.config.settings import Environment
from gitops.context import Context
from gitops.errors import Refused, UsageError
from gitops.flow.impact import shards
from gitops.flow.impact.discovery import take_snapshot
from gitops.flow.impact.order import upstream_of
from gitops.flow.impact.shards import Leg
from gitops.model import History, Query, RecordKind, Stack
from gitops.model.record_bodies import Planned
from gitops.operations.program import fetched, newest, standing_release
from gitops.operations.review import scope as scopes

# What a merge queue calls the branch of what it would merge: gh-readonly-queue/BASE/pr-NUMBER-COMMIT.
_QUEUED = re.compile(r"(?:refs/heads/)?gh-readonly-queue/(?P<base>.+)/pr-(?P<number>\d+)-[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Matrix:
    """The machines, in waves, for one environment and a change by its two commits.

    A later wave reads from earlier ones. `number` is the pull request, 0 where there is none.
    """

    environment: str
    branch: str
    base: str
    head: str
    number: int
    waves: tuple[tuple[Leg, ...], ...]

    @property
    def stacks(self) -> tuple[Stack, ...]:
        """All stacks."""
        return tuple(sorted(stack for wave in self.waves for leg in wave for stack in leg.stacks))


def queued(ref: str) -> tuple[str, int]:
    """Base branch and pull request of a merge queue's branch. Raises UsageError for any other."""
    found = _QUEUED.fullmatch(ref)
    if found is None:
        raise UsageError(f"{ref!r} is not a branch of a merge queue.", hint="Such as gh-readonly-queue/main/pr-7-1f0c…")
    return found["base"], int(found["number"])


def of_pull_request(context: Context, number: int) -> Matrix:
    """The machines that preview a pull request, whose branches are asked of the code host.

    Raises Refused for one from a fork: its program would run with this repository's rights; and in a run that was
    started by hand on another commit: what its code leaves in the caches of a branch, that branch's applies take up.
    """
    found = context.host.pull_request(number)
    if found.from_fork:
        raise Refused(
            f"Pull request {number} comes from a fork, so it gets no preview: that needs credentials.",
            hint="Review the change, push it to a branch of this repository, and open a pull request from there.",
        )
    by_hand = context.environment.get("GITHUB_EVENT_NAME") == "workflow_dispatch"
    if by_hand and context.environment.get("GITHUB_SHA") != found.head:
        raise Refused(
            f"This run was started on another commit than {found.head[:12]}, the head of pull request {number}.",
            hint="Start it on the pull request's own branch; where that moved meanwhile, start it again.",
        )
    base = fetched(context, found.base)
    context.git.fetch(found.head)
    return _of_change(context, base, found.head, found.base, number)


def of_queued(context: Context, ref: str, head: str) -> Matrix:
    """The machines that preview what a merge queue would merge: its branch, and the commit it is at."""
    branch, number = queued(ref)
    return _of_change(context, fetched(context, branch), head, branch, number)


def _of_change(context: Context, base: str, head: str, branch: str, number: int) -> Matrix:
    history = context.ledger().history()
    scope = scopes.find(context, history, (base, head), branch=branch)
    seconds = _seconds(history, scope.affected, RecordKind.PLAN)
    together = shards.connected(scope.held, upstream_of(scope.snapshot))
    groups = [tuple(stack for stack in group if stack in scope.affected) for group in together]
    spread = shards.spread(filter(None, groups), seconds, scope.settings.preview_runners, shards.PREVIEWS_AT_ONCE)
    return Matrix(scope.environment.name, branch, scope.base, scope.head, number, (spread,) if spread else ())


def of_commit(context: Context, commit: str, branch: str) -> Matrix:
    """The machines that apply a commit of an environment's branch.

    What has nothing to apply goes along with the first of them, which notes that in the ledger.
    """
    repository = context.repository
    environment, _ = newest(context, None, branch)
    head = repository.resolve(commit)
    settings, snapshot = context.config(head), take_snapshot(repository, head)
    environment = settings.environment(environment.name)
    history = context.ledger().history()
    held = settings.stacks_of(environment, snapshot.stacks)
    wanted = [stack for stack in held if standing_release(context, history, stack, head) is None]
    seconds = _seconds(history, wanted, RecordKind.RELEASE)
    needless = [stack for stack in held if stack not in wanted]
    waves = shards.apply_waves(wanted, upstream_of(snapshot), seconds, settings.apply_runners, along=needless)
    return Matrix(environment.name, branch, repository.parent(head) or head, head, 0, waves)


def _seconds(history: History, stacks: Collection[Stack], kind: RecordKind) -> Mapping[Stack, float]:
    """How long the last preview, or the last apply with its verification, of each stack took, where that is known."""
    found: dict[Stack, float] = {}
    for stack in stacks:
        record = history.newest(Query(stack=stack.label, kinds=(kind,)))
        if record is not None and kind is RecordKind.PLAN:
            if took := record.read_as(Planned).seconds:
                found[stack] = float(took)
        elif record is not None and kind is RecordKind.RELEASE:
            started = history.newest(
                Query(stack=stack.label, kinds=(RecordKind.APPLY_STARTED,), commit=record.commit, until=record.at)
            )
            if started:
                found[stack] = (record.at - started.at).total_seconds()
    return found


def started(context: Context) -> tuple[Environment, ...]:
    """The environments whose branch is there. Raises RemoteUnreachable."""
    known = context.config(context.repository.resolve("HEAD")).environments
    refs = context.git.remote_refs(*(f"refs/heads/{one.branch}" for one in known))
    return tuple(one for one in known if f"refs/heads/{one.branch}" in refs)
