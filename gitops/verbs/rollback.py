"""`gitops rollback`: give an environment the files of an earlier release again, by a pull request like any other."""

import json

import click

from gitops.context import Context
from gitops.operations.releases.rollback import Request, rollback
from gitops.views.json.rollback import as_document
from gitops.views.terminal.rollback import lines


@click.command("rollback", short_help="Return to an earlier release, by pull request.")
@click.argument("environment", metavar="ENVIRONMENT")
@click.option("--to", default="", metavar="COMMIT", help="A release of it. Default: the one before the present one.")
@click.option(
    "--asked-by", default="", metavar="LOGIN", help="Who asked, where that is not you: not an approver either."
)
@click.option("--dry-run", is_flag=True, help="Say what would be proposed; push, open and record nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with the pull request's text.")
@click.pass_obj
def command(context: Context, /, environment: str, to: str, asked_by: str, dry_run: bool, as_json: bool) -> None:
    """Propose to give an environment the files of an earlier release again.

    One commit on top of its branch, as a pull request: previewed against what is live today, reviewed, approved and
    applied by the same gates as any other. The text says what it takes back, and what nobody can.

    \b
    gitops rollback prod
    gitops rollback prod --to 1a2b3c4d
    gitops rollback prod --dry-run
    """
    found = rollback(context, Request(environment, to, dry_run, asked_by))
    if as_json:
        click.echo(json.dumps(as_document(found), indent=2))
        return
    click.echo("\n".join([*lines(found), *(["", found.body] if dry_run and found.body else [])]))
