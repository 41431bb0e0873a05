"""Write the ledger anew without a leaked value: the one thing that an append-only record does not foresee.

Every record from the first that holds the value on gets a new commit, since each carries the digest of the one before
it. The branch is moved by compare-and-swap, so a record that somebody appends meanwhile is not lost.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from gitops.adapters.git import ledger_commits as commits
from gitops.adapters.git import signatures
from gitops.adapters.git.command import GitCommand, Move
from gitops.adapters.git.ledger_commits import Written
from gitops.errors import Failed, GitOpsError, Waiting
from gitops.flow.ledger.chain import BRANCH, Place, place_of
from gitops.flow.plans import plan as plans
from gitops.flow.redaction import REPLACEMENT, Redactor
from gitops.model import Record, RecordKind
from gitops.model.record_bodies import Planned

_REMOTE = f"refs/heads/{BRANCH}"


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What a leaked value is in, and what becomes of it."""

    holding: tuple[Record, ...]
    """The records that hold the value, oldest first, as they are without it."""
    anew: int
    """How many records get a new commit."""
    broken: tuple[int, ...]
    """The numbers of plans that do not give their digest any more: their pull requests need a new preview."""
    head: str = ""
    """The commit that the ledger ends with afterwards; empty where nothing is to be written."""


def look(git: GitCommand, redactor: Redactor) -> Rewriting:
    """What `rewrite` would do. Raises RemoteUnreachable, LedgerBroken."""
    return _Rewriter(git, redactor).told


def rewrite(git: GitCommand, redactor: Redactor, *, signers: bytes, tell: Callable[[str], None]) -> Rewriting:
    """Write the ledger anew on the remote, signed where `signers` lists somebody.

    Raises RemoteUnreachable, LedgerBroken, Failed for a signature that nobody would accept, Waiting where the ledger
    moved meanwhile.
    """
    rewriter = _Rewriter(git, redactor)
    if not rewriter.told.holding:
        return rewriter.told
    head = rewriter.write(bool(signers), tell)
    if signers:
        [(_, wrong)] = signatures.check(git, [head], signers)
        if wrong:
            raise Failed(
                f"The ledger, written anew, would be read by nobody: its newest record {wrong}. Nothing was changed.",
                hint="Use a key that `ledger.signers` lists: git config user.signingkey FILE.",
            )
    if not git.swap(Move(_REMOTE, rewriter.head, head)):
        raise Waiting(
            "Somebody wrote to the ledger meanwhile; nothing was changed.",
            hint="Run the same command again when no preview and no apply is running.",
        )
    return replace(rewriter.told, head=head)


class _Rewriter:
    """The ledger as the remote has it, and its records without the value."""

    def __init__(self, git: GitCommand, redactor: Redactor) -> None:
        self._git, self._redactor = git, redactor
        self.head = git.remote_refs(_REMOTE).get(_REMOTE, "")
        if self.head:
            git.fetch(_REMOTE)
        self._last: Written | None = None
        """The newest record that stays as it is."""
        self._anew: list[Record] = []
        holding: list[Record] = []
        for written, clean in self._records():
            if clean != written.record.body:
                holding.append(replace(written.record, body=clean))
            if holding:
                self._anew.append(replace(written.record, body=clean))
            else:
                self._last = written
        broken = tuple(one.sequence for one in holding if one.kind is RecordKind.PLAN and not _fits(one))
        self.told = Rewriting(tuple(holding), len(self._anew), broken)

    def write(self, sign: bool, tell: Callable[[str], None]) -> str:
        """Write the new commits into this clone; the last of them."""
        last: Place | None = self._last.place if self._last else None
        commit = self._last.commit if self._last else ""
        for number, record in enumerate(self._anew, start=1):
            placed = replace(record, previous=last.digest if last else "")
            commit, _ = commits.write(self._git, placed, commit, sign=sign)
            last = place_of(placed)
            if number % 200 == 0:
                tell(f"writing the ledger anew: {number} of {len(self._anew)} records")
        return commit

    def _records(self) -> Iterator[tuple[Written, Any]]:
        """Each record, and its body without the value."""
        every = commits.between(self._git, "", self.head) if self.head else ()
        after, last = "", None
        for start in range(0, len(every), commits.BATCH):
            written = list(commits.read(self._git, every[start : start + commits.BATCH], after, last))
            files = commits.contents(self._git, [one.blob for one in written])
            for one, content in zip(written, files, strict=True):
                _must_be_known(one.record, content)
                yield one, self._without(one.record.body)
            after, last = written[-1].commit, written[-1].place

    def _without(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._redactor.replaced(value)
        if isinstance(value, dict):
            return {self._redactor.replaced(str(key)): self._without(child) for key, child in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._without(child) for child in value]
        # A number as JSON has it. True and false are too short to hold a value.
        return value if self._redactor.replaced(json.dumps(value)) == json.dumps(value) else REPLACEMENT


def _must_be_known(record: Record, content: bytes) -> None:
    """Raises Failed for a record with fields that this release would lose."""
    strange = json.loads(content).keys() - {one.name for one in fields(Record)}
    if strange:
        raise Failed(
            f"Record {record.sequence} has fields that this release does not know: {', '.join(sorted(strange))}.",
            hint="Use the release of gitops that wrote it.",
        )


def _fits(record: Record) -> bool:
    try:
        plans.from_body(record.read_as(Planned).plan.content)
    except GitOpsError:
        return False
    return True
