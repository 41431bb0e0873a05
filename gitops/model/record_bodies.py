"""What a ledger record can tell: its kinds, and the class of each kind's body.

A new kind is a member of `RecordKind` and a class below it, and nothing else but whoever writes it. The JSON Schema and
the table in docs/ledger.md are made from the docstrings, the strings under the fields and what `body_of` says.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from gitops.errors import StepFailure
from gitops.model.ledger import Check, Ending
from gitops.model.plan import PlanOnRecord
from gitops.model.preview import ResourceChange
from gitops.model.pull_request import Verdict

Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$", description="SHA-256 in hexadecimal.")]
CommitId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{40}([0-9a-f]{24})?$", description="A Git commit, in full.")]
ShownOn = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1, description="A pull request's number.")]

WRITTEN_ALWAYS = {"written always": True}
"""Metadata of a field that is written also where it has its default; other fields are left out then."""


class RecordKind(StrEnum):
    """What a ledger record tells."""

    PLAN = "plan"
    APPLY_STARTED = "apply started"
    APPLIED = "applied"
    NOT_VERIFIED = "not verified"
    APPLY_FAILED = "apply failed"
    REFUSED = "refused"
    REPAIRED = "repaired"
    RELEASE = "release"
    SUPERSEDED = "superseded"
    BREAK_GLASS = "break glass"
    DESTROY_STARTED = "destroy started"
    DESTROYED = "destroyed"
    DESTROY_FAILED = "destroy failed"
    DESTROY_APPROVED = "destroy approved"
    COMMAND = "command"
    ROLLBACK = "rollback asked"


@dataclass(frozen=True, slots=True)
class Body:
    """Base of all bodies."""


@dataclass(frozen=True, slots=True)
class Description:
    """What is said of a class of bodies."""

    kind: RecordKind
    """The kind of record that has it."""
    written: str
    """When it is written, in Markdown, with links as from docs/."""


DESCRIPTIONS: dict[type[Body], Description] = {}
"""Each class of bodies. Where a kind has two, the earlier one is tried first."""

BodyType = TypeVar("BodyType", bound=Body)


def body_of(kind: RecordKind, *, written: str) -> Callable[[type[BodyType]], type[BodyType]]:
    """Decorates a dataclass: records of this kind have it as their body."""

    def register(described: type[BodyType]) -> type[BodyType]:
        DESCRIPTIONS[described] = Description(kind, written)
        return described

    return register


@body_of(
    RecordKind.PLAN,
    written="once a pull request shows the [plan](plan-format.md) of a preview, unless the newest one for this stack "
    "and head is the same",
)
@dataclass(frozen=True, slots=True)
class Planned(Body):
    """The plan of a preview that a pull request shows."""

    plan: PlanOnRecord
    """The whole plan."""
    shown_on: ShownOn
    """The pull request."""
    seconds: int = field(default=0, metadata=WRITTEN_ALWAYS)
    """What the preview took; 0 where none ran."""


@body_of(RecordKind.REFUSED, written="when the gate refuses")
@dataclass(frozen=True, slots=True)
class Refused(Body):
    """What the gate said."""

    verdict: Verdict
    """Each rule with its reason."""
    plan_digest: Digest = ""
    """The fresh plan; missing where there was none."""


@body_of(RecordKind.APPLY_STARTED, written="right before the apply")
@dataclass(frozen=True, slots=True)
class ApplyStarted(Body):
    """An apply is about to begin."""

    plan_digest: Digest
    """The plan that is applied."""
    run: str
    """The run that applies it."""
    host: str
    """The machine that it runs on."""


@body_of(RecordKind.APPLIED, written="as soon as all of the plan is applied")
@dataclass(frozen=True, slots=True)
class Applied(Body):
    """All of a plan is applied."""

    plan_digest: Digest
    """The plan that was applied."""


@body_of(
    RecordKind.NOT_VERIFIED, written="when a check after the apply did not pass: it is applied, and it is no release"
)
@dataclass(frozen=True, slots=True)
class NotVerified(Body):
    """What the checks after an apply found, where one of them did not pass."""

    plan_digest: Digest
    """The plan that was applied."""
    checks: tuple[Check, ...]
    """Every check."""
    drift: tuple[ResourceChange, ...] = ()
    """What is live and not as it was applied."""


@body_of(
    RecordKind.APPLY_FAILED,
    written="when Pulumi fails, is interrupted or killed, or the state has moved; "
    "[no word of the engine](leaked-secrets.md#what-is-kept-of-a-failure) is in it",
)
@dataclass(frozen=True, slots=True)
class ApplyFailed(Body):
    """An apply that did not come to its end. It holds no word of an engine, a provider or a program."""

    plan_digest: Digest
    """The plan that was to be applied."""
    message: str
    """Why, in a sentence."""
    failures: tuple[StepFailure, ...] | UnsetType = UNSET
    """What failed, typed; missing where the engine did not tell."""
    touched: bool = True
    """False where it ended before it changed anything."""
    cancelled: bool = False
    """True where it was ended at once: operations may be pending, and the lock of its run may stand."""
    run: str = ""
    """The run that was cancelled."""
    host: str = ""
    """The machine that it ran on."""


@body_of(RecordKind.REPAIRED, written="when something that a killed run left was settled")
@dataclass(frozen=True, slots=True)
class Repaired(Body):
    """What was done about what a killed run left."""

    repairs: tuple[str, ...]
    """A sentence for each thing done."""


@body_of(RecordKind.RELEASE, written="where nothing affected the stack since its last release")
@dataclass(frozen=True, slots=True)
class Unchanged(Body):
    """A release to which nothing had to be applied."""

    unchanged_since: CommitId
    """The commit of that release."""


@body_of(RecordKind.RELEASE, written="when all checks after an apply passed: this commit is released for this stack")
@dataclass(frozen=True, slots=True)
class Released(Body):
    """A release that was applied and verified."""

    plan_digest: Digest
    """The plan that was applied."""
    checks: tuple[Check, ...]
    """Every check; all passed."""


@body_of(
    RecordKind.SUPERSEDED,
    written="when a commit comes late: its stack is at a later commit of the branch already",
)
@dataclass(frozen=True, slots=True)
class Superseded(Body):
    """A commit that is not applied any more."""

    by: CommitId
    """The later commit that the stack is at."""


@body_of(
    RecordKind.ROLLBACK, written="when [a rollback](rollback.md) is proposed; the commit is the one that it takes back"
)
@dataclass(frozen=True, slots=True)
class RollbackAsked(Body):
    """Somebody proposed a rollback, as a pull request."""

    to: CommitId
    """The release that it returns to."""
    head: CommitId
    """The commit that does it."""
    pull_request: int
    """The pull request's number."""


