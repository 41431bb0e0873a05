"""Hold a stack's lease while working on it: wait for it, keep it alive, notice its loss, release it."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from gitops.adapters.system.interrupts import noted
from gitops.context import Context, Ledger
from gitops.errors import Failed, GitFailed, RemoteUnreachable
from gitops.flow.leases import lease as leases
from gitops.model import Lease, Query, Record, Stack
from gitops.operations.leasing.wait_queue import Wanted, take
from gitops.ports import LeaseMoved, Renewal

# A push is tried again: a terminal's Ctrl-C also reaches Git, and a network may be away for a moment.
_ATTEMPTS = 3
_PAUSE = 2.0


@dataclass
class Held:
    """A lease of ours, safe to use from several threads. `taken_over` is the dead lease that it replaced, if any."""

    context: Context
    stack: Stack
    lease: Lease
    taken_over: Lease | None = None
    _gone: str = ""
    _renewed_at: float = field(init=False)
    _stop: threading.Event = field(default_factory=threading.Event)
    _moving: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._renewed_at = self.context.clock.monotonic()

    def renew(self) -> None:
        """Make the stack ours for a whole lease from now. Raises Failed when it is ours no more, RemoteUnreachable."""
        clock = self.context.clock
        with self._moving:
            while not self._gone:
                wanted, started = leases.renewed(self.lease, clock.now()), clock.monotonic()
                try:
                    self.lease = self.context.leases.swap(self.stack, self.lease, wanted) or wanted
                except LeaseMoved:
                    self._still_ours()
                else:
                    self._renewed_at = started
                    return
        raise self._failure()

    def append(self, ledger: Ledger, record: Record) -> Record:
        """Append a record and renew the lease, both or neither.

        Raises Failed, with nothing written, when the lease is ours no more; RemoteUnreachable, with either both or
        nothing written, when the remote did not answer several times.
        """
        clock = self.context.clock
        unanswered: list[Lease] = []
        # An interrupt waits: a push goes on without us, and the lease that it renews would be given back meanwhile.
        with noted(), self._moving:
            while not self._gone:
                wanted, started = leases.renewed(self.lease, clock.now()), clock.monotonic()
                try:
                    placed, self.lease = ledger.append_renewing(record, Renewal(self.lease, wanted))
                except LeaseMoved:
                    ours = self._still_ours()
                    if ours and any(self.lease == replace(one, version=self.lease.version) for one in unanswered):
                        # It arrived with the renewal that stands there now.
                        return ledger.history().newest(Query(stack=record.stack, kinds=(record.kind,))) or record
                except RemoteUnreachable:
                    unanswered.append(wanted)
                    if len(unanswered) == _ATTEMPTS:
                        raise
                    clock.sleep(_PAUSE)
                else:
                    self._renewed_at = started
                    return placed
        raise self._failure()

    def lost(self) -> str:
        """Why the lease must not be counted on any more; "" while nothing speaks against it."""
        if self._gone:
            return self._gone
        silent = self.context.clock.monotonic() - self._renewed_at
        if silent > leases.doubtful_after(self.lease.seconds):
            return f"it could not be renewed for {leases.span(silent)}, and others may take it soon"
        return ""

    def keep_alive(self) -> None:
        """Renew the lease until told to stop; a loss is noted, not raised."""
        due = leases.renewal_due(self.lease.seconds)
        pause = due
        while not self._stop.wait(pause):
            try:
                self.renew()
                pause = due
            except (Failed, OSError):
                if self._gone:
                    return
                # The remote, or room on the disk, may be back before the lease is lost: try more often.
                pause = due / 4

    def release(self, tell: Callable[[str], None]) -> None:
        """Give the lease back; one that cannot be given back dies, which is no reason to fail a finished apply."""
        problem = ""
        for _ in range(_ATTEMPTS):
            try:
                with self._moving:
                    self.context.leases.swap(self.stack, self.lease, None)
            except LeaseMoved:
                with contextlib.suppress(GitFailed):
                    if self._still_ours():
                        continue
                tell(f"{self.stack.label}: the lease was no longer ours to release")
                return
            except GitFailed as error:
                problem = error.message
                self.context.clock.sleep(_PAUSE)
            else:
                return
        tell(f"{self.stack.label}: the lease could not be released, and dies by itself: {problem}")

    def stop(self) -> None:
        """End the renewals."""
        self._stop.set()

    def _still_ours(self) -> bool:
        """Whether what stands there is a renewal of ours whose answer did not come back; else the reason is noted."""
        current = self.context.leases.current(self.stack)
        if current is None:
            self._gone = "somebody removed it"
        elif (current.holder, current.acquired_at) != (self.lease.holder, self.lease.acquired_at):
            self._gone = f"it went to {leases.describe(current, self.context.clock.now())}"
        else:
            self.lease = current
        return not self._gone

    def _failure(self) -> Failed:
        return Failed(
            f"The lease on {self.stack.label} was lost: {self._gone}. Nothing more is written.",
            hint="Run the same command again when the stack is free: it looks at what was done until now.",
        )


@contextmanager
def hold(
    context: Context, stack: Stack, commit: str, seconds: int, wait: int, tell: Callable[[str], None]
) -> Iterator[Held]:
    """The stack is ours within the block, under a lease of `seconds`.

    Where somebody holds it, we stand in line for `wait` seconds, with a place by the commit's place on its branch.
    Whatever was read before the block may be old by then. Raises Waiting when it is not our turn by then,
    RemoteUnreachable.
    """
    lease, dead = take(context, Wanted(stack, commit, seconds, wait), tell)
    held = Held(context, stack, lease, taken_over=dead)
    renewals = threading.Thread(target=held.keep_alive, name=f"lease {stack.label}", daemon=True)
    try:
        if dead is not None:
            tell(f"{stack.label}: took over the lease of {leases.describe(dead, context.clock.now())}")
        renewals.start()
        yield held
    finally:
        held.stop()
        if renewals.ident is not None:
            renewals.join()
        with noted():
            held.release(tell)
