"""`gitops promote`: the newest release of one environment becomes a pull request into the next, with its evidence."""

import json
from pathlib import Path
from typing import Any

import pytest

from gitops.errors import Failed, Refused, RemoteUnreachable, UsageError, Waiting
from gitops.flow.releases.promotion import Outcome, Promotion
from gitops.model import UnknownValue
from gitops.operations.releases import rollback as rolling_back
from gitops.operations.releases.promotion import Request, promote
from gitops.verbs.promote import command
from tests.operations.proposing import Carrying
from tests.operations.world import GITOPS, wanting
from tests.support import git

BRANCH = "refs/heads/gitops/promote/prod"


@pytest.fixture
def world(tmp_path: Path) -> Carrying:
    return Carrying(tmp_path)


def promoted(world: Carrying, **request: Any) -> Promotion:
    (found,) = promote(world.context(), Request(**{"environment": "prod", **request}))
    return found


def at(world: Carrying, ref: str = BRANCH) -> str:
    return git.git(world.remote, "for-each-ref", "--format=%(objectname)", ref)


def test_a_release_is_proposed_with_its_evidence(world: Carrying) -> None:
    release = world.released_in_dev("feature", web=20)
    world.clock.advance(3600 * 3)
    found = promoted(world)
    assert (found.outcome, found.release, found.head) == (Outcome.PROPOSED, release, release)
    assert at(world) == release
    title, body = world.opened_as(found.pull_request)
    assert title == f"Promote {release[:12]} from dev to prod"
    assert f"Release `{release}` of `dev` is promoted to `prod`." in body
    assert "nothing left to change" in body.replace("&#32;", " ")
    assert "3 hours when this was written. `prod` asks for none." in body
    assert "`shop/prod`" in body
    assert "1 commit" in body


def test_a_second_run_brings_the_same_pull_request_up_to_date(world: Carrying) -> None:
    world.released_in_dev("feature", web=20)
    first = promoted(world)
    newer = world.released_in_dev("second", web=21)
    second = promoted(world)
    assert first.pull_request == second.pull_request
    title, body = world.opened_as(second.pull_request)
    assert newer[:12] in title
    assert newer in body
    assert (at(world), second.release) == (newer, newer)


def test_once_it_is_there_nothing_is_newer(world: Carrying, capsys: pytest.CaptureFixture[str]) -> None:
    world.released_in_dev("feature", web=20)
    world.carried(promoted(world).pull_request or 0)
    assert world.engine.states["prod"] == {"web": 200}
    assert promoted(world).outcome is Outcome.UP_TO_DATE
    world.run(command, "prod")
    assert "prod: has all that is released in dev" in capsys.readouterr().out


def test_a_squashed_promotion_is_known_by_its_files(world: Carrying) -> None:
    world.released_in_dev("feature", web=20)
    number = promoted(world).pull_request or 0
    world.host.merge(number, squash=True)
    assert promoted(world).outcome is Outcome.UP_TO_DATE


def test_what_was_never_applied_waits(world: Carrying) -> None:
    world.reviewed({"Pulumi.dev.yaml": wanting(web=20)}, "bob")
    with pytest.raises(Waiting, match="Nothing to promote yet to prod") as caught:
        world.run(command)
    assert caught.value.exit_code == 4
    found = promoted(world)
    assert found.outcome is Outcome.WAITING
    assert found.reasons == (f"shop/dev: nothing was applied yet at {world.main()[:12]}",)
    assert at(world) == ""


def test_what_was_not_verified_waits_and_says_which_check_failed(world: Carrying) -> None:
    world.engine.outputs_of = {"url": UnknownValue()}
    with pytest.raises(Failed):
        world.released_in_dev("feature", web=20)
    (reason,) = promoted(world).reasons
    assert "shop/dev: applied, but not verified (outputs present: without a value: url)" in reason


def test_the_release_before_an_unverified_commit_is_promoted_and_that_is_told(world: Carrying) -> None:
    good = world.released_in_dev("feature", web=20)
    world.engine.outputs_of = {"url": UnknownValue()}
    with pytest.raises(Failed):
        world.released_in_dev("second", web=21)
    found = promoted(world)
    assert found.release == good
    assert "not verified" in found.body


def test_a_release_that_somebody_asked_to_roll_back_is_held(world: Carrying) -> None:
    first = world.released_in_dev("feature", web=20)
    second = world.released_in_dev("second", web=21)
    rolling_back.rollback(world.context("eve"), rolling_back.Request("dev"))
    found = promoted(world)
    assert found.release == first
    assert found.reasons == (f"{second[:12]} is held: eve asked to roll dev back (#3)",)


def test_nobodys_commits_are_written_over(world: Carrying) -> None:
    world.released_in_dev("feature", web=20)
    git.git(world.clone, "checkout", "--quiet", "-B", "own", "origin/main")
    own = git.commit(world.clone, {"own.txt": "work"})
    git.git(world.clone, "push", "--quiet", "origin", f"own:{BRANCH}")
    with pytest.raises(Refused, match="somebody's own work"):
        promoted(world)
    assert at(world) == own


def test_a_rehearsal_touches_nothing(world: Carrying, capsys: pytest.CaptureFixture[str]) -> None:
    release = world.released_in_dev("feature", web=20)
    before = world.host.entries()
    world.run(command, "prod", "--dry-run", "--json")
    (found,) = json.loads(capsys.readouterr().out)["environments"]
    assert (found["outcome"], found["release"], found["pull_request"]) == ("would propose", release, None)
    assert (at(world), world.host.entries()) == ("", before)


