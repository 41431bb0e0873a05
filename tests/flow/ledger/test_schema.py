"""The published schema of ledger records: current, and true of what is written."""

import json
from pathlib import Path

import jsonschema
import pytest

from gitops.flow.ledger import chain as records
from gitops.flow.ledger import schema
from gitops.model import Record, RecordKind
from tests.support.plans import DEV, HEAD, NOW
from tests.support.records import record_of

PUBLISHED = Path(__file__).parents[3] / "docs" / "schemas" / "ledger-record.json"


def of_kind(kind: RecordKind) -> Record:
    made = record_of(kind, records.Author("ada", "dev"), DEV, HEAD, NOW)
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
