"""`gitops matrix`: which stacks a change needs looked at or applied, spread over machines."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import click

from gitops.config.settings import Environment
from gitops.context import Context
from gitops.errors import Refused, UsageError
from gitops.flow.impact import shards
from gitops.flow.impact.discovery import take_snapshot
from gitops.flow.impact.order import upstream_of
from gitops.flow.impact.shards import Leg
from gitops.flow.ledger.chain import History, Query
from gitops.model import RecordKind, Stack
from gitops.operations.program import fetched, newest, standing_release
from gitops.operations.review import publishing
from gitops.operations.review import scope as scopes

# What a merge queue calls the branch of what it would merge: gh-readonly-queue/BASE/pr-NUMBER-COMMIT.
_QUEUED = re.compile(r"(?:refs/heads/)?gh-readonly-queue/(?P<base>.+)/pr-(?P<number>\d+)-[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Matrix:
    """The machines, in waves, for one environment and a change by its two commits.

    A later wave reads from earlier ones. `number` is the pull request, 0 where there is none.
    """

    environment: str
    branch: str
    base: str
    head: str
    number: int
    waves: tuple[tuple[Leg, ...], ...]

    @property
    def stacks(self) -> tuple[Stack, ...]:
        """All stacks."""
        return tuple(sorted(stack for wave in self.waves for leg in wave for stack in leg.stacks))


def queued(ref: str) -> tuple[str, int]:
    """Base branch and pull request of a merge queue's branch. Raises UsageError for any other."""
    found = _QUEUED.fullmatch(ref)
    if found is None:
        raise UsageError(f"{ref!r} is not a branch of a merge queue.", hint="Such as gh-readonly-queue/main/pr-7-1f0c…")
    return found["base"], int(found["number"])


def of_pull_request(context: Context, number: int) -> Matrix:
    """The machines that preview a pull request, whose branches are asked of the code host.

    Raises Refused for one from a fork: its program would run with this repository's rights; and in a run that was
    started by hand on another commit: what its code leaves in the caches of a branch, that branch's applies take up.
    """
    found = context.host.pull_request(number)
    if found.from_fork:
        raise Refused(
            f"Pull request {number} comes from a fork, so it gets no preview: that needs credentials.",
            hint="Review the change, push it to a branch of this repository, and open a pull request from there.",
        )
    by_hand = context.environment.get("GITHUB_EVENT_NAME") == "workflow_dispatch"
    if by_hand and context.environment.get("GITHUB_SHA") != found.head:
        raise Refused(
            f"This run was started on another commit than {found.head[:12]}, the head of pull request {number}.",
            hint="Start it on the pull request's own branch; where that moved meanwhile, start it again.",
        )
    base = fetched(context, found.base)
    context.git.fetch(found.head)
    return _of_change(context, base, found.head, found.base, number)


def of_queued(context: Context, ref: str, head: str) -> Matrix:
    """The machines that preview what a merge queue would merge: its branch, and the commit it is at."""
    branch, number = queued(ref)
    return _of_change(context, fetched(context, branch), head, branch, number)


def _of_change(context: Context, base: str, head: str, branch: str, number: int) -> Matrix:
    history = context.ledger().history()
    scope = scopes.find(context, history, (base, head), branch=branch)
    seconds = _seconds(history, scope.affected, RecordKind.PLAN)
    together = shards.connected(scope.held, upstream_of(scope.snapshot))
    groups = [tuple(stack for stack in group if stack in scope.affected) for group in together]
    spread = shards.spread(filter(None, groups), seconds, scope.settings.preview_runners, shards.PREVIEWS_AT_ONCE)
    return Matrix(scope.environment.name, branch, scope.base, scope.head, number, (spread,) if spread else ())


def of_commit(context: Context, commit: str, branch: str) -> Matrix:
    """The machines that apply a commit of an environment's branch.

    What has nothing to apply goes along with the first of them, which notes that in the ledger.
    """
    repository = context.repository
    environment, _ = newest(context, None, branch)
    head = repository.resolve(commit)
    settings, snapshot = context.config(head), take_snapshot(repository, head)
    environment = settings.environment(environment.name)
    history = context.ledger().history()
    held = settings.stacks_of(environment, snapshot.stacks)
    wanted = [stack for stack in held if standing_release(context, history, stack, head) is None]
    seconds = _seconds(history, wanted, RecordKind.RELEASE)
    needless = [stack for stack in held if stack not in wanted]
    waves = shards.apply_waves(wanted, upstream_of(snapshot), seconds, settings.apply_runners, along=needless)
    return Matrix(environment.name, branch, repository.parent(head) or head, head, 0, waves)


def _seconds(history: History, stacks: Collection[Stack], kind: RecordKind) -> Mapping[Stack, float]:
    """How long the last preview, or the last apply with its verification, of each stack took, where that is known."""
    found: dict[Stack, float] = {}
    for stack in stacks:
        record = history.newest(Query(stack=stack.label, kinds=(kind,)))
        if record is not None and kind is RecordKind.PLAN and record.body.get("seconds"):
            found[stack] = float(record.body["seconds"])
        elif record is not None and kind is RecordKind.RELEASE:
            started = history.newest(
                Query(stack=stack.label, kinds=(RecordKind.APPLY_STARTED,), commit=record.commit, until=record.at)
            )
            if started:
                found[stack] = (record.at - started.at).total_seconds()
    return found


