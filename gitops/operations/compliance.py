"""The state of every control of the policy packs, in each environment, as it is live."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from gitops.config.settings import Environment
from gitops.context import Context
from gitops.errors import GitFailed, UsageError
from gitops.flow import words
from gitops.flow.compliance import controls as flow
from gitops.flow.compliance.controls import Compliance, Look
from gitops.flow.plans.policies import Packs
from gitops.model import Stack
from gitops.operations.program import Program, checked_out, fetched, named, side_by_side, stacks_at
from gitops.operations.progress import tell
from gitops.operations.undisturbed import Undisturbed


@dataclass(frozen=True, slots=True)
class Request:
    """What to look at: one environment or each, all its stacks or those named, at their releases or at one commit.

    `wait` is for how many seconds to wait for an apply's end.
    """

    environment: str | None = None
    stacks: tuple[str, ...] = ()
    commit: str | None = None
    wait: int = 0


def compliance(context: Context, request: Request) -> tuple[Compliance, ...]:
    """Preview each stack under the policy packs of its commit, against live state; nothing is recorded or leased.

    Raises UsageError, ConfigError, EngineFailed when a preview or a pack fails, RemoteUnreachable, Waiting.
    """
    settings = context.config(context.repository.resolve("HEAD"))
    wanted = [settings.environment(request.environment)] if request.environment else settings.environments
    if request.commit and not request.environment:
        raise UsageError("--commit is a commit of one environment.", hint="Name it: --environment NAME.")
    found = tuple(_of(context, environment, request) for environment in wanted)
    if not any(packs for one in found for _, _, packs in one.stacks):
        raise UsageError(
            f"gitops.yaml names no policy pack in what is released in {words.listed([one.name for one in wanted])}.",
            hint="Name one under `policy: {packs: [policy]}`; --commit looks at a commit that is not released yet.",
        )
    return found


def _of(context: Context, environment: Environment, request: Request) -> Compliance:
    looks: list[Look] = []
    undisturbed = Undisturbed(context, context.ledger(), request.wait, tell)
    for commit, stacks in _commits(context, environment, request).items():
        with checked_out(context, commit) as program:
            look = partial(_look, program, Packs(context.packs(commit)))
            for wave in program.in_order(stacks):
                tell(f"{environment.name}: looking at {', '.join(stack.label for stack in wave)} at {commit[:12]}")
                looks += undisturbed.previews(partial(side_by_side, look), wave)
    return flow.assess(environment.name, looks)


def _commits(context: Context, environment: Environment, request: Request) -> Mapping[str, list[Stack]]:
    """Commit → the stacks to look at there: the request's commit, else each one's release, else the branch's newest."""
    history = context.ledger().history()
    tip = context.repository.resolve(request.commit) if request.commit else fetched(context, environment.branch)
    # The tip's own gitops.yaml says what the environment holds.
    held = stacks_at(context, environment.name, tip)
    found: dict[str, list[Stack]] = {}
    for stack in named(held, request.stacks):
        release = None if request.commit else history.release(stack)
        try:
            commit = context.repository.resolve(release.commit) if release else tip
        except GitFailed as error:
            raise UsageError(
                f"{stack.label} is released at {release.commit[:12] if release else tip}, which is not in this clone.",
                hint="Fetch the whole history, or name a commit with --commit.",
            ) from error
        found.setdefault(commit, []).append(stack)
    return found


def _look(program: Program, packs: Packs, stack: Stack) -> Look:
    engine, folder = program.context.engine, program.project_folder(stack)
    runnable = program.runnable(packs)
    rules = engine.rules(folder, stack, runnable)
    run = engine.preview(folder, stack.name, packs=runnable).run
    file = program.snapshot.project_of(stack).config_files[stack.name]
    return Look(stack, program.commit, run, rules, file)
