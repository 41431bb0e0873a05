"""`gitops up`: apply a commit of an environment branch, exactly as it was reviewed or not at all."""

import json

import click

from gitops.context import Context
from gitops.errors import GitOpsError, NotVerified, Refused, Waiting
from gitops.flow.impact import shards
from gitops.flow.plans import values
from gitops.operations.apply import break_glass
from gitops.operations.apply.run import Done, Request, StackResult, up
from gitops.operations.program import (
    current_branch,
)
from gitops.operations.progress import print_view
from gitops.verbs.options import WAIT
from gitops.views import wording
from gitops.views.terminal import screen


def as_document(results: tuple[StackResult, ...]) -> dict[str, object]:
    """The JSON form."""
    return {
        "format": 1,
        "outcome": "done",
        "stacks": [
            {
                "stack": one.stack.label,
                "result": one.done.value,
                "plan_digest": one.plan.plan_digest if one.plan else None,
                "changes": values.pack(one.plan.changes) if one.plan else [],
                "checks": values.pack(one.checks),
            }
            for one in results
        ],
    }


def _as_failure(error: GitOpsError) -> dict[str, object]:
    """The JSON form of an end that is none: the exit code tells the same."""
    outcome = {Refused.exit_code: "refused", Waiting.exit_code: "waiting"}.get(error.exit_code, "failed")
    told = {"format": 1, "outcome": outcome, "message": error.message, "hint": error.hint, "stacks": []}
    return {**told, "drift": list(error.drift)} if isinstance(error, NotVerified) else told


@click.command("up", short_help="Apply what was reviewed, exactly.")
@click.argument("stacks", nargs=-1, metavar="[STACK]...")
@click.option("--environment", metavar="NAME", help="Default: the environment that follows the current branch.")
@click.option("--commit", metavar="COMMIT", help="A commit of the environment's branch. Default: the branch's newest.")
@WAIT
@click.option("--leg", metavar="JSON", help="Stacks as `gitops matrix` gives them to one machine: a list of names.")
@click.option("--dry-run", is_flag=True, help="Do everything up to the apply, and stop there.")
@click.option("--break-glass", "reason", metavar="REASON", help="Apply past the gate: announced, recorded.")
@click.option("--plan", "plans", multiple=True, metavar="DIGEST", help="With --break-glass: the plan that you read.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
@click.pass_obj
def command(
    context: Context,
    /,
    stacks: tuple[str, ...],
    environment: str | None,
    commit: str | None,
    wait: int,
    leg: str | None,
    dry_run: bool,
    reason: str | None,
    plans: tuple[str, ...],
    as_json: bool,
) -> None:
    """Apply a commit of an environment branch: exactly what was reviewed, or nothing.

    Under each stack's lease: preview, compare with the reviewed plan, apply that plan, verify, record. A plan that
    differs is refused with what differs, and nothing is touched. What is applied and not verified yet is verified, and
    not applied again.

    \b
    gitops up                        the environment that follows the current branch
    gitops up --environment prod     another one
    gitops up --dry-run              stop before the apply

    In an emergency, past the gate: read the plan, then apply exactly that one. Everybody is told.

    \b
    gitops up --dry-run --break-glass "the shop is down"
    gitops up --break-glass "the shop is down" --plan 4f0c2a9e13b7
    """
    branch = None if environment else current_branch(context)
    glass = break_glass.asked(reason, plans, dry_run=dry_run)
    try:
        chosen = shards.chosen(stacks, leg)
        results = up(context, Request(environment, branch, commit, chosen, dry_run, wait, glass))
    except GitOpsError as error:
        if as_json:
            click.echo(json.dumps(_as_failure(error), indent=2))
        raise
    if as_json:
        click.echo(json.dumps(as_document(results), indent=2))
        return
    for one in results:
        if one.done is Done.WOULD_APPLY and one.plan:
            print_view(screen.plan(one.plan))
        click.echo(f"{one.stack.label}: {one.done.value}{_counted(one)}")


def _counted(result: StackResult) -> str:
    if result.plan is None:
        return " (verified; nothing was applied)" if result.done is Done.RELEASED else ""
    changes = result.plan.changes
    return f" ({wording.done(changes) if result.done is Done.RELEASED else wording.tally(changes) or 'no changes'})"
