"""`gitops log`: the ledger, and whether its chain holds."""

import json
import sys

import click

from gitops.context import Context
from gitops.flow import record as records
from gitops.flow import values
from gitops.views import terminal


@click.command("log", short_help="Print the ledger, or check its chain.")
@click.option("--verify", "only_verify", is_flag=True, help="Check the chain instead of printing it.")
@click.option("--stack", metavar="STACK", help="Only records of this stack, by name or label.")
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="Only the newest N records.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of whole records.")
@click.pass_obj
def command(context: Context, /, only_verify: bool, stack: str | None, last: int | None, as_json: bool) -> None:
    """Print the ledger: every plan, apply, refusal and release, oldest first.

    \b
    gitops log --stack prod --last 5
    gitops log --verify
    """
    history = tuple(context.ledger().history().select(records.Query(), oldest_first=True))
    if only_verify:
        click.echo(f"The chain holds: {len(history)} records.")
        return
    chosen = [r for r in history if stack is None or stack in (r.stack, r.stack.rpartition("/")[2])]
    chosen = chosen[-last:] if last else chosen
    if as_json:
        click.echo(json.dumps(values.pack(chosen), indent=2))
    else:
        terminal.console(sys.stdout).print(terminal.ledger(chosen))
