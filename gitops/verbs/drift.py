"""`gitops drift`: whether live infrastructure is as released, told apart from what is merged and not applied."""

import json
import sys

import click

from gitops.context import Context
from gitops.errors import Failed, Refused, UsageError
from gitops.flow import words
from gitops.flow.drift.classification import Report, State
from gitops.operations.drift import Request, drift
from gitops.verbs.options import WAIT
from gitops.views.json.drift import as_document
from gitops.views.terminal import drift as views
from gitops.views.terminal import screen


@click.command("drift", short_help="Tell whether live infrastructure is as released.")
@click.argument("stacks", nargs=-1, metavar="[STACK]...")
@click.option("--environment", metavar="NAME", help="Default: each of them.")
@click.option("--issue", is_flag=True, help="Open, edit or close the environment's issue on the code host.")
@WAIT
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(
    context: Context,
    /,
    stacks: tuple[str, ...],
    environment: str | None,
    issue: bool,
    wait: int,
    as_json: bool,
) -> None:
    """Tell whether live infrastructure is as released, stack by stack.

    Each stack is previewed at its released commit, from what is live; where a later one is applied and not verified,
    at that one. What an apply of that commit would still do is drift (exit code 3). What is merged and not applied yet
    is told apart, and is no drift. Nothing is recorded, leased or changed.

    \b
    gitops drift
    gitops drift --environment prod
    gitops drift --environment prod --issue
    """
    if issue and stacks:
        raise UsageError("An issue is about a whole environment.", hint="Leave out the stacks, or --issue.")
    found = drift(context, Request(environment, stacks, wait, issue))
    if as_json:
        click.echo(json.dumps(as_document(found), indent=2))
    else:
        screen.console(sys.stdout).print(views.view(found))
    _end(found)


def _end(found: tuple[Report, ...]) -> None:
    """Raises Failed where something could not be looked at, Refused where something has drifted."""
    unknown = [look.stack.label for one in found for look in one.of(State.UNKNOWN)]
    if unknown:
        raise Failed(f"Not known of {words.listed(unknown)}.", hint="The reasons are above.")
    drifted = [look.stack.label for one in found for look in one.of(State.DRIFTED)]
    if drifted:
        raise Refused(
            f"Live infrastructure is not as released in {words.listed(drifted)}.",
            hint="Revert it, or adopt it in code: docs/drift.md.",
        )
