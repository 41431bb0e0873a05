"""Leases: who holds a stack, and what somebody who wants it may do. Pure; the ref is moved elsewhere.

Nobody's clock decides. A holder renews its lease every third of its duration and stops after two thirds without; others
take the stack once they have seen the lease stand still for its whole duration and a little more. Each of these spans
is measured by the machine that waits for it. (Kubernetes' leader election works the same way: client-go,
tools/leaderelection.)
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from gitops.config.durations import LONGEST_LEASE
from gitops.errors import LedgerBroken
from gitops.flow.plans import values
from gitops.model import Holder, Lease, Stack, Ticket

# What a renewal may spend on its way, and clocks may differ in speed, before silence counts. Seconds.
TOLERANCE = 5.0
# How long an apply may go on finishing its running operations after its lease was lost; then it is cut short. Seconds.
GRACE = 60.0

Kept = TypeVar("Kept", Lease, Ticket)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A ref's value, and since when it has stood there unmoved, by our own count of seconds."""

    version: str
    since: float


def granted(stack: Stack, holder: Holder, now: datetime, seconds: int) -> Lease:
    """A new lease from now on."""
    return Lease(stack.label, holder, acquired_at=now, expires_at=now + timedelta(seconds=seconds), seconds=seconds)


def renewed(kept: Kept, now: datetime) -> Kept:
    """The same lease or ticket, expiring later."""
    return replace(kept, expires_at=now + timedelta(seconds=kept.seconds))


def renewal_due(seconds: int) -> float:
    """How long after a renewal the next one is due."""
    return seconds / 3


def doubtful_after(seconds: int) -> float:
    """How long its holder may count on a lease after the last renewal; others wait longer before they take it."""
    return seconds * 2 / 3


def dead_after(kept: Lease | Ticket) -> float:
    """For how long it must have been seen to stand still before somebody else may take it, or skip the ticket."""
    # A longer lease than gitops.yaml can ask for was not written by this program.
    return min(max(kept.seconds, 0), LONGEST_LEASE) + TOLERANCE


def watch(before: Mapping[str, Sighting], versions: Mapping[str, str], now: float) -> dict[str, Sighting]:
    """Since when each ref has stood as it stands now, from what was seen before."""
    return {
        name: before[name] if name in before and before[name].version == version else Sighting(version, now)
        for name, version in versions.items()
    }


def expired(kept: Lease | Ticket, now: datetime) -> bool:
    """Whether its time is over by the clocks, which may differ: a reason to watch it, never to take it."""
    return now > kept.expires_at + timedelta(seconds=TOLERANCE)


def encode(kept: Lease | Ticket) -> str:
    """The value as the text of its ref's commit: a subject for people, then JSON."""
    body: dict[str, Any] = values.pack(kept)
    del body["version"]
    verb = "is leased to" if isinstance(kept, Lease) else "is wanted by"
    return f"{kept.stack} {verb} {kept.holder.name} for {kept.holder.purpose}\n\n{json.dumps(body, indent=1)}\n"


def decode(text: str, version: str, kind: type[Kept]) -> Kept:
    """Read a lease or ticket back. Raises LedgerBroken when the ref holds something else."""
    try:
        body: Mapping[str, Any] = json.loads(text.partition("\n\n")[2])
        return msgspec.convert({**body, "version": version}, kind)
    except (ValueError, TypeError, msgspec.ValidationError) as error:
        raise LedgerBroken(
            f"The ref at {version[:12]} holds something that is not a {kind.__name__.lower()}: {error}.",
            hint="Somebody wrote below refs/gitops/ by hand: find that ref with `git ls-remote`, and delete it.",
        ) from None


def describe(lease: Lease, now: datetime) -> str:
    """Who holds it, for what, and for how much longer: one sentence's worth, without a full stop."""
    left = min((lease.expires_at - now).total_seconds(), lease.seconds)
    when = f"{span(left)} left" if left >= 0 else f"expired {span(-left)} ago"
    return f"{who(lease.holder)}, {when}"


def who(holder: Holder) -> str:
    """The holder as people know it."""
    return f"{holder.name} on {holder.host} for `{holder.purpose}`"


def span(seconds: float) -> str:
    """A span of time in words, in whole seconds: `1 min 10 s`."""
    whole = int(seconds)
    parts = [(whole // 3600, "h"), (whole % 3600 // 60, "min"), (whole % 60, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 s"
