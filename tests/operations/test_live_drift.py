"""What somebody alters past the pipeline and past the state: a review shows it, and nobody applies over it unseen."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gitops.errors import Failed, Refused
from gitops.model import EngineRun, RecordKind
from gitops.operations.apply.run import Done
from tests.fakes.engine import FakeEngine
from tests.operations.world import World, wanting

SCALE = {"Pulumi.dev.yaml": wanting(db=1, web=20)}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.engine.states["dev"] = {"db": 1, "web": 12}
    return made


@pytest.mark.parametrize(
    ("live", "told"),
    [
        ({"db": 1, "web": 99}, "size: 99 → 20"),
        ({"db": 7, "web": 12}, "size: 7 → 1"),
        ({"web": 12}, "create fake:index:Thing db"),
        ({"db": 1, "web": 20}, "it would no longer"),
    ],
    ids=["what it changes", "something else", "something else is gone", "what it wants is there already"],
)
def test_drift_between_review_and_merge_is_refused_until_it_is_reviewed(
    world: World, capsys: pytest.CaptureFixture[str], live: dict[str, int], told: str
) -> None:
    world.reviewed(SCALE, "bob")
    world.engine.live["dev"] = dict(live)
    with pytest.raises(Refused, match="is not the reviewed"):
        world.up()
    said = capsys.readouterr().err
    assert "the live infrastructure" in said
    assert told in said
    assert (world.engine.applied, world.engine.live["dev"], world.kinds) == ([], live, ["refused"])

    world.clock.advance(1)
    world.preview("feature")
    world.clock.advance(1)
    world.host.approve(1, "bob")
    assert [one.done for one in world.up()] == [Done.RELEASED]
    assert world.engine.live.get("dev", world.engine.states["dev"]) == {"db": 1, "web": 20}


def test_drift_before_the_review_is_shown_there_and_mended_by_the_plan(world: World) -> None:
    world.engine.live["dev"] = {"web": 99}
    world.reviewed(SCALE, "bob")
    (comment,) = world.host.comments(1)
    assert "Live infrastructure differs from the state, and this plan mends it: " in comment
    assert "db (gone) and fake:index:Thing web (size)" in comment
    assert [one.done for one in world.up()] == [Done.RELEASED]
    assert world.engine.states["dev"] == {"db": 1, "web": 20}


def test_drift_that_is_undone_before_the_merge_is_refused_too(world: World) -> None:
    world.engine.live["dev"] = {"db": 1, "web": 99}
    world.reviewed(SCALE, "bob")
    del world.engine.live["dev"]
    with pytest.raises(Refused, match="is not the reviewed"):
        world.up()
    assert world.engine.applied == []


@dataclass
class FoughtOver(FakeEngine):
    """An engine whose work somebody else alters at once."""

    def apply(self, folder: Path, stack: str, *how: Any) -> EngineRun:
        done = super().apply(folder, stack, *how)
        self.live[stack] = {"web": 21}
        return done


def test_drift_right_after_an_apply_keeps_it_from_being_a_release(tmp_path: Path) -> None:
    world = World(tmp_path, engine=FoughtOver())
    world.reviewed({"Pulumi.dev.yaml": wanting(web=20)}, "bob")
    with pytest.raises(Failed, match="nothing left to change: drift since the apply: update web"):
        world.up()
    assert RecordKind.RELEASE.value not in world.kinds


def test_after_a_refusal_a_preview_is_never_spared(world: World) -> None:
    world.reviewed(SCALE, "bob")
    world.preview("feature")
    assert world.engine.previews == ["dev"]
    world.engine.live["dev"] = {"db": 1, "web": 99}
    with pytest.raises(Refused):
        world.up()
    (one,) = world.preview("feature").stacks
    assert one.same_as is None
