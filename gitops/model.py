"""The values that flow through the pipeline, in flow order. Imports nothing of ours.

Everything is frozen. Times are aware datetimes in UTC. Paths are POSIX paths relative to the
repository's root. A commit is a full hexadecimal object id.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

# --- change ---------------------------------------------------------------------------------


class FileStatus(StrEnum):
    """What a change did to a file; what Git cannot name counts as changed."""

    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file that differs between two commits. A rename is a deletion and an addition."""

    path: str
    status: FileStatus


@dataclass(frozen=True, slots=True)
class Change:
    """The difference between two commits; `base` is the point where the change left its target branch."""

    base: str
    head: str
    files: tuple[FileChange, ...]


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as history tells of it; `at` is when it was made part of that line, `paths` the files it changed."""

    id: str
    author: str
    at: datetime
    subject: str
    paths: tuple[str, ...] = ()


# --- stacks ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Stack:
    """One deployed instance of a Pulumi project. `folder` is the project's folder, "." for the root."""

    project: str
    name: str
    folder: str = "."

    @property
    def label(self) -> str:
        """How people and refs name it: `project/name`, unique in a repository."""
        return f"{self.project}/{self.name}"


class ReasonKind(StrEnum):
    """Why a stack can be altered by a change."""

    STACK_CONFIG = "stack config"
    STACK_MODULE = "stack module"
    IMPORTED = "imported"
    PROJECT_FILE = "project file"
    LOCK_FILE = "lock file"
    POLICY = "policy"
    PIPELINE_CONFIG = "pipeline config"
    UPSTREAM = "upstream stack"
    UNRELEASED = "unreleased"
    UNKNOWN = "unknown path"


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """Why a stack is affected: the kind, the path that changed, and a sentence for people."""

    kind: ReasonKind
    path: str
    text: str


@dataclass(frozen=True, slots=True)
class AffectedStack:
    """A stack that a change can alter; `reasons` is never empty."""

    stack: Stack
    reasons: tuple[Reason, ...]


# --- preview --------------------------------------------------------------------------------


class Operation(StrEnum):
    """What the engine will do to one resource. `REPLACE` stands for its create and delete parts together."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    IMPORT = "import"
    READ = "read"
    DISCARD = "discard"
    REFRESH = "refresh"
    UNKNOWN = "unknown"

    @property
    def destroys(self) -> bool:
        """Whether something that exists now will be gone afterwards."""
        return self in (Operation.DELETE, Operation.REPLACE)


class PropertyKind(StrEnum):
    """How one property differs."""

    ADD = "add"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class SecretValue:
    """Stands for a secret: `digest` is a keyed hash that tells two values apart and reveals neither."""

    digest: str


@dataclass(frozen=True, slots=True)
class UnknownValue:
    """A value that exists only after the apply."""


# JSON with SecretValue and UnknownValue as further leaves.
PropertyValue = Any


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One property, by its path in the resource's inputs, with its value before and after (None: absent)."""

    path: str
    kind: PropertyKind
    old: PropertyValue = None
    new: PropertyValue = None
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """One resource that an apply will alter; a create lists all its inputs as added properties."""

    urn: str
    type: str
    operation: Operation
    provider: str
    properties: tuple[PropertyChange, ...] = ()
    protected: bool = False

    @property
    def name(self) -> str:
        """The logical name: all of the URN after its type, since a name may contain `::` itself."""
        return self.urn.split("::", 3)[-1]


class Severity(StrEnum):
    """How the engine rates a message."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message of the engine or of a provider, about one resource or (empty `urn`) about the run."""

    severity: Severity
    message: str
    urn: str = ""


class PolicyLevel(StrEnum):
    """How strictly a policy finding is meant; `NOT_EVALUATED` is never a pass."""

    MANDATORY = "mandatory"
    ADVISORY = "advisory"
    NOT_EVALUATED = "not evaluated"


@dataclass(frozen=True, slots=True)
class PolicyFinding:
    """One violated or unevaluated policy."""

    pack: str
    policy: str
    level: PolicyLevel
    message: str
    urn: str = ""


@dataclass(frozen=True, slots=True)
class ResourceState:
    """A resource as the engine last saw it in a run: its outputs, secrets already masked."""

    urn: str
    type: str
    outputs: Mapping[str, PropertyValue]


@dataclass(frozen=True, slots=True)
class Drift:
    """A resource that is not what the state says: its inputs as they are (old: in the state), or nothing at all."""

    urn: str
    type: str
    properties: tuple[PropertyChange, ...] = ()
    gone: bool = False


@dataclass(frozen=True, slots=True)
class ResourceStep:
    """One step of a running apply, for people who watch: `done` is False when it starts."""

    urn: str
    type: str
    operation: str
    done: bool
    failed: bool = False


