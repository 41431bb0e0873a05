"""The plan, and how two of them differ."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from gitops.model.change import Stack
from gitops.model.policy import PolicyCount, PolicyFinding, PolicyLevel, PolicyPack
from gitops.model.preview import Diagnostic, Drift, ResourceChange


@dataclass(frozen=True, slots=True)
class StartState:
    """The state a plan starts from: a digest of the whole, and one of each resource so that a move can be named.

    `unfinished` are the resources whose creation was cut short or failed half-way; each one's digest covers that.
    `rewritten` are those that an apply from here writes otherwise without changing anything: as its refresh found them,
    or with what the program says of their order. No digest covers it; it explains why one moved.
    """

    digest: str
    resources: Mapping[str, str]
    pending: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()


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
    `packs` are the policy packs that the pipeline had it run. `evaluated` says what they looked at, by no digest: what
    they found is in `findings`.
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
    packs: tuple[PolicyPack, ...] = ()
    evaluated: tuple[PolicyCount, ...] = ()
    format: int = 3

    @property
    def violations(self) -> tuple[PolicyFinding, ...]:
        """The findings of mandatory policies: Pulumi saves no plan with one, and stops an apply at one."""
        return tuple(f for f in self.findings if f.level is PolicyLevel.MANDATORY)

    @property
    def destroys(self) -> tuple[ResourceChange, ...]:
        """The changes after which something is gone."""
        return tuple(c for c in self.changes if c.operation.destroys)


class PlanOnRecord:
    """A plan as a record has it. Only its digest is read here: `flow/plans/plan.py` reads the rest, and checks it."""

    __slots__ = ("content", "plan_digest")

    def __init__(self, content: Mapping[str, Any]) -> None:
        """Raises msgspec.ValidationError for one without a digest."""
        self.content = content
        """The plan as plain JSON."""
        self.plan_digest = msgspec.convert(content, _PlanHead).plan_digest
        """The digest that it carries."""


@dataclass(frozen=True, slots=True)
class _PlanHead:
    plan_digest: str


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
