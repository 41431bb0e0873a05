"""An engine in memory: a stack is a set of things with sizes, wanted by its config file in the checkout."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from gitops.adapters.pulumi import deployments
from gitops.errors import EngineFailed, FreeText
from gitops.model import (
    CutOff,
    Drift,
    EngineRun,
    Operation,
    PolicyLevel,
    PolicyRule,
    PropertyChange,
    PropertyKind,
    ResourceChange,
    ResourceStep,
    Stack,
    StartState,
)
from gitops.model.urn import STACK_TYPE
from gitops.ports import Preview, RunnablePack, SavedPlan, Upstream
from tests.fakes import policies

TYPE = "fake:index:Thing"
SAID = "error: the engine's own words"
VERSIONS = {"pulumi": "3.259.0", "python": "3.11.7", "pulumi package": "3.259.0"}
Sizes = dict[str, int]


def nothing() -> None:
    """What happens meanwhile, where a test does not say."""


@dataclass
class FakeEngine:
    """Implements `gitops.ports.EngineReader` and `EngineWriter`.

    `states` are the stacks as they are. `fails_after`: an apply fails after so many changes. `outputs_of` are what an
    apply leaves. `live` is what exists of a stack where that is not what its state says; an apply goes on from there.
    `during_preview`, `before_apply` and `during_apply` are called then; `broken` previews fail with that message.
    `settled` is what settling tells, and `cut_off` by whom it was told to be left. `versions` are installed.
    `undestroyable` are stacks that no destroy gets rid of. `rewritten` is what a preview says that an apply writes
    otherwise.
    `applied_under` are the policy packs of each apply. Packs are those of `tests.fakes.policies`. `proposes` are the
    outputs that a stack's preview would move; `follows`, those that it would if it was previewed after others, or the
    message with which that fails. `followed` is what these previews found of the others.
    """

    states: dict[str, Sizes] = field(default_factory=dict)
    outputs_of: dict[str, Any] = field(default_factory=lambda: {"url": "http://shop"})
    fails_after: int | None = None
    live: dict[str, Sizes] = field(default_factory=dict)
    broken: str = ""
    pending: dict[str, tuple[str, ...]] = field(default_factory=dict)
    settled: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=lambda: dict(VERSIONS))
    rewritten: tuple[str, ...] = ()
    during_preview: Callable[[], None] = nothing
    before_apply: Callable[[], None] = nothing
    during_apply: Callable[[], None] = nothing
    applied: list[str] = field(default_factory=list)
    destroyed: list[str] = field(default_factory=list)
    undestroyable: set[str] = field(default_factory=set)
    applied_under: list[tuple[str, ...]] = field(default_factory=list)
    previews: list[str] = field(default_factory=list)
    told: dict[str, str] = field(default_factory=dict)
    cut_off: list[CutOff | None] = field(default_factory=list)
    proposes: dict[str, dict[str, Any]] = field(default_factory=dict)
    follows: dict[str, dict[str, Any] | str] = field(default_factory=dict)
    followed: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def preview(
        self, folder: Path, stack: str, *, save_plan: Path | None = None, packs: Sequence[RunnablePack] = ()
    ) -> Preview:
        """The changes from what exists to what the checkout's config file wants."""
        self.previews.append(stack)
        if self.broken:
            raise EngineFailed(f"Could not preview stack {stack}: {self.broken}", text=FreeText((SAID,)))
        state, wanted = self.states.get(stack, {}), wanted_in(folder, stack)
        start = replace(self.start_state(folder, stack), rewritten=self.rewritten)
        self.during_preview()
        named = {name: urn_of(stack, name) for name in wanted}
        took_part, findings, evaluations = policies.run(packs, wanted, named)
        violated = any(one.level is PolicyLevel.MANDATORY for one in findings)
        if save_plan is not None:
            save_plan.unlink(missing_ok=True)
            if not violated:
                save_plan.write_text(json.dumps(wanted))
            self.before_apply()
        live = self.live.get(stack, state)
        changes = tuple(changes_between(stack, live, wanted))
        drift = tuple(
            Drift(change.urn, TYPE, change.properties, gone=change.operation is Operation.DELETE)
            for change in changes_between(stack, state, live)
        )
        run = EngineRun(
            changes,
            unchanged=len(live.keys() & wanted.keys()) - len(changes),
            drift=drift,
            findings=findings,
            policy_packs={one.name: one.version for one in took_part},
            packs=took_part,
            evaluations=evaluations,
        )
        outputs = self.proposes.get(stack, {})
        return Preview(
            replace(run, changes=(*changes, *outputs_moving(stack, outputs))),
            start,
            self.installed(folder),
            outputs=outputs,
        )

    def preview_after(
        self, folder: Path, stack: Stack, upstream: Sequence[Upstream], packs: Sequence[RunnablePack] = ()
    ) -> Preview:
        """What the test says follows."""
        self.followed.append((stack.label, {one.stack.label: one.outputs for one in upstream}))
        outputs = self.follows.get(stack.name, {})
        if isinstance(outputs, str):
            raise EngineFailed(f"Could not preview stack {stack.name}: {outputs}", text=FreeText((SAID,)))
        run = EngineRun(outputs_moving(stack.name, outputs), 1)
        return Preview(run, self.start_state(folder, stack.name), self.installed(folder), outputs=outputs)

    def rules(self, folder: Path, stack: Stack, packs: Sequence[RunnablePack]) -> tuple[PolicyRule, ...]:
        """What the packs' files say."""
        return policies.rules(packs)

    def installed(self, folder: Path) -> Mapping[str, str]:
        """The versions that the test says."""
        return self.versions

    def start_state(self, folder: Path, stack: str) -> StartState:
        """The state now."""
        resources = [
            {"urn": urn_of(stack, name), "inputs": {"size": n}} for name, n in self.states.get(stack, {}).items()
        ]
        operations = [{"resource": {"urn": urn}} for urn in self.pending.get(stack, ())]
        return deployments.start_state({"deployment": {"resources": resources, "pending_operations": operations}}, {})

    def outputs(self, folder: Path, stack: str) -> Mapping[str, Any]:
        """What the test says an apply leaves."""
        return self.outputs_of

    def apply(
        self,
        folder: Path,
        stack: str,
        plan: SavedPlan,
        on_progress: Callable[[ResourceStep], None],
        must_stop: Callable[[], str],
    ) -> EngineRun:
        """Do what the saved plan says, one change after the other."""
        self.applied.append(stack)
        self.during_apply()
        wanted = json.loads(plan.file.read_text())
        self.applied_under.append(tuple(one.pack.path for one in plan.packs))
        state = self.states.setdefault(stack, {})
        if stack in self.live:
            state = self.states[stack] = self.live.pop(stack)
        changes = tuple(changes_between(stack, dict(state), wanted))
        for done, change in enumerate(changes):
            if self.fails_after is not None and done >= self.fails_after:
                raise EngineFailed(f"Could not apply the plan to stack {stack}: {change.name}: quota exceeded")
            if reason := must_stop():
                raise EngineFailed(f"Stopped while trying to apply the plan to stack {stack}: {reason}")
            if change.operation is Operation.DELETE:
                del state[change.name]
            else:
                state[change.name] = wanted[change.name]
            on_progress(ResourceStep(change.urn, TYPE, change.operation.value, done=True))
        return EngineRun(changes, 0)

    def stacks(self, folder: Path) -> tuple[str, ...]:
        """Those that have a state."""
        return tuple(sorted(self.states))

    def destroy(
        self,
        folder: Path,
        stack: str,
        on_progress: Callable[[ResourceStep], None],
        must_stop: Callable[[], str],
    ) -> None:
        """Delete one thing after the other, then the stack."""
        self.destroyed.append(stack)
        self.during_apply()
        state = self.states.get(stack, {})
        for done, name in enumerate(sorted(state)):
            if stack in self.undestroyable or (self.fails_after is not None and done >= self.fails_after):
                raise EngineFailed(f"Could not destroy stack {stack}: {name}: is protected")
            if reason := must_stop():
                raise EngineFailed(f"Stopped while trying to destroy stack {stack}: {reason}")
            del state[name]
            on_progress(ResourceStep(urn_of(stack, name), TYPE, Operation.DELETE.value, done=True))
        self.states.pop(stack, None)

    def unsettled(
        self, folder: Path, stack: str, left_by: CutOff | None = None, told: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """What settling will tell."""
        self.told.update(told or {})
        return self.settled

    def settle(
        self, folder: Path, stack: str, left_by: CutOff | None = None, told: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """Drop what is pending, and tell what the test says."""
        self.cut_off.append(left_by)
        self.pending.pop(stack, None)
        self.settled, told_now = (), self.settled
        return told_now


def outputs_moving(stack: str, outputs: Mapping[str, Any]) -> tuple[ResourceChange, ...]:
    """The change of a stack whose outputs become these."""
    properties = tuple(PropertyChange(f"outputs.{name}", PropertyKind.ADD, None, new) for name, new in outputs.items())
    urn = f"urn:pulumi:{stack}::shop::{STACK_TYPE}::shop-{stack}"
    return (ResourceChange(urn, STACK_TYPE, Operation.UPDATE, "", properties),) if properties else ()


def wanted_in(folder: Path, stack: str) -> Sizes:
    """What the stack's config file in a checkout wants."""
    settings = yaml.safe_load((folder / f"Pulumi.{stack}.yaml").read_text()) or {}
    return dict((settings.get("config") or {}).get("shop:things") or {})


def urn_of(stack: str, name: str) -> str:
    """A thing's URN."""
    return f"urn:pulumi:{stack}::shop::{TYPE}::{name}"


def changes_between(stack: str, state: Sizes, wanted: Sizes) -> list[ResourceChange]:
    """What leads from one to the other, in the order of names."""
    found = []
    for name in sorted(state.keys() | wanted.keys()):
        old, new = state.get(name), wanted.get(name)
        if old == new:
            continue
        operation = Operation.CREATE if old is None else Operation.DELETE if new is None else Operation.UPDATE
        kind = PropertyKind.ADD if old is None else PropertyKind.UPDATE
        properties = () if new is None else (PropertyChange("size", kind, old, new),)
        found.append(ResourceChange(urn_of(stack, name), TYPE, operation, "fake 1", properties))
    return found
