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
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitops.adapters.pulumi import (
    deployments,
    graph,
    options,
    plugins,
    policy_packs,
    property_values,
    proposed,
    rewriting,
)
from gitops.adapters.pulumi import preview as previews
from gitops.adapters.pulumi.events import evaluations, stacks_read
from gitops.adapters.pulumi.events import typed as read_events
from gitops.adapters.pulumi.failed_run import FailedRun
from gitops.adapters.pulumi.installed import Installed
from gitops.adapters.pulumi.process import Finished, PulumiProcess, failure
from gitops.adapters.pulumi.recovery import killed_run, providers
from gitops.adapters.pulumi.recovery.whereabouts import Rules
from gitops.adapters.pulumi.secret_digests import DIGEST_KEY, KEY, SecretDigests, whose_secrets
from gitops.adapters.pulumi.settings_files import project_name, stack_settings
from gitops.adapters.pulumi.steps import Background
from gitops.adapters.system import scratch
from gitops.errors import EngineFailed, EngineKilled, GitOpsError, Interrupted
from gitops.flow.plans import policies, reuse
from gitops.model import (
    CutOff,
    Diagnostic,
    EngineRun,
    PolicyPack,
    PolicyRule,
    ResourceStep,
    Severity,
    Stack,
    StartState,
)
from gitops.ports import Preview, RunnablePack, SavedPlan, Upstream

if TYPE_CHECKING:
    from pulumi.automation.events import EngineEvent

__all__ = ["DIGEST_KEY", "PulumiEngine"]

_EVENTS = "pulumi.automation.events"


@dataclass(frozen=True, slots=True)
class _Work:
    """One engine run."""

    process: PulumiProcess
    folder: Path
    stack: str
    arguments: Sequence[str]
    doing: str
    """What the run is called in an error."""
    packs: Sequence[RunnablePack] = ()
    plan: Path | None = None
    """Pulumi's saved plan, where the run is an apply of one."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What a run told. `violates`: a preview that failed by mandatory policies alone."""

    events: Sequence["EngineEvent"]
    raw: Sequence[Mapping[str, Any]]
    packs: tuple[PolicyPack, ...]
    seconds: float
    violates: bool

    def run(self, background: Background = previews.NO_BACKGROUND) -> EngineRun:
        """As the pipeline reads it."""
        run = previews.read(self.events, background, self.seconds)
        errors = (Diagnostic(Severity.ERROR, previews.FAILED),) if self.violates else ()
        diagnostics = tuple(one for one in run.diagnostics if one not in errors)
        return replace(run, diagnostics=diagnostics, packs=self.packs, evaluations=evaluations(self.raw))


