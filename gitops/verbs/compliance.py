"""`gitops compliance`: the state of every control of the policy packs, in each environment, as it is live."""

import json
import sys

import click

from gitops import __version__
from gitops.context import Context
from gitops.errors import Refused, UsageError
from gitops.flow import words
from gitops.operations.compliance import Request, compliance
from gitops.verbs.options import WAIT
from gitops.views import sarif
from gitops.views.json.compliance import as_document
from gitops.views.terminal import compliance as views
from gitops.views.terminal import screen


@click.command("compliance", short_help="Show the state of every policy control, live.")
@click.argument("stacks", nargs=-1, metavar="[STACK]...")
@click.option("--environment", metavar="NAME", help="Default: each of them.")
@click.option("--commit", metavar="COMMIT", help="Look at this commit, released or not. Default: what is released.")
@WAIT
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--sarif", "as_sarif", is_flag=True, help="Print SARIF 2.1.0, for code scanning.")
@click.pass_obj
def command(
    context: Context,
    /,
    stacks: tuple[str, ...],
    environment: str | None,
    commit: str | None,
    wait: int,
    as_json: bool,
    as_sarif: bool,
) -> None:
    """Show the state of every control of the policy packs in each environment, against what is live.

    Each stack is previewed at its released commit, under the packs of that commit. A control that never ran, or could
    not be evaluated, is not passed. Nothing is recorded, leased or changed.

    \b
    gitops compliance
    gitops compliance --environment prod
    gitops compliance --environment dev --commit origin/main
    gitops compliance --sarif > compliance.sarif
    """
    if as_json and as_sarif:
        raise UsageError("Name --json or --sarif, not both.")
    found = compliance(context, Request(environment, stacks, commit, wait))
    if as_json:
        click.echo(json.dumps(as_document(found), indent=2))
    elif as_sarif:
        click.echo(json.dumps(sarif.document(found, __version__), indent=2))
    else:
        screen.console(sys.stdout).print(views.view(found))
    violated = [f"{one.environment}: {control.rule.name}" for one in found for control in one.violated]
    if violated:
        raise Refused(
            f"{words.plural(len(violated), 'mandatory control')} violated: {words.listed(violated)}.",
            hint="Each finding above says what to do.",
        )
