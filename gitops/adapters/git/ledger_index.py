"""An index of the ledger's verified records in SQLite, so that a question needs neither Git nor all records.

It holds nothing that Git does not: which record stands where, and what it is found by. It can be deleted at any time,
is made anew when SQLite finds it damaged, and stays in memory where the disk takes no more.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from gitops.errors import LedgerBroken
from gitops.flow.ledger.chain import Place
from gitops.model import Query, Record

# Raised when a column gets another meaning; an index of another version is made anew.
_VERSION = 2
# Stands for the pull request of a record whose body cannot be read. It is found for every pull request, so that whoever
# asks is told that the ledger is broken.
_UNREADABLE = -1
_BUSY_SECONDS = 30.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TABLE = """
CREATE TABLE record (
    sequence INTEGER PRIMARY KEY, object TEXT NOT NULL, blob TEXT NOT NULL, digest TEXT NOT NULL, at INTEGER NOT NULL,
    kind TEXT NOT NULL, stack TEXT NOT NULL, commit_id TEXT NOT NULL, environment TEXT NOT NULL, shown_on INTEGER,
    signed INTEGER NOT NULL
);
CREATE INDEX by_stack ON record (stack, sequence, kind, commit_id);
CREATE INDEX by_commit ON record (commit_id, sequence, kind);
CREATE INDEX by_kind ON record (kind, sequence, environment);
CREATE INDEX by_object ON record (object);
CREATE INDEX by_signed ON record (signed, sequence);
"""
Answer = TypeVar("Answer")


class IndexLost(Exception):
    """The index was damaged or could not be written. An empty one stands in its place: read the ledger again."""


@dataclass(frozen=True, slots=True)
class Row:
    """A verified record as it stands in Git: its commit, its file's blob, whether the commit is signed."""

    commit: str
    blob: str
    record: Record
    place: Place
    signed: bool


@dataclass(frozen=True, slots=True)
class Head:
    """The newest record of the index: its commit, and where the chain ends with it."""

    commit: str
    place: Place


class LedgerIndex:
    """Safe to use from several threads and processes. `file` None: in memory.

    Every method but `close` raises IndexLost.
    """

    def __init__(self, file: Path | None) -> None:
        self._lock = threading.RLock()
        self._file = file
        self._database: sqlite3.Connection | None = None

    def head(self) -> Head | None:
        """Where the index ends."""
        row = self._run(lambda db: db.execute(f"{_HEAD} ORDER BY sequence DESC LIMIT 1").fetchone())
        return _head(row)

    def at(self, commit: str) -> Head | None:
        """Where the index stood with that commit; None when it does not have it."""
        return _head(self._run(lambda db: db.execute(f"{_HEAD} WHERE object = ?", (commit,)).fetchone()))

    def signed_since(self) -> int | None:
        """The number of the first signed record."""
        query = "SELECT sequence FROM record WHERE signed = 1 ORDER BY sequence LIMIT 1"
        row = self._run(lambda db: db.execute(query).fetchone())
        return row[0] if row else None

    def add(self, after: str, rows: Sequence[Row]) -> bool:
        """Add rows behind the record of commit `after` ("": the first); False when the index ends elsewhere."""

        def write(db: sqlite3.Connection) -> bool:
            db.execute("BEGIN IMMEDIATE")
            last = _head(db.execute(f"{_HEAD} ORDER BY sequence DESC LIMIT 1").fetchone())
            fits = (last.commit if last else "") == after
            if fits:
                db.executemany(f"INSERT INTO record VALUES ({','.join('?' * 11)})", map(_columns, rows))  # noqa: S608
            db.execute("COMMIT")
            return fits

        return self._run(write)

    def find(self, query: Query, upto: int, oldest_first: bool, beyond: int, limit: int) -> list[tuple[int, str]]:
        """Number and blob of the wanted records, of those up to `upto` and beyond the number `beyond` in that order."""
        terms, values = _conditions(query)
        terms += ["sequence <= ?", "sequence > ?" if oldest_first else "sequence < ?"]
        order = "ASC" if oldest_first else "DESC"
        sql = f"SELECT sequence, blob FROM record WHERE {' AND '.join(terms)} ORDER BY sequence {order} LIMIT ?"  # noqa: S608 - our own words
        return self._run(lambda db: db.execute(sql, (*values, upto, beyond, limit)).fetchall())

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    def _run(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
        with self._lock:
            try:
                if self._database is None:
                    self._database = _open(self._file)
                return work(self._database)
            except (sqlite3.Error, OSError) as error:
                self._start_anew(error)
                raise IndexLost from error

    def _start_anew(self, error: Exception) -> None:
        with contextlib.suppress(sqlite3.Error):
            self.close()
        self._database = None
        # What SQLite calls operational (no space, no right to write, busy for long) is the place's fault, and would
        # happen again; anything else is the content's.
        damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        if self._file is not None and damaged:
            with contextlib.suppress(OSError):
                self._file.unlink()
                return
        self._file = None


_HEAD = "SELECT object, sequence, digest, at FROM record"


def _head(row: tuple[str, int, str, int] | None) -> Head | None:
    if row is None:
        return None
    commit, sequence, digest, at = row
    return Head(commit, Place(sequence, digest, _EPOCH + timedelta(microseconds=at)))


def _open(file: Path | None) -> sqlite3.Connection:
    if file is not None:
        file.parent.mkdir(exist_ok=True)
    # Transactions are begun and ended by hand. The lock above keeps threads apart.
    database = sqlite3.connect(file or ":memory:", timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        database.execute("BEGIN IMMEDIATE")
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version != _VERSION:
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                database.execute(f'DROP TABLE "{name}"')
            for statement in filter(str.strip, _TABLE.split(";")):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {_VERSION}")
        database.execute("COMMIT")
    except sqlite3.Error:
        database.close()
        raise
    return database


def _columns(row: Row) -> tuple[Any, ...]:
    record = row.record
    return (
        row.place.sequence,
        row.commit,
        row.blob,
        row.place.digest,
        _micros(row.place.at),
        record.kind.value,
        record.stack,
        record.commit,
        record.environment,
        _shown_on(record),
        int(row.signed),
    )


def _shown_on(record: Record) -> int | None:
    try:
        return record.shown_on
    except LedgerBroken:
        return _UNREADABLE


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


_NAME = "substr(stack, instr(stack, '/') + 1) = ?"


def _conditions(query: Query) -> tuple[list[str], list[Any]]:
    wanted: Iterable[tuple[str, Any, bool]] = (
        ("stack = ?" if "/" in query.stack else _NAME, query.stack, bool(query.stack)),
        ("commit_id = ?", query.commit, bool(query.commit)),
        ("environment = ?", query.environment, bool(query.environment)),
        (f"shown_on IN (?, {_UNREADABLE})", query.shown_on, query.shown_on is not None),
        ("sequence > ?", query.after, query.after is not None),
        ("at >= ?", query.since and _micros(query.since), query.since is not None),
        ("at <= ?", query.until and _micros(query.until), query.until is not None),
    )
    terms = [term for term, _, asked in wanted if asked]
    values = [value for _, value, asked in wanted if asked]
    if query.kinds:
        terms.append(f"kind IN ({','.join('?' * len(query.kinds))})")
        values += [kind.value for kind in query.kinds]
    return terms, values
