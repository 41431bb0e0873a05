"""A plan on record is reused while none of its inputs has changed: no preview runs then. `up` always previews."""

import pytest

from gitops.model import Plan, RecordKind, StackReview
from tests.operations.world import World, wanting
from tests.support import git

SCALE = {"Pulumi.dev.yaml": wanting(web=20)}
NOTHING = {"README.md": "words\n"}


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


def reviewed(world: World, **request: object) -> StackReview:
    (one,) = world.preview(**request).stacks
    assert isinstance(one.result, Plan)
    return one


def test_a_new_head_with_the_same_inputs_shows_the_plan_on_record(world: World) -> None:
    number = world.open(SCALE)
    first = reviewed(world)
    world.clock.advance(600)
    world.commit(NOTHING)
    second = reviewed(world)
    assert world.engine.previews == ["dev"]
    assert second.same_as is not None
    assert second.result.plan_digest == first.result.plan_digest
    assert second.result.commit == git.head(world.clone)
    assert second.result.created_at == first.result.created_at
    assert [(r.kind, r.commit) for r in world.records] == [
        (RecordKind.PLAN, first.result.commit),
        (RecordKind.PLAN, second.result.commit),
    ]
    (comment,) = world.host.comments(number)
    assert f"same inputs as at {first.result.commit[:12]}, previewed 2026-05-04 09:30 UTC" in comment


def test_what_an_apply_writes_otherwise_is_no_reason_to_preview_again(world: World) -> None:
    world.engine.rewritten = ("urn:pulumi:dev::shop::acme:index:Box::box",)
    world.open(SCALE)
    reviewed(world)
    world.commit(NOTHING)
    assert reviewed(world).same_as is not None
    assert world.engine.previews == ["dev"]


def test_a_plan_shown_again_is_approved_and_applied_like_any_other(world: World) -> None:
    number = world.open(SCALE)
    reviewed(world)
    world.commit(NOTHING)
    assert reviewed(world).same_as
    world.host.approve(number, "bob")
    world.host.merge(number)
    before = len(world.engine.previews)
    assert [one.done.value for one in world.up()] == ["released"]
    assert len(world.engine.previews) > before


def moved_state(world: World) -> None:
    world.engine.states["dev"] = {"web": 31}


def moved_config(world: World) -> None:
    world.commit({"Pulumi.dev.yaml": wanting(web=21)})


def moved_program(world: World) -> None:
    world.commit({"__main__.py": "import pulumi  # more\n"})


def moved_base(world: World) -> None:
    world.push_to_main({"__main__.py": "import pulumi  # theirs\n"})
    git.git(world.clone, "checkout", "--quiet", "feature")


def moved_provider(world: World) -> None:
    world.engine.versions = {**world.engine.versions, "pulumi package": "3.260.0"}


@pytest.mark.parametrize("move", [moved_state, moved_config, moved_program, moved_base, moved_provider])
def test_whatever_moved_is_previewed_anew(world: World, move) -> None:
    world.open(SCALE)
    reviewed(world)
    move(world)
    assert reviewed(world).same_as is None
    assert world.engine.previews == ["dev", "dev"]


def test_a_preview_can_be_asked_for_and_a_mere_look_always_runs(world: World) -> None:
    world.open(SCALE)
    reviewed(world)
    assert reviewed(world, fresh=True).same_as is None
    assert reviewed(world, pull_request=None).same_as is None
    assert reviewed(world).same_as is not None


def test_another_pull_requests_plan_is_not_shown_again(world: World) -> None:
    world.open(SCALE)
    reviewed(world)
    world.open(NOTHING, branch="other")
    world.commit(SCALE, branch="other")
    assert reviewed(world).same_as is None


def test_a_stack_that_a_change_no_longer_declares_is_told(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    number = world.open({"Pulumi.dev.yaml": None, "__main__.py": "import pulumi  # less\n"})
    review = world.preview()
    assert [stack.label for stack in review.undeclared] == ["shop/dev"]
    assert "`shop/dev` is no longer declared" in world.host.comments(number)[0]
