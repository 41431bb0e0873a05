"""`gitops drift`: what somebody altered behind the pipeline's back, told apart from what is merged and not applied."""

import json
from pathlib import Path
from typing import Any

import pytest

from gitops.errors import EngineFailed, Failed, Refused, UsageError, Waiting
from gitops.flow.drift.classification import Look, State
from gitops.operations.apply.run import Done
from gitops.operations.drift import Request, drift
from gitops.verbs.drift import command
from tests.operations.proposing import Carrying
from tests.operations.world import wanting


@pytest.fixture
def world(tmp_path: Path) -> Carrying:
    """A world whose dev is released with two things, and whose prod never was."""
    made = Carrying(tmp_path)
    made.released_in_dev("feature", web=20, db=1)
    return made


def look(world: Carrying, **request: Any) -> Look:
    ((one,),) = (found.looks for found in drift(world.context(), Request(**{"environment": "dev", **request})))
    return one


def open_issues(world: Carrying) -> list[str]:
    return [one.body for one in world.issues.issues() if not one.closed]


def test_what_is_as_released_is_no_drift(world: Carrying, capsys: pytest.CaptureFixture[str]) -> None:
    assert (look(world).state, look(world).pending) == (State.AS_RELEASED, False)
    world.run(command, "--environment", "dev")
    assert "shop/dev: as released" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("live", "operation"),
    [({"db": 1, "web": 99}, "update"), ({"web": 20}, "create"), ({"db": 1, "web": 20, "own": 1}, "delete")],
)
def test_live_drift_is_what_an_apply_of_the_release_would_do(
    world: Carrying, live: dict[str, int], operation: str
) -> None:
    world.engine.live["dev"] = live
    found = look(world)
    assert found.state is State.DRIFTED
    assert [change.operation.value for change in found.drifted] == [operation]


def test_what_is_merged_and_not_applied_is_no_drift(world: Carrying, capsys: pytest.CaptureFixture[str]) -> None:
    world.push_to_main({"Pulumi.dev.yaml": wanting(web=50, db=1)})
    assert (look(world).state, look(world).pending) == (State.AS_RELEASED, True)
    world.run(command, "--environment", "dev")
    assert "merged and not applied" in capsys.readouterr().out
    world.engine.live["dev"] = {"db": 1, "web": 99}
    found = look(world)
    assert (found.state, found.pending) == (State.DRIFTED, True)
    assert [(p.old, p.new) for change in found.drifted for p in change.properties] == [(99, 20)]


def test_a_document_is_no_change_that_waits(world: Carrying) -> None:
    world.push_to_main({"docs/notes.md": "words"})
    assert not look(world).pending


def test_the_rest_of_an_apply_is_no_drift(world: Carrying) -> None:
    world.reviewed({"Pulumi.dev.yaml": wanting(web=50, db=50)}, "bob", branch="second")
    world.engine.fails_after = 1
    with pytest.raises(EngineFailed):
        world.up()
    assert look(world).state is State.CUT_SHORT


def test_a_stack_that_was_never_released_has_nothing_to_differ_from(world: Carrying) -> None:
    found = look(world, environment="prod")
    assert (found.state, found.changes) == (State.NEVER_RELEASED, ())
    assert world.engine.previews.count("prod") == 0


def test_a_failed_preview_is_never_no_drift(world: Carrying) -> None:
    world.engine.broken = "no credentials"
    assert look(world).state is State.UNKNOWN
    with pytest.raises(Failed, match="Not known of shop/dev"):
        world.run(command, "--environment", "dev")


def test_drift_ends_with_a_code_of_its_own_and_json(world: Carrying, capsys: pytest.CaptureFixture[str]) -> None:
    world.engine.live["dev"] = {"db": 1, "web": 99}
    with pytest.raises(Refused, match="not as released in shop/dev") as caught:
        world.run(command, "--json")
    assert caught.value.exit_code == 3
    document = json.loads(capsys.readouterr().out)
    dev, prod = document["environments"]
    assert [(one["stack"], one["state"]) for one in dev["stacks"] + prod["stacks"]] == [
        ("shop/dev", "drifted"),
        ("shop/prod", "never released"),
    ]
    (change,) = dev["stacks"][0]["drift"]
    assert change["properties"] == [{"path": "size", "kind": "update", "old": 99, "new": 20, "replaces": False}]


def test_nothing_is_recorded_leased_or_changed(world: Carrying) -> None:
    world.engine.live["dev"] = {"db": 1, "web": 99}
    records, applied = world.records, list(world.engine.applied)
    look(world, issue=True)
    assert (world.records, world.engine.applied, world.leases) == (records, applied, ())


def test_one_issue_is_opened_kept_up_to_date_and_closed(world: Carrying) -> None:
    look(world, issue=True)
    assert world.issues.issues() == ()
    world.engine.live["dev"] = {"db": 1, "web": 99}
    look(world)
    assert world.issues.issues() == ()
    look(world, issue=True)
    (text,) = open_issues(world)
    assert "web" in text
    assert "99" not in text
    world.engine.live["dev"] = {"web": 99}
    look(world, issue=True)
    (text,) = open_issues(world)
    assert "is gone; an apply would create it" in text
    del world.engine.live["dev"]
    look(world, issue=True)
    assert open_issues(world) == []
    assert len(world.issues.issues()) == 1


def test_an_issue_stays_while_nobody_knows(world: Carrying) -> None:
    world.engine.live["dev"] = {"web": 99}
    look(world, issue=True)
    world.engine.broken = "no credentials"
    look(world, issue=True)
    assert len(open_issues(world)) == 1


def test_the_way_to_revert_that_the_issue_names_works(world: Carrying) -> None:
    world.engine.live["dev"] = {"db": 1, "web": 99}
    assert [one.done for one in world.up()] == [Done.ALREADY_RELEASED]
    number = world.open({"Pulumi.dev.yaml": f"# revert drift\n{wanting(web=20, db=1)}"}, branch="revert")
    world.clock.advance(1)
    world.preview()
    assert "this plan mends it" in world.host.comments(number)[0]
    world.clock.advance(1)
    world.host.approve(number, "bob")
    world.host.merge(number)
    assert [one.done for one in world.up()] == [Done.RELEASED]
    assert world.engine.states["dev"] == {"web": 20, "db": 1}
    assert look(world).state is State.AS_RELEASED


def test_stacks_can_be_named_and_an_issue_is_about_all(world: Carrying) -> None:
    assert [one.stack.label for found in drift(world.context(), Request(stacks=("dev",))) for one in found.looks] == [
        "shop/dev"
    ]
    with pytest.raises(UsageError, match="no stack 'nowhere'"):
        drift(world.context(), Request(stacks=("nowhere",)))
    with pytest.raises(UsageError, match="about a whole environment"):
        world.run(command, "dev", "--issue")


def test_it_waits_for_a_running_apply(world: Carrying) -> None:
    world.reviewed({"Pulumi.dev.yaml": wanting(web=50, db=1)}, "bob", branch="second")

    def meanwhile() -> None:
        with pytest.raises(Waiting, match="is leased to"):
            look(world)

    world.engine.during_apply = meanwhile
    assert [one.done for one in world.up()] == [Done.RELEASED]
