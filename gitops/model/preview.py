"""What a run of the engine tells: resources, their changes, messages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gitops.model.policy import Evaluation, PolicyFinding, PolicyPack
from gitops.model.urn import name_in


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


def unpack(value: Any) -> PropertyValue:
    """A property value from plain JSON: the inverse of `gitops.flow.plans.values.pack`."""
    if isinstance(value, Mapping):
        if value.keys() == {"$secret"}:
            return SecretValue(str(value["$secret"]))
        if value == {"$unknown": True}:
            return UnknownValue()
        return {str(key): unpack(child) for key, child in value.items()}
    if isinstance(value, list):
        return [unpack(child) for child in value]
    return value


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
        """The logical name."""
        return name_in(self.urn)


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
class ResourceNode:
    """A resource in its surroundings: the component that it is part of (empty: none), and the URNs that it needs."""

    urn: str
    parent: str = ""
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResourceGraph:
    """The resources of a stack as a preview knows them, by URN; empty where no preview ran.

    For people only: no digest covers it, and no record holds it.
    """

    resources: tuple[ResourceNode, ...] = ()


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

    `drift` is where its refresh found the live infrastructure to differ from the state. `packs` are those of the
    policy packs that the pipeline had it run, `evaluations` what these looked at.
    """

    changes: tuple[ResourceChange, ...]
    unchanged: int
    diagnostics: tuple[Diagnostic, ...] = ()
    findings: tuple[PolicyFinding, ...] = ()
    resources: tuple[ResourceState, ...] = ()
    seconds: float = 0.0
    policy_packs: Mapping[str, str] = field(default_factory=dict)
    drift: tuple[Drift, ...] = ()
    packs: tuple[PolicyPack, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The messages that mean the run failed."""
        return tuple(d for d in self.diagnostics if d.severity is Severity.ERROR)
