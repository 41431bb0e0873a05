"""`gitops up` with several stacks in one environment: all are gated before the first is touched."""

from pathlib import Path

import pytest

from gitops.errors import EngineFailed, GitOpsError, Refused
from gitops.operations.apply.run import Done
from tests.fakes.engine import FakeEngine
from tests.operations.world import World, wanting

TWO = """version: 1
environments:
  - {name: dev, branch: main, stacks: ["dev*"]}
  - {name: prod, branch: prod, stacks: [prod]}
"""
READER = {
    "net/Pulumi.yaml": "name: net\nruntime: python\n",
    "net/__main__.py": "import pulumi\n",
    "net/Pulumi.dev-net.yaml": wanting(vpc=1),
    "__main__.py": 'import pulumi\npulumi.StackReference("net/dev-net")\n',
    "Pulumi.dev.yaml": wanting(web=20),
}
BOTH = {"gitops.yaml": TWO, "Pulumi.dev.yaml": wanting(web=20), "Pulumi.dev2.yaml": wanting(x=1)}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, engine=FakeEngine(states={"dev": {"web": 12}, "dev2": {}}))


def test_they_are_applied_in_order_and_the_first_failure_ends_the_run(world: World) -> None:
    world.reviewed(BOTH, "bob")
    world.engine.fails_after = 0
    with pytest.raises(EngineFailed):
        world.up()
    assert world.engine.applied == ["dev"]
    world.engine.fails_after = None
    assert [result.done for result in world.up()] == [Done.RELEASED, Done.RELEASED]
    with pytest.raises(GitOpsError, match="no stack 'nope'"):
        world.up(stacks=("nope",))


def test_a_refusal_of_the_last_leaves_the_first_untouched(world: World) -> None:
    world.reviewed(BOTH, "bob")
    world.engine.states["dev2"] = {"x": 7}
    with pytest.raises(Refused, match=r"shop/dev2: .*is not the reviewed"):
        world.up()
    assert world.engine.applied == []
    assert world.engine.states["dev"] == {"web": 12}
    assert [(record.kind.value, record.stack) for record in world.records[2:]] == [("refused", "shop/dev2")]
    assert world.leases == ()


def test_a_stack_that_reads_from_a_changed_one_is_looked_at_again(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.reviewed({"gitops.yaml": TWO, **READER}, "bob")
    assert [result.stack.label for result in world.up()] == ["net/dev-net", "shop/dev"]
    assert "shop/dev: reads from a stack that has just changed" in capsys.readouterr().err


def test_a_refusal_after_an_apply_does_not_say_that_nothing_was_touched(world: World) -> None:
    world.reviewed({"gitops.yaml": TWO, **READER}, "bob")
    world.engine.during_apply = lambda: world.engine.states.update(dev={"web": 14})
    with pytest.raises(Refused, match="Not applied, after net/dev-net was: shop/dev: plan digest"):
        world.up()
    assert world.engine.applied == ["dev-net"]


def test_a_named_stack_is_applied_alone(world: World) -> None:
    world.reviewed(BOTH, "bob")
    assert [result.stack.name for result in world.up(stacks=("dev2",))] == ["dev2"]
    assert world.engine.applied == ["dev2"]
