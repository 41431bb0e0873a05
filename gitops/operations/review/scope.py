"""What a change means for one environment: the stacks to preview, and why.

`preview`, `review` and `matrix` agree on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gitops.config.settings import Config, Environment
from gitops.context import Context, require_environment
from gitops.errors import ConfigError
from gitops.flow.impact.discovery import Snapshot, take_snapshot
from gitops.model import AffectedStack, History, Reason, ReasonKind, Stack
from gitops.operations.affected import default_base, find_affected
from gitops.operations.judging import must_be_readable
from gitops.operations.program import standing_release

# An apply brings a stack to the whole commit, so what was merged before and never released is part of its plan.
_UNRELEASED = Reason(ReasonKind.UNRELEASED, "", "earlier changes of the target branch are not released yet")


@dataclass(frozen=True, slots=True)
class Scope:
    """A change by its two commits, and `commit`, its merge, whose program is previewed and whose settings count.

    `held` are the environment's stacks there; `affected` are those to look at; `gone` are stacks that the change takes
    out of the environment.
    """

    settings: Config
    environment: Environment
    base: str
    head: str
    commit: str
    snapshot: Snapshot
    held: tuple[Stack, ...]
    affected: Mapping[Stack, AffectedStack]
    gone: tuple[Stack, ...]


def find(
    context: Context,
    history: History,
    change: tuple[str | None, str],
    environment: str | None = None,
    branch: str | None = None,
) -> Scope:
    """What merging a head into a base, as it is now, would touch; `change` is both. Default: where the head left main.

    `environment` is named, or else follows `branch`, or else the branch that the base is written as.
    Raises Refused for a conflict, UsageError for an unknown environment, ConfigError for settings that are not right.
    """
    repository = context.repository
    base, head = change
    to = repository.resolve(head)
    into = repository.resolve(base) if base else default_base(repository, to)
    unborn = into == repository.empty_tree()
    commit = to if unborn else context.git.merged(into, to)
    settings = context.config(commit)
    must_be_readable(settings.environments)
    branch = branch or (base.removeprefix(f"{context.git.remote}/") if base else None)
    chosen = require_environment(settings, environment, branch)
    snapshot = take_snapshot(repository, commit)
    held = settings.stacks_of(chosen, snapshot.stacks)
    found = {one.stack: one for one in find_affected(repository, into, commit).stacks}
    affected = {stack: found[stack] for stack in held if stack in found}
    for stack in held:
        if stack not in affected and standing_release(context, history, stack, commit) is None:
            affected[stack] = AffectedStack(stack, (_UNRELEASED,))
    gone = tuple(sorted(set(_held_at(context, into, chosen)) - set(held)))
    return Scope(settings, chosen, into, to, commit, snapshot, held, affected, gone)


def _held_at(context: Context, commit: str, environment: Environment) -> tuple[Stack, ...]:
    """The environment's stacks as another commit declares them; none where that cannot be read."""
    if commit == context.repository.empty_tree():
        return ()
    try:
        before = context.config(commit)
        then = next((one for one in before.environments if one.name == environment.name), environment)
        return before.stacks_of(then, take_snapshot(context.repository, commit).stacks)
    except ConfigError:
        return ()
