"""Pulumi behind the engine ports: the CLI, read through the Automation API's typed events.

The Automation API's own `Stack.preview` and `Stack.up` start three to five extra processes a call (stack
selection, outputs, history). Here one run is one process, and the typed event classes are imported while the
engine already works.
"""

import importlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitops.adapters import leftovers, plugins, repair, scratch
from gitops.adapters.installed import Installed
from gitops.adapters.pulumi_process import PulumiProcess, failure
from gitops.adapters.secret_digests import DIGEST_KEY, KEY, SecretDigests
from gitops.errors import EngineFailed, Interrupted
from gitops.flow import options, reuse, values
from gitops.flow import plan as plans
from gitops.flow import preview as previews
from gitops.flow.events import typed as read_events
from gitops.flow.repair_rules import Rules
from gitops.flow.steps import Background
from gitops.model import CutOff, EngineRun, ResourceStep, StartState
from gitops.ports import Preview

if TYPE_CHECKING:
    from pulumi.automation.events import EngineEvent

__all__ = ["DIGEST_KEY", "PulumiEngine"]

_EVENTS = "pulumi.automation.events"


@dataclass(frozen=True, slots=True)
class _Work:
    """One engine run: what to start, where, and what that is called in an error."""

    process: PulumiProcess
    folder: Path
    arguments: Sequence[str]
    doing: str


