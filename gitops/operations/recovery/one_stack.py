"""What a run that was cut off left behind: who that was, and how to settle it under the stack's lease."""

from collections.abc import Mapping
from pathlib import Path

from gitops.flow.leases.lease import GRACE
from gitops.model import CutOff, History, Record, Stack
from gitops.model.record_bodies import ApplyFailed, ApplyStarted, DestroyFailed, DestroyStarted
from gitops.operations.leasing.holding import Held


def cut_off(history: History, stack: Stack) -> Record | None:
    """The stack's newest apply or destroy, if it was cut off: it was killed or cancelled at once, or its engine was."""
    last = history.cut_short(stack)
    return last if last is not None and _run_of(last) else None


def _run_of(record: Record) -> tuple[str, str] | None:
    """The run that was cut off, and its machine; None where what the record tells of ended by itself."""
    body = record.read()
    if isinstance(body, (ApplyStarted, DestroyStarted)):
        return body.run, body.host
    if isinstance(body, (ApplyFailed, DestroyFailed)) and body.cancelled:
        return body.run, body.host
    return None


def left_by(lease: Held, history: History) -> CutOff | None:
    """The run that may have left something behind, as the ledger tells it, or the dead lease that ours replaced."""
    record = cut_off(history, lease.stack)
    # Who has lost a lease notices, and stops its apply within the grace. Where nobody watched a lease die, such as
    # where somebody took it away by hand, that may have happened only now.
    patience = GRACE if lease.taken_over else GRACE + lease.lease.seconds
    if record is not None and (run := _run_of(record)) is not None:
        return CutOff(*run, patience)
    if lease.taken_over is not None:
        return CutOff(lease.taken_over.holder.run, lease.taken_over.holder.host, patience)
    return None


def settle(lease: Held, folder: Path, history: History, told: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """End what is left, free its locks, and bring the state to the truth; a sentence for each thing done.

    `told` is what a person found out about pending creates, as `EngineWriter.settle` has it.
    Raises EngineFailed when something cannot be settled, Waiting when somebody outside of the pipeline is at work.
    """
    return lease.context.engine.settle(folder, lease.stack.name, left_by(lease, history), told)