def test_a_workflow_starts_the_preview_of_what_it_opened_once(world: Carrying) -> None:
    world.released_in_dev("feature", web=20)
    context = world.context(GITHUB_ACTIONS="true")
    (found,) = promote(context, Request("prod"))
    number = found.pull_request or 0
    assert world.started.runs == [("preview.yml", "gitops/promote/prod", {"pull_request": str(number)})]
    world.opened = number
    world.preview(found.head, "origin/prod", environment="prod")
    promote(world.context(GITHUB_ACTIONS="true"), Request("prod"))
    assert len(world.started.runs) == 1


def test_a_token_that_may_not_push_workflow_files_is_told_from_a_broken_remote(world: Carrying) -> None:
    world.released_in_dev("feature", web=20)
    said = "refusing to allow a GitHub App to create or update workflow `a.yml` without `workflows` permission"

    def refused(*_: str) -> bool:
        raise RemoteUnreachable(f"Could not write to remote 'origin': {said}")

    context = world.context()
    context.git.swap_ref = refused  # type: ignore[method-assign]
    with pytest.raises(Failed, match="its workflow files differ") as caught:
        promote(context, Request("prod"))
    assert "on your machine" in caught.value.hint


def test_hostile_subjects_stay_text(world: Carrying) -> None:
    world.released_in_dev("feature", web=20)
    git.git(world.clone, "checkout", "--quiet", "-B", "bad", "origin/main")
    git.commit(world.clone, {"Pulumi.dev.yaml": wanting(web=21)}, "`<img src=x> @everybody ![x](http://evil)")
    git.git(world.clone, "push", "--quiet", "origin", "bad")
    world.opened = world.host.open("bad", "main", title="Bad", author="ada")
    world.preview()
    world.host.approve(world.opened, "bob")
    world.host.merge(world.opened)
    world.clock.advance(1)
    world.up()
    assert "`` `<img src=x> @everybody ![x](http://evil) ``" in promoted(world).body


def test_the_first_environment_has_none_before_it(world: Carrying) -> None:
    with pytest.raises(UsageError, match="Nothing is promoted to dev"):
        promote(world.context(), Request("dev"))


def test_after_a_rollback_the_next_promotion_brings_back_what_was_rolled_back(world: Carrying) -> None:
    soaking = GITOPS.format(approvals=1).replace("stacks: [prod]", "stacks: [prod], gate: {soak: 1h}")
    world.push_to_main({"gitops.yaml": soaking})
    world.released_in_dev("feature", web=20, db=1)
    world.clock.advance(3600)
    world.carried(promoted(world).pull_request or 0)
    world.released_in_dev("second", web=21, db=1)
    world.clock.advance(3600)
    world.carried(promoted(world).pull_request or 0)
    back = rolling_back.rollback(world.context("eve"), rolling_back.Request("prod"))
    world.carried(back.pull_request or 0)
    assert world.engine.states["prod"] == {"web": 200, "db": 10}

    fixed = world.released_in_dev("third", web=21, db=2)
    world.clock.advance(3600)
    found = promoted(world)
    assert (found.release, found.head == fixed) == (fixed, False)
    assert f"This environment was rolled back by #{back.pull_request}." in found.body
    assert promoted(world).head == found.head
    world.carried(found.pull_request or 0)
    assert world.engine.states["prod"] == {"web": 210, "db": 20}
    assert promoted(world).outcome is Outcome.UP_TO_DATE


def test_what_only_the_branch_has_is_told(world: Carrying) -> None:
    world.released_in_dev("feature", web=20)
    git.git(world.clone, "checkout", "--quiet", "-B", "hotfix", "origin/prod")
    git.commit(world.clone, {"hotfix.py": "x = 1\n"})
    git.git(world.clone, "push", "--quiet", "origin", "HEAD:prod")
    git.git(world.clone, "checkout", "--quiet", "--detach", "origin/main")
    found = promoted(world)
    assert "**Not as released.**" in found.body
    assert "- `hotfix.py`" in found.body


def test_nobody_alone_takes_back_what_only_the_branch_has(world: Carrying) -> None:
    """Who wrote a release may approve its promotion; not a merge of their own that leaves out what others approved."""
    world.released_in_dev("feature", web=20)
    world.carried(promoted(world).pull_request or 0)
    git.git(world.clone, "checkout", "--quiet", "-B", "hotfix", "origin/prod")
    git.commit(world.clone, {"Pulumi.prod.yaml": wanting(web=300)})
    git.git(world.clone, "push", "--quiet", "origin", "hotfix")
    world.carried(world.host.open("hotfix", "prod", title="Hotfix", author="ada"))
    assert world.engine.states["prod"] == {"web": 300}

    world.reviewed({"Pulumi.dev.yaml": wanting(web=22)}, "bob", branch="more")
    world.up()
    release = world.main()
    found = promoted(world)
    tip = git.git(world.clone, "rev-parse", "origin/prod")
    made = git.git(world.clone, "commit-tree", f"{release}^{{tree}}", "-p", release, "-p", tip, "-m", "Promote")
    git.git(world.clone, "push", "--quiet", "--force", "origin", f"{made}:{BRANCH}")
    with pytest.raises(Waiting, match="Test Author does not count: contributed"):
        world.carried(found.pull_request or 0, git.IDENTITY["GIT_AUTHOR_NAME"])
