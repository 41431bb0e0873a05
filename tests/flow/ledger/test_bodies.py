"""Bodies of records: built from their classes, parsed into them, and refused where they do not fit."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, get_type_hints

import pytest

from gitops.errors import FailureKind, LedgerBroken, Refused, StepFailure
from gitops.flow.ledger import chain as records
from gitops.flow.ledger import schema
from gitops.flow.ledger.history import latest_plan, must_be_whole, plan_for
from gitops.flow.plans import plan as plans
from gitops.flow.releases.release import rollbacks
from gitops.model import (
    Check,
    Ending,
    History,
    Operation,
    Outcome,
    Query,
    Record,
    RecordKind,
    RuleResult,
    SecretValue,
    Verdict,
)
from gitops.model import record_bodies as bodies
from gitops.model.record_bodies import DESCRIPTIONS
from tests.support.plans import DEV, HEAD, NOW, change, update
from tests.support.records import BODIES, PLAN, record_of

ADA = records.Author("ada", "dev")
DIGEST = "d" * 64
VERDICT = Verdict((RuleResult("same plan", Outcome.REFUSE, "it differs", {"n": 1}),))
CHECKS = (Check("outputs", True, "3 outputs"),)
DRIFT = (change(Operation.UPDATE, "a:b:C", "x", update("s", SecretValue("1" * 64), SecretValue("2" * 64))),)
FAILURES = (StepFailure(FailureKind.QUOTA, "urn:x", paths=("n",)),)
MADE = [
    bodies.Refused(VERDICT),
    bodies.Refused(VERDICT, DIGEST),
    bodies.ApplyStarted(DIGEST, "5f0c", "runner"),
    bodies.Applied(DIGEST),
    bodies.NotVerified(DIGEST, CHECKS),
    bodies.NotVerified(DIGEST, CHECKS, DRIFT),
    bodies.ApplyFailed(DIGEST, "no", touched=False),
    bodies.ApplyFailed(DIGEST, "no", failures=FAILURES, cancelled=True, run="5f0c", host="runner"),
    bodies.ApplyFailed(DIGEST, "no", failures=()),
    bodies.Repaired(("adopted a bucket",)),
    bodies.Unchanged(HEAD),
    bodies.Released(DIGEST, CHECKS),
    bodies.Superseded(HEAD),
    bodies.RollbackAsked(HEAD, HEAD, 7),
    bodies.BreakGlass("fire", DIGEST, VERDICT),
    bodies.DestroyStarted("5f0c", "runner"),
    bodies.Destroyed("closed"),
    bodies.DestroyFailed("no", failures=FAILURES),
    bodies.DestroyApproved(DIGEST, 7, 5001),
    bodies.Commanded("/gitops apply", 7, 5001, Ending.DONE, "Done."),
]


def written(body: bodies.Body) -> Record:
    """A record as it comes back from its file."""
    made = records.following(records.ledger_record(ADA, DEV, HEAD, NOW, body), None)
    return records.decode(records.encode(made), "x")


def with_body(kind: RecordKind, **body: Any) -> Record:
    return replace(record_of(kind, ADA, DEV, HEAD, NOW), body=body, sequence=7)


@pytest.mark.parametrize("body", MADE, ids=lambda body: type(body).__name__)
def test_a_body_comes_back_as_it_was_written(body: bodies.Body) -> None:
    record = written(body)
    assert record.kind is DESCRIPTIONS[type(body)].kind
    assert record.read() == body


def test_every_class_of_bodies_is_tried() -> None:
    assert {type(body) for body in MADE} | {bodies.Planned} == set(DESCRIPTIONS)


def test_a_plan_comes_back_as_it_was_written() -> None:
    record = written(bodies.Planned(plans.on_record(PLAN), 7, 12))
    body = record.read_as(bodies.Planned)
    assert (body.plan.plan_digest, body.shown_on, body.seconds, record.shown_on) == (PLAN.plan_digest, 7, 12, 7)
    assert plans.from_body(body.plan.content) == PLAN


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (bodies.ApplyFailed(DIGEST, "no"), {"plan_digest": DIGEST, "message": "no"}),
        (bodies.ApplyFailed(DIGEST, "no", failures=()), {"plan_digest": DIGEST, "message": "no", "failures": []}),
        (bodies.Refused(VERDICT), {"verdict": records.values.pack(VERDICT)}),
        (
            bodies.DestroyApproved(DIGEST, 7, 5001),
            {"plan_digest": DIGEST, "shown_on": 7, "comment": 5001, "address": ""},
        ),
    ],
    ids=["defaults", "no failures", "no plan", "no address"],
)
def test_a_default_is_left_out_unless_it_is_written_always(body: bodies.Body, content: Mapping[str, Any]) -> None:
    assert records.ledger_record(ADA, DEV, HEAD, NOW, body).body == content


@pytest.mark.parametrize("described", DESCRIPTIONS, ids=lambda described: described.__name__)
def test_a_body_without_a_field_that_has_to_be_there_is_a_broken_ledger(described: type[bodies.Body]) -> None:
    kind = DESCRIPTIONS[described].kind
    with pytest.raises(LedgerBroken, match=rf"record 7 \({kind.value}\) cannot be used: .*missing required field"):
        with_body(kind, other=1).read()


@pytest.mark.parametrize("kind", RecordKind)
def test_a_field_of_the_wrong_type_is_a_broken_ledger_that_names_it(kind: RecordKind) -> None:
    for field in BODIES[kind]:
        broken = {**BODIES[kind], field: {"other": 1} if field != "verdict" else 1}
        with pytest.raises(LedgerBroken, match=rf"record 7 .*`body\.{field}"):
            with_body(kind, **broken).read()


def test_a_field_that_this_release_does_not_know_is_left() -> None:
    record = with_body(RecordKind.APPLIED, plan_digest=DIGEST, later=1)
    assert record.read() == bodies.Applied(DIGEST)
    assert b'"later": 1' in records.encode(record)


def test_a_body_that_is_nested_too_deep_is_a_broken_ledger() -> None:
    nested: dict[str, Any] = {}
    for _ in range(2000):
        nested = {"inner": nested}
    with pytest.raises(LedgerBroken, match=r"record 7 \(applied\) cannot be used"):
        with_body(RecordKind.APPLIED, plan_digest=DIGEST, later=nested).read()


def test_a_release_without_an_apply_is_told_by_the_release_before() -> None:
    assert with_body(RecordKind.RELEASE, unchanged_since=HEAD, checks=[], plan_digest=DIGEST).is_unchanged
    assert not record_of(RecordKind.RELEASE, ADA, DEV, HEAD, NOW).is_unchanged


def test_a_record_of_a_newer_format_says_what_reads_it() -> None:
    record = replace(record_of(RecordKind.APPLIED, ADA, DEV, HEAD, NOW), sequence=7, format=2)
    with pytest.raises(LedgerBroken, match="record 7 was written by a newer release: it has format 2") as caught:
        record.read()
    assert caught.value.hint == "Update gitops."
    with pytest.raises(LedgerBroken, match="newer release"):
        assert replace(record, kind=RecordKind.PLAN).shown_on


@pytest.mark.parametrize(
    ("wanted", "given"), [(b'"kind": "applied"', b'"kind": "praised"'), (b'"by": "ada"', b'"by": 7')]
)
def test_a_file_of_a_newer_format_says_what_reads_it(wanted: bytes, given: bytes) -> None:
    content = records.encode(record_of(RecordKind.APPLIED, ADA, DEV, HEAD, NOW))
    newer = content.replace(b'"format": 1', b'"format": 2').replace(wanted, given)
    with pytest.raises(LedgerBroken, match="records/x was written by a newer release") as caught:
        records.decode(newer, "records/x")
    assert caught.value.hint == "Update gitops."


def test_a_format_that_no_release_writes_is_a_broken_ledger() -> None:
    with pytest.raises(LedgerBroken, match="no release writes format 0"):
        replace(record_of(RecordKind.APPLIED, ADA, DEV, HEAD, NOW), format=0).read()


BROKEN_PLAN = with_body(RecordKind.PLAN, shown_on="7", plan=BODIES[RecordKind.PLAN]["plan"])


@pytest.mark.parametrize(
    ("record", "ask"),
    [
        (BROKEN_PLAN, lambda history: plan_for(history, DEV, HEAD, 7)),
        (BROKEN_PLAN, lambda history: latest_plan(history, DEV, 7)),
        (with_body(RecordKind.APPLY_FAILED, touched=0), lambda history: history.cut_short(DEV)),
        (with_body(RecordKind.APPLY_FAILED, touched=0), lambda history: history.unverified(DEV)),
        (with_body(RecordKind.RELEASE, unchanged_since=7), lambda history: history.without_release(DEV)),
        (with_body(RecordKind.ROLLBACK, to=HEAD), lambda history: rollbacks(history, "dev")),
    ],
)
def test_no_decision_takes_a_broken_body_for_one_that_is_not_there(record: Record, ask: Any) -> None:
    with pytest.raises(LedgerBroken, match="record 7 "):
        ask(History((record,)))


def test_a_broken_body_is_in_nobodys_way_who_does_not_ask_for_it() -> None:
    history = History((BROKEN_PLAN, record_of(RecordKind.APPLIED, ADA, DEV, HEAD, NOW)))
    assert history.newest(Query(kinds=(RecordKind.APPLIED,), shown_on=None)) == history.last_apply(DEV)


def test_a_plan_that_is_none_is_not_whole() -> None:
    content = {"plan_digest": DIGEST, "commit": HEAD, "format": plans.FORMAT}
    with pytest.raises(LedgerBroken, match=r"record 7 \(plan\) cannot be used: .*missing required field"):
        must_be_whole(with_body(RecordKind.PLAN, shown_on=7, plan=content))
    must_be_whole(with_body(RecordKind.PLAN, shown_on=7, plan={**content, "format": 2}))
    with pytest.raises(Refused):
        plans.from_body({**content, "format": 2})


def test_a_body_is_read_through_its_class_and_not_by_its_keys() -> None:
    # mypy finds whoever asks an `object` for a key.
    assert get_type_hints(Record)["body"] is object


def test_every_field_has_words() -> None:
    for described in (*DESCRIPTIONS, Record, Query):
        assert set(schema.words_of(described)) == {field.name for field in fields(described)}