@dataclass(frozen=True, slots=True)
class EngineRun:
    """One run of the engine, read from its typed events. `policy_packs`: name → version of those that took part.

    `drift` is where its refresh found the live infrastructure to differ from the state.
    """

    changes: tuple[ResourceChange, ...]
    unchanged: int
    diagnostics: tuple[Diagnostic, ...] = ()
    findings: tuple[PolicyFinding, ...] = ()
    resources: tuple[ResourceState, ...] = ()
    seconds: float = 0.0
    policy_packs: Mapping[str, str] = field(default_factory=dict)
    drift: tuple[Drift, ...] = ()

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The messages that mean the run failed."""
        return tuple(d for d in self.diagnostics if d.severity is Severity.ERROR)


# --- plan -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartState:
    """The state a plan starts from: a digest of the whole, and one of each resource so that a move can be named.

    `unfinished` are the resources whose creation was cut short or failed half-way; each one's digest covers that.
    """

    digest: str
    resources: Mapping[str, str]
    pending: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a plan was computed from: SHA-256 of each file the stack reaches, config, lock file, versions.

    `ambient` is what the environment points at beyond all that (a cluster, an account), by name. `digest_key` tells two
    keys apart that secrets are digested with, and reveals neither; empty where there are no secrets.
    """

    files: Mapping[str, str]
    config: str
    versions: Mapping[str, str]
    ambient: Mapping[str, str] = field(default_factory=dict)
    digest_key: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A reviewed preview. `plan_digest` says what will be done, `input_digest` what it was computed from.

    `drift` explains changes that nobody made in Git; no digest covers it, since what follows from it is in `changes`.
    """

    stack: Stack
    environment: str
    commit: str
    changes: tuple[ResourceChange, ...]
    unchanged: int
    start: StartState
    inputs: Inputs
    findings: tuple[PolicyFinding, ...]
    warnings: tuple[Diagnostic, ...]
    plan_digest: str
    input_digest: str
    created_at: datetime
    policy_packs: Mapping[str, str] = field(default_factory=dict)
    drift: tuple[Drift, ...] = ()
    format: int = 2

    @property
    def destroys(self) -> tuple[ResourceChange, ...]:
        """The changes after which something is gone."""
        return tuple(c for c in self.changes if c.operation.destroys)


class MovedInput(StrEnum):
    """Which part of a plan's origin differs."""

    STATE = "state"
    LIVE = "live infrastructure"
    PROGRAM = "program"
    CONFIG = "config"
    DIGEST_KEY = "digest key"
    ENGINE = "engine and providers"
    POLICY = "policy"
    AMBIENT = "ambient"


@dataclass(frozen=True, slots=True)
class PlanDifference:
    """How a fresh plan differs from the approved one: a difference of differences."""

    moved: tuple[MovedInput, ...]
    moved_resources: tuple[str, ...]
    moved_files: tuple[str, ...]
    appeared: tuple[ResourceChange, ...]
    vanished: tuple[ResourceChange, ...]
    altered: tuple[tuple[ResourceChange, ResourceChange], ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing moved and both plans do the same."""
        return not (self.moved or self.appeared or self.vanished or self.altered)


# --- review and gate ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody approved a pull request when its head was `commit`."""

    by: str
    commit: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request as the pipeline needs it; `merged_as` is the commit it became on `base` (None: open).

    `contributors` wrote or committed something in it; the author is one of them. `strangers` did so too, but no account
    goes with their name and address, so each of them may be anybody.
    """

    number: int
    title: str
    author: str
    base: str
    head: str
    approvals: tuple[Approval, ...] = ()
    merged_as: str | None = None
    contributors: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()


class Outcome(StrEnum):
    """A gate's answer."""

    ALLOW = "allow"
    WAIT = "wait"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule of a gate, what it looked at, what it found and why, and what would change that (empty: nothing)."""

    rule: str
    outcome: Outcome
    reason: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All rules of a gate; the outcome is the strictest of theirs."""

    rules: tuple[RuleResult, ...]

    @property
    def outcome(self) -> Outcome:
        """`REFUSE` if any rule refuses, else `WAIT` if any waits, else `ALLOW`."""
        outcomes = {rule.outcome for rule in self.rules}
        for outcome in (Outcome.REFUSE, Outcome.WAIT):
            if outcome in outcomes:
                return outcome
        return Outcome.ALLOW


# --- lease ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Holder:
    """Who works on a stack: a person or job, on a host, in a process group, for a purpose such as `up`."""

    name: str
    host: str
    process: int
    purpose: str
    run: str


@dataclass(frozen=True, slots=True)
class Lease:
    """The exclusive, expiring right to operate on one stack; it lasts for `seconds` from each renewal.

    `expires_at` is by the holder's clock, for people. `version` is the object id of the ref's value.
    """

    stack: str
    holder: Holder
    acquired_at: datetime
    expires_at: datetime
    seconds: int
    version: str = ""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A place in the line for a stack's lease, kept by renewing it, as a lease is.

    `place` is the number of commits on the environment's branch up to `commit`, by first parents: earlier commits
    come first. `id` tells it from all other tickets.
    """

    stack: str
    holder: Holder
    commit: str
    place: int
    since: datetime
    expires_at: datetime
    seconds: int
    id: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """Who has a stack and who waits for it, as the remote told in one look; the tickets first come first."""

    lease: Lease | None
    tickets: tuple[Ticket, ...] = ()


@dataclass(frozen=True, slots=True)
class CutOff:
    """A run that did not end in good order, and may have left processes, locks and pending operations behind.

    `host` is empty where nobody wrote it down. `patience` is for how many more seconds something of it may go on
    working on another machine before it has noticed that it must not; a lock of it is left alone for so long.
    """

    run: str
    host: str = ""
    patience: float = 0.0


# --- verify and record ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Check:
    """One check after an apply."""

    name: str
    passed: bool
    detail: str


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


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of the ledger. `previous` is the digest of the record before it, empty for the first."""

    sequence: int
    previous: str
    kind: RecordKind
    at: datetime
    by: str
    environment: str
    stack: str
    commit: str
    body: Mapping[str, Any] = field(default_factory=dict)
    format: int = 1
