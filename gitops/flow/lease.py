"""Leases: who holds a stack, until when, and what somebody who wants it may do. Pure; the ref is moved elsewhere."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from gitops.errors import LedgerBroken
from gitops.flow import values
from gitops.model import Holder, Lease, Stack

# Two machines' clocks may differ by this much before a live lease could be taken for an expired one.
CLOCK_TOLERANCE = timedelta(seconds=5)


def granted(stack: Stack, holder: Holder, now: datetime, seconds: int) -> Lease:
    """A new lease from now on."""
    return Lease(stack.label, holder, acquired_at=now, expires_at=now + timedelta(seconds=seconds))


def renewed(lease: Lease, now: datetime, seconds: int) -> Lease:
    """The same lease, expiring later."""
    return Lease(lease.stack, lease.holder, lease.acquired_at, now + timedelta(seconds=seconds))


def expired(lease: Lease, now: datetime) -> bool:
    """Whether the holder has been silent for so long that the stack is free, clocks differing as they may."""
    return now > lease.expires_at + CLOCK_TOLERANCE


def encode(lease: Lease) -> str:
    """The lease as the text of its ref's commit: a subject for people, then JSON."""
    body: dict[str, Any] = values.pack(lease)
    del body["version"]
    return (
        f"{lease.stack} is leased to {lease.holder.name} for {lease.holder.purpose}\n\n{json.dumps(body, indent=1)}\n"
    )


def decode(text: str, version: str) -> Lease:
    """Read a lease back. Raises LedgerBroken when the ref holds something else."""
    try:
        body: Mapping[str, Any] = json.loads(text.partition("\n\n")[2])
        return msgspec.convert({**body, "version": version}, Lease)
    except (ValueError, TypeError, msgspec.ValidationError) as error:
        raise LedgerBroken(
            f"The lease ref at {version[:12]} holds something that is not a lease: {error}.",
            hint="Somebody wrote to refs/gitops/leases by hand: delete that ref on the remote.",
        ) from None


def describe(lease: Lease, now: datetime) -> str:
    """Who holds it, for what, and for how much longer: one sentence's worth, without a full stop."""
    left = int((lease.expires_at - now).total_seconds())
    when = f"expires in {left}s" if left >= 0 else f"expired {-left}s ago"
    holder = lease.holder
    return f"{holder.name} on {holder.host} for `{holder.purpose}` (process {holder.process}), {when}"
