"""What a stack has been through, from its ledger records, for people."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from gitops.errors import LedgerBroken
from gitops.flow.words import LINE_LIMIT, clip, plural, short
from gitops.model import Outcome, Record, RecordKind
from gitops.model import record_bodies as bodies
from gitops.model.record_bodies import Body

_TONES = {
    RecordKind.RELEASE: "go",
    RecordKind.APPLIED: "go",
    RecordKind.APPLY_FAILED: "stop",
    RecordKind.NOT_VERIFIED: "stop",
    RecordKind.REFUSED: "stop",
    RecordKind.BREAK_GLASS: "stop",
    RecordKind.REPAIRED: "care",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One record: what happened, when, by whom, to which commit and plan (empty: none), and a note."""

    at: datetime
    kind: RecordKind
    tone: str
    by: str
    commit: str
    plan: str
    note: str


def events(records: Iterable[Record]) -> tuple[Event, ...]:
    """One event a record, in the same order. A body that is not as it should be gives neither plan nor note."""
    return tuple(_event(record) for record in records)


def _event(record: Record) -> Event:
    try:
        body: Body = record.read()
    except LedgerBroken:
        body = Body()
    tone, note = _TONES.get(record.kind, "calm"), "; ".join(_notes(body))
    return Event(record.at, record.kind, tone, record.by, short(record.commit), short(_plan(body)), note)


def _plan(body: Body) -> str:
    if isinstance(body, bodies.Planned):
        return body.plan.plan_digest
    return str(getattr(body, "plan_digest", ""))  # most kinds tell of a plan


def _notes(body: Body) -> Iterator[str]:
    match body:
        case bodies.Planned() | bodies.DestroyApproved():
            yield f"shown on pull request #{body.shown_on}"
        case bodies.Refused():
            refusals = (rule for rule in body.verdict.rules if rule.outcome is Outcome.REFUSE)
            yield from (clip(f"{rule.rule}: {rule.reason}", LINE_LIMIT) for rule in refusals)
        case bodies.ApplyFailed() | bodies.DestroyFailed():
            yield _line(body.message)
        case bodies.BreakGlass():
            yield _line(body.reason)
        case bodies.Released() | bodies.NotVerified():
            passed = sum(check.passed for check in body.checks)
            yield f"{passed} of {plural(len(body.checks), 'check')} passed"
        case bodies.Repaired():
            yield plural(len(body.repairs), "repair")
        case bodies.Unchanged():
            yield f"unchanged since {short(body.unchanged_since)}"
        case bodies.Superseded():
            yield f"overtaken by {short(body.by)}"


def _line(text: str) -> str:
    return clip(text.partition("\n")[0], LINE_LIMIT)
