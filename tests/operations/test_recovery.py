"""`gitops repair`: what is found, what is done about it, and what the ledger keeps of that."""

import io
import json
import sys
from pathlib import Path

import click
import pytest

from gitops.adapters.git.leases import GitLeases
from gitops.errors import UsageError, Waiting
from gitops.flow.leases import lease as leases
from gitops.flow.leases.lease import GRACE
from gitops.flow.ledger import chain as records
from gitops.model import CutOff, Holder, RecordKind
from gitops.verbs import repair
from tests.operations.world import DEV, World
from tests.support.records import record_of

FOUND = ("web had been created without being recorded; adopted as web-1",)
URN = "urn:pulumi:dev::shop::fake:index:Thing::web"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.engine.settled = FOUND
    return made


def run(world: World, *arguments: str) -> None:
    world.run(repair.command, "--environment", "dev", *arguments)


def test_what_is_found_is_repaired_told_and_recorded(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    run(world, "--yes")
    assert capsys.readouterr().out == f"shop/dev: repaired\n  {FOUND[0]}\n"
    (record,) = world.records
    assert (record.kind, record.body, record.commit) == (RecordKind.REPAIRED, {"repairs": list(FOUND)}, world.main())
    assert world.engine.applied == []
    assert world.leases == ()
    run(world, "--yes", "--json")
    document = json.loads(capsys.readouterr().out)
    assert document == {
        "format": 1,
        "stacks": [{"stack": "shop/dev", "result": "nothing to repair", "repairs": []}],
    }
    assert len(world.records) == 1


def test_a_dry_run_looks_and_does_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    run(world, "--dry-run")
    assert capsys.readouterr().out == f"shop/dev: would repair\n  {FOUND[0]}\n"
    assert (world.engine.settled, world.records) == (FOUND, ())


def test_without_a_terminal_it_needs_yes(world: World) -> None:
    with pytest.raises(UsageError, match="add --yes"):
        run(world)
    assert world.engine.settled == FOUND


class Terminal(io.StringIO):
    """Somebody at a keyboard."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "result"), [("y", "repaired"), ("n", "left as it is")])
def test_at_a_terminal_it_asks(
    world: World, answer: str, result: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(f"{answer}\n"))
    run(world)
    told = capsys.readouterr()
    assert told.out.startswith(f"shop/dev: {result}\n")
    assert FOUND[0] in told.err
    assert len(world.records) == (result == "repaired")


def test_a_stack_that_somebody_holds_is_waiting(world: World) -> None:
    holder = Holder("eve", "elsewhere", 9, "up", "run of eve")
    GitLeases(world.context().git).swap(DEV, None, leases.granted(DEV, holder, world.clock.now(), 60))
    with pytest.raises(Waiting, match="leased to eve"):
        run(world, "--yes", "--wait", "0s")
    assert world.engine.settled == FOUND


@pytest.mark.parametrize(
    ("kind", "body", "left_by"),
    [
        (RecordKind.APPLY_STARTED, {"run": "r1", "host": "h1"}, CutOff("r1", "h1", GRACE + 3)),
        (RecordKind.APPLY_FAILED, {"cancelled": True, "run": "r1", "host": "h1"}, CutOff("r1", "h1", GRACE + 3)),
        (RecordKind.APPLY_FAILED, {"message": "quota exceeded"}, None),
        (RecordKind.APPLIED, {}, None),
    ],
)
def test_the_ledger_tells_whose_leftovers_they_are(
    world: World, kind: RecordKind, body: dict[str, object], left_by: CutOff | None
) -> None:
    made = record_of(kind, records.Author("ci", "dev"), DEV, "c" * 40, world.clock.now(), body)
    world.context().ledger().append(made)
    run(world, "--yes")
    assert world.engine.cut_off == [left_by]


def test_a_dead_lease_tells_it_where_the_ledger_does_not(world: World) -> None:
    holder = Holder("eve", "elsewhere", 9, "up", "run of eve")
    GitLeases(world.context().git).swap(DEV, None, leases.granted(DEV, holder, world.clock.now(), 3))
    run(world, "--yes")
    assert world.engine.cut_off == [CutOff("run of eve", "elsewhere", GRACE)]


def test_what_a_person_found_out_goes_to_the_stack_that_it_is_about(world: World) -> None:
    run(world, "--yes", "--exists", f"{URN}=web-1", "--absent", f"{URN}2")
    assert world.engine.told == {URN: "web-1", f"{URN}2": ""}
    with pytest.raises(UsageError, match="a resource of none of these stacks: shop/dev"):
        run(world, "--yes", "--absent", URN.replace(":dev:", ":prod:"))
    with pytest.raises(UsageError, match="is not URN=ID"):
        run(world, "--yes", "--exists", URN)


def test_an_unknown_stack_is_a_usage_error(world: World) -> None:
    with pytest.raises((UsageError, click.UsageError), match="no stack 'nope'"):
        run(world, "nope", "--yes")
