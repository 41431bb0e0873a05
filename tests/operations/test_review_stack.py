"""`gitops review-stack`: who gets one, from what it is made, how many there may be, and when it goes."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from gitops.adapters.codehost.simulated.code_host import LocalHost
from gitops.adapters.git.leases import GitLeases
from gitops.config.review_stacks import ENVIRONMENT
from gitops.errors import ConfigError, EngineFailed, Refused, UsageError, Waiting
from gitops.flow.leases import lease as leases
from gitops.model import Holder, Query, RecordKind, SecretValue, Stack
from gitops.verbs import review_stack
from tests.fakes.policies import pack
from tests.operations.review_world import BIGGER, GITOPS, ReviewWorld, kinds_of
from tests.operations.world import wanting
from tests.support.git import git

PACK = {"policy": pack("house-rules", small={"largest": 100, "level": "mandatory"})}


@pytest.fixture
def world(tmp_path: Path) -> ReviewWorld:
    return ReviewWorld(tmp_path)


# --- up -------------------------------------------------------------------------------------------


def test_a_labelled_pull_request_gets_a_stack_of_its_merge_result(world: ReviewWorld) -> None:
    number = world.labelled(BIGGER)
    world.push_to_main({"Pulumi.prod.yaml": wanting(web=121)})
    result = world.raise_up(number)
    assert world.engine.states == {"dev": {"web": 12}, "review-1": {"web": 20}}
    assert result.stack == Stack("shop", "review-1")
    assert result.expires == world.clock.now() + timedelta(hours=24)
    assert kinds_of(world, number) == ["apply started", "applied", "release"]
    assert world.leases == ()


def test_its_config_is_the_model_s_with_what_must_differ(world: ReviewWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    start_state = world.engine.start_state

    def look(folder: Path, stack: str) -> object:
        seen.append(yaml.safe_load((folder / f"Pulumi.{stack}.yaml").read_text()))
        return start_state(folder, stack)

    monkeypatch.setattr(world.engine, "start_state", look)
    world.raise_up(world.labelled(BIGGER))
    assert seen[0] == {"config": {"shop:things": {"web": 20}, "shop:prefix": "shop-1"}}
    assert git(world.clone, "status", "--porcelain") == ""


def test_a_new_head_brings_the_same_stack_there(world: ReviewWorld) -> None:
    number = world.labelled(BIGGER)
    world.raise_up(number)
    head = world.commit({"Pulumi.dev.yaml": wanting(web=30)})
    assert world.raise_up(number).head == head
    assert world.engine.states["review-1"] == {"web": 30}
    assert {one.commit for one in world.records if one.kind is RecordKind.RELEASE} == {head, *_heads(world)}


def _heads(world: ReviewWorld) -> list[str]:
    return [git(world.clone, "rev-parse", "feature~1")]


def test_no_environment_sees_what_happens_to_it(world: ReviewWorld) -> None:
    before = git(world.clone, "rev-parse", "origin/main")
    number = world.labelled(BIGGER)
    world.raise_up(number)
    world.take_down(number)
    history = world.context().ledger().history()
    assert {one.environment for one in world.records} == {ENVIRONMENT}
    for environment in ("dev", "prod"):
        assert history.newest(Query(environment=environment)) is None
    commit = world.reviewed({"Pulumi.dev.yaml": wanting(web=21)}, "bob", branch="other")
    [done] = world.up()
    assert (done.done.value, done.stack.name) == ("released", "dev")
    assert commit != before
    assert [one.stack for one in world.records if one.environment == "dev"] == ["shop/dev"] * 4


REFUSALS = {
    "no label": (lambda world, number: world.label(number, "bug"), "does not carry the label 'review stack'"),
    "closed": (lambda world, number: world.host.close(number), "is not open"),
    "merged": (lambda world, number: world.host.merge(number), "is not open"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_it_is_for_open_labelled_pull_requests_of_those_who_may_push(world: ReviewWorld, case: str) -> None:
    number = world.labelled(BIGGER)
    change, told = REFUSALS[case]
    change(world, number)
    with pytest.raises(Refused, match=told):
        world.raise_up(number)
    assert (world.engine.previews, world.records, world.comment_on(number)) == ([], (), "")


def test_its_author_must_be_somebody_who_may_push(world: ReviewWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    number = world.labelled(BIGGER)
    monkeypatch.setattr(LocalHost, "may_write", lambda _host, login: login != "ada")
    with pytest.raises(Refused, match="is by ada, who may not push"):
        world.raise_up(number)
    assert world.engine.previews == []


def test_a_fork_gets_none(world: ReviewWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    number = world.labelled(BIGGER)
    pull_request = world.host.pull_request(number)
    # The host has the fork's commits below refs/pull/, and its branches are not branches here.
    git(world.remote, "update-ref", f"refs/pull/{number}/head", pull_request.head)
    git(world.remote, "update-ref", "-d", "refs/heads/feature")
    with pytest.raises(Refused, match="is no branch of this repository"):
        world.raise_up(number)
    assert world.engine.previews == []


def test_one_into_another_branch_gets_none(world: ReviewWorld) -> None:
    git(world.clone, "push", "--quiet", "--force", "origin", "origin/main:prod")
    world.commit(BIGGER)
    number = world.host.open("feature", "prod", title="Change", author="ada")
    world.label(number)
    with pytest.raises(Refused, match="goes into prod, and review stacks are like shop/dev, which follows main"):
        world.raise_up(number)


def test_a_pull_request_cannot_choose_its_model_names_or_number(world: ReviewWorld) -> None:
    loosened = GITOPS.replace("like: dev", "like: prod").replace("shop-{number}", "shop-prod{number}")
    number = world.labelled({**BIGGER, "gitops.yaml": loosened.replace("most: 2", "most: 99")})
    world.raise_up(number)
    assert world.engine.states["review-1"] == {"web": 20}
    git(world.clone, "checkout", "--quiet", "--detach", "origin/main")
    assert world.site().review.most == 2


def test_as_many_as_may_be_and_no_more(world: ReviewWorld) -> None:
    first, second, third = (world.labelled(BIGGER, f"feature-{n}") for n in range(3))
    world.raise_up(first)
    world.raise_up(second)
    with pytest.raises(Waiting, match=r"at most 2 may be at once: review-1 \(#1\) and review-2 \(#2\)") as caught:
        world.raise_up(third)
    assert caught.value.exit_code == 4
    assert "review-1" in world.comment_on(third)
    assert world.raise_up(second).stack.name == "review-2"  # one that is there may be brought up again
    world.take_down(first)
    world.raise_up(third)
    assert sorted(world.engine.states) == ["dev", "review-2", "review-3"]


def test_one_that_is_being_made_counts_already(world: ReviewWorld) -> None:
    number = world.labelled(BIGGER)
    holder = Holder("eve", "elsewhere", 9, "up", "run of eve")
    for other in (8, 9):
        stack = Stack("shop", f"review-{other}")
        GitLeases(world.context().git).swap(stack, None, leases.granted(stack, holder, world.clock.now(), 60))
    with pytest.raises(Waiting, match=r"review-8 \(#8\) and review-9 \(#9\)"):
        world.raise_up(number)
    assert world.engine.applied == []


def test_a_mandatory_policy_refuses_it(world: ReviewWorld) -> None:
    named = GITOPS.replace("environments:", "policy: {packs: [policy]}\nenvironments:", 1)
    world.push_to_main({"gitops.yaml": named, **PACK})
    git(world.clone, "checkout", "--quiet", "-B", "feature", "origin/main")
    number = world.labelled({"Pulumi.dev.yaml": wanting(web=2000)})
    with pytest.raises(Refused, match="was not brought up: 1 violation"):
        world.raise_up(number)
    assert kinds_of(world, number) == ["refused"]
    assert "review-1" not in world.engine.states
    assert "is not up" in world.comment_on(number)


def test_a_pull_request_cannot_drop_the_policy_packs(world: ReviewWorld) -> None:
    named = GITOPS.replace("environments:", "policy: {packs: [policy]}\nenvironments:", 1)
    world.push_to_main({"gitops.yaml": named, **PACK})
    git(world.clone, "checkout", "--quiet", "-B", "feature", "origin/main")
    number = world.labelled({"Pulumi.dev.yaml": wanting(web=2000), "gitops.yaml": GITOPS})
    with pytest.raises(Refused, match="took no part in this plan"):
        world.raise_up(number)
    assert world.engine.applied == []


def test_a_failed_up_is_told_and_the_next_one_goes_on(world: ReviewWorld) -> None:
    number = world.labelled({"Pulumi.dev.yaml": wanting(a=1, b=2)})
    world.engine.fails_after = 1
    with pytest.raises(EngineFailed, match="quota exceeded"):
        world.raise_up(number)
    assert "quota exceeded" in world.comment_on(number)
    world.engine.fails_after = None
    world.raise_up(number)
    assert world.engine.states["review-1"] == {"a": 1, "b": 2}
    assert "is up" in world.comment_on(number)


def test_a_name_that_is_in_git_is_refused(world: ReviewWorld) -> None:
    number = world.labelled({**BIGGER, "Pulumi.review-1.yaml": wanting(web=1)})
    with pytest.raises(ConfigError, match=r"Pulumi.review-1.yaml: is in Git"):
        world.raise_up(number)


# --- the comment ----------------------------------------------------------------------------------


def test_the_comment_has_the_address_and_the_end_and_no_secret(world: ReviewWorld) -> None:
    hostile = "</code>|<img src=x>@everyone"
    world.engine.outputs_of = {
        "url": "https://shop-1.example.com",
        "password": SecretValue("0f"),
        "nested": {"token": SecretValue("0e")},
        "count": 3,
        hostile: "`x`",
    }
    number = world.labelled(BIGGER)
    world.raise_up(number)
    body = world.comment_on(number)
    assert "https&#58;//shop-1&#46;example&#46;com" in body
    assert "2026-05-05 09:30 UTC" in body
    assert body.count("| secret |") == 2
    assert "0f" not in body
    assert "<img" not in body
    assert "@everyone" not in body
    world.take_down(number)
    assert "is gone" in world.comment_on(number)


# --- off, and the command line --------------------------------------------------------------------


def test_without_the_setting_they_are_off(world: ReviewWorld, capsys: pytest.CaptureFixture[str]) -> None:
    number = world.labelled(BIGGER)
    world.push_to_main({"gitops.yaml": GITOPS.partition("review_stacks:")[0]})
    world.run(review_stack.command, "sweep")
    assert "Review stacks are off" in capsys.readouterr().err
    with pytest.raises(UsageError, match="so they are off"):
        world.raise_up(number)
    with pytest.raises(UsageError, match="are off"):
        world.run(review_stack.command, "down", "--pull-request", "1")


def test_the_command_line_gives_people_lines_and_machines_json(
    world: ReviewWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.labelled(BIGGER)
    world.run(review_stack.command, "up", "--pull-request", "1")
    assert capsys.readouterr().out == "shop/review-1: up (1 created); expires 2026-05-05 09:30 UTC\n"
    world.run(review_stack.command, "list")
    assert capsys.readouterr().out.startswith("shop/review-1: #1; release at ")
    world.run(review_stack.command, "list", "--json")
    [row] = json.loads(capsys.readouterr().out)["stacks"]
    assert (row["stack"], row["number"], row["claimed"], row["state"]) == ("shop/review-1", 1, True, "release")
    world.run(review_stack.command, "up", "--pull-request", "1", "--json")
    document = json.loads(capsys.readouterr().out)
    assert (document["format"], document["stack"], document["changes"]) == (1, "shop/review-1", [])
    world.run(review_stack.command, "down", "--pull-request", "1", "--json")
    assert json.loads(capsys.readouterr().out) == {
        "format": 1,
        "stacks": [{"stack": "shop/review-1", "result": "destroyed", "why": "somebody took it down"}],
    }
