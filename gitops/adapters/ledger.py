"""The ledger as an orphan branch on the Git remote: one commit a record, never rewritten."""

import random
import time
from collections.abc import Sequence

from gitops.adapters import leases
from gitops.adapters.git_command import GitCommand, Move
from gitops.errors import Failed, LedgerBroken
from gitops.flow import record as ledger_records
from gitops.model import Lease, Record
from gitops.ports import LeaseMoved, Renewal

# How long a writer keeps trying while others are faster. Twenty writers at once are through in a few seconds.
PATIENCE_SECONDS = 90.0
_REF = f"refs/heads/{ledger_records.BRANCH}"


class GitLedger:
    """Implements `gitops.ports.LedgerReader` and `LedgerWriter`."""

    def __init__(self, git: GitCommand) -> None:
        self._git = git
        self._complete = ""

    def history(self) -> ledger_records.History:
        """See `LedgerReader.history`."""
        return ledger_records.trusted(self._records())

    def _records(self) -> tuple[Record, ...]:
        head = self._fetch()
        if not head:
            return ()
        listing = self._git.run("ls-tree", "-r", "-z", head, f"{ledger_records.FOLDER}/")
        entries = [entry.split(b"\t") for entry in listing.split(b"\0") if entry]
        paths = [path.decode() for _, path in entries]
        blobs = [header.split()[2] for header, _ in entries]
        return tuple(
            ledger_records.decode(content, path) for path, content in zip(paths, self._contents(blobs), strict=True)
        )

    def append(self, record: Record) -> Record:
        """See `LedgerWriter.append`. Raises Failed when other writers were faster for too long."""
        return self._append(record)

    def append_renewing(self, record: Record, renewal: Renewal) -> tuple[Record, Lease]:
        """See `LedgerWriter.append_renewing`. Raises Failed when other writers were faster for too long."""
        move, renewed = leases.move(self._git, renewal.held, renewal.wanted)
        return self._append(record, move), renewed

    def _append(self, record: Record, beside: Move | None = None) -> Record:
        """Append, `beside` being moved in the same push. Raises LeaseMoved when something else stands there."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        # The head as we saw or wrote it last, without asking: if it moved, the swap below fails and tells.
        head = self._complete or self._fetch()
        while True:
            placed = ledger_records.following(record, self._last(head) if head else None)
            commit = self._commit(placed, head)
            moves = [Move(_REF, head, commit), *([beside] if beside else [])]
            if self._git.swap(*moves):
                self._complete = commit
                return placed
            if beside and self._git.remote_refs(beside.ref).get(beside.ref, "") != beside.expected:
                raise LeaseMoved(beside.ref)
            if time.monotonic() > deadline:
                raise Failed(
                    f"Could not append to the ledger branch {ledger_records.BRANCH!r}: other writers were faster for "
                    f"{PATIENCE_SECONDS:.0f} seconds.",
                    hint="Run the same command again; if nobody else writes, look at the remote's branch rules.",
                )
            time.sleep(random.uniform(0.01, 0.2))  # noqa: S311 - spreads the writers, guards nothing
            head = self._fetch()

    def _fetch(self) -> str:
        """The ledger's head on the remote, its objects at hand; "" while there is no ledger."""
        head = self._git.remote_refs(_REF).get(_REF, "")
        # That the commit is here says nothing of its files: another process of this clone may be fetching right now.
        if head and head != self._complete:
            self._git.fetch(_REF)
            self._complete = head
        return head

    def _last(self, head: str) -> Record:
        """The record that the head commit added: its path is the body of the commit message."""
        path = self._git.text("log", "-1", "--format=%b", head)
        try:
            return ledger_records.decode(self._git.run("cat-file", "blob", f"{head}:{path}"), path)
        except (Failed, ValueError):
            raise LedgerBroken(
                f"The newest commit of {ledger_records.BRANCH!r} was not written by the ledger: it names no record.",
                hint="Somebody committed to the ledger branch by hand. Protect the branch, and remove that commit.",
            ) from None

    def _commit(self, record: Record, head: str) -> str:
        path = ledger_records.path_of(record.sequence)
        blob = self._git.text("hash-object", "-w", "--stdin", stdin=ledger_records.encode(record))
        tree = self._with_file(f"{head}^{{tree}}" if head else "", path.split("/"), blob)
        subject = f"{record.kind.value} {record.stack} {record.commit[:12]} by {record.by}"
        parent = ["-p", head] if head else []
        return self._git.text("commit-tree", tree, *parent, stdin=f"{subject}\n\n{path}\n".encode())

    def _with_file(self, tree: str, parts: Sequence[str], blob: str) -> str:
        """A tree like `tree` ("" for none) with the blob at that path; folders beside the path are reused."""
        entries: dict[str, str] = {}
        for line in self._git.text("ls-tree", "-z", tree).split("\0") if tree else ():
            if line:
                header, _, name = line.partition("\t")
                entries[name] = header
        name, below = parts[0], parts[1:]
        if below:
            inner = entries[name].split()[2] if name in entries else ""
            entries[name] = f"040000 tree {self._with_file(inner, below, blob)}"
        else:
            entries[name] = f"100644 blob {blob}"
        listing = "".join(f"{header}\t{name}\0" for name, header in entries.items())
        return self._git.text("mktree", "-z", stdin=listing.encode())

    def _contents(self, blobs: Sequence[bytes]) -> list[bytes]:
        """The blobs' contents, through one Git process."""
        output = self._git.run("cat-file", "--batch", stdin=b"\n".join(blobs) + b"\n")
        contents, offset = [], 0
        while offset < len(output):
            end = output.index(b"\n", offset)
            size = int(output[offset:end].split()[2])
            contents.append(output[end + 1 : end + 1 + size])
            offset = end + 1 + size + 1
        return contents
