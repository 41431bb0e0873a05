"""Whether live infrastructure is as released, told apart from what is merged and not applied."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from gitops.config.settings import Environment
from gitops.context import Context
from gitops.errors import EngineFailed, GitFailed
from gitops.flow.drift import classification as flow
from gitops.flow.drift.classification import Look, Report
from gitops.model import History, Stack
from gitops.operations.program import Program, checked_out, fetched, named, side_by_side, stacks_at, standing_release
from gitops.operations.progress import tell, tell_free_text
from gitops.operations.undisturbed import Undisturbed
from gitops.views.markdown import drift as drift_issue


@dataclass(frozen=True, slots=True)
class Request:
    """Where to look: one environment or each, all its stacks or those named. `wait`: seconds to wait for an apply.

    `issue`: keep the environment's issue up to date.
    """

    environment: str | None = None
    stacks: tuple[str, ...] = ()
    wait: int = 0
    issue: bool = False


def drift(context: Context, request: Request) -> tuple[Report, ...]:
    """Preview each stack at the commit that was applied to it last, against what is live.

    Nothing is recorded or leased.

    A preview that fails is part of the result. Raises UsageError, ConfigError, RemoteUnreachable, Waiting,
    CodeHostFailed.
    """
    settings = context.config(context.repository.resolve("HEAD"))
    wanted = [settings.environment(request.environment)] if request.environment else settings.environments
    found = tuple(_of(context, environment, request) for environment in wanted)
    seen = [look.stack for one in found for look in one.looks]
    if request.stacks:
        named(seen, request.stacks)
    if request.issue:
        for one in found:
            _keep_issue(context, one)
    return found


def _keep_issue(context: Context, found: Report) -> None:
    if not flow.must_stay(found):
        name = found.environment
        context.issues.keep_issue(drift_issue.marker(name), drift_issue.title(name), drift_issue.issue(found))


def _of(context: Context, environment: Environment, request: Request) -> Report:
    tip = fetched(context, environment.branch)
    history = context.ledger().history()
    # The tip's own gitops.yaml says what the environment holds.
    held = stacks_at(context, environment.name, tip)
    chosen = [stack for stack in held if not request.stacks or {stack.name, stack.label} & set(request.stacks)]
    looks: dict[Stack, Look] = {}
    undisturbed = Undisturbed(context, context.ledger(), request.wait, tell)
    begun = {stack: _begin(history, stack) for stack in chosen}
    looks.update({stack: look for stack, look in begun.items() if not look.commit})
    for commit, stacks in _by_commit(begun.values()).items():
        try:
            commit_here = context.repository.resolve(commit)
        except GitFailed as error:
            problem = f"its commit {commit[:12]} is not in this clone: {error.message}"
            looks.update({stack: replace(begun[stack], problem=problem) for stack in stacks})
            continue
        with checked_out(context, commit_here) as program:
            for wave in program.in_order(stacks):
                tell(f"{environment.name}: looking at {', '.join(stack.label for stack in wave)} at {commit[:12]}")
                found = undisturbed.previews(partial(side_by_side, partial(_look, program, begun)), wave)
                looks.update({one.stack: one for one in found})
    # After the looks: an apply that one of them waited for is on record by now.
    history = context.ledger().history()
    known = tuple(_known(context, history, look, tip) for _, look in sorted(looks.items()))
    return Report(environment.name, environment.branch, tip, known)


def _begin(history: History, stack: Stack) -> Look:
    """What the ledger has of the stack; one to which nothing was applied has nothing to be compared with."""
    release, applied = history.release(stack), history.unverified(stack)
    return Look(stack, release.commit if release else "", applied=applied.commit if applied else "")


def _by_commit(looks: Iterable[Look]) -> Mapping[str, list[Stack]]:
    """Commit → the stacks to which it was applied last."""
    found: dict[str, list[Stack]] = {}
    for one in looks:
        if one.commit:
            found.setdefault(one.commit, []).append(one.stack)
    return found


def _look(program: Program, begun: Mapping[Stack, Look], stack: Stack) -> Look:
    try:
        run = program.context.engine.preview(program.project_folder(stack), stack.name).run
    except EngineFailed as error:
        tell_free_text(stack.label, error)
        return replace(begun[stack], problem="\n".join((error.message, *error.details)))
    return flow.seen(begun[stack], run)


def _known(context: Context, history: History, look: Look, tip: str) -> Look:
    """With what the ledger says of the stack: an apply that was cut short, a commit that waits to be applied."""
    now = _begin(history, look.stack)
    if not look.commit:
        return replace(look, pending=True)
    if now.commit != look.commit:
        return replace(look, problem=f"{now.commit[:12]} was applied to it meanwhile; look again")
    pending = tip != look.applied and standing_release(context, history, look.stack, tip) is None
    return replace(
        look, release=now.release, applied=now.applied, cut_short=history.cut_short(look.stack), pending=pending
    )
