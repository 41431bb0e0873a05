"""Hold a stack's lease while working on it: acquire, keep alive, notice its loss, release."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gitops.context import Context
from gitops.errors import Failed, GitFailed, RemoteUnreachable, Waiting
from gitops.flow import lease as leases
from gitops.model import Lease, Stack
from gitops.ports import LeaseMoved


@dataclass
class Held:
    """A lease of ours. `taken_over` is the expired lease that stood in its place, if one did."""

    context: Context
    stack: Stack
    seconds: int
    lease: Lease
    taken_over: Lease | None = None
    _lost: str = ""
    _stop: threading.Event = field(default_factory=threading.Event)
    _renewing: threading.Lock = field(default_factory=threading.Lock)

    def must_be_ours(self) -> None:
        """Make sure that the stack is ours for a whole lease from now on. Raises Failed, RemoteUnreachable."""
        if self._lost or not self._renew():
            raise Failed(
                f"The lease on {self.stack.label} was lost: {self._lost}. Nothing more is written.",
                hint="Run the same command again when the stack is free: it looks at what was done until now.",
            )

    def lost(self) -> str:
        """Why the lease is ours no more; "" while nothing speaks against it."""
        if not self._lost and leases.expired(self.lease, self.context.clock.now()):
            return "the remote could not be reached for longer than the lease lasts"
        return self._lost

    def keep_alive(self) -> None:
        """Renew the lease every third of its duration until told to stop; a loss is noted, not raised."""
        while not self._stop.wait(self.seconds / 3):
            # An unreachable remote may come back in time; a lease that expires meanwhile is only lost if it is taken.
            with contextlib.suppress(RemoteUnreachable):
                if not self._renew():
                    return

    def _renew(self) -> bool:
        """Put a renewed lease where ours stands; False, with the reason noted, when ours stands there no more."""
        with self._renewing:
            while True:
                now = self.context.clock.now()
                try:
                    wanted = leases.renewed(self.lease, now, self.seconds)
                    self.lease = self.context.leases.swap(self.stack, self.lease, wanted) or wanted
                except LeaseMoved:
                    current = self.context.leases.current(self.stack)
                    if current is None:
                        self._lost = "somebody removed it"
                    elif current.holder != self.lease.holder:
                        self._lost = f"it went to {leases.describe(current, now)}"
                    else:
                        # A renewal of ours arrived whose answer did not come back.
                        self.lease = current
                        continue
                return not self._lost

    def stop(self) -> None:
        """End the renewals."""
        self._stop.set()


@contextmanager
def hold(context: Context, stack: Stack, seconds: int, tell: Callable[[str], None]) -> Iterator[Held]:
    """The stack is ours within the block. Raises Waiting when somebody holds it, RemoteUnreachable."""
    held = _acquire(context, stack, seconds, tell)
    if held.taken_over is not None:
        now = context.clock.now()
        tell(f"{stack.label}: took over the lease of {leases.describe(held.taken_over, now)}")
    renewals = threading.Thread(target=held.keep_alive, name=f"lease {stack.label}", daemon=True)
    renewals.start()
    try:
        yield held
    finally:
        held.stop()
        renewals.join()
        _release(held, tell)


def _acquire(context: Context, stack: Stack, seconds: int, tell: Callable[[str], None]) -> Held:
    now = context.clock.now()
    standing = context.leases.current(stack)
    if standing is not None and not leases.expired(standing, now):
        raise Waiting(
            f"{stack.label} is leased to {leases.describe(standing, now)}.",
            hint="Run the same command again when that run has ended; a killed run's lease expires by itself.",
        )
    if standing is not None:
        _watch(context, stack, standing, seconds, tell)
    wanted = leases.granted(stack, context.holder, context.clock.now(), seconds)
    try:
        lease = context.leases.swap(stack, standing, wanted)
    except LeaseMoved:
        raise Waiting(
            f"Somebody else was faster to lease {stack.label}.", hint="Run the same command again in a moment."
        ) from None
    return Held(context, stack, seconds, lease or wanted, taken_over=standing)


def _watch(context: Context, stack: Stack, standing: Lease, seconds: int, tell: Callable[[str], None]) -> None:
    """Look whether an expired lease is renewed after all: its holder's clock may be behind ours, and it at work.

    A holder renews every third of the duration, so half of it is enough, by our own clock alone. Raises Waiting.
    """
    now = context.clock.now()
    tell(f"{stack.label}: watching for {seconds / 2:.0f}s whether {leases.describe(standing, now)}, is alive")
    context.clock.sleep(seconds / 2)
    if context.leases.current(stack) != standing:
        raise Waiting(
            f"{stack.label} is leased to {leases.describe(standing, now)} by this machine's clock, and still at work.",
            hint="Set the clocks of both machines, and run the same command again when that run has ended.",
        )


def _release(held: Held, tell: Callable[[str], None]) -> None:
    """Give the lease back; one that cannot be given back expires, which is no reason to fail a finished apply."""
    try:
        held.context.leases.swap(held.stack, held.lease, None)
    except LeaseMoved:
        tell(f"{held.stack.label}: the lease was no longer ours to release")
    except GitFailed as error:
        tell(f"{held.stack.label}: the lease could not be released and will expire: {error.message}")
