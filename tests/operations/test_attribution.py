"""A refusal says who moved what the reviewed plan came from, as far as the ledger and Git know."""

import pytest

from gitops.errors import Refused
from tests.operations.world import World, wanting

SCALE = {"Pulumi.dev.yaml": wanting(web=20)}


@pytest.fixture
def world(tmp_path) -> World:
    made = World(tmp_path)
    made.reviewed({"__main__.py": "import pulumi  # first\n"}, "bob")
    made.up()
    made.clock.advance(60)
    return made


def refused(world: World, capsys: pytest.CaptureFixture[str]) -> str:
    """What the refusal of what is on main shows."""
    capsys.readouterr()
    with pytest.raises(Refused):
        world.up()
    return capsys.readouterr().err


def test_a_state_that_was_changed_past_the_pipeline_is_called_so(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.reviewed(SCALE, "bob", branch="scale")
    world.engine.states["dev"] = {"web": 31}
    told = refused(world, capsys)
    assert "no apply is on record since the review: it was changed outside of the pipeline" in told


def test_an_apply_since_the_review_is_named(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    number = world.open(SCALE, branch="scale")
    world.preview()
    world.host.approve(number, "bob")
    world.clock.advance(60)
    other = world.reviewed({"__main__.py": "import pulumi  # second\n"}, "bob", branch="other")
    world.up("grace")
    world.engine.states["dev"] = {"web": 12, "queue": 1}
    world.host.merge(number)
    told = refused(world, capsys)
    assert f"applied by grace at 2026-05-04 09:32 UTC, commit {other[:12]}" in told


def test_a_commit_that_touches_the_program_since_the_review_is_named(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    number = world.open({"Pulumi.dev.yaml": wanting(web=20, more=1)}, branch="scale")
    world.preview()
    world.host.approve(number, "bob")
    later = world.reviewed({"__main__.py": "import pulumi  # second\n"}, branch="program")
    world.engine.states["dev"] = {"web": 12, "by hand": 1}
    world.host.merge(number)
    told = refused(world, capsys)
    assert f"commit {later[:12]} by" in told
