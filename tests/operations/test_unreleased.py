"""What was merged earlier and is not released is part of the plan: its authors have no say, its files have owners."""

from pathlib import Path

import pytest

from gitops.errors import Waiting
from gitops.operations.apply.run import Done
from tests.operations.world import GITOPS, World, wanting
from tests.support import git

# Who writes the commits of tests.
AUTHOR = git.IDENTITY["GIT_AUTHOR_NAME"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.reviewed({"Pulumi.dev.yaml": wanting(web=13)}, "bob", branch="first")
    made.up()
    return made


def merged_and_waiting(world: World, files: dict[str, str]) -> None:
    """Ada's pull request, merged although nobody approved it."""
    world.reviewed(files, branch="waiting")
    with pytest.raises(Waiting):
        world.up()
    world.main()


def on_top(world: World, files: dict[str, str], *approvers: str) -> None:
    """Bob's pull request on top of it."""
    git.git(world.clone, "checkout", "--quiet", "-b", "on-top", "origin/main")
    git.commit(world.clone, files)
    by_bob = git.git(world.clone, "cat-file", "commit", "HEAD").replace(AUTHOR, "bob").replace("Test Committer", "bob")
    commit = git.git(world.clone, "hash-object", "-t", "commit", "-w", "--stdin", stdin=f"{by_bob}\n".encode())
    git.git(world.clone, "reset", "--quiet", "--hard", commit)
    git.git(world.clone, "push", "--quiet", "origin", "on-top")
    world.opened = world.host.open("on-top", "main", title="On top", author="bob")
    world.preview()
    for name in approvers:
        world.host.approve(world.opened, name)
    world.host.merge(world.opened)


def test_the_author_of_an_unreleased_change_has_no_say_about_the_next_one(world: World) -> None:
    merged_and_waiting(world, {"Pulumi.dev.yaml": wanting(web=20)})
    on_top(world, {"Pulumi.dev.yaml": wanting(web=20, x=1)}, AUTHOR)
    with pytest.raises(Waiting, match=f"{AUTHOR} does not count: contributed"):
        world.up()
    assert world.engine.states["dev"] == {"web": 13}
    world.host.approve(world.opened or 0, "carol")
    assert [result.done for result in world.up()] == [Done.RELEASED]


def test_once_it_is_released_its_author_counts_again(world: World) -> None:
    world.main()
    on_top(world, {"Pulumi.dev.yaml": wanting(web=20)}, AUTHOR)
    assert [result.done for result in world.up()] == [Done.RELEASED]


def test_the_files_of_an_unreleased_change_have_owners(world: World) -> None:
    owned = GITOPS.format(approvals='{count: 1, owners: {"secret/**": [carol]}}')
    world.reviewed({"gitops.yaml": owned, "Pulumi.dev.yaml": wanting(web=14)}, "bob", branch="owners")
    world.up()
    merged_and_waiting(world, {"secret/x.py": "x = 1\n", "Pulumi.dev.yaml": wanting(web=20)})
    on_top(world, {"Pulumi.dev.yaml": wanting(web=20, x=1)}, "dan")
    with pytest.raises(Waiting, match="carol"):
        world.up()
    world.host.approve(world.opened or 0, "carol")
    assert [result.done for result in world.up()] == [Done.RELEASED]
