"""`gitops preview --report`: the review as a file, with the stack's history."""

from pathlib import Path

import pytest

from gitops.errors import Failed
from gitops.verbs import preview
from tests.operations.world import World, wanting
from tests.support import git
from tests.support.pages import Page


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_report_has_the_plan_and_what_the_stack_has_been_through(world: World, tmp_path: Path) -> None:
    world.reviewed({"Pulumi.dev.yaml": wanting(web=20)}, "bob")
    world.up()
    number = world.open({"Pulumi.dev.yaml": wanting(web=31)}, branch="more")
    git.git(world.clone, "fetch", "--quiet", "origin")
    file = tmp_path / "review.html"
    world.run(preview.command, "--base", "origin/main", "--pull-request", str(number), "--report", str(file), "--json")
    text = Page(file.read_text(encoding="utf-8")).text
    assert text.startswith("dev: destroys nothing (1 to update)\n")
    assert "~ size: 20 → 31" in text
    history = text.partition("History\n")[2]
    kinds = ["plan by", f"shown on pull request #{number}", "release by", "applied by", "apply started by"]
    places = [history.index(kind) for kind in kinds]
    assert places == sorted(places)


def test_a_failing_preview_has_a_report_too(world: World, tmp_path: Path) -> None:
    world.open({"Pulumi.dev.yaml": wanting(web=20)})
    world.engine.broken = "TypeError: no such bucket"
    file = tmp_path / "review.html"
    with pytest.raises(Failed, match="preview of shop/dev failed"):
        world.run(preview.command, "--base", "origin/main", "--report", str(file))
    assert "TypeError: no such bucket" in Page(file.read_text(encoding="utf-8")).text


def test_a_file_that_cannot_be_written_is_told(world: World) -> None:
    world.open({"Pulumi.dev.yaml": wanting(web=20)})
    with pytest.raises(Failed, match=r"Could not write the report to /dev/full: No space left"):
        world.run(preview.command, "--base", "origin/main", "--report", "/dev/full")
