"""The ledger as an orphan branch on the Git remote: one commit a record, never rewritten.

What was read and verified once is remembered in this clone: the commits under `refs/gitops/ledger`, which also keeps
the newest head that was seen, and an index of the records in the Git directory.
"""

import hashlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gitops.adapters.git import leases, signatures
from gitops.adapters.git import ledger_commits as commits
from gitops.adapters.git.command import GitCommand, Move
from gitops.adapters.git.ledger_index import Head, IndexLost, LedgerIndex, Row
from gitops.errors import Failed, GitFailed, LedgerBroken
from gitops.flow.ledger.chain import BRANCH, decode, following, path_of
from gitops.flow.ledger.chain import place_of as end_with
from gitops.flow.ledger.history import must_be_whole
from gitops.model import History, Lease, Query, Record
from gitops.ports import LeaseMoved, LedgerReport, Renewal

# How long a writer keeps trying while others are faster. Twenty writers at once are through in a few seconds.
PATIENCE_SECONDS = 90.0
# Reading a large ledger for the first time takes a while; nobody is told of less.
_QUIET_SECONDS = 2.0
_TELL_EVERY = 5.0
_REMOTE = f"refs/heads/{BRANCH}"
_SEEN = "refs/gitops/ledger"


@dataclass(frozen=True)
class Options:
    """`signers` lists who may sign records (ALLOWED SIGNERS of ssh-keygen), empty where they are not signed.

    Signatures are slow to check. Each covers all that came before, and whoever signs has checked what he signs behind,
    so of a ledger that is new to this clone the newest `signatures` are enough; `verify` checks all. `tell` hears how
    far a reading is that takes long.
    """

    signers: bytes = b""
    signatures: int = 50
    tell: Callable[[str], None] = lambda _: None


