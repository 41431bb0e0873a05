"""A ledger record, and the questions that are asked of records, whoever finds these."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from gitops.errors import LedgerBroken
from gitops.model.change import Stack
from gitops.model.record_bodies import ApplyFailed, Body, BodyType, RecordKind, Unchanged
from gitops.model.record_parsing import parsed, shown_on

FORMAT = 1
"""The format of records that this release writes, and the newest that it reads."""

_APPLIES = (RecordKind.APPLY_STARTED, RecordKind.APPLIED, RecordKind.NOT_VERIFIED, RecordKind.APPLY_FAILED)
_DESTROYS = (RecordKind.DESTROY_STARTED, RecordKind.DESTROY_FAILED)
_DONE = (RecordKind.APPLIED, RecordKind.NOT_VERIFIED)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of the ledger. Its body is parsed when it is asked for, and not before: a plan is large."""

    sequence: int
    """Its number; the first is 1. 0: it has no place in the ledger yet."""
    previous: str
    """The digest of the record before it; empty for the first."""
    kind: RecordKind
    """What it tells of."""
    at: datetime
    """When it was written, never before the record before it."""
    by: str
    """Who wrote it, or the author of the comment that asked for it."""
    environment: str
    """The environment that it is about."""
    stack: str
    """The stack's label, project/name; empty for what concerns a pull request as a whole."""
    commit: str
    """The head of the pull request for a plan and for what a comment asked for, else a commit of the branch."""
    body: object = field(default_factory=dict)
    """The body's JSON as it is, also with what this release does not know; `read` gives it its type."""
    format: int = FORMAT
    """The format that it is written in."""

    def read(self) -> Body:
        """The body. Raises LedgerBroken, naming record and field, for one that its class does not fit."""
        return self._reading(lambda: parsed(self.kind, self.body))

    def read_as(self, wanted: type[BodyType]) -> BodyType:
        """The body of a record whose kind has only this class. Raises LedgerBroken as `read` does."""
        body = self.read()
        if not isinstance(body, wanted):
            raise TypeError(f"a record that tells {self.kind.value!r} is no {wanted.__name__}")
        return body

    @property
    def shown_on(self) -> int | None:
        """The pull request that shows the plan that it tells of; None for another kind. Raises LedgerBroken."""
        return self._reading(lambda: shown_on(self.kind, self.body))

    @property
    def touched_nothing(self) -> bool:
        """Whether it ends an apply that changed nothing. Raises LedgerBroken."""
        return self.kind is RecordKind.APPLY_FAILED and not self.read_as(ApplyFailed).touched

    @property
    def is_unchanged(self) -> bool:
        """Whether it is a release to which nothing had to be applied. Raises LedgerBroken."""
        return self.kind is RecordKind.RELEASE and isinstance(self.read(), Unchanged)

    def _reading(self, read: Callable[[], Value]) -> Value:
        if self.format > FORMAT:
            raise LedgerBroken(
                f"Ledger record {self.sequence} was written by a newer release: it has format {self.format}, and this "
                f"release reads format {FORMAT}.",
                hint="Update gitops.",
            )
        if self.format < FORMAT:
            raise self._broken(f"no release writes format {self.format}")
        try:
            return read()
        except (ValueError, RecursionError) as error:
            raise self._broken(str(error).replace("`$", "`body")) from None

    def _broken(self, why: str) -> LedgerBroken:
        return LedgerBroken(
            f"Ledger record {self.sequence} ({self.kind.value}) cannot be used: {why}.",
            hint="No release writes it like that. Nothing should be applied until it is explained: find out who wrote "
            "it, and how. `gitops log --verify` looks for others.",
        )


@dataclass(frozen=True, slots=True)
class Query:
    """Which records are asked for; what is left out does not matter."""

    stack: str = ""
    """Of this stack: its label, or its name without the project."""
    kinds: tuple[RecordKind, ...] = ()
    """Of one of these kinds."""
    commit: str = ""
    """About this commit."""
    environment: str = ""
    """About this environment."""
    shown_on: int | None = None
    """About a plan that this pull request shows."""
    after: int | None = None
    """With a higher number than this."""
    since: datetime | None = None
    """Not before this time."""
    until: datetime | None = None
    """Not after this time."""

    def includes(self, record: Record) -> bool:
        """Whether the record is one of them. Raises LedgerBroken where only its body could tell, and cannot be read."""
        return (
            (not self.stack or self.stack in (record.stack, record.stack.rpartition("/")[2]))
            and (not self.kinds or record.kind in self.kinds)
            and (not self.commit or record.commit == self.commit)
            and (not self.environment or record.environment == self.environment)
            and (self.after is None or record.sequence > self.after)
            and (self.since is None or record.at >= self.since)
            and (self.until is None or record.at <= self.until)
            and (self.shown_on is None or record.shown_on == self.shown_on)
        )


class Finder(Protocol):
    """Finds records without reading all of them."""

    def select(self, query: Query, *, oldest_first: bool = False) -> Iterator[Record]:
        """The wanted records, newest first unless asked otherwise. Raises LedgerBroken as `Query.includes` does."""


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
                if not record.is_unchanged:
                    return None
            elif record.kind is RecordKind.DESTROYED:
                return None
            elif record.touched_nothing:
                untouched = True
            elif untouched and record.kind is RecordKind.APPLY_STARTED:
                untouched = False
            else:
                return record
        return None
