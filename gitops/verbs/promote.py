"""`gitops promote`: carry the newest release of one environment to the next, as a pull request with its evidence."""

import json
from collections.abc import Iterable

import click

from gitops.context import Context
from gitops.errors import Waiting
from gitops.flow.releases.promotion import Outcome, Promotion
from gitops.flow.words import listed
from gitops.operations.releases.promotion import Request, promote
from gitops.views.json import promotion
from gitops.views.terminal.promotion import lines


@click.command("promote", short_help="Carry a release to the next environment, as a pull request.")
@click.argument("environment", required=False, metavar="[ENVIRONMENT]")
@click.option("--dry-run", is_flag=True, help="Say what would be proposed; push and open nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with the pull requests' texts.")
@click.pass_obj
def command(context: Context, /, environment: str | None, dry_run: bool, as_json: bool) -> None:
    """Open a pull request into an environment with the newest release of the one before it, or bring it up to date.

    A release is a commit at which every stack was applied and verified. The text has the evidence: checks, soak so
    far, what is in it, what it touches. Nothing is merged and nothing applied: reviewers and the gate decide as always.
    Without an ENVIRONMENT, each that has one before it.

    \b
    gitops promote prod
    gitops promote --dry-run
    """
    found = promote(context, Request(environment, dry_run))
    if as_json:
        click.echo(json.dumps(promotion.as_document(found), indent=2))
    else:
        click.echo("\n".join(_shown(found, dry_run)))
    waiting = [one for one in found if one.outcome is Outcome.WAITING]
    if waiting and not any(one.outcome in (Outcome.PROPOSED, Outcome.WOULD_PROPOSE) for one in found):
        raise Waiting(
            f"Nothing to promote yet to {listed([one.environment for one in waiting])}.",
            hint="Each reason is above; `gitops status` shows where the environments stand.",
        )


def _shown(found: Iterable[Promotion], dry_run: bool) -> list[str]:
    shown: list[str] = []
    for one in found:
        shown += [*lines(one), *(["", one.body] if dry_run and one.body else [])]
    return shown
