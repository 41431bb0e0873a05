"""Drift, on the real Pulumi CLI: somebody's hand in the live infrastructure is told from what is merged and waits."""

import json

import pytest

from gitops.adapters.codehost.simulated.issues import LocalIssues
from tests.engine.journey import PASSWORD, Journey, wanting
from tests.support.git import git

pytestmark = pytest.mark.engine
LOOK = ("drift", "--environment", "dev", "--issue")


def test_drift_is_found_told_reverted_and_over(journey: Journey) -> None:
    issues = LocalIssues(journey.remote)
    git(journey.clone, "fetch", "--quiet", "origin")
    git(journey.clone, "checkout", "--quiet", "--detach", "origin/main")
    assert "tiny/dev: as released" in journey.gitops(*LOOK)
    assert issues.issues() == ()

    live = journey.tiny.root / "things"
    (one,) = live.glob("one-*.json")
    altered = {**json.loads(one.read_text()), "size": 99, "password": "canary-hand-made-77"}
    one.write_text(json.dumps(altered))
    next(live.glob("two-*.json")).unlink()
    state = (journey.tiny.root / "state" / ".pulumi/stacks/tiny/dev.json").read_bytes()

    told = journey.gitops(*LOOK, expect=3)
    assert "tiny/dev: drifted" in told
    assert "size: 99 → 12" in told
    (issue,) = issues.issues()
    assert "<code>size</code>" in issue.body
    assert "is gone; an apply would create it" in issue.body
    for text in (told, issue.body):
        assert PASSWORD not in text
        assert "canary-hand-made-77" not in text
    assert json.loads(one.read_text()) == altered
    assert (journey.tiny.root / "state" / ".pulumi/stacks/tiny/dev.json").read_bytes() == state

    journey.host.merge(2)  # 12 → 20, which is not applied yet
    told = journey.gitops(*LOOK, expect=3)
    assert "size: 99 → 12" in told
    assert "merged and not applied" in told

    journey.branch("revert")
    journey.push({"wanted.json": json.dumps(wanting(20), indent=1)})
    journey.host.merge(journey.review())
    assert "released" in journey.gitops("up", "--environment", "dev")
    assert "tiny/dev: as released" in journey.gitops(*LOOK)
    (issue,) = issues.issues()
    assert issue.closed
    assert {thing["size"] for thing in journey.tiny.things.values()} == {20, 1}