class GitLedger:
    """Implements `gitops.ports.LedgerReader` and `LedgerWriter`. Safe to use from several threads."""

    def __init__(self, git: GitCommand, options: Options | None = None) -> None:
        self._git = git
        self._options = options or Options()
        self._index = LedgerIndex(self._file())
        self._moving = threading.RLock()
        self._writing = threading.Lock()

    def history(self) -> History:
        """See `LedgerReader.history`."""
        return History(_Found(self, self._current()))

    def append(self, record: Record) -> Record:
        """See `LedgerWriter.append`. Raises Failed when other writers were faster for too long."""
        return self._append(record)

    def append_renewing(self, record: Record, renewal: Renewal) -> tuple[Record, Lease]:
        """See `LedgerWriter.append_renewing`. Raises Failed when other writers were faster for too long."""
        move, renewed = leases.move(self._git, renewal.held, renewal.wanted)
        return self._append(record, move), renewed

    def verify(self) -> LedgerReport:
        """See `LedgerReader.verify`."""
        return self._verified(must_be_whole)

    def _verified(self, check: Callable[[Record], None]) -> LedgerReport:
        seen, remote = self._seen(), self._remote_head()
        index = LedgerIndex(None)
        reader = _Reader(self._git, index, self._options, signatures_checked=None, check=check)
        if remote:
            self._git.fetch(_REMOTE)
        self._must_contain(remote, seen)
        if remote:
            reader.read(remote)
        head = index.head()
        return LedgerReport(head.place.sequence if head else 0, reader.signers, head.commit if head else "", seen)

    def accept_rewritten(self) -> LedgerReport:
        """See `LedgerReader.accept_rewritten`."""
        before = self._seen()
        with self._moving:
            # The indexes first: each of them remembers a head of its own.
            self._index.close()
            for file in self._folder().glob("ledger-*.sqlite"):
                file.unlink()
            self._git.attempt("update-ref", "-d", _SEEN)
            try:
                # A body that cannot be read is told by whoever reads it; here it would stand in the way for ever.
                return self._verified(_accept)
            except LedgerBroken:
                if before:
                    self._note_seen(before)
                raise

    # --- reading ----------------------------------------------------------------------------------

    def _current(self) -> Head | None:
        """Where the ledger ends on the remote now, all of it read and verified."""
        with self._moving:
            while True:
                try:
                    return self._asked()
                except IndexLost:
                    continue

    def _asked(self) -> Head | None:
        # Both before the remote is asked: it had this then, so its answer must contain it. What another process of
        # this clone sees meanwhile may be newer than the answer.
        last = self._index.head()
        seen = last.commit if last else self._seen()
        remote = self._remote_head()
        if last is not None and last.commit == remote:
            return last
        if remote:
            # That the commit is here says nothing of its files: another process of this clone may be fetching now.
            self._git.fetch(_REMOTE)
        self._must_contain(remote, seen)
        return self.read_up_to(remote) if remote else None

    def read_up_to(self, commit: str) -> Head:
        """Have the index reach the commit, whose objects are here. Raises IndexLost, LedgerBroken."""
        reader = _Reader(self._git, self._index, self._options, signatures_checked=self._options.signatures)
        head = reader.read(commit)
        self._note_seen(head.commit)
        return head

    def _remote_head(self) -> str:
        return self._git.remote_refs(_REMOTE).get(_REMOTE, "")

    def _seen(self) -> str:
        """The newest head that this clone has seen; "" when it has seen none."""
        last = self._known()
        status, output, _ = self._git.attempt("rev-parse", "--quiet", "--verify", _SEEN)
        return last.commit if last else "" if status else output.decode().strip()

    def _note_seen(self, commit: str) -> None:
        # Processes of one clone may meet at this ref's lock. Whoever loses leaves it a little behind, which costs a
        # longer fetch at most.
        self._git.attempt("update-ref", _SEEN, commit)

    def _must_contain(self, remote: str, seen: str) -> None:
        if not seen or (remote and self._git.attempt("merge-base", "--is-ancestor", seen, remote)[0] == 0):
            return
        now = f"it is at {remote[:12]} now, which does not contain that" if remote else "it is gone"
        raise LedgerBroken(
            f"The ledger was rewritten: this clone saw {BRANCH} at {seen[:12]}, and {now}.",
            hint="Records were taken away or replaced. Nothing should be applied until somebody has explained it; the "
            f"old ones are still here: git log {_SEEN}. Then accept it: gitops log --accept-rewritten",
        )

    def _file(self) -> Path:
        # One for each list of signers: what was read under another list was not checked by this one.
        listed = hashlib.sha256(self._options.signers).hexdigest()[:12] if self._options.signers else "unsigned"
        return self._folder() / f"ledger-{listed}.sqlite"

    def _folder(self) -> Path:
        return Path(self._git.repo.common_dir) / "gitops"

    # --- writing ----------------------------------------------------------------------------------

    def _append(self, record: Record, beside: Move | None = None) -> Record:
        """Append, `beside` being moved in the same push. Raises LeaseMoved when something else stands there."""
        # Threads of one run need not race each other.
        with self._writing:
            return self._raced(record, beside)

    def _raced(self, record: Record, beside: Move | None) -> Record:
        deadline = time.monotonic() + PATIENCE_SECONDS
        # The head as we saw or wrote it last, without asking: if it moved, the swap below fails and tells.
        last = self._known() or self._current()
        while True:
            begun = time.monotonic()
            placed = following(record, last.place if last else None)
            after = last.commit if last else ""
            commit, blob = commits.write(self._git, placed, after, sign=bool(self._options.signers))
            if self._git.swap(Move(_REMOTE, after, commit), *([beside] if beside else [])):
                self._remember(after, Row(commit, blob, placed, end_with(placed), bool(self._options.signers)))
                return placed
            if beside and self._git.remote_refs(beside.ref).get(beside.ref, "") != beside.expected:
                raise LeaseMoved(beside.ref)
            if time.monotonic() > deadline:
                raise Failed(
                    f"Could not append to the ledger branch {BRANCH!r}: other writers were faster for "
                    f"{PATIENCE_SECONDS:.0f} seconds.",
                    hint="Run the same command again; if nobody else writes, look at the remote's branch rules.",
                )
            # For up to as long as one attempt takes here: where all is slow, so are the others.
            time.sleep(random.uniform(0.01, 0.1 + time.monotonic() - begun))  # noqa: S311 - spreads writers, guards nothing
            last = self._current()

    def _known(self) -> Head | None:
        try:
            return self._index.head()
        except IndexLost:
            return None

    def _remember(self, after: str, row: Row) -> None:
        """What was just written need not be read again. Not being able to is no failure: it is on the remote."""
        try:
            self._index.add(after, [row])
        except IndexLost:
            return
        self._note_seen(row.commit)

    # --- finding ----------------------------------------------------------------------------------

    def find(self, head: Head, query: Query, oldest_first: bool, beyond: int, limit: int) -> list[tuple[int, Record]]:
        """Some of the wanted records up to `head`, with their numbers."""
        with self._moving:
            while True:
                try:
                    places = self._index.find(query, head.place.sequence, oldest_first, beyond, limit)
                    # An index that was lost in between is empty: it has this head, or must be filled up to it again.
                    if self._index.at(head.commit) is None:
                        self.read_up_to(head.commit)
                        continue
                    break
                except IndexLost:
                    continue
        blobs = [blob for _, blob in places]
        try:
            found = commits.contents(self._git, blobs)
        except GitFailed:
            # Somebody deleted our ref, and Git cleaned up behind it.
            self._git.fetch(_REMOTE)
            found = commits.contents(self._git, blobs)
        return [(number, decode(one, path_of(number))) for (number, _), one in zip(places, found, strict=True)]


