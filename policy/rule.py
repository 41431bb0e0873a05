"""What a rule is, and what it can answer. Pure: no engine, no clock, no file."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from policy.values import NoDocument, NotKnown, Values


class Severity(Enum):
    """How bad a violation is, wherever it is; which level follows from it is up to `levels.yaml`."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True)
class Control:
    """One requirement of a published framework. Neither `version` nor `id` has a space in it."""

    framework: str
    version: str
    id: str
    url: str

    def __str__(self) -> str:
        return f"{self.framework} {self.version} {self.id}"


@dataclass(frozen=True)
class Holds:
    """The resource keeps the rule."""


@dataclass(frozen=True)
class NotApplicable:
    """The rule has nothing to say about this resource."""


@dataclass(frozen=True)
class Violated:
    """The resource breaks the rule; `reason` names the property, and never holds a secret value."""

    reason: str


@dataclass(frozen=True)
class Unknown:
    """The rule cannot be judged before the apply; `property` is what is not known yet."""

    property: str


Verdict = Holds | NotApplicable | Violated | Unknown
HOLDS = Holds()
NOT_APPLICABLE = NotApplicable()

Inputs = Mapping[str, Any]
Check = Callable[[Inputs], Verdict]


@dataclass(frozen=True, kw_only=True)
class _About:
    """What both kinds of rule say of themselves; `remedy` is one sentence that says what to write."""

    name: str
    title: str
    controls: tuple[Control, ...]
    severity: Severity
    remedy: str
    types: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Rule(_About):
    """A rule over the inputs of one resource, by themselves."""

    check: Check

    def judge(self, inputs: Inputs) -> Verdict:
        """The verdict on a resource of one of the rule's types, by plain inputs in which `UNKNOWN` may stand."""
        return attempt(lambda: self.check(Values(inputs)))


@dataclass(frozen=True)
class Resource:
    """One resource of a stack: its outputs, and by property the URNs of the resources that a value comes from."""

    urn: str
    type: str
    outputs: Mapping[str, Any]
    sources: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def values(self) -> Values:
        """The outputs, to be read by a rule."""
        return Values(self.outputs)

    @property
    def name(self) -> str:
        """The logical name."""
        return self.urn.rpartition("::")[2]


@dataclass(frozen=True)
class Stack:
    """All resources of a stack."""

    resources: tuple[Resource, ...]

    def of(self, *types: str) -> list[Resource]:
        """The resources of these types."""
        return [resource for resource in self.resources if resource.type in types]

    def comes_from(self, resource: Resource, name: str, types: Iterable[str]) -> bool:
        """Whether a property's value comes from a resource of one of these types that this stack holds."""
        urns = resource.sources.get(name, frozenset())
        return any(one.urn in urns for one in self.of(*types))


@dataclass(frozen=True, kw_only=True)
class StackRule(_About):
    """A rule over one resource in the light of all others in its stack."""

    check: Callable[[Resource, Stack], Verdict]

    def judge(self, resource: Resource, stack: Stack) -> Verdict:
        """The verdict on a resource of one of the rule's types."""
        return attempt(lambda: self.check(resource, stack))


def attempt(look: Callable[[], Verdict]) -> Verdict:
    """What `look` answers; a value that it reads and that is not known yet makes the answer `Unknown`."""
    try:
        return look()
    except NotKnown as missing:
        return Unknown(missing.path)
    except NoDocument as broken:
        return Violated(f"{broken.path} is not a JSON document")


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """One verdict for several: violated before unknown before holding, with all reasons of the violations."""
    found = list(verdicts)
    if reasons := [one.reason for one in found if isinstance(one, Violated)]:
        return Violated("; ".join(dict.fromkeys(reasons)))
    for one in found:
        if isinstance(one, Unknown):
            return one
    return HOLDS if HOLDS in found or not found else NOT_APPLICABLE


def each(subjects: Sequence[Any], check: Callable[[Any], Verdict]) -> Verdict:
    """The verdict on all elements of a list: one that is not known hides no other that is violated."""

    def look(index: int) -> Verdict:
        return attempt(lambda: check(subjects[index]))

    return worst([look(index) for index in range(len(subjects))])
