"""`gitops rollback`: the files of an earlier release again, by a pull request; the branch only ever moves forward."""

import json
from pathlib import Path
from typing import Any

import pytest

from gitops.errors import Refused, UsageError, Waiting
from gitops.flow.releases.rollback import Outcome, Result
from gitops.model import RecordKind
from gitops.operations.apply import run as upping
from gitops.operations.releases.promotion import Request as Promote
from gitops.operations.releases.promotion import promote
from gitops.operations.releases.rollback import Request, rollback
from gitops.verbs.rollback import command
from tests.operations.proposing import Carrying
from tests.operations.world import GITOPS, wanting
from tests.support import git

BRANCH = "refs/heads/gitops/rollback/dev"


@pytest.fixture
def world(tmp_path: Path) -> Carrying:
    return Carrying(tmp_path)


def rolled_back(world: Carrying, to: str = "", **request: Any) -> Result:
    return rollback(world.context("eve"), Request("dev", to, **request))


def at(world: Carrying, ref: str = BRANCH) -> str:
    return git.git(world.remote, "for-each-ref", "--format=%(objectname)", ref)


def applied(world: Carrying, number: int) -> None:
    """Preview, approve, merge and apply the rollback."""
    world.opened = number
    world.clock.advance(1)
    world.main()
    world.preview(world.host.pull_request(number).head)
    world.clock.advance(1)
    world.host.approve(number, "bob")
    world.host.merge(number)
    world.up()
    git.git(world.clone, "checkout", "--quiet", "--detach", world.main())


def test_one_commit_on_top_of_the_branch_has_the_files_of_the_release(world: Carrying) -> None:
    first = world.released_in_dev("feature", web=20)
    tip = world.released_in_dev("second", web=21)
    found = rolled_back(world)
    assert (found.outcome, found.to, found.taken, found.head) == (Outcome.PROPOSED, first, tip, at(world))
    git.git(world.clone, "fetch", "--quiet", "origin", BRANCH)
    assert git.git(world.clone, "log", "-1", "--format=%P", found.head) == tip
    assert git.git(world.clone, "diff", first, found.head) == ""
    assert git.git(world.clone, "log", "-1", "--format=%an %cn", found.head) == "eve eve"
    assert world.main() == tip
    title, body = world.opened_as(found.pull_request)
    assert title == f"Roll back dev to {first[:12]}"
    assert f"`eve` asked to roll `dev` back from `{tip[:12]}` to its release `{first}`." in body
    assert "1 commit." in body
    assert "no plan that was applied since deletes or replaces anything" in body


def test_it_goes_through_the_same_gates_and_is_applied(world: Carrying) -> None:
    world.released_in_dev("feature", web=20)
    world.released_in_dev("second", web=21)
    number = rolled_back(world).pull_request or 0
    world.host.merge(number)
    with pytest.raises(Refused, match="the ledger has no plan"):
        world.up()
    assert world.engine.states["dev"] == {"web": 21}

    world.opened = number
    world.clock.advance(1)
    world.preview(world.host.pull_request(number).head)
    world.clock.advance(1)
    with pytest.raises(Waiting, match="0 of 1 approvals"):
        world.up()
    world.host.approve(number, "eve")
    with pytest.raises(Waiting, match="eve does not count"):
        world.up()
    world.host.approve(number, "bob")
    world.up()
    assert world.engine.states["dev"] == {"web": 20}


def test_the_next_rollback_goes_further_back_and_not_to_what_was_bad(world: Carrying) -> None:
    first = world.released_in_dev("feature", web=20)
    second = world.released_in_dev("second", web=21)
    world.released_in_dev("third", web=22)
    found = rolled_back(world)
    assert found.to == second
    applied(world, found.pull_request or 0)
    assert rolled_back(world, dry_run=True).to == first


