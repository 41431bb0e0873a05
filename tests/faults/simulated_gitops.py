"""`gitops` as its users start it, in a world where engine, code host and clock are simulated. Git is real."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from gitops.adapters.system.clock import SystemClock
from gitops.cli import main
from gitops.context import CodeHost, Context
from gitops.errors import CodeHostFailed
from tests.faults.moments import Faults, Step
from tests.faults.simulated_engine import SimulatedEngine


class SimulatedClock(SystemClock):
    """The machine's clock, as wrong as the cell says; sleeping takes no time, but counts where seconds are counted."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._slept = 0.0

    def now(self) -> datetime:
        """The time, shifted."""
        wrong_by = int(self._faults.get("clock") or "0")
        return datetime.now(UTC) + timedelta(seconds=wrong_by)

    def monotonic(self) -> float:
        """Seconds that passed, in truth or as the cell says, or were slept."""
        return super().monotonic() + self._slept + int(self._faults.get("passed") or "0")

    def sleep(self, seconds: float) -> None:
        """Pass the time."""
        self._slept += seconds


class SimulatedHost:
    """The local code host, asked through the cell's faults."""

    def __init__(self, host: CodeHost, faults: Faults, engine: SimulatedEngine) -> None:
        self._host = host
        self._faults = faults
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        """What the local host has of that name, unless it cannot be asked now."""
        self._ask()
        return getattr(self._host, name)

    def _ask(self) -> None:
        if self._engine.previewed:
            self._faults.reach(Step.GATE)
        if self._faults.get("offline"):
            raise CodeHostFailed("Could not ask the simulated code host: no network", hint="Try again.")
        if self._faults.get("denied"):
            raise CodeHostFailed("The simulated code host refused: Bad credentials (401)", hint="Renew the token.")


@dataclass
class ClockedWorld(Context):
    """What a command needs of the world, with a clock that a cell can turn."""

    def __post_init__(self) -> None:
        self.faults = Faults.here()
        self.clock = SimulatedClock(self.faults)


class SimulatedWorld(ClockedWorld):
    """The same, with the simulated engine and code host in place."""

    @cached_property
    def engine(self) -> SimulatedEngine:  # type: ignore[override]
        """The simulated engine."""
        return SimulatedEngine(self.faults)

    @cached_property
    def host(self) -> SimulatedHost:  # type: ignore[override]
        """The simulated code host."""
        return SimulatedHost(super().host, self.faults, self.engine)


def run(arguments: Sequence[str], world: type[Context] = SimulatedWorld) -> None:
    """Run the command line, and end this process with its exit code."""
    Faults.here().set("process", str(os.getpid()))
    main(arguments, world)
