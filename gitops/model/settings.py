"""Settings that the promise rests on, of the code host and of the cloud, as they were read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that could not be read: why, and what would let it be read. It never stands for a good answer."""

    why: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Protection:
    """One set of rules over a branch. `bypass` names who is excepted; Unread where that is not shown."""

    source: str
    pull_request: bool = False
    approvals: int = 0
    code_owners: bool = False
    no_force_pushes: bool = False
    no_deletion: bool = False
    checks: frozenset[str] = frozenset()
    bypass: tuple[str, ...] | Unread = ()


@dataclass(frozen=True, slots=True)
class BranchSettings:
    """Every set of rules over a branch; `unread` says which could not be read, so that there may be more."""

    protections: tuple[Protection, ...] = ()
    unread: tuple[Unread, ...] = ()


@dataclass(frozen=True, slots=True)
class JobEnvironment:
    """What the code host gives to jobs of one name: who they wait for, from where they may run, their variables.

    `branches` are patterns of branches and tags that may use it, None where any may. `protected_branches`: any branch
    that has rules may.
    """

    name: str
    branches: tuple[str, ...] | Unread | None = None
    protected_branches: bool = False
    reviewers: int = 0
    admins_bypass: bool | Unread = False
    variables: Mapping[str, str] | Unread = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkflowSettings:
    """What a workflow's token may do unasked, and whether it may open and approve pull requests."""

    token_writes: bool
    opens_and_approves: bool


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """Of a bucket with state: whether old versions are kept, objects encrypted, and public access is blocked."""

    versioned: bool
    encrypted: bool
    private: bool


@dataclass(frozen=True, slots=True)
class RoleTrust:
    """A role's trust policy, as the cloud has it."""

    policy: Mapping[str, Any]