def test_who_asked_is_kept_once(world: Carrying) -> None:
    first = world.released_in_dev("feature", web=20)
    tip = world.released_in_dev("second", web=21)
    found, again = rolled_back(world), rolled_back(world)
    assert (again.head, again.pull_request) == (found.head, found.pull_request)
    (record,) = [one for one in world.records if one.kind is RecordKind.ROLLBACK]
    assert (record.by, record.environment, record.stack, record.commit) == ("eve", "dev", "shop/dev", tip)
    assert record.body == {"to": first, "head": found.head, "pull_request": found.pull_request}


def test_what_was_deleted_since_cannot_be_undone_and_is_named(world: Carrying) -> None:
    world.released_in_dev("feature", web=20, db=1)
    world.released_in_dev("second", web=20)
    found = rolled_back(world)
    assert [one.change.name for one in found.losses.lost] == ["db"]
    _, body = world.opened_as(found.pull_request)
    assert "**What a rollback cannot undo**: 1 resource deleted or replaced since." in body
    assert "| deleted |" in body


def test_an_apply_without_a_plan_on_record_is_told(world: Carrying) -> None:
    world.push_to_main(
        {"gitops.yaml": GITOPS.format(approvals=1).replace("approvals: 1", "approvals: 1, break_glass: {by: [ada]}")}
    )
    world.released_in_dev("feature", web=20, db=1)
    world.push_to_main({"Pulumi.dev.yaml": wanting(web=20)})
    glass = upping.break_glass.asked("fire", (), dry_run=True)
    (planned,) = world.up(dry_run=True, glass=glass)
    digest = planned.plan.plan_digest if planned.plan else ""
    world.up(glass=upping.break_glass.asked("fire", (digest,), dry_run=False))
    found = rolled_back(world)
    assert (found.losses.lost, len(found.losses.untold)) == ((), 1)
    assert "what it destroyed is not known here" in world.opened_as(found.pull_request)[1]


def test_a_release_that_is_named(world: Carrying) -> None:
    first = world.released_in_dev("feature", web=20)
    world.released_in_dev("second", web=21)
    world.released_in_dev("third", web=22)
    assert rolled_back(world, first[:10], dry_run=True).to == first


@pytest.mark.parametrize("to", ["feature", "--all", "nothing", "a" * 40])
def test_what_was_never_released_here_is_refused(world: Carrying, to: str) -> None:
    first = world.released_in_dev("feature", web=20)
    with pytest.raises(Refused) as caught:
        rolled_back(world, to)
    assert caught.value.exit_code == 3
    assert first[:12] in caught.value.hint
    assert at(world) == ""


def test_without_an_earlier_release_it_is_refused(world: Carrying) -> None:
    world.released_in_dev("feature", web=20)
    with pytest.raises(Refused, match="no release before the present one"):
        rolled_back(world)


def test_the_present_release_is_nothing_to_do(world: Carrying, capsys: pytest.CaptureFixture[str]) -> None:
    first = world.released_in_dev("feature", web=20)
    world.run(command, "dev", "--to", first)
    assert "dev: its branch has the files of" in capsys.readouterr().out
    assert at(world) == ""


def test_a_commit_that_is_no_release_yet_is_taken_back_to_the_newest_one(world: Carrying) -> None:
    first = world.released_in_dev("feature", web=20)
    world.push_to_main({"Pulumi.dev.yaml": wanting(web=99)})
    assert rolled_back(world, dry_run=True).to == first


def test_the_workflows_stay_as_they_are(world: Carrying) -> None:
    workflow, notes = ".github/workflows/apply.yml", ".github/notes.md"
    world.push_to_main({workflow: "old", notes: "old"})
    world.released_in_dev("feature", web=20)
    world.push_to_main({workflow: "new", ".github/workflows/more.yml": "more", notes: "new"})
    world.released_in_dev("second", web=21)
    found = rolled_back(world)
    shown = [git.git(world.clone, "show", f"{found.head}:{path}") for path in (workflow, notes)]
    assert shown == ["new", "old"]
    _, body = world.opened_as(found.pull_request)
    assert f"- `{workflow}`" in body
    assert "- `.github/workflows/more.yml`" in body


