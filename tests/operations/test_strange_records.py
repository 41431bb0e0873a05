"""Records that this release would not write, on the remote: refused where they count, and printed as they are."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gitops.errors import LedgerBroken
from gitops.flow.ledger import chain as records
from gitops.flow.ledger.history import plan_for
from gitops.flow.plans import plan as plans
from gitops.model import Query, Record, RecordKind
from gitops.verbs import log
from tests.operations.world import DEV, World
from tests.support import ledgers
from tests.support.plans import HEAD, NOW
from tests.support.records import DIGEST, PLAN, record_of


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def record(kind: RecordKind, **body: Any) -> Record:
    return record_of(kind, records.Author("ada", "dev"), DEV, HEAD, NOW, body)


def with_record(world: World, strange: Record) -> None:
    """A ledger whose second record is this one."""
    ledgers.write(world.remote, [record(RecordKind.APPLIED), strange, record(RecordKind.APPLIED)])


OTHER_PLAN = {**plans.to_body(PLAN), "format": plans.FORMAT - 1, "changes": "as they were then"}
STRANGE = {
    "a field is missing": (replace(record(RecordKind.APPLIED), body={}), "missing required field `plan_digest`"),
    "a field is of another type": (record(RecordKind.REPAIRED, repairs=7), r"`body\.repairs`"),
    "a plan is none": (record(RecordKind.PLAN, plan={"plan_digest": DIGEST}), "A plan record in the ledger cannot"),
    "a newer format": (replace(record(RecordKind.APPLIED), format=2), "was written by a newer release"),
}
ALLOWED = {
    "a further field": record(RecordKind.APPLIED, later=1),
    "a plan of another format": record(RecordKind.PLAN, plan=OTHER_PLAN),
    "a plan whose digest does not fit": record(RecordKind.PLAN, plan={**plans.to_body(PLAN), "unchanged": 77}),
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_record_that_cannot_be_read_is_named(name: str, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    strange, why = STRANGE[name]
    with_record(world, strange)
    with pytest.raises(LedgerBroken, match=f"Ledger record 2 .*{why}"):
        world.run(log.command, "--verify")
    capsys.readouterr()
    world.run(log.command, "--json")
    assert json.loads(capsys.readouterr().out)[1]["body"] == strange.body
    world.run(log.command)
    assert strange.kind.value in capsys.readouterr().out


@pytest.mark.parametrize("name", ALLOWED)
def test_what_another_release_may_write_is_accepted(
    name: str, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    with_record(world, ALLOWED[name])
    world.run(log.command, "--verify")
    assert capsys.readouterr().out == "The chain holds: 3 records.\n"


def test_a_kind_of_a_newer_release_says_what_reads_it(world: World) -> None:
    content = records.encode(records.following(record(RecordKind.APPLIED), None))
    ledgers.write_files(world.remote, [content.replace(b'"kind": "applied"', b'"kind": "praised"')])
    with pytest.raises(LedgerBroken, match=r"was written by a newer release.*'praised'") as caught:
        world.run(log.command)
    assert caught.value.hint == "Update gitops."


@pytest.mark.parametrize("shown_on", ["7", None, 2**70, -3])
def test_a_plan_that_does_not_tell_where_it_was_shown_is_not_passed_over(world: World, shown_on: object) -> None:
    with_record(world, record(RecordKind.PLAN, shown_on=shown_on))
    history = world.ledger.history()
    with pytest.raises(LedgerBroken, match=r"Ledger record 2 \(plan\) cannot be used"):
        plan_for(history, DEV, HEAD, 7)
    with pytest.raises(LedgerBroken, match=r"Ledger record 2 \(plan\) cannot be used"):
        history.newest(Query(kinds=(RecordKind.PLAN,), commit=HEAD, shown_on=8))
    assert history.newest(Query(kinds=(RecordKind.APPLIED,), commit=HEAD)) is not None


def test_a_ledger_with_a_record_that_cannot_be_read_can_be_accepted_as_it_is(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    with_record(world, STRANGE["a field is of another type"][0])
    world.run(log.command, "--accept-rewritten")
    assert "The chain holds: 3 records." in capsys.readouterr().out
