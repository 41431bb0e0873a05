"""`gitops repair`: settle what a run that was cut off left behind, without applying anything."""

import json
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import click

from gitops.adapters.system.interrupts import noted
from gitops.context import Context, Ledger
from gitops.errors import UsageError
from gitops.flow.ledger import chain as records
from gitops.model import RecordKind, Stack
from gitops.operations.leasing.holding import Held, hold
from gitops.operations.program import Program, checked_out, current_branch, named, newest
from gitops.operations.progress import tell
from gitops.operations.recovery import one_stack
from gitops.verbs.options import WAIT
from gitops.views.wording import visible


class Done(StrEnum):
    """How it ended for one stack."""

    NOTHING = "nothing to repair"
    WOULD_REPAIR = "would repair"
    LEFT = "left as it is"
    REPAIRED = "repaired"


@dataclass(frozen=True, slots=True)
class StackResult:
    """One stack's end: a sentence for each thing that was done, or would be."""

    stack: Stack
    done: Done
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What to repair: an environment's stacks, all or those named.

    `told` is what a person found out about pending creates: URN → id, empty for what does not exist. `agree` is asked
    with what was found before anything is done.
    """

    environment: str | None = None
    branch: str | None = None
    stacks: tuple[str, ...] = ()
    dry_run: bool = False
    wait: int = 0
    told: Mapping[str, str] = field(default_factory=dict)
    agree: Callable[[Stack, tuple[str, ...]], bool] = lambda _stack, _found: True


def repair(context: Context, request: Request) -> tuple[StackResult, ...]:
    """Repair stack by stack, each under its lease; the first that cannot be repaired ends the run.

    Changes no infrastructure and applies nothing: it brings the state to the truth. Raises EngineFailed for what cannot
    be settled, Waiting where somebody else is at work, RemoteUnreachable.
    """
    environment, commit = newest(context, request.environment, request.branch)
    settings = context.config(commit)
    ledger = context.ledger()
    done = []
    with checked_out(context, commit) as program:
        held = settings.stacks_of(settings.environment(environment.name), program.snapshot.stacks)
        chosen = named(held, request.stacks)
        _must_be_theirs(request.told, chosen)
        for stack in chosen:
            with hold(context, stack, commit, settings.lease_seconds, request.wait, tell) as lease:
                done.append(_repair(_Repair(context, ledger, program, environment.name, request), lease))
    return tuple(done)


@dataclass(frozen=True)
class _Repair:
    """What the repair of each stack needs."""

    context: Context
    ledger: Ledger
    program: Program
    environment: str
    request: Request


def _repair(work: _Repair, lease: Held) -> StackResult:
    stack, request = lease.stack, work.request
    told = {urn: found for urn, found in request.told.items() if _is_of(urn, stack)}
    # Read under the lease: before, somebody else may have been at work.
    history = work.ledger.history()
    folder = work.program.project_folder(stack)
    tell(f"{stack.label}: looking at what was left")
    found = work.context.engine.unsettled(folder, stack.name, one_stack.left_by(lease, history), told)
    if not found:
        return StackResult(stack, Done.NOTHING)
    if request.dry_run:
        return StackResult(stack, Done.WOULD_REPAIR, found)
    if not request.agree(stack, found):
        return StackResult(stack, Done.LEFT, found)
    with noted():  # what was done is recorded
        repairs = one_stack.settle(lease, folder, history, told)
        author = records.Author(work.context.holder.name, work.environment)
        now, body = work.context.clock.now(), {"repairs": list(repairs)}
        if repairs:
            lease.append(work.ledger, records.make(RecordKind.REPAIRED, author, stack, work.program.commit, now, body))
    return StackResult(stack, Done.REPAIRED, repairs)


def _is_of(urn: str, stack: Stack) -> bool:
    return urn.startswith(f"urn:pulumi:{stack.name}::{stack.project}::")


def _must_be_theirs(told: Mapping[str, str], stacks: Collection[Stack]) -> None:
    for urn in told:
        if not any(_is_of(urn, stack) for stack in stacks):
            labels = ", ".join(stack.label for stack in stacks)
            raise UsageError(f"{urn} is a resource of none of these stacks: {labels}.")


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


def pair(text: str) -> tuple[str, str]:
    """A URN and an id, as --exists takes them. Raises UsageError."""
    urn, equals, id_ = text.partition("=")
    if not (equals and urn and id_):
        raise UsageError(f"--exists {text} is not URN=ID.", hint="For what does not exist, use --absent URN.")
    return urn, id_


def _ask(stack: Stack, found: tuple[str, ...]) -> bool:
    click.echo(f"{stack.label}:", err=True)
    for sentence in found:
        click.echo(f"  {visible(sentence)}", err=True)
    return click.confirm("Repair this?", err=True)
