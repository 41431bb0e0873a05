"""Which approvals stand until the apply and which fall, on real Git: nobody approves the same plan twice.

The same on the real engine, for what keeps an approval: tests/engine/test_approvals_that_stand.py.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gitops.errors import LedgerBroken, Refused, Waiting
from gitops.flow.ledger import chain as records
from gitops.flow.plans import plan as plans
from gitops.model import EngineRun, RecordKind
from gitops.operations.apply.run import Done
from tests.operations.world import DEV, GITOPS, World, wanting
from tests.support import git

SCALE = {"Pulumi.dev.yaml": wanting(web=20)}
WORDS = {"README.md": "words\n"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def approved(world: World) -> int:
    """Ada's pull request for 12 → 20, previewed, and approved by Bob a minute later."""
    number = world.open(SCALE)
    world.preview()
    world.clock.advance(60)
    world.host.approve(number, "bob")
    world.clock.advance(60)
    return number


def somebody_elses_merge(world: World) -> None:
    """Another pull request that leaves the stack as it is goes into main."""
    world.commit(WORDS, branch="words")
    world.host.merge(world.host.open("words", "main", title="Words", author="eve"))
    git.git(world.clone, "fetch", "--quiet", "origin")
    git.git(world.clone, "checkout", "--quiet", "feature")


def pushed(world: World) -> None:
    """The branch as it is here is what the pull request shows from now on."""
    git.git(world.clone, "push", "--quiet", "--force", "origin", "feature")
    world.preview()
    world.clock.advance(60)


def a_rebase(world: World) -> None:
    somebody_elses_merge(world)
    git.git(world.clone, "rebase", "--quiet", "origin/main")
    pushed(world)


def a_merge_from_main(world: World) -> None:
    somebody_elses_merge(world)
    git.git(world.clone, "merge", "--quiet", "--no-edit", "origin/main")
    pushed(world)


def an_unrelated_commit(world: World) -> None:
    git.commit(world.clone, {"NOTES.md": "notes\n"})
    pushed(world)


def a_force_push_and_back(world: World) -> None:
    head = git.head(world.clone)
    git.commit(world.clone, {"Pulumi.dev.yaml": wanting(web=31)})
    pushed(world)
    git.git(world.clone, "reset", "--quiet", "--hard", head)
    pushed(world)


@pytest.mark.parametrize(
    "move", [a_rebase, a_merge_from_main, somebody_elses_merge, an_unrelated_commit, a_force_push_and_back]
)
def test_what_leaves_the_plan_as_it_was_keeps_the_approval(world: World, move: Callable[[World], None]) -> None:
    number = approved(world)
    move(world)
    world.host.merge(number)
    assert [one.done for one in world.up()] == [Done.RELEASED]
    assert world.engine.states["dev"] == {"web": 20}


def test_a_merge_that_comes_after_it_leaves_each_commit_its_own_approvals(world: World) -> None:
    ours = world.host.merge(approved(world))
    somebody_elses_merge(world)
    assert [one.done for one in world.up(commit=ours)] == [Done.RELEASED]
    assert [one.done for one in world.up()] == [Done.ALREADY_RELEASED]


def test_a_squash_keeps_the_approval_of_what_it_squashes(world: World) -> None:
    world.host.merge(approved(world), squash=True)
    assert [one.done for one in world.up()] == [Done.RELEASED]


def falls(world: World, answer: type[Refused] | type[Waiting], match: str, state: int = 12) -> None:
    """`gitops up` gives this answer, and the stack stays as it is."""
    applied = list(world.engine.applied)
    with pytest.raises(answer, match=match):
        world.up()
    assert (world.engine.states["dev"], world.engine.applied) == ({"web": state}, applied)


def test_a_force_push_with_other_content_loses_the_approval(world: World) -> None:
    number = approved(world)
    git.git(world.clone, "commit", "--quiet", "--amend", "--allow-empty", "--message", "other")
    git.commit(world.clone, {"Pulumi.dev.yaml": wanting(web=31)})
    pushed(world)
    world.host.merge(number)
    falls(world, Waiting, "0 of 1")


def test_a_force_push_that_nobody_previewed_is_refused_even_with_the_same_content(world: World) -> None:
    number = approved(world)
    git.git(world.clone, "commit", "--quiet", "--amend", "--message", "the same again")
    git.git(world.clone, "push", "--quiet", "--force", "origin", "feature")
    world.host.merge(number)
    falls(world, Refused, "has no plan of shop/dev")


