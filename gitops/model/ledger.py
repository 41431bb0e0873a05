"""Leases, lines, checks and endings: who works on a stack, and what came of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Holder:
    """Who works on a stack: a person or job, on a host, in a process group, for a purpose such as `up`."""

    name: str
    host: str
    process: int
    purpose: str
    run: str


@dataclass(frozen=True, slots=True)
class Lease:
    """The exclusive, expiring right to operate on one stack; it lasts for `seconds` from each renewal.

    `expires_at` is by the holder's clock, for people. `version` is the object id of the ref's value.
    """

    stack: str
    holder: Holder
    acquired_at: datetime
    expires_at: datetime
    seconds: int
    version: str = ""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A place in the line for a stack's lease, kept by renewing it, as a lease is.

    `place` is the number of commits on the environment's branch up to `commit`, by first parents: earlier commits
    come first. `id` tells it from all other tickets.
    """

    stack: str
    holder: Holder
    commit: str
    place: int
    since: datetime
    expires_at: datetime
    seconds: int
    id: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """Who has a stack and who waits for it, as the remote told in one look; the tickets first come first."""

    lease: Lease | None
    tickets: tuple[Ticket, ...] = ()


@dataclass(frozen=True, slots=True)
class CutOff:
    """A run that did not end in good order, and may have left processes, locks and pending operations behind.

    `host` is empty where nobody wrote it down. `patience` is for how many more seconds something of it may go on
    working on another machine before it has noticed that it must not; a lock of it is left alone for so long.
    """

    run: str
    host: str = ""
    patience: float = 0.0


@dataclass(frozen=True, slots=True)
class Check:
    """One check after an apply."""

    name: str
    passed: bool
    detail: str


class Ending(StrEnum):
    """What became of a command. Refused is a decision; only what failed may be tried again."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