class PulumiEngine:
    """Runs Pulumi in a checkout; one instance serves many stacks and threads."""

    def __init__(self, process: PulumiProcess) -> None:
        self._process = process
        self._secrets = SecretDigests()
        self._installed = Installed(process)
        self._created: set[tuple[Path, str]] = set()

    def preview(self, folder: Path, stack: str, *, save_plan: Path | None = None) -> Preview:
        """See `EngineReader.preview`. A stack that was never created is previewed on an empty scratch backend."""
        with scratch.folder("preview") as private, ThreadPoolExecutor(1) as beside:
            saved = save_plan or private / "plan.json"
            told = private / "preview.json"
            # The JSON is the only place that has every option of a resource, and only with those that stay the same.
            arguments = ["preview", "--refresh", "--stack", stack, "--save-plan", str(saved), "--json", "--show-sames"]
            # All that does not need the preview's result happens while the engine works.
            exporting = beside.submit(self._export, folder, stack)
            hashing = beside.submit(lambda: self._secrets.of(self._process, folder, stack, exporting.result()))
            beside.submit(importlib.import_module, _EVENTS)
            looking = beside.submit(self._installed.packages, folder)
            work = _Work(self._process, folder, arguments, f"preview stack {stack}")
            try:
                events, seconds = self._events(work, output=told)
                deployment = exporting.result()
            except EngineFailed:
                deployment = exporting.result()
                if deployment:
                    raise
                work = replace(work, process=self._process.with_backend(private.as_uri()))
                work.process.must(folder, ["stack", "init", stack], f"create {stack} in a scratch backend")
                events, seconds = self._events(work, output=told)
            document: Mapping[str, Any] = json.loads(saved.read_bytes())
            # Only what the program asks for is read from the saved plan. It repeats the state as well, encrypted anew.
            goals = [one.get("goal") or {} for one in (document.get("resourcePlans") or {}).values()]
            digests = {**hashing.result(), **self._secrets.of(work.process, folder, stack, *goals)}
            asked = options.asked(json.loads(told.read_bytes()))
        took_part = previews.provider_versions(events)
        plugins_used = plugins.moving(folder, work.process.environment, took_part)
        background = Background(
            state=plans.inputs_in_state(deployment, digests),
            goals=plans.inputs_in_saved_plan(document, digests),
            given=plans.given_in_saved_plan(document),
            given_before=plans.given_in_state(deployment),
            had=plans.options_in_state(deployment, digests),
            asked=asked,
            orders=plans.orders_in_saved_plan(document),
            plugins=plugins_used,
        )
        return Preview(
            run=previews.read(events, background, seconds),
            start=plans.start_state(deployment, digests),
            versions={
                **reuse.relevant(
                    {"pulumi": str((document.get("manifest") or {}).get("version", "")), **looking.result()}, took_part
                ),
                **{f"{package} plugin": one for package, one in plugins_used.items()},
            },
            digest_key=digests.get(KEY, ""),
        )

    def installed(self, folder: Path) -> Mapping[str, str]:
        """See `EngineReader.installed`."""
        return self._installed.versions(folder)

    def start_state(self, folder: Path, stack: str) -> StartState:
        """See `EngineReader.start_state`."""
        deployment = self._export(folder, stack)
        return plans.start_state(deployment, self._secrets.of(self._process, folder, stack, deployment))

    def outputs(self, folder: Path, stack: str) -> Mapping[str, Any]:
        """See `EngineReader.outputs`."""
        deployment = self._export(folder, stack)
        for resource in plans.resources_of(deployment):
            if resource.get("type") == plans.STACK_TYPE:
                outputs = values.read(resource.get("outputs") or {}, {})
                return outputs if isinstance(outputs, dict) else {}
        return {}

    def apply(
        self,
        folder: Path,
        stack: str,
        plan: Path,
        on_progress: Callable[[ResourceStep], None],
        must_stop: Callable[[], str],
    ) -> EngineRun:
        """See `EngineWriter.apply`."""
        if (folder, stack) not in self._created and not self._export(folder, stack):
            self._process.must(folder, ["stack", "init", stack], f"create stack {stack}")
        # Without --refresh the engine silently leaves out what the plan mends of live drift.
        arguments = ["up", "--refresh", "--stack", stack, "--plan", str(plan), "--skip-preview", "--yes"]
        work = _Work(self._process, folder, arguments, f"apply the plan to stack {stack}")
        events, seconds = self._events(work, on_progress, must_stop)
        return previews.read(events, seconds=seconds)

    def unsettled(
        self, folder: Path, stack: str, left_by: CutOff | None = None, told: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """See `EngineReader.unsettled`."""
        found = leftovers.find(self._process, folder, stack, left_by)
        if found.unreadable:
            return found.sentences
        settled = repair.look(self._process, folder, stack, self._export(folder, stack), Rules(told=told or {}))
        return (*found.sentences, *(settled.told if settled else ()))

    def settle(
        self, folder: Path, stack: str, left_by: CutOff | None = None, told: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """See `EngineWriter.settle`."""
        ended = leftovers.clear(self._process, folder, stack, left_by)
        rules = Rules(told=told or {})
        return (*ended, *repair.settle(self._process, folder, stack, self._export(folder, stack), rules))

    def _events(
        self,
        work: _Work,
        on_progress: Callable[[ResourceStep], None] | None = None,
        must_stop: Callable[[], str] = lambda: "",
        output: Path | None = None,
    ) -> tuple[list["EngineEvent"], float]:
        """Run, and read the events into the Automation API's types. Raises EngineFailed unless the run succeeded."""
        raw: list[Mapping[str, Any]] = []

        def receive(event: Mapping[str, Any]) -> None:
            raw.append(event)
            step = previews.step_of(event) if on_progress else None
            if on_progress and step:
                on_progress(step)

        doing, started = work.doing, time.monotonic()
        finished = work.process.run_with_events(work.folder, work.arguments, receive, must_stop, output)
        seconds = time.monotonic() - started
        events = read_events(raw, doing)
        if finished.stopped:
            raise EngineFailed(
                f"Stopped while trying to {doing}, since {finished.stopped}: the running operations were finished, "
                "the rest was left.",
                hint="Run the same command again when the stack is free: it looks at what was done until now.",
            )
        if finished.interrupted:
            raise Interrupted(
                f"Interrupted while trying to {doing}: the running operations were finished, the rest was left.",
                hint="Run the same command again: it continues from the state as it is now.",
            )
        if finished.code != 0:
            errors = [previews.sentence(d) for d in previews.read(events).errors]
            raise failure(doing, finished, errors)
        if not any(event.summary_event for event in events):
            raise EngineFailed(f"Could not {doing}: Pulumi ended without a summary.")
        return events, seconds

    def _export(self, folder: Path, stack: str) -> dict[str, Any]:
        """The stack's deployment document, secrets as ciphertext; {} for a stack that does not exist."""
        finished = self._process.run(folder, ["stack", "export", "--stack", stack])
        if finished.code == 0:
            self._created.add((folder, stack))
            document: dict[str, Any] = json.loads(finished.output)
            return document
        if self._exists(folder, stack):
            raise failure(f"read the state of stack {stack}", finished)
        return {}

    def _exists(self, folder: Path, stack: str) -> bool:
        listed = self._process.must(folder, ["stack", "ls", "--json"], "list the stacks in the state backend")
        return any(str(entry.get("name", "")).rsplit("/", 1)[-1] == stack for entry in json.loads(listed))
