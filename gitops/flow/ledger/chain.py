"""Ledger records: one schema, one chain, and the questions asked of it. Pure.

Each record is a JSON file `records/<thousands>/<sequence>.json` on the ledger branch and carries the digest of
the record before it, so the chain holds even where Git's own history was rewritten.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from gitops.config.settings import LEDGER_BRANCH
from gitops.errors import LedgerBroken
from gitops.flow.plans import plan as plans
from gitops.flow.plans import values
from gitops.model import Plan, Record, RecordKind, Stack

BRANCH = LEDGER_BRANCH
FOLDER = "records"
_APPLIES = (RecordKind.APPLY_STARTED, RecordKind.APPLIED, RecordKind.NOT_VERIFIED, RecordKind.APPLY_FAILED)
_DESTROYS = (RecordKind.DESTROY_STARTED, RecordKind.DESTROY_FAILED)
_DONE = (RecordKind.APPLIED, RecordKind.NOT_VERIFIED)


def path_of(sequence: int) -> str:
    """Where a record stands in the ledger's tree; a thousand to a folder, so that Git hosts can list them."""
    return f"{FOLDER}/{sequence // 1000:03d}/{sequence:06d}.json"


def digest_of(record: Record) -> str:
    """What the next record carries as `previous`."""
    return values.digest(record)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chain ends: the number, digest and time of its newest record."""

    sequence: int
    digest: str
    at: datetime


def place_of(record: Record) -> Place:
    """Where the chain ends with this record."""
    return Place(record.sequence, digest_of(record), record.at)


def following(record: Record, last: Place | None) -> Record:
    """The record in its place behind `last`."""
    if last is None:
        return replace(record, sequence=1, previous="")
    # Clocks differ; time on the ledger never runs backwards, or a plan could be dated before the approval it needs.
    return replace(record, sequence=last.sequence + 1, previous=last.digest, at=max(record.at, last.at))


def encode(record: Record) -> bytes:
    """The record as it stands in its file, for people and machines."""
    return (json.dumps(values.pack(record), indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


def decode(content: bytes, path: str) -> Record:
    """Read a record back. Raises LedgerBroken, naming the file."""
    return read(content, path)[0]


def read(content: bytes, path: str) -> tuple[Record, Place]:
    """A record and its place, from its file. Raises LedgerBroken, naming the file.

    The digest is of all that the file says, also of what this release does not know.
    """
    try:
        value, digest = _parsed(content)
        record = msgspec.convert(value, Record)
    except (ValueError, msgspec.ValidationError) as error:
        raise _unreadable(path, str(error)) from None
    if record.at.tzinfo is None:
        raise _unreadable(path, f"its time {record.at} names no zone")
    return record, Place(record.sequence, digest, record.at)


def _unreadable(path: str, why: str) -> LedgerBroken:
    return LedgerBroken(
        f"Ledger record {path} cannot be read: {why}.",
        hint="Run `gitops log --verify` to see how far the chain holds.",
    )


# The longest number that is surely within the range in which RFC 8785 writes integers as they are.
_EXACT_DIGITS = 15
_BEYOND_FIRST_PLANE = re.compile("[\U00010000-\U0010ffff]")


def _parsed(content: bytes) -> tuple[Any, str]:
    """The file's JSON, and its digest as `values.digest` gives it. Raises ValueError.

    Python's own encoder writes the same canonical JSON ten times faster, as long as there are no fractions, no huge
    integers, and no characters whose order differs between UTF-16 and code points.
    """
    unusual: list[str] = []

    def fraction(text: str) -> float:
        unusual.append(text)
        return float(text)

    def integer(text: str) -> int:
        if len(text) > _EXACT_DIGITS:
            unusual.append(text)
        return int(text)

    def constant(text: str) -> None:
        raise ValueError(f"{text} is no JSON")

    value = json.loads(content, parse_float=fraction, parse_int=integer, parse_constant=constant)
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    if unusual or _BEYOND_FIRST_PLANE.search(canonical):
        return value, values.digest(value)
    return value, hashlib.sha256(canonical.encode()).hexdigest()


def problem(record: Record, last: Place | None) -> str:
    """Why the record cannot stand behind `last`; "" when it can."""
    number = last.sequence + 1 if last else 1
    if record.sequence != number:
        return f"record {number} is missing: {record.sequence} stands in its place"
    if record.previous != (last.digest if last else ""):
        return f"record {number} does not follow record {number - 1}: one of the two was altered"
    if last and record.at < last.at:
        return f"record {number} is dated before record {number - 1}"
    return ""


def problems(records: Iterable[Record]) -> tuple[str, ...]:
    """What is wrong with the chain, in order, up to the first gap; empty when it holds."""
    found = []
    last: Place | None = None
    for record in records:
        wrong = problem(record, last)
        found += [wrong] if wrong else []
        if record.sequence != (last.sequence + 1 if last else 1):
            break
        last = place_of(record)
    return tuple(found)


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

    def plan_for(self, stack: Stack, commit: str, shown_on: int, until: datetime | None = None) -> Plan | None:
        """The newest plan of the stack at that commit that pull request `shown_on` showed, not after `until`.

        Raises LedgerBroken when it was altered.
        """
        kinds = (RecordKind.PLAN,)
        found = self.newest(Query(stack=stack.label, kinds=kinds, commit=commit, shown_on=shown_on, until=until))
        return None if found is None else plans.from_body(found.body.get("plan"))

    def latest_plan(self, stack: Stack, shown_on: int, until: datetime | None = None) -> Plan | None:
        """The newest plan of the stack that pull request `shown_on` showed, at whatever head of it, not after `until`.

        Raises LedgerBroken when it was altered, Refused when it has another format.
        """
        found = self.newest(Query(stack=stack.label, kinds=(RecordKind.PLAN,), shown_on=shown_on, until=until))
        return None if found is None else plans.from_body(found.body.get("plan"))

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


def trusted(records: Sequence[Record]) -> History:
    """The history to decide by. Raises LedgerBroken, naming the first record that does not fit."""
    found = problems(records)
    if found:
        raise LedgerBroken(
            f"The ledger's chain does not hold: {found[0]}.",
            hint="Compare the branch with another clone's; nothing should be applied until it is explained.",
        )
    return History(tuple(records))


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes records in this run, and in which environment."""

    name: str
    environment: str


def make(
    kind: RecordKind,
    author: Author,
    stack: Stack | None,
    commit: str,
    now: datetime,
    body: Mapping[str, Any] | None = None,
) -> Record:
    """A record that has no place in the chain yet; of no stack, what is about a whole pull request."""
    return Record(
        sequence=0,
        previous="",
        kind=kind,
        at=now,
        by=author.name,
        environment=author.environment,
        stack=stack.label if stack else "",
        commit=commit,
        body=body or {},
    )
