"""The engine: previews, applies, and the state that they start from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from gitops.model import (
    CutOff,
    EngineRun,
    PolicyPack,
    PolicyRule,
    ResourceGraph,
    ResourceStep,
    Stack,
    StartState,
)


@dataclass(frozen=True, slots=True)
class Preview:
    """What one preview found: the run, the state it started from, and the versions that took part.

    `digest_key` tells apart the keys that secrets are digested with; empty where there are none. `outputs` are the
    stack's after an apply, as the engine writes them: secrets encrypted, unknown values as its own marks.
    """

    run: EngineRun
    start: StartState
    versions: Mapping[str, str]
    digest_key: str = ""
    graph: ResourceGraph = field(default_factory=ResourceGraph)
    outputs: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Upstream:
    """A stack that another reads: its project's folder in a checkout, and its outputs as a preview proposes them.

    `outputs` are written as in `Preview.outputs`; None: they stay as they are in its state.
    """

    stack: Stack
    folder: Path
    outputs: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RunnablePack:
    """A policy pack in a checkout: the file that starts it, and what the commit has there."""

    executable: Path
    pack: PolicyPack


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """Pulumi's own plan in a file, and the policy packs that its apply runs again."""

    file: Path
    packs: tuple[RunnablePack, ...] = ()


class EngineReader(Protocol):
    """Engine runs that change nothing. `folder` is the Pulumi project's folder in a checkout."""

    def preview(
        self, folder: Path, stack: str, *, save_plan: Path | None = None, packs: Sequence[RunnablePack] = ()
    ) -> Preview:
        """Preview a stack from the live infrastructure, secrets as keyed digests; the state is not written.

        Where a mandatory policy is violated, and nothing else is wrong, the run has its changes and findings, and no
        plan is saved. Raises EngineFailed with the diagnostics, also when something cannot be read.
        """

    def preview_after(
        self, folder: Path, stack: Stack, upstream: Sequence[Upstream], packs: Sequence[RunnablePack] = ()
    ) -> Preview:
        """Preview a stack as if those that it reads had these outputs already; no state is written.

        `upstream` is what the program is known to read. Raises EngineFailed as `preview` does.
        """

    def rules(self, folder: Path, stack: Stack, packs: Sequence[RunnablePack]) -> tuple[PolicyRule, ...]:
        """What the rules of the packs say of themselves for a stack. Raises EngineFailed for a pack that does not."""

    def installed(self, folder: Path) -> Mapping[str, str]:
        """The versions that a preview there would record, as far as they are known without one. Raises EngineFailed."""

    def start_state(self, folder: Path, stack: str) -> StartState:
        """The stack's state now; a stack that was never created has an empty one."""

    def outputs(self, folder: Path, stack: str) -> Mapping[str, Any]:
        """The stack's outputs, secrets masked."""

    def stacks(self, folder: Path) -> tuple[str, ...]:
        """The names of the project's stacks in the state backend, in Git or not. Raises EngineFailed."""

    def unsettled(
        self, folder: Path, stack: str, left_by: CutOff | None = None, told: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """What `EngineWriter.settle` would do, a sentence for each thing; the providers are asked, nothing is done.

        Raises EngineFailed when something cannot be settled.
        """


class EngineWriter(Protocol):
    """Engine runs that change infrastructure or state."""

    def apply(
        self,
        folder: Path,
        stack: str,
        plan: SavedPlan,
        on_progress: Callable[[ResourceStep], None],
        must_stop: Callable[[], str],
    ) -> EngineRun:
        """Apply exactly the saved plan, from the live infrastructure as the preview did, under its policy packs.

        Raises EngineFailed; what was done until then is in the state.

        `must_stop` is asked all the while: as soon as it gives a reason, the running operations are finished, the
        rest is left, and the reason is raised.
        """

    def destroy(
        self,
        folder: Path,
        stack: str,
        on_progress: Callable[[ResourceStep], None],
        must_stop: Callable[[], str],
    ) -> None:
        """Delete all that the stack has, and then the stack itself; one that does not exist is nothing to do.

        The program is not run. Raises EngineFailed, also for what is protected; what was deleted until then is out of
        the state. `must_stop` as in `apply`.
        """

    def settle(
        self, folder: Path, stack: str, left_by: CutOff | None = None, told: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """Bring the state to the truth after a run that was cut off, if one is known.

        Ends what processes it left on this machine, frees the backend's lock it held, and settles its pending
        operations: adopts what exists, drops the rest. `told` is what a person found out about pending creates:
        URN → id, empty for what does not exist. Returns a sentence for each thing done. Raises EngineFailed
        when something cannot be settled, Waiting when somebody who may be alive holds the backend's lock.
        """
