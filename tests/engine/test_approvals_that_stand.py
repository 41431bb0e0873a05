"""On the real engine, what leaves a plan as it was keeps its approval. What loses it: tests/operations, same name."""

import pytest

from tests.engine.journey import Journey
from tests.support.git import commit, git

pytestmark = pytest.mark.engine


def test_an_unrelated_merge_a_merge_from_main_and_a_rebase_keep_the_approval(journey: Journey) -> None:
    def somebody_elses_merge(name: str) -> None:
        journey.branch(name)
        journey.push({f"{name}.md": "words"})
        journey.host.merge(journey.host.open(name, "main", title=name, author="eve"))
        git(journey.clone, "fetch", "--quiet", "origin")
        git(journey.clone, "checkout", "--quiet", "scale")

    somebody_elses_merge("before-the-merge")
    git(journey.clone, "merge", "--quiet", "--no-edit", "origin/main")
    git(journey.clone, "push", "--quiet", "origin", "scale")
    merged = journey.preview(2)
    somebody_elses_merge("before-the-rebase")
    git(journey.clone, "rebase", "--quiet", "origin/main")
    commit(journey.clone, {"NOTES.md": "one commit more"})
    git(journey.clone, "push", "--quiet", "--force", "origin", "scale")
    rebased = journey.preview(2)
    assert _plan(merged) == _plan(rebased)
    somebody_elses_merge("after-the-last-preview")

    journey.host.merge(2)
    told = journey.gitops("up", "--environment", "dev")
    assert "approved by bob" in told
    assert "released" in told
    assert {thing["size"] for thing in journey.tiny.things.values()} == {20, 1}


def _plan(told: str) -> str:
    """The digest that a preview prints."""
    return next(line.split()[1] for line in told.splitlines() if line.startswith("  plan "))
