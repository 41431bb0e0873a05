"""`gitops review-stack`: a short-lived stack of its own for a pull request that asks for one."""

import json
from collections.abc import Sequence

import click

from gitops.config.durations import duration
from gitops.config.settings import FILE
from gitops.context import Context
from gitops.errors import Failed, UsageError, Waiting
from gitops.flow import words
from gitops.flow.plans import values
from gitops.operations.review_stacks import down as review_down
from gitops.operations.review_stacks import up as review_up
from gitops.operations.review_stacks.site import Site, site_here
from gitops.verbs.options import WAIT, pair
from gitops.views import wording

PULL_REQUEST = click.option("--pull-request", "number", type=click.IntRange(min=1), required=True, metavar="NUMBER")
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
_OFF = f"Review stacks are off: {FILE} has no `review_stacks`."


@click.group("review-stack", short_help="A short-lived stack for a pull request.")
def command() -> None:
    """Give a pull request that carries the label a stack of its own, and destroy it when it is not needed any more.

    \b
    gitops review-stack up --pull-request 7
    gitops review-stack list
    gitops review-stack sweep
    """


@command.command(short_help="Make a pull request's stack, or bring it up to date.")
@PULL_REQUEST
@WAIT
@JSON
@click.pass_obj
def up(context: Context, /, number: int, wait: int, as_json: bool) -> None:
    """Make the pull request's stack, or bring it to what merging its head would give now.

    It is previewed from what is live, under the policy packs; a violated mandatory policy refuses it. Nobody has to
    approve it: nothing but this pull request uses it. Its outputs are told on the pull request.

    \b
    gitops review-stack up --pull-request 7
    """
    result = review_up.up(context, number, wait)
    if as_json:
        document = {
            "format": 1,
            "stack": result.stack.label,
            "pull_request": number,
            "head": result.head,
            "changes": values.pack(result.plan.changes),
            "checks": values.pack(result.checks),
            "outputs": values.pack(dict(result.outputs)),
            "expires": result.expires.isoformat(),
        }
        click.echo(json.dumps(document, indent=2))
        return
    done = wording.done(result.plan.changes)
    click.echo(f"{result.stack.label}: up ({done}); expires {words.minute(result.expires)}")


@command.command(short_help="Destroy a pull request's stack.")
@PULL_REQUEST
@click.option("--exists", multiple=True, metavar="URN=ID", help="You looked: this pending create left that.")
@click.option("--absent", multiple=True, metavar="URN", help="You looked: this pending create left nothing.")
@WAIT
@JSON
@click.pass_obj
def down(
    context: Context, /, number: int, exists: tuple[str, ...], absent: tuple[str, ...], wait: int, as_json: bool
) -> None:
    """Destroy the pull request's stack, and remove it from the state backend.

    What an interrupted run left of it is settled first. Where nobody but you can know whether something was created,
    say what you found with --exists or --absent.

    \b
    gitops review-stack down --pull-request 7
    """
    told = {**dict(map(pair, exists)), **dict.fromkeys(absent, "")}
    site = site_here(context)
    if site is None:
        raise UsageError(_OFF, hint="Run it on a commit that has them: git switch --detach COMMIT.")
    _print([review_down.down(site, number, wait, told)], as_json)


@command.command(short_help="Destroy what no pull request needs any more.")
@click.option("--dry-run", is_flag=True, help="Say what would be destroyed, and do nothing.")
@JSON
@click.pass_obj
def sweep(context: Context, /, dry_run: bool, as_json: bool) -> None:
    """Destroy what no pull request needs any more, and settle what killed runs left.

    That is: stacks whose pull request is closed or has lost the label, those that were not brought up for as long as
    gitops.yaml says, and those that nobody knows. One that fails does not stop the others. Exit code 1 where one
    failed, 4 where somebody was at work on one; it is swept the next time.

    \b
    gitops review-stack sweep --dry-run
    """
    site = _site(context)
    results = review_down.sweep(site, dry_run) if site else ()
    _print(results, as_json)
    left = [one.error for one in results if one.error]
    if left:
        kind = Waiting if all(isinstance(error, Waiting) for error in left) else Failed
        names = ", ".join(one.stack.label for one in results if one.error)
        raise kind(f"Left as they are: {names}.", hint="The reasons are above. The next sweep tries again.")


@command.command("list", short_help="List the review stacks that stand.")
@JSON
@click.pass_obj
def list_(context: Context, /, as_json: bool) -> None:
    """List the review stacks that stand: whose each is, at which head, when it expires.

    \b
    gitops review-stack list --json
    """
    site = _site(context)
    rows = review_down.rows(site) if site else ()
    if as_json:
        click.echo(json.dumps({"format": 1, "stacks": [_row_document(row) for row in rows]}, indent=2))
        return
    for row in rows:
        parts = [f"#{row.number}" if row.claimed else f"#{row.number}, which does not ask for it"]
        parts += [f"{row.state} at {words.short(row.head)}"] if row.head else ["in no record"]
        if row.expires:
            left = int((row.expires - context.clock.now()).total_seconds()) // 60 * 60
            parts.append(f"expires in {duration(left)}" if left > 0 else "expired")
        click.echo(f"{row.stack.label}: {'; '.join(parts)}")
    if not rows:
        click.echo("There are no review stacks.")


def _row_document(row: review_down.Row) -> dict[str, object]:
    return {**values.pack(row), "stack": row.stack.label}


def _site(context: Context) -> Site | None:
    """Where review stacks are made; None, said, where they are off."""
    site = site_here(context)
    if site is None:
        click.echo(_OFF, err=True)
    return site


def _print(results: Sequence[review_down.Result], as_json: bool) -> None:
    if as_json:
        stacks = [{"stack": one.stack.label, "result": one.done.value, "why": one.why} for one in results]
        click.echo(json.dumps({"format": 1, "stacks": stacks}, indent=2))
        return
    for one in results:
        why = f": {words.visible(one.why)}" if one.why else ""
        click.echo(f"{one.stack.label}: {one.done.value}{why}")
