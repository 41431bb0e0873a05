"""Plans and reviews for tests, written down by what matters in them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gitops.flow.plans import plan as plans
from gitops.model import (
    AffectedStack,
    Diagnostic,
    EngineRun,
    Inputs,
    Operation,
    Plan,
    PolicyFinding,
    PreviewFailure,
    PropertyChange,
    PropertyKind,
    Reason,
    ReasonKind,
    ResourceChange,
    Review,
    Stack,
    StackReview,
    StartState,
)

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
BASE = "1" * 40
HEAD = "abcdef0123456789" * 2 + "abcdef01"
DEV = Stack("shop", "dev")
REASON = Reason(ReasonKind.IMPORTED, "infra/bucket.py", "stacks/dev.py imports it")


def urn(token: str, name: str, stack: Stack = DEV) -> str:
    """A resource's URN."""
    return f"urn:pulumi:{stack.name}::{stack.project}::{token}::{name}"


def change(operation: Operation, token: str, name: str, *properties: PropertyChange, **more: Any) -> ResourceChange:
    """A resource change of the dev stack."""
    return ResourceChange(urn(token, name), token.rsplit("$", 1)[-1], operation, "aws", properties, **more)


def update(path: str, old: Any, new: Any, *, replaces: bool = False) -> PropertyChange:
    """A property that changes its value."""
    return PropertyChange(path, PropertyKind.UPDATE, old, new, replaces)


def add(path: str, new: Any) -> PropertyChange:
    """A property that appears."""
    return PropertyChange(path, PropertyKind.ADD, new=new)


def remove(path: str, old: Any) -> PropertyChange:
    """A property that goes."""
    return PropertyChange(path, PropertyKind.DELETE, old=old)


def start(resources: Mapping[str, str] | None = None, pending: tuple[str, ...] = ()) -> StartState:
    """A start state whose digest covers its parts."""
    whole = plans.values.digest({"resources": resources or {}, "pending": pending})
    return StartState(whole, dict(resources or {}), pending)


def inputs(files: Mapping[str, str] | None = None, config: str = "c0", **versions: str) -> Inputs:
    """What a plan was computed from."""
    return Inputs(dict(files or {"__main__.py": "f0"}), config, versions or {"pulumi": "3.259.0", "aws": "7.21.0"})


def plan(
    *changes: ResourceChange,
    stack: Stack = DEV,
    state: StartState | None = None,
    origin: Inputs | None = None,
    findings: tuple[PolicyFinding, ...] = (),
    warnings: tuple[Diagnostic, ...] = (),
) -> Plan:
    """A plan with real digests."""
    run = EngineRun(changes, 12, diagnostics=warnings, findings=findings)
    return plans.build(stack, stack.name, HEAD, run=run, start=state or start(), inputs=origin or inputs(), now=NOW)


def reviewed(result: Plan | PreviewFailure, stack: Stack = DEV, *reasons: Reason) -> StackReview:
    """A stack's part of a review."""
    return StackReview(AffectedStack(stack, reasons or (REASON,)), result)


def review(*stacks: StackReview, **more: Any) -> Review:
    """A review of the dev environment."""
    return Review("dev", BASE, HEAD, stacks, **more)
