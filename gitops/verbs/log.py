"""`gitops log`: the ledger, and whether its chain holds."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import click

from gitops.adapters.git import ledger_rewrite
from gitops.config.durations import seconds
from gitops.context import Context
from gitops.errors import UsageError
from gitops.flow.ledger import schema
from gitops.flow.ledger.chain import BRANCH
from gitops.flow.plans import values
from gitops.flow.redaction import SHORTEST, Redactor
from gitops.flow.words import plural, visible
from gitops.model import Query, Record, RecordKind
from gitops.operations.progress import tell
from gitops.ports import LedgerReport
from gitops.views.terminal import screen

# As many as one looks through without a filter.
_LAST = 50
# A table's columns are as wide as its rows need, so a long log is printed as several.
_ROWS = 500


class Since(click.ParamType[datetime]):
    """Turns a day, a time, or a duration before now into a moment; without a zone it is UTC."""

    name = "since"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """See `click.ParamType.convert`."""
        text, world = str(value), ctx.obj if ctx else None
        span = seconds(text)
        if span is not None and isinstance(world, Context):
            return world.clock.now() - timedelta(seconds=span)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{text} is no day or time such as 2026-11-20 or 2026-11-20T09:30, and no duration.", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.command("log", short_help="Print the ledger, or check its chain.")
@click.option("--verify", "only_verify", is_flag=True, help="Check all of it instead of printing it.")
@click.option("--accept-rewritten", is_flag=True, help="Start over from what the remote has now, once it is explained.")
@click.option("--remove-value", is_flag=True, help="Find a leaked value, read from standard input; see --yes.")
@click.option("--yes", is_flag=True, help="With --remove-value: write the ledger anew without it, on the remote.")
@click.option("--schema", "only_schema", is_flag=True, help="Print the JSON Schema of a record.")
@click.option("--stack", default="", metavar="STACK", help="Only records of this stack, by name or label.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice([one.value for one in RecordKind]), metavar="KIND",
              help="Only records of this kind; may be given again.")  # fmt: skip
@click.option("--since", type=Since(), metavar="TIME", help="Only since a day, a time (UTC), or e.g. 7d before now.")
@click.option("--last", type=click.IntRange(min=1), default=_LAST, show_default=True, metavar="N",
              help="Only the newest N of them.")  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="All of them, however many.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of whole records.")
@click.pass_obj
def command(
    context: Context,
    /,
    only_verify: bool,
    accept_rewritten: bool,
    remove_value: bool,
    yes: bool,
    only_schema: bool,
    stack: str,
    kinds: tuple[str, ...],
    since: datetime | None,
    last: int,
    everything: bool,
    as_json: bool,
) -> None:
    """Print the ledger: every plan, apply, refusal and release, oldest first.

    \b
    gitops log --stack prod --last 5
    gitops log --kind refused --kind "break glass" --since 30d
    gitops log --verify

    A secret that reached the ledger is in Git for good. docs/leaked-secrets.md says what to do; one step of it is

    \b
    gitops log --remove-value < FILE          which records hold it
    gitops log --remove-value --yes < FILE    write the ledger anew without it
    """
    if yes and not remove_value:
        raise UsageError("--yes belongs to --remove-value.")
    if only_schema:
        click.echo(schema.text(), nl=False)
    elif accept_rewritten:
        report = context.ledger().accept_rewritten()
        click.echo(f"Accepted: {BRANCH} at {report.head[:12] or 'nothing'}.\n{_told(report)}")
    elif remove_value:
        _remove(context, yes)
    elif only_verify:
        click.echo(_told(context.ledger().verify()))
    else:
        query = Query(stack=stack, kinds=tuple(map(RecordKind, kinds)), since=since)
        chosen = _chosen(context, query, None if everything else last)
        _print_json(chosen) if as_json else _print(chosen)


def _remove(context: Context, yes: bool) -> None:
    """Raises UsageError for a value that cannot be told from other text."""
    redactor = Redactor(frozenset([sys.stdin.read().strip()]))
    if not redactor.values - {""} or redactor.is_short:
        raise UsageError(
            f"The value, and each line of it, has to have {SHORTEST} characters at least: a shorter one cannot be told "
            "from other text.",
            hint="Name the records' numbers to whoever rewrites the branch by hand: docs/leaked-secrets.md.",
        )
    if yes:
        found = ledger_rewrite.rewrite(context.git, redactor, signers=context.signers(), tell=tell)
    else:
        found = ledger_rewrite.look(context.git, redactor)
    for one in found.holding:
        click.echo(f"record {one.sequence}: {one.kind.value} {one.stack} {one.commit[:12]} by {visible(one.by)}")
    if not found.holding:
        click.echo("No record holds the value.")
        return
    if found.broken:
        numbers = ", ".join(map(str, found.broken))
        click.echo(f"Plans that will not give their digest any more, so preview their pull requests again: {numbers}.")
    if yes:
        context.ledger().accept_rewritten()
        click.echo(f"{BRANCH} is at {found.head[:12]} now: {plural(found.anew, 'record')} written anew.")
        click.echo("Every other clone has to accept that: gitops log --accept-rewritten")
    else:
        click.echo(f"{plural(found.anew, 'record')} would be written anew. Do that with --yes.")


def _chosen(context: Context, query: Query, last: int | None) -> Iterator[Record]:
    """Oldest first; all are read as they are printed, some are few enough to be turned around."""
    history = context.ledger().history()
    if last is None:
        return history.select(query, oldest_first=True)
    return reversed(list(islice(history.select(query), last)))


def _print_json(chosen: Iterator[Record]) -> None:
    separator = "["
    for record in chosen:
        click.echo(f"{separator}\n{json.dumps(values.pack(record), indent=2)}", nl=False)
        separator = ","
    click.echo("[]" if separator == "[" else "\n]")


def _print(chosen: Iterator[Record]) -> None:
    console = screen.console(sys.stdout)
    rows = list(islice(chosen, _ROWS))
    console.print(screen.ledger(rows))
    while rows := list(islice(chosen, _ROWS)):
        console.print(screen.ledger(rows))


def _told(report: LedgerReport) -> str:
    lines = [f"The chain holds: {report.records} records."]
    lines += [f"{plural(count, 'record')} signed by {visible(who)}." for who, count in sorted(report.signers.items())]
    if report.seen and report.seen != report.head:
        lines.append(f"It contains {report.seen[:12]}, which this clone saw last.")
    return "\n".join(lines)
