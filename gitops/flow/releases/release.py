"""What a release is, how far a stack has come on its way to one, and which rollbacks were asked for. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from gitops.flow.words import clip
from gitops.model import History, Query, Record, RecordKind, Stack
from gitops.model.record_bodies import NotVerified, RollbackAsked


@dataclass(frozen=True, slots=True)
class Release:
    """A commit that every stack of an environment was released at, each with the first record that says so."""

    environment: str
    commit: str
    records: Mapping[Stack, Record]

    @property
    def since(self) -> datetime:
        """Since when all stacks have it."""
        return max(record.at for record in self.records.values())


@dataclass(frozen=True, slots=True)
class Rollback:
    """A rollback that somebody asked for: of `taken` to the release `to`, by the commit `head`, as a pull request."""

    by: str
    at: datetime
    taken: str
    to: str
    head: str
    pull_request: int


def release_at(history: History, environment: str, commit: str, stacks: Iterable[Stack]) -> Release | None:
    """The environment's release of that commit, where each of these stacks (at least one) was released at it."""
    found: dict[Stack, Record] = {}
    for stack in stacks:
        wanted = Query(stack=stack.label, kinds=(RecordKind.RELEASE,), commit=commit, environment=environment)
        record = next(history.select(wanted, oldest_first=True), None)
        if record is None:
            return None
        found[stack] = record
    return Release(environment, commit, found) if found else None


def rollbacks(history: History, environment: str) -> tuple[Rollback, ...]:
    """Every rollback of the environment that was asked for, newest first."""
    found: dict[str, Rollback] = {}
    for one in history.select(Query(kinds=(RecordKind.ROLLBACK,), environment=environment)):
        body = one.read_as(RollbackAsked)
        found.setdefault(body.head, Rollback(one.by, one.at, one.commit, body.to, body.head, body.pull_request))
    return tuple(found.values())


def takes_back(rollback: Rollback, commit: str, contains: Callable[[str, str], bool]) -> bool:
    """Whether the rollback takes the commit back; `contains` says whether its first commit contains the second."""
    return contains(rollback.taken, commit) and not contains(rollback.to, commit)


def why_not_released(history: History, commit: str, stacks: Iterable[Stack]) -> list[str]:
    """For each stack without a release of that commit, how far it came."""
    told = []
    for stack in sorted(stacks):
        record = history.newest(Query(stack=stack.label, kinds=tuple(_HOW_FAR), commit=commit))
        if record is None:
            told.append(f"{stack.label}: nothing was applied yet")
        elif record.kind is not RecordKind.RELEASE:
            told.append(f"{stack.label}: {_HOW_FAR[record.kind]}{_detail(record)}")
    return told


_HOW_FAR = {
    RecordKind.RELEASE: "released",
    RecordKind.NOT_VERIFIED: "applied, but not verified",
    RecordKind.APPLIED: "applied, and not verified yet",
    RecordKind.APPLY_STARTED: "its apply has not ended",
    RecordKind.APPLY_FAILED: "its apply failed",
    RecordKind.REFUSED: "refused by the gate",
    RecordKind.SUPERSEDED: "overtaken by a later commit",
}


def _detail(record: Record) -> str:
    checks = record.read_as(NotVerified).checks if record.kind is RecordKind.NOT_VERIFIED else ()
    failed = [f"{clip(check.name)}: {clip(check.detail)}" for check in checks if not check.passed]
    return f" ({'; '.join(failed)})" if failed else ""