class _Found:
    """The records up to a head, found through the index and read from Git as they are asked for."""

    def __init__(self, ledger: GitLedger, head: Head | None) -> None:
        self._ledger = ledger
        self._head = head

    def select(self, query: Query, *, oldest_first: bool = False) -> Iterator[Record]:
        """See `gitops.model.Finder`."""
        if self._head is None:
            return
        beyond = 0 if oldest_first else self._head.place.sequence + 1
        # Most questions are for the newest one alone; who wants more gets more at a time.
        limit = 1
        while True:
            found = self._ledger.find(self._head, query, oldest_first, beyond, limit)
            # Raises for a record of which the index could not tell whether it is wanted.
            yield from (record for _, record in found if query.includes(record))
            if len(found) < limit:
                return
            beyond, limit = found[-1][0], min(limit * 8, 512)


def _accept(_: Record) -> None:
    """Takes a record whatever its body says: who reads that looks at it."""


class _Reader:
    """Verifies what is new and puts it into an index; `signatures_checked` None: of all.

    `check` raises LedgerBroken for a record that is not to be taken.
    """

    def __init__(
        self,
        git: GitCommand,
        index: LedgerIndex,
        options: Options,
        *,
        signatures_checked: int | None,
        check: Callable[[Record], None] = _accept,
    ) -> None:
        self._git, self._index, self._options = git, index, options
        self._checked, self._check = signatures_checked, check
        self._signers: Counter[str] = Counter()

    @property
    def signers(self) -> Mapping[str, int]:
        """How many of the signatures that were checked are whose."""
        return dict(self._signers)

    def read(self, commit: str) -> Head:
        """Have the index reach the commit. Raises IndexLost, LedgerBroken."""
        while True:
            last = self._index.head()
            found = self._index.at(commit)
            if found is not None:
                return found
            new = commits.between(self._git, last.commit if last else "", commit)
            self._read(new, last)

    def _read(self, new: Sequence[str], last: Head | None) -> None:
        """Batch by batch, until done or until another process has come further."""
        started, told = time.monotonic(), 0.0
        for start in range(0, len(new), commits.BATCH):
            batch = new[start : start + commits.BATCH]
            after = last.commit if last else ""
            written = list(commits.read(self._git, batch, after, last.place if last else None))
            for new_record in written:
                self._check(new_record.record)
            signed = self._signed(batch, len(new) - start)
            rows = [
                Row(one.commit, one.blob, one.record, one.place, is_signed)
                for one, is_signed in zip(written, signed, strict=True)
            ]
            if not self._index.add(after, rows):
                return
            last = Head(rows[-1].commit, rows[-1].place)
            now = time.monotonic()
            if now - started > _QUIET_SECONDS and now - told > _TELL_EVERY:
                told = now
                self._options.tell(f"reading the ledger: {start + len(batch)} of {len(new)} new records verified")

    def _signed(self, batch: Sequence[str], left: int) -> list[bool]:
        """Whether each is signed. From the first signed record on, all must be, by those who are listed."""
        signed = signatures.present(self._git, batch)
        if not self._options.signers:
            # A change that takes the list away must not have its own records believed.
            for commit, is_signed in zip(batch, signed, strict=True):
                if is_signed:
                    raise commits.broken(
                        f"commit {commit[:12]} is signed, and gitops.yaml here names nobody who may: merge the change "
                        "that set `ledger.signers` into this branch"
                    )
            return signed
        begun = self._index.signed_since() is not None
        for commit, is_signed in zip(batch, signed, strict=True):
            if begun and not is_signed:
                raise commits.broken(f"commit {commit[:12]} is not signed, though records before it are")
            begun = begun or is_signed
        behind = left - len(batch)
        due = len(batch) if self._checked is None else max(0, min(len(batch), self._checked - behind))
        asked = [commit for commit, is_signed in zip(batch, signed, strict=True) if is_signed][-due:] if due else []
        for commit, (who, wrong) in zip(asked, signatures.check(self._git, asked, self._options.signers), strict=True):
            if wrong:
                raise commits.broken(f"commit {commit[:12]} {wrong}")
            self._signers[who] += 1
        return signed
