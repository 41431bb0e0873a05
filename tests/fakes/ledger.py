"""A ledger in memory."""

from collections.abc import Iterable

from gitops.errors import RemoteUnreachable
from gitops.flow import record as records
from gitops.model import Record


class FakeLedger:
    """Implements `gitops.ports.LedgerReader` and `LedgerWriter`; `reachable` is whether its remote answers."""

    def __init__(self, given: Iterable[Record] = (), *, reachable: bool = True) -> None:
        self._files = [records.encode(record) for record in given]
        self.reachable = reachable

    def records(self) -> tuple[Record, ...]:
        """All records, read back as an adapter would."""
        self._must_be_reachable()
        return tuple(records.decode(content, f"record {i}") for i, content in enumerate(self._files, start=1))

    def append(self, record: Record) -> Record:
        """Append, in its place in the chain."""
        known = self.records()
        placed = records.following(record, known[-1] if known else None)
        self._files.append(records.encode(placed))
        return placed

    def _must_be_reachable(self) -> None:
        if not self.reachable:
            raise RemoteUnreachable("Could not read remote 'origin': it is switched off for this test")
