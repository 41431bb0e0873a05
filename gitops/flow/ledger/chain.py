"""Ledger records: one schema, one chain. Pure.

Each record is a JSON file `records/<thousands>/<sequence>.json` on the ledger branch and carries the digest of
the record before it, so the chain holds even where Git's own history was rewritten.
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from gitops.config.settings import LEDGER_BRANCH
from gitops.errors import LedgerBroken
from gitops.flow.plans import values
from gitops.model import History, PlanOnRecord, Record, RecordKind, Stack
from gitops.model.record_bodies import DESCRIPTIONS, WRITTEN_ALWAYS, Body
from gitops.model.records import FORMAT

BRANCH = LEDGER_BRANCH
FOLDER = "records"


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
    except msgspec.ValidationError as error:
        raise _strange(path, value, str(error)) from None
    except ValueError as error:
        raise _unreadable(path, str(error)) from None
    if not isinstance(record.body, dict):
        raise _unreadable(path, "its body is no object")
    if record.at.tzinfo is None:
        raise _unreadable(path, f"its time {record.at} names no zone")
    return record, Place(record.sequence, digest, record.at)


def _strange(path: str, value: Any, why: str) -> LedgerBroken:
    """The error of a file that has not the form of a record: a newer release may have written it."""
    try:
        head = msgspec.convert(value, _Head)
    except msgspec.ValidationError:
        return _unreadable(path, why)
    if head.format <= FORMAT and head.kind in list(RecordKind):
        return _unreadable(path, why)
    return LedgerBroken(
        f"Ledger record {path} was written by a newer release: it has format {head.format} and tells {head.kind!r}. "
        f"This release cannot read it: {why}.",
        hint="Update gitops.",
    )


@dataclass(frozen=True, slots=True)
class _Head:
    format: int
    kind: str


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


def ledger_record(author: Author, stack: Stack | None, commit: str, now: datetime, body: Body) -> Record:
    """A record that has no place in the chain yet; of no stack, what is about a whole pull request.

    Its kind follows from the body's class.
    """
    return Record(
        sequence=0,
        previous="",
        kind=DESCRIPTIONS[type(body)].kind,
        at=now,
        by=author.name,
        environment=author.environment,
        stack=stack.label if stack else "",
        commit=commit,
        body=_content(body),
    )


def _content(body: Body) -> dict[str, Any]:
    """The body as plain JSON."""
    content: dict[str, Any] = {}
    for field in dataclasses.fields(body):
        value = getattr(body, field.name)
        if value != field.default or field.metadata == WRITTEN_ALWAYS:
            content[field.name] = value.content if isinstance(value, PlanOnRecord) else values.pack(value)
    return content
