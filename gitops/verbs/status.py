"""`gitops status`: where each environment stands."""

import json
import sys

import click

from gitops.context import Context
from gitops.flow.plans import values
from gitops.operations.status import status
from gitops.views.terminal import screen


@click.command("status", short_help="Print where each environment stands.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(context: Context, /, as_json: bool) -> None:
    """Print where each environment stands: its branch, its release, the last apply, leases, and what is pending.

    \b
    gitops status --json
    """
    rows = status(context)
    if as_json:
        click.echo(json.dumps({"format": 1, "environments": values.pack(rows)}, indent=2))
    else:
        screen.console(sys.stdout).print(screen.status(rows))
