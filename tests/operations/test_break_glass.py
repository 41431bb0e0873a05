"""`gitops up --break-glass`: possible, loud, reasoned, recorded, told; and still exactly one plan."""

import json
from pathlib import Path

import pytest

from gitops.errors import CodeHostFailed, Refused, UsageError
from gitops.flow.ledger import chain as records
from gitops.model import RecordKind
from gitops.operations.apply import break_glass
from gitops.operations.apply import run as upping
from gitops.operations.apply.run import Done
from gitops.operations.apply.work import BreakGlass
from gitops.verbs import up
from tests.operations.world import DEV, GITOPS, World, wanting
from tests.support.records import record_of

GLASS = GITOPS.format(approvals=1).replace("approvals: 1}", "approvals: 1, break_glass: {by: [ada]}}")
SCALE = {"Pulumi.dev.yaml": wanting(web=20)}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world whose released rules let ada break the glass of dev, and a push past every review."""
    made = World(tmp_path)
    made.reviewed({"gitops.yaml": GLASS, "Pulumi.dev.yaml": wanting(web=13)}, "bob")
    made.up()
    made.push_to_main(SCALE)
    return made


def plan_of(world: World) -> str:
    """What ada reads first."""
    (result,) = world.up(dry_run=True, glass=BreakGlass("down", ()))
    assert result.plan
    return result.plan.plan_digest


def test_the_plan_that_was_read_is_applied_told_and_recorded(world: World) -> None:
    digest = plan_of(world)
    (result,) = world.up(glass=BreakGlass("the shop is down", (digest[:12],)))
    assert result.done is Done.RELEASED
    assert world.engine.states["dev"] == {"web": 20}
    assert world.kinds[-4:] == ["break glass", "apply started", "applied", "release"]
    record = next(one for one in world.records if one.kind is RecordKind.BREAK_GLASS)
    assert (record.by, record.body["reason"], record.body["plan_digest"]) == ("ada", "the shop is down", digest)
    assert any(rule["outcome"] != "allow" for rule in record.body["verdict"]["rules"])
    (told,) = world.host.announcements()
    assert told.startswith("Break-glass: shop/dev by ada")
    assert "the shop is down" in told
    assert "no pull request became commit" in told


def test_glass_that_is_broken_for_the_checks_alone_is_told_and_recorded(world: World) -> None:
    for kind in (RecordKind.APPLY_STARTED, RecordKind.APPLIED):
        made = record_of(
            kind, records.Author("eve", "dev"), DEV, world.main(), world.clock.now(), {"plan_digest": "1" * 64}
        )
        world.context().ledger().append(made)
    world.engine.states["dev"] = {"web": 20}
    with pytest.raises(Refused, match="Applied, and not verified"):
        world.up()
    (result,) = world.up(glass=BreakGlass("the shop is down", ("0" * 12,)))
    assert (result.done, world.kinds[-2:]) == (Done.RELEASED, ["break glass", "release"])
    assert world.records[-2].body["plan_digest"] == "1" * 64
    (told,) = world.host.announcements()
    assert "verifies commit" in told
    assert "no pull request became commit" in told


def test_another_plan_than_the_one_that_was_read_is_refused(world: World) -> None:
    digest = plan_of(world)
    world.engine.states["dev"] = {"web": 14}
    with pytest.raises(Refused, match="is not the one that you named"):
        world.up(glass=BreakGlass("down", (digest,)))
    assert world.engine.states["dev"] == {"web": 14}
    assert world.host.announcements() == []


def test_only_those_whom_the_rules_name_may(world: World) -> None:
    with pytest.raises(Refused, match="eve may not break the glass of this environment: it may be broken by ada"):
        world.up("eve", glass=BreakGlass("down", ("0" * 64,)))


def test_a_change_cannot_name_itself_those_who_may(world: World) -> None:
    world.push_to_main({"gitops.yaml": GLASS.replace("[ada]", "[ada, eve]")})
    with pytest.raises(Refused, match="eve may not break the glass"):
        world.up("eve", glass=BreakGlass("down", ("0" * 64,)))


def test_an_environment_under_another_name_has_no_other_glass(world: World) -> None:
    world.push_to_main({"gitops.yaml": GLASS.replace("name: dev", "name: dev2").replace("[ada]", "[ada, eve]")})
    glass = BreakGlass("down", ("0" * 64,))
    with pytest.raises(Refused, match="eve may not break the glass of this environment: it may be broken by ada"):
        upping.up(world.context("eve"), upping.Request("dev2", glass=glass))


def test_a_glass_that_needs_no_breaking_is_not_broken(world: World) -> None:
    world.reviewed({"Pulumi.dev.yaml": wanting(web=21)}, "bob", branch="more")
    (result,) = world.up(glass=BreakGlass("down", ("0" * 64,)))
    assert result.done is Done.RELEASED
    assert "break glass" not in world.kinds
    assert world.host.announcements() == []


def test_what_cannot_be_told_is_not_done(world: World) -> None:
    digest = plan_of(world)
    (world.remote / "announcements.jsonl").mkdir()
    with pytest.raises((CodeHostFailed, OSError)):
        world.up(glass=BreakGlass("down", (digest,)))
    assert world.engine.states["dev"] == {"web": 13}
    assert "break glass" not in world.kinds


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--plan", "0" * 12], "goes with --break-glass"),
        (["--break-glass", " ", "--plan", "0" * 12], "needs a reason"),
        (["--break-glass", "down"], "needs the plan that you have read"),
        (["--break-glass", "down", "--plan", "abc"], "too short to name a plan"),
    ],
)
def test_a_request_that_is_not_whole_is_refused_before_anything_is_asked(
    world: World, arguments: list[str], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        world.run(up.command, "--environment", "dev", *arguments)


def test_the_reason_cannot_bring_markup_or_mentions_along(world: World) -> None:
    digest = plan_of(world)
    world.up(glass=break_glass.asked("@everyone `see` <b>", (digest,), dry_run=False))
    assert "Reason: ``@everyone `see` <b>``\n" in world.host.announcements()[0]


def test_a_refusal_is_one_json_object_as_well(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    with pytest.raises(Refused):
        world.run(up.command, "--environment", "dev", "--json")
    document = json.loads(capsys.readouterr().out)
    assert (document["outcome"], document["stacks"]) == ("refused", [])
    assert "no pull request became commit" in document["message"]
