"""What differs from what is released: live drift, what is merged and not applied, or nothing. Pure."""

from dataclasses import dataclass, replace
from enum import StrEnum

from gitops.flow.plans import verification
from gitops.model import EngineRun, Record, ResourceChange, Stack, Weight, by_weight, weight_of


class State(StrEnum):
    """How a stack is, gravest first, at the commit that was applied last."""

    UNKNOWN = "unknown"
    DRIFTED = "drifted"
    CUT_SHORT = "apply cut short"
    NOT_VERIFIED = "applied, not verified"
    NEVER_RELEASED = "never released"
    AS_RELEASED = "as released"


@dataclass(frozen=True, slots=True)
class Look:
    """One stack, as a preview of its released commit found it; or of one that is applied since, and not verified.

    `changes` are what an apply of that commit would do, without `ended`: Jobs that have done their work, and that their
    time to live has taken away. `cut_short` is an apply since the release that did not end well: what differs is its
    work, and no drift. `problem` says why nothing is known. `pending` says that the branch's newest commit affects the
    stack beyond its release.
    """

    stack: Stack
    release: str = ""
    changes: tuple[ResourceChange, ...] = ()
    cut_short: Record | None = None
    problem: str = ""
    pending: bool = False
    applied: str = ""
    ended: tuple[ResourceChange, ...] = ()

    @property
    def commit(self) -> str:
        """The commit that it was looked at."""
        return self.applied or self.release

    @property
    def drifted(self) -> tuple[ResourceChange, ...]:
        """The changes that are no noise, what is gone or would go first."""
        return tuple(one for one in by_weight(self.changes) if weight_of(one) is not Weight.BOOKKEEPING)

    @property
    def noise(self) -> int:
        """How many changes are a provider's bookkeeping."""
        return len(self.changes) - len(self.drifted)

    @property
    def state(self) -> State:
        """Its state."""
        if self.problem:
            return State.UNKNOWN
        if not self.commit:
            return State.NEVER_RELEASED
        if self.cut_short:
            return State.CUT_SHORT
        if self.drifted:
            return State.DRIFTED
        return State.NOT_VERIFIED if self.applied else State.AS_RELEASED


@dataclass(frozen=True, slots=True)
class Report:
    """An environment: the newest commit of its branch, and each stack that was looked at."""

    environment: str
    branch: str
    tip: str
    looks: tuple[Look, ...]

    def of(self, state: State) -> tuple[Look, ...]:
        """The stacks in that state."""
        return tuple(one for one in self.looks if one.state is state)


def seen(look: Look, run: EngineRun) -> Look:
    """With what a refreshed preview saw."""
    ended = verification.ended_jobs(run)
    return replace(look, changes=tuple(one for one in run.changes if one not in ended), ended=ended)


def must_stay(found: Report) -> bool:
    """Whether an issue that is open must be left as it is: nothing has drifted that is known, but not all is known."""
    return not found.of(State.DRIFTED) and bool(found.of(State.UNKNOWN) or found.of(State.CUT_SHORT))
