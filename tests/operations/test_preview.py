"""`gitops preview`: what a change would do, and what is kept of it."""

import json

import click
import pytest

from gitops.errors import ConfigError, Failed, GitOpsError, Refused, RemoteUnreachable, UsageError
from gitops.model import Plan, PreviewFailure, RecordKind
from gitops.operations.review import preview as previewing
from gitops.verbs import preview
from gitops.views.markdown.review_comment import marker
from tests.operations.world import World, wanting
from tests.support import git

SCALE = {"Pulumi.dev.yaml": wanting(web=20)}


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


def plan_of(world: World, **request: object) -> Plan:
    review = world.preview(**request)
    assert len(review.stacks) == 1
    result = review.stacks[0].result
    assert isinstance(result, Plan)
    return result


def test_a_plan_is_kept_under_the_changes_head(world: World) -> None:
    world.open(SCALE)
    plan = plan_of(world)
    head = git.head(world.clone)
    assert [(r.kind, r.commit, r.stack, r.by) for r in world.records] == [(RecordKind.PLAN, head, "shop/dev", "ada")]
    assert world.records[0].body["plan"]["plan_digest"] == plan.plan_digest
    assert world.engine.states["dev"] == {"web": 12}


def test_previewing_again_keeps_one_plan_and_another_plan_is_kept_beside_it(world: World) -> None:
    world.open(SCALE)
    assert plan_of(world).plan_digest == plan_of(world).plan_digest
    assert len(world.records) == 1
    world.engine.states["dev"] = {"web": 31}
    plan_of(world)
    assert len(world.records) == 2


def test_what_is_not_committed_takes_no_part(world: World) -> None:
    world.open(SCALE)
    (world.clone / "Pulumi.dev.yaml").write_text(wanting(web=99))
    assert plan_of(world).changes[0].properties[0].new == 20


def test_without_a_pull_request_nothing_is_kept(world: World) -> None:
    world.open(SCALE)
    plan_of(world, pull_request=None)
    assert world.records == ()


def test_what_was_merged_and_never_released_is_part_of_the_plan(world: World) -> None:
    world.push_to_main(SCALE)
    world.open({"README.md": "words"})
    assert plan_of(world).changes[0].properties[0].new == 20


def test_a_change_that_conflicts_has_no_plan(world: World) -> None:
    world.open(SCALE)
    world.push_to_main({"Pulumi.dev.yaml": wanting(web=99)})
    with pytest.raises(Refused, match=r"conflicts with .* in Pulumi\.dev\.yaml"):
        world.preview("feature")


def test_a_failing_preview_is_part_of_the_review_and_fails_the_command(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.open(SCALE)
    world.engine.broken = "TypeError: no such bucket"
    review = world.preview()
    assert isinstance(review.stacks[0].result, PreviewFailure)
    assert world.records == ()
    with pytest.raises(Failed, match="preview of shop/dev failed"):
        world.run(preview.command, "--base", "origin/main")
    assert "no such bucket" in capsys.readouterr().out


def test_the_comment_is_put_on_the_pull_request_once(world: World) -> None:
    number = world.open(SCALE)
    git.git(world.clone, "fetch", "--quiet")
    for _ in range(2):
        world.run(preview.command, "--base", "origin/main", "--pull-request", str(number))
    comments = world.host.comments(number)
    assert len(comments) == 1
    assert comments[0].startswith(marker("dev"))


def test_a_plan_whose_comment_could_not_be_posted_is_not_on_record(world: World) -> None:
    world.open(SCALE)
    git.git(world.clone, "fetch", "--quiet")
    with pytest.raises(GitOpsError):
        world.run(preview.command, "--base", "origin/main", "--pull-request", "99")
    assert world.records == ()


def test_the_json_form_is_one_object_on_standard_output(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.open(SCALE)
    capsys.readouterr()
    world.run(preview.command, "--base", "origin/main", "--json")
    document = json.loads(capsys.readouterr().out)
    assert (document["format"], document["environment"]) == (1, "dev")
    assert document["stacks"][0]["plan"]["changes"][0]["properties"][0]["new"] == 20


def test_markdown_is_the_comment(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.open(SCALE)
    world.run(preview.command, "--base", "origin/main", "--markdown")
    assert capsys.readouterr().out.startswith(marker("dev"))


def test_no_affected_stack_means_no_plan(world: World) -> None:
    world.reviewed(SCALE, "bob")
    world.up()
    before = len(world.records)
    world.open({"README.md": "words"}, branch="words")
    assert world.preview().stacks == ()
    assert len(world.records) == before


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        ({"stacks": ("nope",)}, "no stack 'nope'"),
        ({"environment": "nope"}, "no environment 'nope'"),
    ],
)
def test_an_unknown_name_is_told_with_those_there_are(world: World, request_: dict, problem: str) -> None:
    world.open(SCALE)
    with pytest.raises(UsageError, match=problem) as caught:
        world.preview(**request_)
    assert "dev" in caught.value.hint


@pytest.mark.parametrize("option", ["--report", "--output"])
def test_a_file_that_cannot_be_written_is_told_before_anything_runs(world: World, option: str) -> None:
    world.open(SCALE)
    with pytest.raises(click.BadParameter, match="no folder"):
        world.run(preview.command, "--base", "origin/main", option, str(world.folder / "nowhere" / "file"))


@pytest.mark.parametrize("other", ["--json", "--markdown", "--report=report.html"])
def test_a_result_for_the_review_is_shown_nowhere_else(world: World, other: str) -> None:
    world.open(SCALE)
    with pytest.raises(UsageError, match="--output"):
        world.run(preview.command, "--base", "origin/main", "--output", str(world.folder / "file"), other)


def test_a_branch_that_no_environment_follows_is_told(world: World) -> None:
    world.open(SCALE)
    with pytest.raises(UsageError, match="No environment follows the branch 'feature'"):
        previewing.preview(world.context(), previewing.Request("origin/feature"))


def test_a_broken_gitops_yaml_in_the_change_is_told_with_its_line(world: World) -> None:
    world.open({"gitops.yaml": "version: 1\nenvironments:\n  - name: dev\n"})
    with pytest.raises(ConfigError, match=r"gitops\.yaml:3: environments\[0\]"):
        world.preview()


def test_without_the_remote_nothing_is_previewed(world: World) -> None:
    world.open(SCALE)
    world.remote.rename(world.folder / "gone")
    with pytest.raises(RemoteUnreachable):
        previewing.preview(world.context(), previewing.Request("origin/main"))
    assert world.engine.previews == []
