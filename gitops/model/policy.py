"""Policy packs: what they are, what they looked at, what they found."""

from dataclasses import dataclass
from enum import StrEnum


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
class PolicyPack:
    """A policy pack as a commit has it: its path in the repository, and a digest of its files there.

    `name` and `version` are what it said of itself when it ran; empty before.
    """

    path: str
    digest: str
    name: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the engine told of one pack's look at one resource, or (empty `urn`) at the stack as a whole.

    A rule that is in neither list did not apply. One that could not be run is among the failed, and has a finding.
    """

    pack: str
    urn: str
    passed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """A rule of a policy pack, as the pack tells of it; what it does not tell is empty.

    `level` is the pack's own default. `scope` is what the rule looks at: a "resource" or the "stack".
    """

    pack: str
    name: str
    title: str = ""
    description: str = ""
    level: str = ""
    severity: str = ""
    framework: str = ""
    reference: str = ""
    specification: str = ""
    tags: tuple[str, ...] = ()
    remedy: str = ""
    url: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class PolicyCount:
    """On how many resources a rule passed, and on how many it did not: the evidence that it ran at all."""

    pack: str
    policy: str
    passed: int
    failed: int


class PackFate(StrEnum):
    """How a pack of a commit differs from what is released."""

    NEW = "new"
    CHANGED = "changed"
    DROPPED = "no longer named"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class PackChange:
    """A pack that is not as it is released; a digest is empty where there is no such pack."""

    path: str
    fate: PackFate
    before: str
    after: str
