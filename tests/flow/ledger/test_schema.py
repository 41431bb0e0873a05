"""The published schema of ledger records: current, and true of what is written."""

import json
from pathlib import Path

import jsonschema
import pytest

from gitops.flow.ledger import chain as records
from gitops.flow.ledger import schema
from gitops.flow.plans import plan as plans
from gitops.flow.plans.values import pack
from gitops.model import Check, Operation, Outcome, Record, RecordKind, RuleResult, SecretValue, UnknownValue, Verdict
from tests.support.plans import DEV, HEAD, NOW, add, change, plan

PUBLISHED = Path(__file__).parents[3] / "docs" / "schemas" / "ledger-record.json"
DIGEST = "0" * 64
VERDICT = pack(Verdict((RuleResult("same plan", Outcome.REFUSE, "it differs", {"plan_digest": DIGEST}),)))
CHECKS = pack((Check("outputs", True, "3 outputs"),))
PLAN = plan(change(Operation.CREATE, "a:b:C", "x", add("n", SecretValue(DIGEST)), add("m", UnknownValue())))
BODIES = {
    RecordKind.PLAN: {"plan": plans.to_body(PLAN), "shown_on": 7},
    RecordKind.APPLY_STARTED: {"plan_digest": DIGEST, "run": "5f0c", "host": "runner-1"},
    RecordKind.APPLIED: {"plan_digest": DIGEST},
    RecordKind.NOT_VERIFIED: {"plan_digest": DIGEST, "checks": CHECKS},
    RecordKind.APPLY_FAILED: {"plan_digest": DIGEST, "message": "no", "touched": False},
    RecordKind.REFUSED: {"verdict": VERDICT},
    RecordKind.REPAIRED: {"repairs": ["adopted a bucket"]},
    RecordKind.RELEASE: {"unchanged_since": HEAD},
    RecordKind.SUPERSEDED: {"by": HEAD},
    RecordKind.ROLLBACK: {"to": HEAD, "head": HEAD, "pull_request": 7},
    RecordKind.BREAK_GLASS: {"reason": "fire", "plan_digest": DIGEST, "verdict": VERDICT},
    RecordKind.DESTROY_STARTED: {"run": "5f0c", "host": "runner-1"},
    RecordKind.DESTROYED: {"why": "pull request #7 is closed"},
    RecordKind.DESTROY_FAILED: {"message": "no", "cancelled": True, "run": "5f0c", "host": "runner-1"},
    RecordKind.DESTROY_APPROVED: {
        "plan_digest": DIGEST,
        "shown_on": 7,
        "comment": 5001,
        "address": "https://x.example",
    },
    RecordKind.COMMAND: {
        "command": "/gitops unlock shop/dev",
        "pull_request": 7,
        "comment": 5001,
        "outcome": "done",
        "answer": "The lease is gone.",
    },
}


def of_kind(kind: RecordKind) -> Record:
    made = records.make(kind, records.Author("ada", "dev"), DEV, HEAD, NOW, BODIES[kind])
    return records.following(made, None)


def problems(content: bytes) -> list[str]:
    """What the published schema finds wrong with a record's file."""
    validator = jsonschema.Draft202012Validator(json.loads(PUBLISHED.read_text()))
    return [error.message for error in validator.iter_errors(json.loads(content))]


def test_the_published_schema_is_the_current_one() -> None:
    assert PUBLISHED.read_text() == schema.text(), (
        "write it anew: gitops log --schema > docs/schemas/ledger-record.json"
    )
    jsonschema.Draft202012Validator.check_schema(schema.schema())


@pytest.mark.parametrize("kind", RecordKind)
def test_a_record_of_each_kind_fits(kind: RecordKind) -> None:
    assert problems(records.encode(of_kind(kind))) == []


@pytest.mark.parametrize("kind", RecordKind)
def test_a_record_of_each_kind_needs_its_body(kind: RecordKind) -> None:
    assert problems(records.encode(records.replace(of_kind(kind), body={"other": 1})))


def test_a_later_release_may_add_fields() -> None:
    record = of_kind(RecordKind.APPLIED)
    assert problems(records.encode(records.replace(record, body={**record.body, "later": 1}))) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("kind", "gossip"), ("sequence", 0), ("previous", "abc"), ("at", 7), ("stack", "dev"), ("format", "one")],
)
def test_a_field_of_the_wrong_form_does_not_fit(field: str, value: object) -> None:
    content = json.loads(records.encode(of_kind(RecordKind.APPLIED)))
    assert problems(json.dumps({**content, field: value}).encode())
