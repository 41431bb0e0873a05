"""A rollback: an environment's branch gets the files of an earlier release again, by a pull request. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from gitops.errors import LedgerBroken, Refused
from gitops.flow.plans import plan as plans
from gitops.flow.releases.release import Release
from gitops.model import Commit, History, Operation, Query, Record, RecordKind, ResourceChange, Stack
from gitops.model.record_bodies import ApplyStarted, Planned


class Outcome(StrEnum):
    """How a rollback ended."""

    PROPOSED = "proposed"
    WOULD_PROPOSE = "would propose"
    NOTHING = "nothing to do"


@dataclass(frozen=True, slots=True)
class Lost:
    """A resource that an apply since the target deleted or replaced: what it held does not come back."""

    stack: Stack
    change: ResourceChange
    applied: Record


@dataclass(frozen=True, slots=True)
class Losses:
    """What a rollback cannot undo, as far as the ledger tells; `untold` are applies without a plan on record."""

    lost: tuple[Lost, ...] = ()
    untold: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """What a rollback takes back: commits and paths; `kept` are workflows that stay as they are."""

    gone: tuple[Commit, ...]
    changed: tuple[str, ...]
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the request: to which release, from which commit of the branch."""

    environment: str
    outcome: Outcome
    to: str
    taken: str
    branch: str = ""
    head: str = ""
    pull_request: int | None = None
    body: str = ""
    losses: Losses = Losses()


def branch_of(environment: str) -> str:
    """The branch of an environment's rollbacks."""
    return f"gitops/rollback/{environment}"


def losses(history: History, to: Release) -> Losses:
    """What applies since the release destroyed, read from the plans that they applied."""
    lost: list[Lost] = []
    untold: list[Record] = []
    for stack, since in sorted(to.records.items()):
        for applied in _applies(history, stack, since.sequence):
            found = _destroyed(history, stack, applied)
            if found is None:
                untold.append(applied)
            else:
                lost += [Lost(stack, change, applied) for change in found]
    return Losses(tuple(lost), tuple(untold))


def _applies(history: History, stack: Stack, after: int) -> list[Record]:
    """Each apply that began, however it ended; one that ended before it touched anything is none."""
    kinds = (RecordKind.APPLY_STARTED, RecordKind.APPLY_FAILED)
    found: list[Record] = []
    for record in history.select(Query(stack=stack.label, kinds=kinds, after=after), oldest_first=True):
        if record.kind is RecordKind.APPLY_STARTED:
            found.append(record)
        elif found and record.touched_nothing:
            found.pop()
    return found


def _destroyed(history: History, stack: Stack, applied: Record) -> tuple[ResourceChange, ...] | None:
    """What the applied plan destroys; None where it is not on record, or cannot be read."""
    digest = applied.read_as(ApplyStarted).plan_digest
    for record in history.select(Query(stack=stack.label, kinds=(RecordKind.PLAN,), until=applied.at)):
        recorded = record.read_as(Planned).plan
        if recorded.plan_digest == digest:
            try:
                plan = plans.from_body(recorded.content)
            except (LedgerBroken, Refused):
                return None
            unknown = tuple(one for one in plan.changes if one.operation is Operation.UNKNOWN)
            return (*plan.destroys, *unknown)
    return None
