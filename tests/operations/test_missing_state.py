"""A stack that the ledger knows as applied, and that the state backend does not have."""

from pathlib import Path

import pytest

from gitops.errors import EngineFailed
from gitops.flow.ledger import chain as records
from gitops.model import PreviewFailure, RecordKind
from gitops.operations.apply.run import Done
from tests.operations.test_up import SCALE, only
from tests.operations.world import DEV, World, wanting
from tests.support.records import record_of

GONE = "was applied by ada, and the state backend has no such stack: all of it would be made a second time"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world whose dev is released."""
    made = World(tmp_path)
    made.reviewed(SCALE, "bob")
    made.up()
    return made


def test_it_is_neither_reviewed_nor_applied_as_if_it_were_new(world: World) -> None:
    number = world.open({"Pulumi.dev.yaml": wanting(web=21)}, branch="more")
    world.preview()
    world.host.approve(number, "bob")
    state = world.engine.states.pop("dev")
    [review] = world.preview(fresh=True).stacks
    assert isinstance(review.result, PreviewFailure)
    assert GONE in review.result.message
    world.host.merge(number)
    with pytest.raises(EngineFailed, match=GONE) as caught:
        world.up()
    assert "in a folder of another clone" in caught.value.hint
    assert world.engine.applied == ["dev"]
    world.engine.states["dev"] = state
    assert only(world.up()).done is Done.RELEASED


def test_what_is_applied_elsewhere_is_not_said_to_be_gone(world: World) -> None:
    commit = world.reviewed({"Pulumi.dev.yaml": wanting(web=21)}, "bob", branch="more")
    for kind in (RecordKind.APPLY_STARTED, RecordKind.APPLIED):
        body = {"plan_digest": "0" * 64}
        made = record_of(kind, records.Author("ada", "dev"), DEV, commit, world.clock.now(), body)
        world.context().ledger().append(made)
    state = world.engine.states.pop("dev")
    with pytest.raises(EngineFailed, match=GONE):
        world.up()
    assert world.kinds[-1] == "applied"
    world.engine.states["dev"] = state | {"web": 21}
    assert only(world.up()).done is Done.RELEASED


def test_a_stack_that_was_made_anew_by_hand_is_believed(world: World) -> None:
    world.engine.states["dev"] = {}
    world.reviewed({"Pulumi.dev.yaml": wanting(web=21)}, "bob", branch="more")
    assert only(world.up()).done is Done.RELEASED
