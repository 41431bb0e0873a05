"""The questions that are asked of the ledger's records, whoever finds these."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from gitops.model.change import Stack
from gitops.model.ledger import Record, RecordKind

_APPLIES = (RecordKind.APPLY_STARTED, RecordKind.APPLIED, RecordKind.NOT_VERIFIED, RecordKind.APPLY_FAILED)
_DESTROYS = (RecordKind.DESTROY_STARTED, RecordKind.DESTROY_FAILED)
_DONE = (RecordKind.APPLIED, RecordKind.NOT_VERIFIED)


@dataclass(frozen=True, slots=True)
class Query:
    """Which records are asked for; what is left out does not matter. `after` is a sequence, `until` a time.

    `stack` is a label, or a name without its project.
    """

    stack: str = ""
    kinds: tuple[RecordKind, ...] = ()
    commit: str = ""
    environment: str = ""
    shown_on: int | None = None
    after: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    def includes(self, record: Record) -> bool:
        """Whether the record is one of them."""
        return (
            (not self.stack or self.stack in (record.stack, record.stack.rpartition("/")[2]))
            and (not self.kinds or record.kind in self.kinds)
            and (not self.commit or record.commit == self.commit)
            and (not self.environment or record.environment == self.environment)
            and (self.shown_on is None or record.body.get("shown_on") == self.shown_on)
            and (self.after is None or record.sequence > self.after)
            and (self.since is None or record.at >= self.since)
            and (self.until is None or record.at <= self.until)
        )


class Finder(Protocol):
    """Finds records without reading all of them."""

    def select(self, query: Query, *, oldest_first: bool = False) -> Iterator[Record]:
        """The wanted records, newest first unless asked otherwise."""


@dataclass(frozen=True, slots=True)
class History:
    """The questions that the pipeline asks of the ledger, over its records oldest first or over a finder of them."""

    records: tuple[Record, ...] | Finder

    def select(self, query: Query, *, oldest_first: bool = False) -> Iterator[Record]:
        """The wanted records, newest first unless asked otherwise."""
        if not isinstance(self.records, tuple):
            return self.records.select(query, oldest_first=oldest_first)
        ordered = self.records if oldest_first else reversed(self.records)
        return (record for record in ordered if query.includes(record))

    def newest(self, query: Query) -> Record | None:
        """The newest of the wanted records."""
        return next(self.select(query), None)

    def ahead(self, now: datetime) -> timedelta:
        """How far in the future the newest record is dated: a clock, ours or its writer's, is wrong by as much.

        Until that time has come no approval can count, since new records are dated behind it.
        """
        last = self.newest(Query())
        return max(last.at - now, timedelta()) if last else timedelta()

    def last_apply(self, stack: Stack) -> Record | None:
        """The newest apply of the stack, whether it went well or not; a start without an end counts as itself."""
        return self.newest(Query(stack=stack.label, kinds=_APPLIES))

    def release(self, stack: Stack) -> Record | None:
        """The commit that was last applied to the stack and verified."""
        return self.newest(Query(stack=stack.label, kinds=(RecordKind.RELEASE,)))

    def unfinished(self, stack: Stack) -> Record | None:
        """An apply that started and never said how it ended: its process was killed."""
        last = self.last_apply(stack)
        return last if last is not None and last.kind is RecordKind.APPLY_STARTED else None

    def cut_short(self, stack: Stack) -> Record | None:
        """The newest apply or destroy, if it did not come to its end: killed, cancelled or failed."""
        last = self.without_release(stack)
        return None if last is None or last.kind in _DONE else last

    def unverified(self, stack: Stack) -> Record | None:
        """The newest apply, if all of it was done and it is no release: it is to be verified, and nothing else."""
        last = self.without_release(stack)
        return last if last is not None and last.kind in _DONE else None

    def without_release(self, stack: Stack) -> Record | None:
        """The newest apply or destroy, if it did not come to a release or to the stack's end.

        An attempt that ended before it touched anything is none, nor does it end the one before it. Neither does a
        release without an apply: it says that nothing is wanted, and not what was done.
        """
        kinds = (*_APPLIES, *_DESTROYS, RecordKind.RELEASE, RecordKind.DESTROYED)
        untouched = False
        for record in self.select(Query(stack=stack.label, kinds=kinds)):
            if record.kind is RecordKind.RELEASE:
                if "unchanged_since" not in record.body:
                    return None
            elif record.kind is RecordKind.DESTROYED:
                return None
            elif record.body.get("touched") is False:
                untouched = True
            elif untouched and record.kind is RecordKind.APPLY_STARTED:
                untouched = False
            else:
                return record
        return None
