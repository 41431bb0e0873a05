"""`gitops matrix`: which stacks a change needs looked at or applied, spread over machines."""

import json
from collections.abc import Mapping, Sequence

import click

from gitops.adapters.ci.github import job
from gitops.context import Context
from gitops.errors import UsageError
from gitops.flow.impact import shards
from gitops.flow.impact.shards import Leg
from gitops.operations.shards import Matrix, of_commit, of_pull_request, of_queued, started


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
        job.tell_job("GITHUB_OUTPUT", lambda: f"environments={_json(names)}\n")
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
    job.tell_job("GITHUB_OUTPUT", lambda: "".join(f"{name}={value}\n" for name, value in outputs.items()))
    click.echo(json.dumps(as_document(found), indent=2) if as_json else "\n".join(lines(found)))
