"""A ledger in memory."""

from collections.abc import Iterable

from gitops.errors import RemoteUnreachable
from gitops.flow.ledger import chain as records
from gitops.model import History, Lease, Record, Stack
from gitops.ports import LedgerReport, Renewal
from tests.fakes.leases import FakeLeases


class FakeLedger:
    """Implements `gitops.ports.LedgerReader` and `LedgerWriter`; `reachable` is whether its remote answers."""

    def __init__(
        self, given: Iterable[Record] = (), *, leases: FakeLeases | None = None, reachable: bool = True
    ) -> None:
        self._files = [records.encode(record) for record in given]
        self._leases = leases or FakeLeases()
        self.reachable = reachable

    def history(self) -> History:
        """All records, read back as an adapter would."""
        return records.trusted(self._records())

    def _records(self) -> tuple[Record, ...]:
        self._must_be_reachable()
        return tuple(records.decode(content, f"record {i}") for i, content in enumerate(self._files, start=1))

    def verify(self) -> LedgerReport:
        """Read all of it."""
        known = self._records()
        records.trusted(known)
        return LedgerReport(len(known), {}, "", "")

    def accept_rewritten(self) -> LedgerReport:
        """There is no head that could have been seen."""
        return self.verify()

    def append(self, record: Record) -> Record:
        """Append, in its place in the chain."""
        known = self._records()
        placed = records.following(record, records.place_of(known[-1]) if known else None)
        self._files.append(records.encode(placed))
        return placed

    def append_renewing(self, record: Record, renewal: Renewal) -> tuple[Record, Lease]:
        """Append and renew: nothing is written where the lease stands elsewhere."""
        self._must_be_reachable()
        renewed = self._leases.swap(Stack(*renewal.held.stack.split("/", 1)), renewal.held, renewal.wanted)
        assert renewed is not None
        return self.append(record), renewed

    def _must_be_reachable(self) -> None:
        if not self.reachable:
            raise RemoteUnreachable("Could not read remote 'origin': it is switched off for this test")
