"""The ledger, and the leases that are moved together with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gitops.model import Lease, Line, Record, Stack, Ticket

if TYPE_CHECKING:
    from gitops.model import History


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """What a whole reading of the ledger found: how many records, and how many are signed by whom.

    `head` is the commit it ends with, `seen` the one that this clone had seen before; empty where there is none.
    """

    records: int
    signers: Mapping[str, int]
    head: str
    seen: str


class LedgerReader(Protocol):
    """The append-only record of everything."""

    def history(self) -> "History":
        """The verified history, fetched from the remote now. Raises RemoteUnreachable, LedgerBroken."""

    def verify(self) -> LedgerReport:
        """Read all of it again, with every signature and every body, whatever was verified before.

        Raises RemoteUnreachable, LedgerBroken.
        """

    def accept_rewritten(self) -> LedgerReport:
        """Forget the head that was seen, and start over from what the remote has now, if that is whole.

        Raises RemoteUnreachable, LedgerBroken.
        """


@dataclass(frozen=True, slots=True)
class Renewal:
    """A lease as it must stand on the remote, and what it becomes together with a record."""

    held: Lease
    wanted: Lease


class LedgerWriter(Protocol):
    """Appends to the ledger."""

    def append(self, record: Record) -> Record:
        """Append, retrying when another writer was faster; `sequence` and `previous` are set here.

        Returns the record as it stands in the ledger. Raises RemoteUnreachable, LedgerBroken.
        """

    def append_renewing(self, record: Record, renewal: Renewal) -> tuple[Record, Lease]:
        """Append and renew the lease in one atomic step: both or neither, so a stale holder writes nothing.

        Returns the record and the lease as they stand on the remote. Raises LeaseMoved when the lease stands
        elsewhere, RemoteUnreachable, LedgerBroken.
        """


class Leases(Protocol):
    """Exclusive, expiring rights to operate on stacks, and the lines of those who wait for one."""

    def current(self, stack: Stack) -> Lease | None:
        """The lease as the remote has it now, expired or not."""

    def all(self) -> tuple[Lease, ...]:
        """Every lease on the remote."""

    def swap(self, stack: Stack, expected: Lease | None, wanted: Lease | None) -> Lease | None:
        """Compare and swap: put `wanted` (None: remove) where `expected` stands.

        Returns what stands there now. Raises LeaseMoved when something else stood there.
        """

    def line(self, stack: Stack) -> Line:
        """The stack's lease and everybody who waits for it, in one look."""

    def tickets(self) -> tuple[Ticket, ...]:
        """Everybody who waits, for whichever stack."""

    def enter(self, ticket: Ticket) -> Ticket:
        """Put a new ticket (without a version) into the line, or renew one; as it stands there now.

        Raises LeaseMoved when it is not there any more as it was.
        """

    def leave(self, ticket: Ticket) -> None:
        """Take a ticket out of the line. Raises LeaseMoved when it is not there any more as it was."""


class LeaseMoved(Exception):
    """Another writer moved the lease or the ticket first; read it again."""
