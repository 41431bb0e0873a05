"""What differs from what is released: live drift, what is merged and not applied, or nothing. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from gitops.flow.plans import values, verification
from gitops.flow.plans.values import top_level
from gitops.model import EngineRun, Operation, Record, ResourceChange, Stack
from gitops.views import wording
from gitops.views.markdown import blocks
from gitops.views.markdown.blocks import code, html_code
from gitops.views.wording import Weight, short

_STACKS_SHOWN = 20
_TABLE_LIMIT = 45_000
_PROPERTIES_SHOWN = 8


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
        return tuple(one for one in wording.ordered(self.changes) if wording.weight(one) is not Weight.BOOKKEEPING)

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


def marker(environment: str) -> str:
    """The first line of the environment's issue, by which the next run finds it again."""
    return blocks.marker("drift", environment)


def title(environment: str) -> str:
    """The issue's title."""
    return f"Live drift in {wording.clip(environment)}"


def issue(found: Report) -> str | None:
    """The issue's text while anything has drifted; None once all is as released.

    Values are left out: whoever may read issues need not be allowed to see them.
    """
    drifted, unknown = found.of(State.DRIFTED), found.of(State.UNKNOWN)
    if not drifted:
        return None
    lines = [
        marker(found.environment),
        f"Live infrastructure of {code(found.environment)} differs from what is released there, and no change in Git "
        "says why.",
        "",
    ]
    rows = [row for look in drifted for row in _rows(look)]
    lines += [*blocks.table(("stack", "resource", "live", "properties"), rows, "resource", _TABLE_LIMIT), ""]
    if unknown:
        names = _some([code(one.stack.label) for one in unknown])
        lines += [f"Not known of {names}: the preview failed.", ""]
    stacks = _some([code(f"Pulumi.{one.stack.name}.yaml") for one in drifted])
    lines += [
        "**Two ways out**",
        "",
        f"- *Revert it*: open a pull request into {code(found.branch)} that affects the stack; a comment in {stacks} "
        "is enough. Its plan shows the drift being taken back, and an approval stands for exactly that. `gitops up` "
        "alone does nothing here, since that commit is applied already.",
        f"- *Adopt it*: change the program in a pull request into {code(found.branch)} until its plan leaves these "
        "resources alone.",
        "",
        f"`gitops drift --environment {_word(found.environment)}` shows the values. This text follows what the next "
        "look finds; the issue is closed once nothing differs.",
    ]
    return "\n".join(lines) + "\n"


def must_stay(found: Report) -> bool:
    """Whether an issue that is open must be left as it is: nothing has drifted that is known, but not all is known."""
    return not found.of(State.DRIFTED) and bool(found.of(State.UNKNOWN) or found.of(State.CUT_SHORT))


_WHAT_HAPPENED = {
    Operation.CREATE: "is gone; an apply would create it",
    Operation.DELETE: "is not declared; an apply would delete it",
    Operation.REPLACE: "differs; an apply would replace it",
    Operation.UPDATE: "differs; an apply would update it",
}


def _rows(look: Look) -> list[str]:
    stack = f"{html_code(look.stack.label)} at {html_code(short(look.commit))}"
    return [
        f"| {stack} | {html_code(wording.resource_type(one.type))} {html_code(one.name)} "
        f"| {_WHAT_HAPPENED.get(one.operation, 'differs')} | {_properties(one)} |"
        for one in look.drifted
    ]


def _some(names: Sequence[str]) -> str:
    return wording.listed(wording.first(names, _STACKS_SHOWN))


def _properties(change: ResourceChange) -> str:
    if change.operation in (Operation.CREATE, Operation.DELETE):
        return ""
    paths = list(dict.fromkeys(top_level(one.path) for one in change.properties))
    return ", ".join(wording.first([html_code(path) for path in paths], _PROPERTIES_SHOWN))


def _word(text: str) -> str:
    """A name as gitops.yaml allows it, which needs no quoting."""
    return "".join(c for c in text if c.isalnum() or c in "._/-")


def as_document(found: Sequence[Report]) -> Mapping[str, Any]:
    """The JSON form."""
    return {
        "format": 1,
        "environments": [
            {
                "name": one.environment,
                "branch": one.branch,
                "branch_head": one.tip,
                "stacks": [
                    {
                        "stack": look.stack.label,
                        "state": look.state.value,
                        "release": look.release or None,
                        "applied": look.applied or None,
                        "pending": look.pending,
                        "drift": values.pack(look.drifted),
                        "noise": look.noise,
                        "ended": [one.urn for one in look.ended],
                        "problem": look.problem or None,
                    }
                    for look in one.looks
                ],
            }
            for one in found
        ],
    }
