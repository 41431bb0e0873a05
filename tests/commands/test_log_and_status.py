"""`gitops log` and `gitops status`."""

import json
from typing import Any

import pytest

from gitops.adapters.leases import GitLeases
from gitops.commands import log, status
from gitops.errors import LedgerBroken
from gitops.flow import lease as leases
from gitops.flow import queue
from tests.commands.test_up import rewrite_ledger
from tests.commands.world import DEV, World, wanting

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
    made = queue.ticket(DEV, context.holder, world.clock.now(), commit="c" * 40, place=2, number="a")
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
