"""The line for a stack: who comes first, whose ticket still counts, and what somebody who waits is told. Pure."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from gitops.flow.leases import lease as leases
from gitops.flow.leases.lease import Sighting
from gitops.model import Holder, Lease, Line, Stack, Ticket

# A ticket that its waiter no longer renews stops counting after so long. Seconds.
TICKET_SECONDS = 30
_LEASE = "lease"
_ORDINALS = ("first", "second", "third")


def ticket(stack: Stack, holder: Holder, now: datetime, *, commit: str, place: int, number: str) -> Ticket:
    """A new ticket; see `Ticket` for its place and number."""
    expires_at = now + timedelta(seconds=TICKET_SECONDS)
    return Ticket(stack.label, holder, commit, place, now, expires_at, TICKET_SECONDS, number)


def in_order(tickets: Collection[Ticket]) -> tuple[Ticket, ...]:
    """First come first: earlier commits of the branch, then who asked earlier."""
    return tuple(sorted(tickets, key=_rank))


def before(own: Ticket, tickets: Collection[Ticket]) -> tuple[Ticket, ...]:
    """The tickets whose turn comes before ours."""
    return tuple(one for one in in_order(tickets) if one.id != own.id and _rank(one) < _rank(own))


def sighted(seen: Mapping[str, Sighting], line: Line, now: float) -> dict[str, Sighting]:
    """Since when lease and tickets have stood as they stand now; `now` counts our own seconds."""
    versions = {one.id: one.version for one in line.tickets}
    if line.lease is not None:
        versions[_LEASE] = line.lease.version
    return leases.watch(seen, versions, now)


def silence(seen: Mapping[str, Sighting], one: Lease | Ticket, now: float) -> float:
    """For how many seconds we have seen it stand still."""
    sighting = seen.get(one.id if isinstance(one, Ticket) else _LEASE)
    return now - sighting.since if sighting is not None and sighting.version == one.version else 0.0


def dead(seen: Mapping[str, Sighting], one: Lease | Ticket, now: float) -> bool:
    """Whether it has stood still for so long that nobody keeps it any more."""
    return silence(seen, one, now) > leases.dead_after(one)


def position(ahead: int) -> str:
    """The place of somebody who has so many before them."""
    return f"{_ORDINALS[ahead]} in line" if ahead < len(_ORDINALS) else f"number {ahead + 1} in line"


def situation(lease: Lease | None, ahead: Collection[Ticket], silent: float, now: datetime) -> str:
    """Where somebody stands who waits behind this lease and these tickets; `silent` is how long the lease has stood."""
    if lease is not None:
        limit = leases.dead_after(lease)
        # A lease that is renewed stands still for a third of its time, and now and then for a little longer.
        quiet = f"silent for {leases.span(silent)}, free after {leases.span(limit)}" if silent > limit / 2 else ""
        state = (
            f"leased to {leases.who(lease.holder)}, {quiet}" if quiet else f"leased to {leases.describe(lease, now)}"
        )
    else:
        names = [leases.who(one.holder) for one in ahead]
        state = f"behind {names[-1]}" if names else "free"
    return f"{position(len(ahead))}; {state}"


def _rank(one: Ticket) -> tuple[int, datetime, str]:
    return one.place, one.since, one.id