def test_an_approval_does_not_come_back_with_a_change_that_was_reverted(world: World) -> None:
    world.host.merge(approved(world))
    world.up()
    first = plans.from_body(world.records[0].body["plan"])
    world.reviewed({"Pulumi.dev.yaml": wanting(web=12)}, "bob", branch="revert")
    assert [one.done for one in world.up()] == [Done.RELEASED]

    world.reviewed(SCALE, branch="again")
    again = next(record for record in reversed(world.records) if record.kind is RecordKind.PLAN)
    assert plans.from_body(again.body["plan"]).plan_digest == first.plan_digest
    falls(world, Waiting, "0 of 1")
    world.host.approve(3, "bob")
    assert [one.done for one in world.up()] == [Done.RELEASED]


def test_a_revert_needs_an_approval_of_its_own(world: World) -> None:
    world.host.merge(approved(world))
    world.up()
    world.reviewed({"Pulumi.dev.yaml": wanting(web=12)}, branch="revert")
    falls(world, Waiting, "0 of 1", state=20)


def test_an_approval_of_another_stacks_plan_does_not_count(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.engine.states["dev2"] = {}
    settings = GITOPS.format(approvals=1).replace("[dev]", '["dev*"]')
    number = world.open({"gitops.yaml": settings, **SCALE, "Pulumi.dev2.yaml": wanting(x=1)})
    world.preview(stacks=("dev2",))
    world.host.approve(number, "bob")
    world.host.merge(number)
    falls(world, Refused, "the ledger has no plan of shop/dev for")
    assert world.engine.states["dev2"] == {}


def test_an_expired_approval_does_not_count(world: World) -> None:
    settings = {"gitops.yaml": GITOPS.format(approvals="{count: 1, expire: 1h}")}
    world.reviewed({**settings, **SCALE}, "bob")
    world.clock.advance(3601)
    falls(world, Waiting, "0 of 1")
    world.host.approve(1, "bob")
    assert [one.done for one in world.up()] == [Done.RELEASED]


@pytest.mark.parametrize(("rewrite", "told"), [(False, "it alters records/000/000001.json"), (True, "was rewritten")])
def test_a_plan_that_somebody_put_in_the_place_of_the_approved_one_is_noticed(
    world: World, rewrite: bool, told: str
) -> None:
    number = approved(world)
    (record,) = world.records
    plan = plans.from_body(record.body["plan"])
    (change,) = plan.changes
    run = EngineRun((replace(change, properties=(replace(change.properties[0], new=31),)),), plan.unchanged)
    forged = plans.build(DEV, "dev", plan.commit, run=run, start=plan.start, inputs=plan.inputs, now=plan.created_at)
    content = records.encode(replace(record, body={**record.body, "plan": plans.to_body(forged)})).decode()

    git.git(world.clone, "fetch", "--quiet", "origin")
    git.git(world.clone, "checkout", "--quiet", "-B", "forged", "origin/gitops/ledger")
    if rewrite:
        git.git(world.clone, "update-ref", "-d", "HEAD")
    git.commit(world.clone, {records.path_of(1): content}, f"plan\n\n{records.path_of(1)}")
    git.git(world.clone, "push", "--quiet", "--force", "origin", "HEAD:gitops/ledger")
    git.git(world.clone, "checkout", "--quiet", "feature")

    git.commit(world.clone, {"Pulumi.dev.yaml": wanting(web=31)})
    git.git(world.clone, "push", "--quiet", "--force", "origin", "feature")
    world.host.merge(number)
    with pytest.raises(LedgerBroken, match=told):
        world.up()
    assert (world.engine.states["dev"], world.engine.applied) == ({"web": 12}, [])


def test_a_branch_that_is_pushed_back_gets_nothing_applied_by_itself(world: World) -> None:
    first = world.host.merge(approved(world))
    world.up()
    world.reviewed({"Pulumi.dev.yaml": wanting(web=21)}, "bob", branch="more")
    world.up()
    assert [one.done for one in world.up(commit=first)] == [Done.SUPERSEDED]
    applied = list(world.engine.applied)
    git.git(world.clone, "push", "--quiet", "--force", "origin", f"{first}:main")
    assert [one.done for one in world.up()] == [Done.SUPERSEDED]
    assert (world.engine.states["dev"], world.engine.applied) == ({"web": 21}, applied)

    world.reviewed({"Pulumi.dev.yaml": wanting(web=22)}, branch="on-top")
    falls(world, Waiting, "0 of 1", state=21)
