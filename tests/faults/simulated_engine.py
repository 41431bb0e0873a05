"""An engine on the simulated cloud: it behaves as Pulumi does towards locks, pending operations and interrupts.

As Pulumi's, its run writes the whole state back as its refresh found it, without the empty lists of dependencies, which
come back for each resource that the program registers. Deletes come last. A run that is cut short leaves it there.
"""

import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitops.adapters.pulumi import deployments, failures
from gitops.adapters.system.interrupts import noted
from gitops.errors import EngineFailed, EngineKilled, FreeText, Interrupted, Waiting
from gitops.model import (
    CutOff,
    EngineRun,
    PolicyRule,
    ResourceChange,
    ResourceState,
    ResourceStep,
    Stack,
    StartState,
)
from gitops.ports import Preview, RunnablePack, SavedPlan, Upstream
from tests.fakes.engine import TYPE, changes_between, urn_of, wanted_in
from tests.faults.moments import Act, Faults, Step
from tests.faults.simulated_cloud import Locked, SimulatedCloud, Sizes, is_alive

# The apply has done one thing and is at the second when its moment comes.
STRUCK_AT = 2


@dataclass
class SimulatedEngine:
    """Implements of `gitops.ports.EngineReader` and `EngineWriter` what `gitops up` needs."""

    faults: Faults
    previewed: bool = False
    dead: bool = False

    @property
    def cloud(self) -> SimulatedCloud:
        """The cell's cloud."""
        return self.faults.cloud

    def preview(
        self, folder: Path, stack: str, *, save_plan: Path | None = None, packs: Sequence[RunnablePack] = ()
    ) -> Preview:
        """The changes from what exists of the state to what the checkout's config file wants."""
        doing = f"preview stack {stack}"
        if self.faults.reach(Step.VERIFY if save_plan is None else Step.PREVIEW) is Act.KILL_ENGINE:
            raise self._killed(doing)
        self._must_work(doing)
        wanted, start = wanted_in(folder, stack), self.start_state(folder, stack)
        if save_plan is not None:
            self.previewed = True
            save_plan.write_text(json.dumps(wanted).ljust(100_000))  # as long as a real one
        changes = tuple(changes_between(stack, self._live(), wanted))
        resources = tuple(ResourceState(urn_of(stack, name), TYPE, {"size": size}) for name, size in wanted.items())
        run = EngineRun(changes, unchanged=len(wanted) - len(changes), resources=resources)
        return Preview(run, start, self.installed(folder))

    def preview_after(
        self, folder: Path, stack: Stack, upstream: Sequence[Upstream], packs: Sequence[RunnablePack] = ()
    ) -> Preview:
        """No stack here reads another."""
        raise AssertionError(f"nothing that {stack.label} reads can move")

    def rules(self, folder: Path, stack: Stack, packs: Sequence[RunnablePack]) -> tuple[PolicyRule, ...]:
        """There are no policy packs here."""
        return ()

    def installed(self, folder: Path) -> Mapping[str, str]:
        """The versions that take part."""
        return {"simulated engine": "1", "python": platform.python_version()}

    def start_state(self, folder: Path, stack: str) -> StartState:
        """The state now."""
        if self.previewed and self.faults.armed_for(Step.STARTED) is Act.STATE:
            self.faults.reach(Step.STARTED)
        state, pending = self.cloud.state(), self.cloud.pending()
        bare = self.cloud.bare()
        resources = [
            {
                "urn": urn_of(stack, name),
                "inputs": {"size": size},
                **({} if name in bare else {"propertyDependencies": {"size": []}}),
            }
            for name, size in state.items()
        ]
        operations = [{"resource": {"urn": urn_of(stack, name)}, "type": kind} for name, kind in pending.items()]
        return deployments.start_state({"deployment": {"resources": resources, "pending_operations": operations}}, {})

    def outputs(self, folder: Path, stack: str) -> Mapping[str, Any]:
        """One output."""
        return {"things": len(self.cloud.state())}

    def apply(
        self,
        folder: Path,
        stack: str,
        plan: SavedPlan,
        on_progress: Callable[[ResourceStep], None],
        must_stop: Callable[[], str],
    ) -> EngineRun:
        """Do what the saved plan says, one operation after the other, each noted as pending while it runs."""
        doing = f"apply the plan to stack {stack}"
        wanted = json.loads(plan.file.read_text())
        try:
            self.cloud.lock()
        except Locked as locked:
            raise EngineFailed(f"Could not {doing}: {locked}") from None
        changes = sorted(changes_between(stack, self._live(), wanted), key=lambda one: one.name not in wanted)
        with noted() as interrupts:
            if interrupts.count:
                self.cloud.unlock()
                raise KeyboardInterrupt
            try:
                for number, change in enumerate(changes, start=1):
                    registered = {name for name in wanted if name <= change.name or change.name not in wanted}
                    self.cloud.note(self.cloud.state(), {}, bare=self.cloud.state().keys() - registered)
                    self._operate(number, change, wanted.get(change.name), doing)
                    on_progress(ResourceStep(change.urn, TYPE, change.operation.value, done=True))
                    if reason := must_stop():
                        raise EngineFailed(f"Stopped while trying to {doing}, since {reason}: {_LEFT}")
                    if interrupts.count:
                        interrupts.acted_on = interrupts.count
                        raise Interrupted(f"Interrupted while trying to {doing}: {_LEFT}")
                self.cloud.note(self.cloud.state(), {}, bare=())
            finally:
                if not self.dead:  # who is dead gives no lock back
                    self.cloud.unlock()
        return EngineRun(tuple(changes), 0)

    def unsettled(
        self, folder: Path, stack: str, left_by: CutOff | None = None, told: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """What settling would do."""
        return self._settled(stack)[1]

    def settle(
        self, folder: Path, stack: str, left_by: CutOff | None = None, told: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """Free a dead owner's lock, adopt what exists of what is pending, drop the rest."""
        state, sentences = self._settled(stack)
        if self.cloud.lock_owner() is not None:
            self.cloud.unlock()
        if self.cloud.pending():
            self.cloud.note(state, {})
        return sentences

    def _settled(self, stack: str) -> tuple[Sizes, tuple[str, ...]]:
        owner, told = self.cloud.lock_owner(), []
        if owner is not None and is_alive(owner):
            raise Waiting(f"The simulated backend's lock on stack {stack} is held by process {owner}.")
        if owner is not None:
            told.append("freed the simulated backend's lock of a dead process")
        state, things = self.cloud.state(), self.cloud.things()
        for name, operation in self.cloud.pending().items():
            if name in things:
                state[name] = things[name]
            told.append(
                f"{name}: its pending {operation} was {'done; adopted' if name in things else 'not done; dropped'}"
            )
        return state, tuple(told)

    def _operate(self, number: int, change: ResourceChange, size: int | None, doing: str) -> None:
        name = change.name
        self.cloud.note(self.cloud.state(), {name: change.operation.value})
        struck = number == STRUCK_AT and self.faults.armed_for(Step.APPLY)
        if struck in (Act.PROVIDER, Act.EXPIRED):
            self.faults.reach(Step.APPLY)
        try:
            self._must_work(f"{doing}: {change.operation.value} {name}")
        except EngineFailed:
            self.cloud.note(self.cloud.state(), {})  # the provider said that nothing was made
            raise
        self.cloud.operate(change.operation.value, name, size)
        if struck and struck not in (Act.PROVIDER, Act.EXPIRED):
            self.faults.reach(Step.APPLY)
            if struck is Act.KILL_ENGINE:
                raise self._killed(doing)
            if struck is Act.OFFLINE:
                self.faults.let_time_pass()
        state = {**self.cloud.state(), name: size}
        self.cloud.note({key: value for key, value in state.items() if value is not None}, {})

    def _live(self) -> Sizes:
        """What exists of what the state knows: what a refresh finds."""
        things = self.cloud.things()
        return {name: things[name] for name in self.cloud.state() if name in things}

    def _killed(self, doing: str) -> EngineKilled:
        self.dead = True
        return EngineKilled(f"Could not {doing}: Pulumi was ended by SIGKILL (simulated)")

    def _must_work(self, doing: str) -> None:
        said = self.faults.get("provider")
        if said:
            failed = failures.of_text(said)
            raise EngineFailed(f"Could not {doing}: {failed.sentence}.", failures=(failed,), text=FreeText((said,)))


_LEFT = "the running operations were finished, the rest was left."
