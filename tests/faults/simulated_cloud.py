"""A simulated cloud and its state backend in two folders, so that both outlive a killed run. Standard library only.

A thing has a name and a size. The cloud writes down every operation it serves, so that nothing done twice stays hidden.
"""

import json
import os
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Sizes = dict[str, int]


class Locked(Exception):
    """Somebody who is alive works on the state."""


@dataclass(frozen=True)
class SimulatedCloud:
    """What exists (`things.json`), every operation there was (`log`), and the state backend (`state.json`, `lock`)."""

    folder: Path

    def things(self) -> Sizes:
        """What exists."""
        return dict(_read(self.folder / "things.json", {}))

    def operate(self, operation: str, name: str, size: int | None) -> None:
        """Create, update or delete (no size) one thing."""
        things = {**self.things(), name: size}
        _write(self.folder / "things.json", {key: value for key, value in things.items() if value is not None})
        with (self.folder / "log").open("a") as log:
            log.write(f"{operation} {name}\n")

    def operations(self) -> Counter[str]:
        """How many times each operation was done: `create cache` → 1."""
        log = self.folder / "log"
        return Counter(log.read_text().splitlines() if log.exists() else ())

    def state(self) -> Sizes:
        """What the state believes."""
        return dict(self._document()["things"])

    def pending(self) -> dict[str, str]:
        """Thing → the operation on it that the state calls pending."""
        return dict(self._document()["pending"])

    def bare(self) -> frozenset[str]:
        """The things that the state has as the newest run's refresh wrote them: it never came to register them."""
        return frozenset(self._document()["bare"])

    def note(self, things: Mapping[str, int], pending: Mapping[str, str], bare: Collection[str] | None = None) -> None:
        """Write the state, whole or not at all; what is `bare` stays so where nothing is said."""
        left = sorted((self.bare() if bare is None else set(bare)) & things.keys())
        _write(self.folder / "state.json", {"things": dict(things), "pending": dict(pending), "bare": left})

    def lock(self) -> None:
        """Take the backend's lock. Raises Locked."""
        owner = self.lock_owner()
        if owner is not None:
            raise Locked(f"the stack is currently locked by process {owner}")
        (self.folder / "lock").write_text(str(os.getpid()))

    def unlock(self) -> None:
        """Give it back."""
        (self.folder / "lock").unlink()

    def lock_owner(self) -> int | None:
        """Who holds the backend's lock, alive or not."""
        try:
            return int((self.folder / "lock").read_text())
        except FileNotFoundError:
            return None

    def edit(self, name: str, size: int) -> bool:
        """Somebody's own `pulumi up`, past the pipeline; False when the backend's lock kept them out."""
        try:
            self.lock()
        except Locked:
            return False
        self.operate("edit", name, size)
        self.note({**self.state(), name: size}, self.pending(), bare=())
        self.unlock()
        return True

    def _document(self) -> dict[str, Any]:
        return _read(self.folder / "state.json", {"things": {}, "pending": {}, "bare": []})


def is_alive(process: int) -> bool:
    """Whether a process exists."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _read(file: Path, otherwise: dict[str, Any]) -> dict[str, Any]:
    return json.loads(file.read_text()) if file.exists() else otherwise


def _write(file: Path, content: object) -> None:
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps(content))
    beside.replace(file)
