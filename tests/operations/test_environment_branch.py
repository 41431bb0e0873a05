"""An environment follows the branch that its released rules name: another one cannot be put in its place."""

from pathlib import Path

import pytest

from gitops.errors import Refused
from gitops.operations.apply.run import Done
from tests.operations.world import GITOPS, World, wanting
from tests.support import git

ELSEWHERE = GITOPS.format(approvals=0).replace("branch: main", "branch: other")


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.reviewed({"Pulumi.dev.yaml": wanting(web=20)}, "bob")
    made.up()
    made.main()
    return made


def test_a_branch_that_calls_itself_the_environments_is_not_believed(world: World) -> None:
    git.git(world.clone, "checkout", "--quiet", "-b", "other", "origin/main")
    git.commit(world.clone, {"gitops.yaml": ELSEWHERE})
    git.git(world.clone, "push", "--quiet", "origin", "other")
    git.git(world.clone, "checkout", "--quiet", "-b", "change")
    git.commit(world.clone, {"Pulumi.dev.yaml": wanting(web=99)})
    git.git(world.clone, "push", "--quiet", "origin", "change")
    world.opened = world.host.open("change", "other", title="Change", author="eve")
    world.preview("HEAD", "origin/other")
    world.host.approve(world.opened, "bob")
    world.host.merge(world.opened)
    git.git(world.clone, "fetch", "--quiet", "origin")
    git.git(world.clone, "checkout", "--quiet", "-B", "other", "origin/other")
    with pytest.raises(Refused, match="no pull request became commit"):
        world.up("eve")
    assert world.engine.states["dev"] == {"web": 20}


def test_an_environment_moves_to_another_branch_by_a_pull_request_into_the_one_before(world: World) -> None:
    moved = GITOPS.format(approvals=1).replace("branch: main", "branch: other")
    number = world.open({"gitops.yaml": moved, "Pulumi.dev.yaml": wanting(web=21)}, branch="move")
    world.preview(environment="dev")
    world.host.approve(number, "bob")
    commit = world.host.merge(number)
    git.git(world.clone, "fetch", "--quiet", "origin")
    git.git(world.clone, "checkout", "--quiet", "-B", "other", commit)
    git.git(world.clone, "push", "--quiet", "origin", "other")
    assert [result.done for result in world.up()] == [Done.RELEASED]