@body_of(RecordKind.BREAK_GLASS, written="before an apply or a verification that the gate did not allow")
@dataclass(frozen=True, slots=True)
class BreakGlass(Body):
    """Somebody overrode the gate."""

    reason: str
    """Why, as that person said."""
    plan_digest: Digest
    """The plan that was read before."""
    verdict: Verdict
    """Every rule, also those that were overridden."""


@body_of(RecordKind.DESTROY_STARTED, written="right before a [review stack](review-stacks.md) is destroyed")
@dataclass(frozen=True, slots=True)
class DestroyStarted(Body):
    """A destroy is about to begin."""

    run: str
    """The run that destroys it."""
    host: str
    """The machine that it runs on."""


@body_of(RecordKind.DESTROYED, written="when the stack and all that it had is gone")
@dataclass(frozen=True, slots=True)
class Destroyed(Body):
    """All of a stack is destroyed."""

    why: str
    """Why it had to go."""


@body_of(RecordKind.DESTROY_FAILED, written="when a destroy did not come to its end; otherwise as for an apply")
@dataclass(frozen=True, slots=True)
class DestroyFailed(Body):
    """A destroy that did not come to its end. It holds no word of an engine, a provider or a program."""

    message: str
    """Why, in a sentence."""
    failures: tuple[StepFailure, ...] | UnsetType = UNSET
    """What failed, typed; missing where the engine did not tell."""
    cancelled: bool = False
    """True where it was ended at once: operations may be pending, and the lock of its run may stand."""
    run: str = ""
    """The run that was cancelled."""
    host: str = ""
    """The machine that it ran on."""


@body_of(
    RecordKind.DESTROY_APPROVED,
    written="when somebody [approved by a comment](gate.md#approved-destroys) what a plan destroys",
)
@dataclass(frozen=True, slots=True)
class DestroyApproved(Body):
    """What a plan destroys is approved, for as long as the comment stands there as it was written."""

    plan_digest: Digest
    """The plan."""
    shown_on: ShownOn
    """The pull request that shows it."""
    comment: int
    """The comment's id."""
    address: str = field(default="", metadata=WRITTEN_ALWAYS)
    """Where the comment can be read."""


@body_of(
    RecordKind.COMMAND,
    written="when a [command in a thread](chatops.md) did something, was refused or failed; `stack` is empty",
)
@dataclass(frozen=True, slots=True)
class Commanded(Body):
    """A comment's command, and what became of it."""

    command: str
    """The command as it was understood."""
    pull_request: int
    """The pull request."""
    comment: int
    """The comment's id."""
    outcome: Ending
    """How it ended."""
    answer: str
    """What was answered, in Markdown."""
    address: str = field(default="", metadata=WRITTEN_ALWAYS)
    """Where the comment can be read."""