def started(context: Context) -> tuple[Environment, ...]:
    """The environments whose branch is there. Raises RemoteUnreachable."""
    known = context.config(context.repository.resolve("HEAD")).environments
    refs = context.git.remote_refs(*(f"refs/heads/{one.branch}" for one in known))
    return tuple(one for one in known if f"refs/heads/{one.branch}" in refs)


def as_outputs(found: Matrix) -> Mapping[str, str]:
    """What the jobs of a workflow read as `needs.….outputs`; each leg is `{"number": …, "title": …, "stacks": […]}`."""
    waves = [_legs(wave) for wave in found.waves]
    every = _legs([leg for wave in found.waves for leg in wave])
    alone = len(waves) == 1 and len(waves[0]) == 1
    padded = [*waves, *[[]] * (shards.WAVES - len(waves))]
    return {
        "environment": found.environment,
        "branch": found.branch,
        "base": found.base,
        "head": found.head,
        "number": str(found.number or ""),
        "alone": "true" if alone else "",
        "legs": _json(every),
        **{f"wave-{number}": _json(wave) for number, wave in enumerate(padded, 1)},
    }


def as_document(found: Matrix) -> dict[str, object]:
    """The JSON form."""
    return {
        "format": 1,
        "environment": found.environment,
        "branch": found.branch,
        "base": found.base,
        "head": found.head,
        "pull_request": found.number or None,
        "waves": [
            [{"stacks": [stack.label for stack in leg.stacks], "seconds": round(leg.seconds)} for leg in wave]
            for wave in found.waves
        ],
    }


def lines(found: Matrix) -> list[str]:
    """The terminal form: a line a machine."""
    if not found.waves:
        return [f"{found.environment}: no stack needs a machine"]
    several = len(found.waves) > 1
    return [
        f"{f'wave {number}, ' if several else ''}machine {index}, about {round(leg.seconds)} s: "
        f"{', '.join(stack.label for stack in leg.stacks)}"
        for number, wave in enumerate(found.waves, 1)
        for index, leg in enumerate(wave, 1)
    ]


def _legs(wave: Sequence[Leg]) -> list[dict[str, object]]:
    """Titles are of our own making: a job's name is no place for what somebody else wrote."""
    return [
        {"number": number, "title": f"{number} of {len(wave)}", "stacks": [stack.label for stack in leg.stacks]}
        for number, leg in enumerate(wave, 1)
    ]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


@click.command("matrix", short_help="Spread a change's stacks over machines.")
@click.option("--pull-request", type=int, metavar="NUMBER", help="The machines that preview it.")
@click.option("--queued", "ref", metavar="BRANCH", help="The machines that preview what a merge queue would merge.")
@click.option("--apply", "branch", metavar="BRANCH", help="The machines that apply a commit of this branch.")
@click.option("--environments", "every", is_flag=True, help="One machine for each environment that has its branch.")
@click.option("--commit", metavar="COMMIT", default="HEAD", show_default=True, help="With --queued or --apply.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(
    context: Context,
    /,
    pull_request: int | None,
    ref: str | None,
    branch: str | None,
    every: bool,
    commit: str,
    as_json: bool,
) -> None:
    """Spread the stacks of a change over machines, in waves: a later wave reads from earlier ones.

    A further machine is taken while it saves more time than it needs to start. How long a stack takes is what its last
    run took. At most as many machines as `runners` in gitops.yaml says, for previews and for applies.

    In a job of GitHub Actions, the job's outputs are set as well: legs, wave-1 to wave-4, alone, environment, branch,
    base, head, number; with --environments, environments.

    \b
    gitops matrix --pull-request 5
    gitops matrix --apply main
    """
    if sum(given is not None for given in (pull_request, ref, branch)) + every != 1:
        raise UsageError("Say which: --pull-request, --queued, --apply or --environments.")
    if every:
        names = [{"environment": one.name, "branch": one.branch} for one in started(context)]
        publishing.tell_job("GITHUB_OUTPUT", lambda: f"environments={_json(names)}\n")
        document = {"format": 1, "environments": names}
        text = (
            "\n".join(f"{one['environment']}, on {one['branch']}" for one in names) or "no environment has its branch"
        )
        click.echo(json.dumps(document, indent=2) if as_json else text)
        return
    if pull_request is not None:
        found = of_pull_request(context, pull_request)
    elif ref is not None:
        found = of_queued(context, ref, commit)
    else:
        found = of_commit(context, commit, str(branch))
    outputs = as_outputs(found)
    publishing.tell_job("GITHUB_OUTPUT", lambda: "".join(f"{name}={value}\n" for name, value in outputs.items()))
    click.echo(json.dumps(as_document(found), indent=2) if as_json else "\n".join(lines(found)))