class PulumiEngine:
    """Runs Pulumi in a checkout; one instance serves many stacks and threads."""

    def __init__(self, process: PulumiProcess) -> None:
        self._process = process
        self._secrets = SecretDigests()
        self._installed = Installed(process)
        self._created: set[tuple[Path, str]] = set()

    def preview(
        self, folder: Path, stack: str, *, save_plan: Path | None = None, packs: Sequence[RunnablePack] = ()
    ) -> Preview:
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
            doing = f"preview stack {stack}"
            work = _Work(self._process, folder, stack, [*arguments, *policy_packs.arguments(packs)], doing, packs)
            try:
                found = self._events(work, output=told)
                deployment = exporting.result()
            except EngineFailed:
                deployment = exporting.result()
                if deployment:
                    raise
                work = replace(work, process=self._process.with_backend(private.as_uri()))
                _create(work.process, folder, stack, f"create {stack} in a scratch backend")
                # Until now the stack was nowhere, and its config could not be decrypted.
                self._secrets.learn(work.process, folder, stack)
                found = self._events(work, output=told)
            if found.violates:
                # Pulumi has saved no plan. What its events do not tell of the changes, a run without packs does; one
                # that succeeds also proves that nothing but the policies was in the way.
                saved.unlink(missing_ok=True)
                saved = private / "plan-without-packs.json"
                arguments[arguments.index("--save-plan") + 1] = str(saved)
                self._events(replace(work, arguments=arguments, packs=()), output=told)
            document: Mapping[str, Any] = json.loads(saved.read_bytes())
            # Of the saved plan, what the program asks for; it repeats the state as well, encrypted anew.
            goals = [one.get("goal") or {} for one in (document.get("resourcePlans") or {}).values()]
            digests = {**hashing.result(), **self._secrets.of(work.process, folder, stack, *goals)}
            shown: Mapping[str, Any] = json.loads(told.read_bytes())
        took_part = previews.provider_versions(found.events)
        plugins_used = plugins.moving(folder, work.process.environment, took_part)
        background = Background(
            state=deployments.inputs_in_state(deployment, digests),
            goals=deployments.inputs_in_saved_plan(document, digests),
            given=deployments.given_in_saved_plan(document),
            given_before=deployments.given_in_state(deployment),
            had=deployments.options_in_state(deployment, digests),
            asked=options.asked(shown),
            orders=deployments.orders_in_saved_plan(document),
            plugins=plugins_used,
        )
        return Preview(
            run=self._without_secrets(work, found, found.run(background), deployment, document),
            start=deployments.start_state(deployment, digests, rewriting.rewritten(deployment, found.events, shown)),
            versions={
                **reuse.relevant(
                    {"pulumi": str((document.get("manifest") or {}).get("version", "")), **looking.result()}, took_part
                ),
                **{f"{package} plugin": one for package, one in plugins_used.items()},
            },
            digest_key=digests.get(KEY, ""),
            graph=graph.read(deployment, document),
            outputs=proposed.outputs_in_plan(document),
        )

    def preview_after(
        self, folder: Path, stack: Stack, upstream: Sequence[Upstream], packs: Sequence[RunnablePack] = ()
    ) -> Preview:
        """See `EngineReader.preview_after`."""
        with proposed.backend(self._process, self._export, Upstream(stack, folder), upstream) as process:
            there = PulumiEngine(process)
            # What these know holds on any backend.
            there._secrets, there._installed = self._secrets, self._installed
            return there.preview(folder, stack.name, packs=packs)

    def rules(self, folder: Path, stack: Stack, packs: Sequence[RunnablePack]) -> tuple[PolicyRule, ...]:
        """See `EngineReader.rules`."""
        return tuple(rule for one in packs for rule in policy_packs.rules(one, stack, folder, self._process))

    def installed(self, folder: Path) -> Mapping[str, str]:
        """See `EngineReader.installed`."""
        return self._installed.versions(folder)

    def start_state(self, folder: Path, stack: str) -> StartState:
        """See `EngineReader.start_state`."""
        deployment = self._export(folder, stack)
        return deployments.start_state(deployment, self._secrets.of(self._process, folder, stack, deployment))

    def outputs(self, folder: Path, stack: str) -> Mapping[str, Any]:
        """See `EngineReader.outputs`."""
        deployment = self._export(folder, stack)
        outputs = property_values.read(deployments.stack_outputs(deployment), {})
        return outputs if isinstance(outputs, dict) else {}

    def apply(
        self,
        folder: Path,
        stack: str,
        plan: SavedPlan,
        on_progress: Callable[[ResourceStep], None],
        must_stop: Callable[[], str],
    ) -> EngineRun:
        """See `EngineWriter.apply`."""
        if (folder, stack) not in self._created and not self._export(folder, stack):
            _create(self._process, folder, stack, f"create stack {stack}")
        # Without --refresh the engine silently leaves out what the plan mends of live drift.
        arguments = ["up", "--refresh", "--stack", stack, "--plan", str(plan.file), "--skip-preview", "--yes"]
        arguments += policy_packs.arguments(plan.packs)
        doing = f"apply the plan to stack {stack}"
        work = _Work(self._process, folder, stack, arguments, doing, plan.packs, plan.file)
        return self._events(work, on_progress, must_stop).run()

    def stacks(self, folder: Path) -> tuple[str, ...]:
        """See `EngineReader.stacks`."""
        finished = self._process.run(folder, ["stack", "ls", "--json"])
        if finished.code == 0:
            return tuple(sorted(str(one.get("name", "")).rsplit("/", 1)[-1] for one in json.loads(finished.output)))
        found = killed_run.stacks_by_files(self._process.backend(folder), project_name(folder))
        if found is None:
            raise failure("list the stacks in the state backend", finished, self._process.redactor)
        return found

    def destroy(
        self,
        folder: Path,
        stack: str,
        on_progress: Callable[[ResourceStep], None],
        must_stop: Callable[[], str],
    ) -> None:
        """See `EngineWriter.destroy`."""
        if not self._export(folder, stack):
            return
        arguments = ["destroy", "--stack", stack, "--skip-preview", "--yes"]
        work = _Work(self._process, folder, stack, arguments, f"destroy stack {stack}")
        self._events(work, on_progress, must_stop)
        # Not `destroy --remove`: that would also take the stack's config file out of the folder.
        self._process.must(folder, ["stack", "rm", stack, "--yes", "--preserve-config"], f"remove stack {stack}")
        self._created.discard((folder, stack))

    def unsettled(
        self, folder: Path, stack: str, left_by: CutOff | None = None, told: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """See `EngineReader.unsettled`."""
        found = killed_run.find(self._process, folder, stack, left_by)
        if found.unreadable:
            return found.sentences
        settled = providers.look(self._process, folder, stack, self._left(folder, stack), Rules(told=told or {}))
        return (*found.sentences, *(settled.told if settled else ()))

    def settle(
        self, folder: Path, stack: str, left_by: CutOff | None = None, told: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """See `EngineWriter.settle`."""
        ended = killed_run.clear(self._process, folder, stack, left_by)
        rules = Rules(told=told or {})
        try:
            return (*ended, *providers.settle(self._process, folder, stack, self._left(folder, stack), rules))
        except EngineKilled:
            # No record tells of this run, so nobody on another machine could know the lock of its write for its own.
            with suppress(GitOpsError):
                killed_run.clear(self._process, folder, stack, None)
            raise

    def _left(self, folder: Path, stack: str) -> dict[str, Any]:
        """The state, and its secrets known to the redactor where providers will be asked about what is pending."""
        deployment = self._export(folder, stack)
        if deployments.pending_operations(deployment):
            self._secrets.learn(self._process, folder, stack, deployment)
        return deployment

    def _events(
        self,
        work: _Work,
        on_progress: Callable[[ResourceStep], None] | None = None,
        must_stop: Callable[[], str] = lambda: "",
        output: Path | None = None,
    ) -> _Found:
        """Run, and read the events into the Automation API's types.

        Raises EngineFailed unless the run succeeded, or is a preview that only policies made fail.
        """
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
        if finished.killed_by and not finished.stopped:
            raise self._failed(work, finished, previews.read(events), raw)
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
        is_reviewed = bool(work.packs) and work.arguments[0] == "preview"
        violates = finished.code != 0 and is_reviewed and previews.violates_only(events)
        if finished.code != 0 and not violates:
            raise self._failed(work, finished, previews.read(events), raw)
        summary = next((event.summary_event for event in events if event.summary_event), None)
        if summary is None:
            raise EngineFailed(f"Could not {doing}: Pulumi ended without a summary.")
        executables = {str(pack.executable): pack.pack for pack in work.packs}
        packs = policies.took_part(summary.policy_packs or {}, executables)
        if packs is None:
            raise EngineFailed(
                f"Could not {doing}: Pulumi does not tell that each of the policy packs "
                f"{', '.join(pack.pack.path for pack in work.packs)} took part."
            )
        return _Found(events, raw, packs, seconds, violates)

    def _failed(
        self, work: _Work, finished: Finished, run: EngineRun, raw: Sequence[Mapping[str, Any]]
    ) -> EngineFailed:
        """The error of a failed run: typed facts, and its text without the secrets of config, state and plan."""
        try:
            deployment = self._export(work.folder, work.stack)
            document = json.loads(work.plan.read_bytes()) if work.plan else {}
        except (EngineFailed, OSError, ValueError):
            work.process.secrets.cannot_read(whose_secrets(work.folder, work.stack))
            deployment, document = {}, {}
        else:
            self._learn(work, raw, deployment, document)
        failed = FailedRun(work.doing, work.folder, finished, run, raw)
        return failed.error(work.process.redactor, deployment, document)

    def _learn(self, work: _Work, raw: Sequence[Mapping[str, Any]], *documents: Mapping[str, Any]) -> None:
        """Have the redactor know what the run may print: the stack's secrets, and those that it read of others."""
        self._secrets.learn(work.process, work.folder, work.stack, *documents)
        self._secrets.learn_read(work.process, work.folder, work.stack, stacks_read(raw))

    def _without_secrets(self, work: _Work, found: _Found, run: EngineRun, *documents: Mapping[str, Any]) -> EngineRun:
        """The run with its messages rid of known secrets: warnings and findings are shown and kept."""
        if not run.diagnostics and not run.findings:
            return run
        self._learn(work, found.raw, *documents)
        secrets, whose = work.process.secrets, whose_secrets(work.folder, work.stack)
        line = secrets.redactor(work.process.environment, whose).line
        return replace(
            run,
            diagnostics=tuple(replace(one, message=line(one.message)) for one in run.diagnostics),
            findings=tuple(replace(one, message=line(one.message)) for one in run.findings),
        )

    def _export(self, folder: Path, stack: str) -> dict[str, Any]:
        """The stack's deployment document, secrets as ciphertext; {} for a stack that does not exist."""
        finished = self._process.run(folder, ["stack", "export", "--stack", stack])
        if finished.code == 0:
            self._created.add((folder, stack))
            document: dict[str, Any] = json.loads(finished.output)
            return document
        if self._exists(folder, stack):
            raise failure(f"read the state of stack {stack}", finished, self._process.redactor)
        return {}

    def _exists(self, folder: Path, stack: str) -> bool:
        return stack in self.stacks(folder)


def _create(process: PulumiProcess, folder: Path, stack: str, doing: str) -> None:
    """Make an empty stack that opens the secrets of its config file.

    Where nobody names the provider that the file does, Pulumi writes another one over it, and its secrets are lost.
    """
    named = stack_settings(folder, stack).get("secretsprovider")
    provider = ["--secrets-provider", str(named)] if named else []
    process.must(folder, ["stack", "init", stack, *provider], doing)
