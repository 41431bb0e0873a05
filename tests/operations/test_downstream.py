"""What `gitops preview` looks at downstream, and that nothing comes of it but words."""

import json
from pathlib import Path

import pytest

from gitops.model import PreviewFailure, RecordKind, Review
from gitops.verbs import preview
from tests.fakes.engine import FakeEngine
from tests.operations.world import World, wanting

SEVERAL = """version: 1
environments:
  - {name: dev, branch: main, stacks: ["dev*"]}
  - {name: prod, branch: prod, stacks: [prod]}
"""


def reads(*stacks: str) -> str:
    return "import pulumi\n" + "".join(f"pulumi.StackReference({stack!r})\n" for stack in stacks)


# net is read by shop, shop by edge; prod's stack, which reads net as well, is another environment's.
CHAIN = {
    "gitops.yaml": SEVERAL,
    "net/Pulumi.yaml": "name: net\nruntime: python\n",
    "net/__main__.py": "import pulumi\n",
    "net/Pulumi.dev-net.yaml": wanting(vpc=1),
    "__main__.py": reads("net/dev-net"),
    "edge/Pulumi.yaml": "name: edge\nruntime: python\n",
    "edge/__main__.py": reads("shop/dev"),
    "edge/Pulumi.dev-edge.yaml": wanting(dns=1),
}
MOVES = {"vpc": "vpc-2"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """The three stacks as they are deployed, and an open pull request that touches the first."""
    made = World(
        tmp_path, engine=FakeEngine(states={"dev-net": {"vpc": 1}, "dev": {"web": 12}, "dev-edge": {"dns": 1}})
    )
    made.push_to_main(CHAIN)
    made.open({"net/Pulumi.dev-net.yaml": wanting(vpc=2)})
    return made


def followed(review: Review) -> dict[str, list[str]]:
    """Stack → the stacks that it reads, of those that follow."""
    return {one.stack.label: [read.label for read in one.reads] for one in review.downstream}


def test_no_engine_starts_where_no_output_moves(world: World) -> None:
    assert world.preview().downstream == ()
    assert world.engine.followed == []


def test_a_reader_is_looked_at_with_the_proposed_outputs(world: World) -> None:
    world.engine.proposes["dev-net"] = MOVES
    assert followed(world.preview()) == {"shop/dev": ["net/dev-net"]}
    assert world.engine.followed == [("shop/dev", {"net/dev-net": MOVES})]


def test_a_reader_that_is_not_previewed_itself_is_looked_at_too(world: World) -> None:
    world.engine.proposes["dev-net"] = MOVES
    review = world.preview(stacks=("dev-net",))
    assert [one.stack.label for one in review.stacks] == ["net/dev-net"]
    assert followed(review) == {"shop/dev": ["net/dev-net"]}


def test_what_moves_by_moving_is_followed_too(world: World) -> None:
    world.engine.proposes["dev-net"] = MOVES
    world.engine.follows["dev"] = {"url": "https://2"}
    assert followed(world.preview()) == {"shop/dev": ["net/dev-net"], "edge/dev-edge": ["shop/dev"]}
    assert world.engine.followed[-1] == ("edge/dev-edge", {"shop/dev": {"url": "https://2"}})


def test_what_a_readers_own_plan_moves_is_overtaken_by_its_later_look(world: World) -> None:
    world.engine.proposes = {"dev-net": MOVES, "dev": {"url": "https://1"}}
    world.engine.follows["dev"] = {"url": "https://2"}
    world.preview()
    assert world.engine.followed[-1] == ("edge/dev-edge", {"shop/dev": {"url": "https://2"}})


def test_a_look_that_fails_is_told_and_fails_nothing_else(world: World) -> None:
    world.engine.proposes["dev-net"] = MOVES
    world.engine.follows["dev"] = "KeyError: 'zone'"
    review = world.preview()
    told = {one.stack.label: one.untold for one in review.downstream}
    assert told["shop/dev"] == ("Could not preview stack dev: KeyError: 'zone'",)
    assert told["edge/dev-edge"] == ("It cannot be told what shop/dev will have.",)
    assert not any(isinstance(one.result, PreviewFailure) for one in review.stacks)
    world.run(preview.command, "--base", "origin/main")


def test_nothing_can_be_told_downstream_of_a_preview_that_failed(world: World) -> None:
    world.engine.broken = "no such bucket"
    assert {one.stack.label for one in world.preview().downstream if one.untold} == {"shop/dev", "edge/dev-edge"}
    assert world.engine.followed == []


def test_nothing_of_it_is_kept(world: World) -> None:
    world.engine.proposes["dev-net"] = MOVES
    world.engine.follows["dev"] = {"url": "https://2"}
    world.preview(stacks=("dev-net",))
    assert [(record.kind, record.stack) for record in world.records] == [(RecordKind.PLAN, "net/dev-net")]
    assert "https://2" not in json.dumps(world.records[0].body)
    assert world.leases == ()


def test_it_is_looked_at_again_in_each_preview_of_the_pull_request(world: World) -> None:
    world.engine.proposes["dev-net"] = MOVES
    world.preview()
    world.preview()
    assert [stack for stack, _ in world.engine.followed] == ["shop/dev", "shop/dev"]


def test_the_json_form_has_it_apart_from_the_plans(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.engine.proposes["dev-net"] = MOVES
    world.engine.follows["dev"] = {"url": "https://2"}
    capsys.readouterr()
    world.run(preview.command, "--base", "origin/main", "--json")
    document = json.loads(capsys.readouterr().out)
    first = document["downstream"][0]
    assert first["stack"]["name"] in ("dev", "dev-edge")
    assert all("plan_digest" not in one for one in document["downstream"])


def test_a_machine_hands_it_over(world: World, tmp_path: Path) -> None:
    from gitops.flow.plans import shard_results

    world.engine.proposes["dev-net"] = MOVES
    world.engine.follows["dev"] = {"url": "https://2"}
    review = world.preview()
    read = shard_results.from_bytes(shard_results.to_bytes(review.stacks), "here")
    assert read["net/dev-net"].downstream == next(one for one in review.stacks if one.downstream).downstream