def test_nobodys_commits_are_written_over(world: Carrying) -> None:
    world.released_in_dev("feature", web=20)
    world.released_in_dev("second", web=21)
    git.git(world.clone, "checkout", "--quiet", "-B", "own", "origin/main")
    own = git.commit(world.clone, {"own.txt": "work"})
    git.git(world.clone, "push", "--quiet", "origin", f"own:{BRANCH}")
    with pytest.raises(Refused, match="somebody's own work"):
        rolled_back(world)
    assert at(world) == own


def test_an_older_proposal_is_replaced(world: Carrying) -> None:
    first = world.released_in_dev("feature", web=20)
    world.released_in_dev("second", web=21)
    world.released_in_dev("third", web=22)
    before = rolled_back(world)
    after = rolled_back(world, first)
    assert (after.pull_request, at(world)) == (before.pull_request, after.head)
    assert after.head != before.head


def test_a_rehearsal_touches_nothing(world: Carrying, capsys: pytest.CaptureFixture[str]) -> None:
    first = world.released_in_dev("feature", web=20, db=1)
    world.released_in_dev("second", web=21)
    records, before = world.records, world.host.entries()
    world.run(command, "dev", "--dry-run", "--json")
    found = json.loads(capsys.readouterr().out)
    assert (found["outcome"], found["to"], found["pull_request"]) == ("would propose", first, None)
    assert [one["operation"] for one in found["cannot_undo"]] == ["delete"]
    assert (at(world), world.records, world.host.entries()) == ("", records, before)


def test_what_was_merged_since_and_never_soaked_does_not_pass_with_a_rollback(world: Carrying) -> None:
    """A rollback's own files have soaked; what it is merged with has not."""
    soaking = GITOPS.format(approvals=1).replace("stacks: [prod]", "stacks: [prod], gate: {soak: 1h}")
    world.push_to_main({"gitops.yaml": soaking})
    for branch, size in (("feature", 20), ("second", 21)):
        world.released_in_dev(branch, web=size)
        world.clock.advance(3600)
        (found,) = promote(world.context(), Promote("prod"))
        world.carried(found.pull_request or 0)
    back = rollback(world.context("eve"), Request("prod")).pull_request or 0

    world.reviewed({"__main__.py": "import pulumi  # never soaked\n"}, "bob", branch="third")
    world.up()
    git.git(world.clone, "checkout", "--quiet", "--detach", world.main())
    (found,) = promote(world.context(), Promote("prod"))
    with pytest.raises(Waiting, match="soaks until"):
        world.carried(found.pull_request or 0)
    with pytest.raises(Waiting, match="is not released in dev"):
        world.carried(back)


def test_who_asks_through_somebody_else_does_not_approve_it_alone(world: Carrying) -> None:
    """A comment starts a run that is the workflow's own."""
    world.released_in_dev("feature", web=20)
    world.released_in_dev("second", web=21)
    bot = world.context("github-actions[bot]", GITHUB_ACTOR="github-actions[bot]")
    found = rollback(bot, Request("dev", asked_by="eve"))
    number = world.opened = found.pull_request or 0
    assert "`github-actions[bot] for eve` asked to roll `dev` back" in found.body
    world.clock.advance(1)
    world.main()
    world.preview(found.head)
    world.clock.advance(1)
    world.host.approve(number, "eve")
    world.host.merge(number)
    with pytest.raises(Waiting, match="eve does not count: contributed"):
        world.up()


@pytest.mark.parametrize("login", ["eve>\nCo-authored-by: bob", "-x", "a b", "github-actions[bot]"])
def test_what_is_no_account_asks_for_nothing(world: Carrying, login: str) -> None:
    with pytest.raises(UsageError, match="is no account"):
        rolled_back(world, asked_by=login)
