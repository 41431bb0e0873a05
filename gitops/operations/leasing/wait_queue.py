"""Wait for a stack's lease: in line, visibly, and for no longer than asked."""

import contextlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from gitops.adapters.system.interrupts import noted
from gitops.context import Context
from gitops.errors import GitFailed, Waiting
from gitops.flow.leases import lease as leases
from gitops.flow.leases import wait_queue
from gitops.flow.leases.lease import Sighting
from gitops.model import Lease, Line, Stack, Ticket
from gitops.ports import LeaseMoved

# How often somebody who waits looks at the line: often enough for short leases, seldom enough for a Git host. Seconds.
_LOOK_EVERY = 5.0
# How often people are told where they stand although nothing changed. Seconds.
_TELL_EVERY = 30.0
_HINT = "Run the same command again when that run has ended; a killed run's lease is taken over once it is seen dead."


@dataclass(frozen=True, slots=True)
class Wanted:
    """A lease of `seconds` on the stack, to work on `commit`; `wait` is how many seconds to stand in line, 0: not."""

    stack: Stack
    commit: str
    seconds: int
    wait: int


def take(context: Context, wanted: Wanted, tell: Callable[[str], None]) -> tuple[Lease, Lease | None]:
    """Lease the stack: our lease, and the dead one that it replaced. Raises Waiting, RemoteUnreachable."""
    clock = context.clock
    waiter = _Waiter(context, wanted, tell, clock.monotonic())
    try:
        while True:
            line = waiter.look()
            if waiter.is_our_turn(line):
                lease = leases.granted(wanted.stack, context.holder, clock.now(), wanted.seconds)
                with contextlib.suppress(LeaseMoved):
                    return _swap(context, wanted.stack, line.lease, lease), line.lease
                if not wanted.wait:
                    raise Waiting(
                        f"Somebody else was faster to lease {wanted.stack.label}.",
                        hint="Run the same command again in a moment.",
                    )
                continue
            waiter.wait(line)
    finally:
        waiter.leave()


def _swap(context: Context, stack: Stack, standing: Lease | None, wanted: Lease) -> Lease:
    """Put our lease in the place of a dead one or of none; given back again if an interrupt came meanwhile."""
    lease = wanted
    try:
        with noted():
            lease = context.leases.swap(stack, standing, wanted) or wanted
    except KeyboardInterrupt:
        if lease.version:
            context.leases.swap(stack, lease, None)
        raise
    return lease


@dataclass
class _Waiter:
    """Somebody who wants a stack: what they saw of its line, and their own ticket once they stand in it."""

    context: Context
    wanted: Wanted
    tell: Callable[[str], None]
    since: float
    seen: dict[str, Sighting] = field(default_factory=dict)
    first: Lease | None = None
    ticket: Ticket | None = None
    entered_at: float = 0.0
    told: tuple[object, ...] = ()
    told_at: float = 0.0

    def look(self) -> Line:
        """The line now; tickets that nobody keeps any more are swept out of it."""
        line = self.context.leases.line(self.wanted.stack)
        now = self.context.clock.monotonic()
        self.seen = wait_queue.sighted(self.seen, line, now)
        self.first = self.first or line.lease
        for one in line.tickets:
            if wait_queue.dead(self.seen, one, now):
                with contextlib.suppress(LeaseMoved):
                    self.context.leases.leave(one)
        return replace(line, tickets=tuple(one for one in line.tickets if not wait_queue.dead(self.seen, one, now)))

    def is_our_turn(self, line: Line) -> bool:
        """Whether nobody alive has the stack, and nobody alive comes before us."""
        free = line.lease is None or wait_queue.dead(self.seen, line.lease, self.context.clock.monotonic())
        return free and not self._before(line)

    def wait(self, line: Line) -> None:
        """Say where we stand, and let a moment pass. Raises Waiting when it was long enough."""
        if self.wanted.wait:
            self._stand_in_line(line)
        else:
            self._must_be_worth_watching(line)
        self.context.clock.sleep(min(_LOOK_EVERY, self.wanted.seconds / 10))

    def leave(self) -> None:
        """Leave the line; a ticket that cannot be taken back dies."""
        if self.ticket is not None and self.ticket.version:
            with contextlib.suppress(LeaseMoved, GitFailed), noted():
                self.context.leases.leave(self.ticket)

    def _before(self, line: Line) -> tuple[Ticket, ...]:
        if not line.tickets:
            return ()
        if self.wanted.wait:
            return wait_queue.before(self._own_ticket(), line.tickets)
        # Without --wait there is no time to watch whether a ticket is renewed. Its clock decides, about order only.
        now = self.context.clock.now()
        return tuple(one for one in line.tickets if not leases.expired(one, now))

    def _stand_in_line(self, line: Line) -> None:
        now = self.context.clock.monotonic()
        if now - self.since >= self.wanted.wait:
            waited = leases.span(now - self.since)
            raise Waiting(
                f"After {waited}, {self.wanted.stack.label} is not ours: {self._situation(line)}.", hint=_HINT
            )
        own = self._own_ticket()
        if not own.version or now - self.entered_at >= leases.renewal_due(own.seconds):
            self._enter(own, now)
        where = tuple(one.id for one in self._before(line)), line.lease.holder if line.lease else None
        if where != self.told or now - self.told_at >= _TELL_EVERY:
            self.told, self.told_at = where, now
            self.tell(f"{self.wanted.stack.label}: {self._situation(line)}")

    def _enter(self, own: Ticket, now: float) -> None:
        """Enter the line, or stay in it; a ticket that was swept away while we slept is put back under another id."""
        own = leases.renewed(own, self.context.clock.now())
        with noted():
            try:
                self.ticket = self.context.leases.enter(own)
            except LeaseMoved:
                self.ticket = self.context.leases.enter(replace(own, version="", id=uuid.uuid4().hex))
        self.entered_at = now

    def _must_be_worth_watching(self, line: Line) -> None:
        """Without waiting, the only thing to stay for is a lease that looks dead: it has to be seen dead."""
        lease, label = line.lease, self.wanted.stack.label
        now = self.context.clock.now()
        if lease is None:
            raise Waiting(f"{label}: {self._situation(line)}.", hint=_HINT)
        if self.first is None or lease.version != self.first.version:
            raise Waiting(
                f"{label} is leased to {leases.describe(lease, now)} by this machine's clock, and still at work.",
                hint="Set the clocks of both machines, or wait for it with --wait.",
            )
        if self._before(line) or not leases.expired(lease, now):
            raise Waiting(f"{label} is leased to {leases.describe(lease, now)}.", hint=_HINT)
        if not self.told:
            self.told = (lease.version,)
            limit = leases.span(leases.dead_after(lease))
            self.tell(f"{label}: watching for {limit} whether {leases.describe(lease, now)}, is alive")

    def _situation(self, line: Line) -> str:
        clock = self.context.clock
        silent = wait_queue.silence(self.seen, line.lease, clock.monotonic()) if line.lease else 0.0
        return wait_queue.situation(line.lease, self._before(line), silent, clock.now())

    def _own_ticket(self) -> Ticket:
        """Our ticket; without a version as long as it is not in the line."""
        if self.ticket is None:
            context, commit = self.context, self.wanted.commit
            place = int(context.git.text("rev-list", "--count", "--first-parent", commit))
            number, now = uuid.uuid4().hex, context.clock.now()
            self.ticket = wait_queue.ticket(
                self.wanted.stack, context.holder, now, commit=commit, place=place, number=number
            )
        return self.ticket
