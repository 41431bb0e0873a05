"""What `preview` and `up` share: one commit, checked out, and the plan of each of its stacks."""

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from gitops.adapters.pulumi import policy_packs
from gitops.adapters.system.interrupts import noted
from gitops.config.settings import Environment
from gitops.context import Context, require_environment
from gitops.errors import ConfigError, EngineFailed, GitFailed, UsageError
from gitops.flow.impact.affected import reached_files
from gitops.flow.impact.discovery import Snapshot, take_snapshot
from gitops.flow.impact.order import upstream_of, waves
from gitops.flow.plans import downstream, reuse
from gitops.flow.plans import plan as plans
from gitops.flow.plans.policies import NO_PACKS, Packs, entry, exists, pack_at
from gitops.model import History, Inputs, Plan, PolicyPack, Query, Record, RecordKind, ResourceGraph, Stack, StartState
from gitops.operations.affected import find_affected
from gitops.ports import RunnablePack

Result = TypeVar("Result")


@dataclass(frozen=True)
class Program:
    """A commit's program in a checkout of its own, so that nothing uncommitted takes part.

    `outputs` fills with what the previews so far would make of their stacks' outputs (see `Preview.outputs`).
    """

    context: Context
    commit: str
    snapshot: Snapshot
    folder: Path
    outputs: dict[Stack, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    def project_folder(self, stack: Stack) -> Path:
        """The folder that Pulumi runs in."""
        return self.folder / stack.folder

    @cached_property
    def upstream(self) -> Mapping[Stack, frozenset[Stack]]:
        """Stack → the stacks whose outputs it reads."""
        return upstream_of(self.snapshot)

    def in_order(self, stacks: Collection[Stack]) -> tuple[tuple[Stack, ...], ...]:
        """The stacks in waves: a stack comes after those whose outputs it reads."""
        return waves([stack for stack in stacks if stack in self.snapshot.stacks], self.upstream)

    def packs(self, stack: Stack, environment: str, history: History) -> Packs:
        """The policy packs of the stack's runs. Raises ConfigError for one that is named and not there.

        Where the release cannot be read, none counts as released: the gate cannot read it either, and does not open.
        """
        named = self.context.config(self.commit).packs
        release = last_release(history, stack, environment)
        released: tuple[PolicyPack, ...] = ()
        if release is not None:
            with suppress(GitFailed, ConfigError):
                released = self.context.packs(release.commit)
        kept = [pack.path for pack in released if pack.path not in named and exists(self.snapshot, pack.path)]
        lines = {**named, **dict.fromkeys(kept)}
        return Packs(tuple(pack_at(self.snapshot, path, line) for path, line in lines.items()), released, tuple(named))

    def runnable(self, packs: Packs) -> tuple[RunnablePack, ...]:
        """The packs in the checkout. Raises ConfigError for one that is not executable."""
        return tuple(policy_packs.located(self.folder, entry(self.snapshot, one.path), one) for one in packs.now)

    def plan(
        self, stack: Stack, environment: str, commit: str, packs: Packs = NO_PACKS, save_plan: Path | None = None
    ) -> Plan:
        """Preview the stack and bind the result; `commit` is what the plan is recorded for. Raises EngineFailed."""
        return self.planned(stack, environment, commit, packs, save_plan)[0]

    def planned(
        self, stack: Stack, environment: str, commit: str, packs: Packs = NO_PACKS, save_plan: Path | None = None
    ) -> tuple[Plan, ResourceGraph]:
        """As `plan`, and with it the stack's resources, as the preview saw them depend on each other."""
        preview = self.context.engine.preview(
            self.project_folder(stack), stack.name, save_plan=save_plan, packs=self.runnable(packs)
        )
        self.outputs[stack] = preview.outputs
        plan = plans.build(
            stack,
            environment,
            commit,
            run=preview.run,
            start=preview.start,
            inputs=replace(self.inputs(stack, preview.versions), digest_key=preview.digest_key),
            now=self.context.clock.now(),
        )
        return plan, preview.graph

    def spared(self, stack: Stack, recorded: Plan, packs: Packs) -> bool:
        """Whether a preview of the stack would repeat that plan, since nothing that it came from moved.

        Never where the stack reads another's outputs: those can move without any of this; nor where it moves outputs
        that another reads, since only a preview has them whole. Raises EngineFailed.
        """
        if downstream.moves(recorded.changes) and any(stack in read for read in self.upstream.values()):
            return False
        if recorded.stack != stack or self.upstream.get(stack) or reuse.obstacle(recorded):
            return False
        if {(one.path, one.digest) for one in recorded.packs} != {(one.path, one.digest) for one in packs.now}:
            return False
        engine, folder = self.context.engine, self.project_folder(stack)
        # The state last: it takes the longest to look at.
        now = self.inputs(stack, engine.installed(folder))
        # By its digest: what an apply writes otherwise without a change only a preview tells.
        return (
            reuse.same_origin(recorded, now) and recorded.start.digest == engine.start_state(folder, stack.name).digest
        )

    def inputs(self, stack: Stack, versions: Mapping[str, str]) -> Inputs:
        """What a plan of the stack is computed from."""
        config_file = self.snapshot.project_of(stack).config_files[stack.name]
        digests = {
            path: hashlib.sha256(content).hexdigest()
            for path, content in self.snapshot.read(sorted(reached_files(self.snapshot, stack)))
        }
        config = digests.pop(config_file, "")
        return Inputs(files=digests, config=config, versions=versions, ambient=self.context.ambient)


def newest(context: Context, name: str | None, branch: str | None) -> tuple[Environment, str]:
    """The environment of that name, else of that branch, and the newest commit of its branch, brought here.

    Raises UsageError, RemoteUnreachable.
    """
    local = context.config(context.repository.resolve("HEAD"))
    environment = require_environment(local, name, branch)
    return environment, fetched(context, environment.branch)


def fetched(context: Context, branch: str) -> str:
    """The newest commit of the remote's branch, brought here. Raises RemoteUnreachable."""
    tip = context.repository.branch_head(branch)
    context.git.fetch(f"refs/heads/{branch}")
    return tip


def current_branch(context: Context) -> str:
    """The branch that this job was started for, or that is checked out."""
    return context.environment.get("GITHUB_REF_NAME") or context.git.text("rev-parse", "--abbrev-ref", "HEAD")


def stacks_at(context: Context, environment: str, commit: str) -> tuple[Stack, ...]:
    """The stacks that the commit's own gitops.yaml gives the environment.

    Raises GitFailed, ConfigError; UsageError where it has no such environment.
    """
    settings = context.config(commit)
    return settings.stacks_of(settings.environment(environment), take_snapshot(context.repository, commit).stacks)


@contextmanager
def checked_out(context: Context, commit: str) -> Iterator[Program]:
    """The program of a commit, in a temporary checkout."""
    with context.repository.checkout(commit) as folder:
        yield Program(context, commit, take_snapshot(context.repository, commit), folder)


def named(stacks: Collection[Stack], names: Collection[str]) -> tuple[Stack, ...]:
    """The stacks that the user named by name or label; all of them when none was named. Raises UsageError."""
    chosen = []
    for name in names:
        matches = [stack for stack in stacks if name in (stack.name, stack.label)]
        if not matches:
            known = ", ".join(sorted(stack.label for stack in stacks))
            raise UsageError(f"There is no stack {name!r} in this environment.", hint=f"There are: {known or 'none'}.")
        chosen += matches
    return tuple(sorted(set(chosen))) if names else tuple(sorted(stacks))


def standing_release(context: Context, history: History, stack: Stack, commit: str) -> Record | None:
    """The stack's last release, if it already holds everything in this commit that can alter the stack.

    A release of a commit that this one does not contain (a later one, or one of a rewritten branch) stands for
    nothing: the files between the two do not say what an apply would do.
    """
    release = history.release(stack)
    if release is None or history.without_release(stack):
        return None
    if release.commit != commit:
        if not contains(context, commit, release.commit):
            return None
        change = find_affected(context.repository, release.commit, commit)
        if any(one.stack == stack for one in change.stacks):
            return None
    return release


def last_release(history: History, stack: Stack, environment: str) -> Record | None:
    """The release whose rules a change is held to as well: the stack's own, else the newest of the environment."""
    return history.release(stack) or history.newest(Query(kinds=(RecordKind.RELEASE,), environment=environment))


def must_have_its_state(program: Program, stack: Stack, start: StartState, history: History) -> None:
    """Raises EngineFailed where a stack that was applied is not in the state backend, and would be made a second time.

    Looked at only where the state is empty. A backend that has the stack, with nothing in it, is believed.
    """
    last = history.newest(Query(stack=stack.label, kinds=(RecordKind.APPLIED, RecordKind.DESTROYED)))
    if start.resources or last is None or last.kind is RecordKind.DESTROYED:
        return
    if stack.name not in program.context.engine.stacks(program.project_folder(stack)):
        raise EngineFailed(
            f"{stack.label} was applied by {last.by}, and the state backend has no such stack: all of it would be made "
            "a second time.",
            hint="Is the state in another backend, or in a folder of another clone? Name that one. Where the stack was "
            f"removed on purpose, make it anew: `pulumi stack init {stack.name}`.",
        )


def contains(context: Context, commit: str, ancestor: str) -> bool:
    """Whether `commit` contains `ancestor`; a commit that this clone does not have is contained in none."""
    try:
        return context.repository.is_ancestor(ancestor, commit)
    except GitFailed:
        return False


def side_by_side(work: Callable[[Stack], Result], wave: Collection[Stack]) -> tuple[Result, ...]:
    """Do the work for each stack of a wave, as many at once as there are cores. An interrupt stops all of them."""
    with noted(), ThreadPoolExecutor(min(len(wave), os.cpu_count() or 1) or 1) as pool:
        return tuple(pool.map(work, wave))
