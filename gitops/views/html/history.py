"""What a stack has been through, from its ledger records, for people."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitops.flow.words import LINE_LIMIT, clip, plural, short
from gitops.model import Outcome, Record, RecordKind

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
    """One event a record, in the same order. A body that is not as it should be gives no note."""
    return tuple(
        Event(one.at, one.kind, _TONES.get(one.kind, "calm"), one.by, short(one.commit), _plan(one.body), _note(one))
        for one in records
    )


def _plan(body: Mapping[str, Any]) -> str:
    plan = body.get("plan")
    digest = plan.get("plan_digest") if isinstance(plan, Mapping) else body.get("plan_digest")
    return short(digest) if isinstance(digest, str) else ""


def _note(record: Record) -> str:
    return "; ".join(_notes(record))


def _notes(record: Record) -> Iterator[str]:
    body = record.body
    if isinstance(body.get("shown_on"), int):
        yield f"shown on pull request #{body['shown_on']}"
    if record.kind is RecordKind.REFUSED:
        yield from _refusals(body.get("verdict"))
    for key in ("message", "reason"):
        if isinstance(body.get(key), str):
            yield clip(body[key].partition("\n")[0], LINE_LIMIT)
    if isinstance(body.get("checks"), list):
        passed = sum(isinstance(one, Mapping) and one.get("passed") is True for one in body["checks"])
        yield f"{passed} of {plural(len(body['checks']), 'check')} passed"
    if isinstance(body.get("repairs"), list):
        yield plural(len(body["repairs"]), "repair")
    for key, words in (("unchanged_since", "unchanged since"), ("by", "overtaken by")):
        if isinstance(body.get(key), str):
            yield f"{words} {short(body[key])}"


def _refusals(verdict: object) -> Iterator[str]:
    """Why a gate said no."""
    rules = verdict.get("rules") if isinstance(verdict, Mapping) else None
    for rule in rules if isinstance(rules, list) else ():
        if isinstance(rule, Mapping) and rule.get("outcome") == Outcome.REFUSE.value:
            yield clip(f"{rule.get('rule')}: {rule.get('reason')}", LINE_LIMIT)
