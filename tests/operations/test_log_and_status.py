"""`gitops log` and `gitops status`."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest

from gitops.adapters.git.leases import GitLeases
from gitops.errors import LedgerBroken, Refused
from gitops.flow.leases import lease as leases
from gitops.flow.leases import wait_queue
from gitops.flow.ledger import chain as records
from gitops.verbs import log, status
from tests.flow.ledger.test_schema import problems
from tests.operations.test_up import rewrite_ledger
from tests.operations.world import DEV, World, wanting
from tests.support import ledgers

SCALE = {"Pulumi.dev.yaml": wanting(web=20)}


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


def printed(world: World, capsys: pytest.CaptureFixture[str], *command: Any) -> str:
    capsys.readouterr()
    world.run(*command)
    return capsys.readouterr().out


def rows(world: World, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    document = json.loads(printed(world, capsys, status.command, "--json"))
    assert document["format"] == 1
    return {row["environment"]: row for row in document["environments"]}


def test_a_ledger_nobody_wrote_to_is_an_empty_list(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(printed(world, capsys, log.command, "--json")) == []
    assert printed(world, capsys, log.command, "--verify") == "The chain holds: 0 records.\n"


def test_the_log_prints_records_chosen_by_stack_and_number(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.reviewed(SCALE, "bob")
    world.up()
    whole = json.loads(printed(world, capsys, log.command, "--json"))
    assert [record["kind"] for record in whole] == ["plan", "apply started", "applied", "release"]
    for stack in ("dev", "shop/dev"):
        assert json.loads(printed(world, capsys, log.command, "--json", "--stack", stack)) == whole
    assert json.loads(printed(world, capsys, log.command, "--json", "--stack", "prod")) == []
    assert json.loads(printed(world, capsys, log.command, "--json", "--last", "2")) == whole[-2:]
    assert "apply started" in printed(world, capsys, log.command)
    assert printed(world, capsys, log.command, "--verify") == "The chain holds: 4 records.\n"


def test_the_log_is_chosen_by_kind_and_time(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.reviewed(SCALE, "bob")
    world.up()

    def kinds(*options: str) -> list[str]:
        return [record["kind"] for record in json.loads(printed(world, capsys, log.command, "--json", *options))]

    assert kinds("--kind", "release", "--kind", "plan") == ["plan", "release"]
    assert kinds("--kind", "applied", "--stack", "prod") == []
    newest = world.records[-1].at
    assert kinds("--since", newest.isoformat())[-1:] == ["release"]
    assert kinds("--since", (newest + timedelta(seconds=1)).replace(tzinfo=None).isoformat()) == []
    assert kinds("--since", "1d") == kinds("--all")
    with pytest.raises(click.BadParameter, match="no day or time"):
        kinds("--since", "yesterday")


def test_a_long_log_is_cut_at_its_newest_unless_all_is_asked_for(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    ledgers.write(world.remote, ledgers.synthetic(1100))
    assert [one["sequence"] for one in json.loads(printed(world, capsys, log.command, "--json"))] == [
        *range(1051, 1101)
    ]
    assert len(json.loads(printed(world, capsys, log.command, "--json", "--all"))) == 1100
    lines = printed(world, capsys, log.command, "--all").splitlines()
    assert len([line for line in lines if line.startswith("#")]) == 3
    assert len(lines) == 1103


def test_the_schema_that_is_printed_is_the_published_one(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    published = Path(__file__).parents[2] / "docs" / "schemas" / "ledger-record.json"
    assert printed(world, capsys, log.command, "--schema") == published.read_text()


def test_every_record_of_a_run_fits_the_published_schema(world: World) -> None:
    world.reviewed(SCALE, "bob")
    world.up()
    world.reviewed({"Pulumi.dev.yaml": wanting(web=21)}, "bob", branch="more")
    world.engine.states["dev"] = {"web": 31}
    with pytest.raises(Refused):
        world.up()
    assert [record.kind for record in world.records if problems(records.encode(record))] == []
    assert world.kinds[-1] == "refused"


def test_an_altered_record_is_named(world: World) -> None:
    world.reviewed(SCALE, "bob")
    world.up()
    rewrite_ledger(world, ('"by": "ada"', '"by": "eve"'), sequence=2)
    with pytest.raises(LedgerBroken, match="alters records/000/000002"):
        world.run(log.command, "--verify")


def test_status_shows_branch_release_and_what_is_pending(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    before = rows(world, capsys)
    assert (before["dev"]["released"], before["dev"]["last_apply"]) == (None, None)
    released = world.reviewed(SCALE, "bob")
    world.up()
    settled = rows(world, capsys)["dev"]
    assert (settled["released"], settled["branch_head"], settled["pending_commits"]) == (released, released, [])
    assert settled["last_apply"]["outcome"] == "applied"
    merged = world.reviewed({"Pulumi.dev.yaml": wanting(web=21)}, branch="more")
    waiting = rows(world, capsys)["dev"]
    assert (waiting["released"], waiting["pending_commits"][0]) == (released, merged)
    assert waiting["pending_files"] == [{"path": "Pulumi.dev.yaml", "status": "modified"}]
    assert "dev" in printed(world, capsys, status.command)


def test_status_shows_who_holds_a_stack(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    context = world.context("eve")
    GitLeases(context.git).swap(DEV, None, leases.granted(DEV, context.holder, world.clock.now(), 60))
    found = rows(world, capsys)
    assert [lease["holder"]["name"] for lease in found["dev"]["leases"]] == ["eve"]
    assert found["prod"]["leases"] == []


def test_status_shows_who_stands_in_line(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    context = world.context("eve")
    made = wait_queue.ticket(DEV, context.holder, world.clock.now(), commit="c" * 40, place=2, number="a")
    GitLeases(context.git).enter(made)
    found = rows(world, capsys)
    assert [(one["holder"]["name"], one["place"]) for one in found["dev"]["waiting"]] == [("eve", 2)]
    assert found["prod"]["waiting"] == []
    assert "shop/dev: waited for by eve on laptop (up) for cccccccccccc" in printed(world, capsys, status.command)


def test_an_environment_whose_branch_is_missing_is_shown_as_such(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.push_to_main(
        {"gitops.yaml": (world.clone / "gitops.yaml").read_text().replace("branch: prod", "branch: live")}
    )
    row = rows(world, capsys)["prod"]
    assert (row["branch"], row["branch_head"], row["pending_commits"]) == ("live", None, [])
