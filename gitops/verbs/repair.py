"""`gitops repair`: settle what a run that was cut off left behind, without applying anything."""

import json
import sys

import click

from gitops.context import Context
from gitops.errors import UsageError
from gitops.flow.words import visible
from gitops.model import Stack
from gitops.operations.program import current_branch
from gitops.operations.recovery.run import Request, StackResult, repair
from gitops.verbs.options import WAIT, pair


def as_document(results: tuple[StackResult, ...]) -> dict[str, object]:
    """The JSON form."""
    stacks = [{"stack": one.stack.label, "result": one.done.value, "repairs": list(one.repairs)} for one in results]
    return {"format": 1, "stacks": stacks}


@click.command("repair", short_help="Settle what a killed run left behind.")
@click.argument("stacks", nargs=-1, metavar="[STACK]...")
@click.option("--environment", metavar="NAME", help="Default: the environment that follows the current branch.")
@click.option("--exists", multiple=True, metavar="URN=ID", help="You looked: this pending create left that.")
@click.option("--absent", multiple=True, metavar="URN", help="You looked: this pending create left nothing.")
@WAIT
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask; needed without a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
@click.pass_obj
def command(
    context: Context,
    /,
    stacks: tuple[str, ...],
    environment: str | None,
    exists: tuple[str, ...],
    absent: tuple[str, ...],
    wait: int,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Settle what a run that was cut off left behind: processes, locks, and operations of which nobody knows the end.

    Each pending operation is looked up at its provider: what exists is imported, what does not is cleared. `gitops up`
    does the same before it applies; this is for doing only that. Nothing is applied.

    \b
    gitops repair --dry-run                  look only
    gitops repair dev --environment dev      one stack
    gitops repair --yes --json               for scripts

    Where nobody can be asked whether something exists, say what you found:

    \b
    gitops repair dev --exists 'urn:pulumi:dev::shop::random:index:Thing::a=id-4711'
    """
    if not (yes or dry_run or sys.stdin.isatty()):
        raise UsageError("Without a terminal nobody can be asked: add --yes, or --dry-run to look only.")
    agree = (lambda _stack, _found: True) if yes else _ask
    branch = None if environment else current_branch(context)
    told = {**dict(map(pair, exists)), **dict.fromkeys(absent, "")}
    results = repair(context, Request(environment, branch, stacks, dry_run, wait, told, agree))
    if as_json:
        click.echo(json.dumps(as_document(results), indent=2))
        return
    for one in results:
        click.echo(f"{one.stack.label}: {one.done.value}")
        for sentence in one.repairs:
            click.echo(f"  {visible(sentence)}")


def _ask(stack: Stack, found: tuple[str, ...]) -> bool:
    click.echo(f"{stack.label}:", err=True)
    for sentence in found:
        click.echo(f"  {visible(sentence)}", err=True)
    return click.confirm("Repair this?", err=True)
