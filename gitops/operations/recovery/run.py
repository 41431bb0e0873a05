"""Settle what a run that was cut off left behind, without applying anything."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gitops.adapters.system.interrupts import noted
from gitops.context import Context, Ledger
from gitops.errors import UsageError
from gitops.flow.ledger import chain as records
from gitops.model import Stack
from gitops.model.record_bodies import Repaired
from gitops.model.urn import Urn
from gitops.operations.leasing.holding import Held, hold
from gitops.operations.program import Program, checked_out, named, newest, stacks_at
from gitops.operations.progress import tell
from gitops.operations.recovery import one_stack


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
        held = stacks_at(context, environment.name, commit)
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
        now, commit = work.context.clock.now(), work.program.commit
        if repairs:
            lease.append(work.ledger, records.ledger_record(author, stack, commit, now, Repaired(repairs)))
    return StackResult(stack, Done.REPAIRED, repairs)


def _is_of(urn: str, stack: Stack) -> bool:
    parsed = Urn.parse(urn)
    return parsed is not None and (parsed.project, parsed.stack) == (stack.project, stack.name)


def _must_be_theirs(told: Mapping[str, str], stacks: Collection[Stack]) -> None:
    for urn in told:
        if not any(_is_of(urn, stack) for stack in stacks):
            labels = ", ".join(stack.label for stack in stacks)
            raise UsageError(f"{urn} is a resource of none of these stacks: {labels}.")
