"""The `review-stack` workflow under act, with a verb that only writes down what it was given."""

import pytest
import yaml

from gitops.config import settings
from tests.workflows.acting import ROOT, Finished
from tests.workflows.test_workflow_rules import CONFIG, load
from tests.workflows.test_workflow_wiring import Wired, branch, succeeded, wired

__all__ = ["wired"]

LABEL = {"name": "review stack"}


def event(wired: Wired, action: str, **about: object) -> Finished:
    """An event of pull request 1; `label` is the one that was put on or taken off, the rest is the pull request's."""
    label = {"label": about.pop("label")} if "label" in about else {}
    pull_request = {**wired.github.pull_request_event(1)["pull_request"], **about}
    return wired.act.pull_request(1, action, "review-stack", pull_request=pull_request, **label)


@pytest.fixture
def head(wired: Wired) -> str:
    commit = branch(wired, "feature")
    assert wired.github.open("feature", "main") == 1
    return commit


@pytest.mark.parametrize(("action", "more"), [("labeled", {"label": LABEL}), ("synchronize", {}), ("reopened", {})])
def test_a_labelled_pull_request_is_brought_up(wired: Wired, head: str, action: str, more: dict[str, object]) -> None:
    succeeded(event(wired, action, labels=[{"name": "bug"}, LABEL], **more))
    [given] = wired.given("review-stack")
    assert given["arguments"] == ["review-stack", "up", "--pull-request", "1"]
    assert given["head"] == head
    assert given["environment"]["PULUMI_BACKEND_URL"] == "s3://state"


@pytest.mark.parametrize(
    ("action", "about"),
    [
        ("unlabeled", {"label": LABEL}),
        ("closed", {"labels": [LABEL], "state": "closed"}),
    ],
)
def test_one_without_a_claim_is_taken_down_by_the_reviewed_pipeline(
    wired: Wired, head: str, action: str, about: dict[str, object]
) -> None:
    succeeded(event(wired, action, **about))
    [given] = wired.given("review-stack")
    assert given["arguments"] == ["review-stack", "down", "--pull-request", "1"]
    assert given["head"] == wired.github.git("rev-parse", "main") != head


@pytest.mark.parametrize(
    ("action", "about"),
    [
        ("synchronize", {}),
        ("labeled", {"label": {"name": "bug"}}),
        ("labeled", {"label": {"name": "bug"}, "labels": [LABEL, {"name": "bug"}]}),
        ("unlabeled", {"label": {"name": "bug"}, "labels": [LABEL]}),
        ("closed", {}),
    ],
)
@pytest.mark.usefixtures("head")
def test_other_events_start_nothing(wired: Wired, action: str, about: dict[str, object]) -> None:
    succeeded(event(wired, action, **about))
    assert wired.was_not_called()


@pytest.mark.parametrize(("action", "more"), [("labeled", {"label": LABEL}), ("closed", {})])
@pytest.mark.usefixtures("head")
def test_a_fork_gets_nothing(wired: Wired, action: str, more: dict[str, object]) -> None:
    theirs = wired.github.pull_request_event(1)["pull_request"]["head"]
    theirs["repo"]["full_name"] = "stranger/infrastructure"
    succeeded(event(wired, action, labels=[LABEL], head=theirs, **more))
    assert wired.was_not_called()


def test_the_schedule_sweeps(wired: Wired) -> None:
    succeeded(wired.act.started("review-stack"))
    [given] = wired.given("review-stack")
    assert given["arguments"] == ["review-stack", "sweep"]
    assert given["head"] == wired.github.git("rev-parse", "main")


def test_the_workflow_goes_by_the_label_and_the_branch_of_the_settings() -> None:
    text = (ROOT / ".github/workflows/review-stack.yml").read_text(encoding="utf-8")
    review = CONFIG.review_stacks
    assert review is not None
    quoted = [part for part in text.split("'") if "review" in part and "\n" not in part and "-" not in part]
    assert set(quoted) == {review.label}
    [held_by] = [one for one in CONFIG.environments if review.like in one.stacks]
    assert load("review-stack.yml")["on"]["pull_request"]["branches"] == [held_by.branch]


def test_no_run_is_cancelled_and_each_pull_request_has_a_queue_of_its_own() -> None:
    concurrency = load("review-stack.yml")["concurrency"]
    assert (concurrency["cancel-in-progress"], concurrency["queue"]) == (False, "max")
    assert "github.event.pull_request.number" in concurrency["group"]


@pytest.mark.parametrize("name", ["up", "down", "sweep"])
def test_each_job_checks_out_sets_up_and_runs_one_verb(name: str) -> None:
    checkout, set_up, verb = load("review-stack.yml")["jobs"][name]["steps"]
    assert checkout["with"]["persist-credentials"] is False
    assert set_up["uses"] == "./"
    assert verb["run"].startswith(f"gitops review-stack {name}")


def test_every_job_is_of_the_review_environment_and_none_other() -> None:
    jobs = load("review-stack.yml")["jobs"]
    assert {job["environment"]["name"] for job in jobs.values()} == {"review"}
    assert not [one for one in CONFIG.environments if one.name == "review" or one.branch == "review"]


def test_the_documented_settings_are_those_of_this_repository() -> None:
    page = (ROOT / "docs/review-stacks.md").read_text(encoding="utf-8")
    block = next(part for part in page.split("```yaml\n")[1:] if part.startswith("review_stacks:")).partition("```")[0]
    own = yaml.safe_load((ROOT / settings.FILE).read_text(encoding="utf-8"))
    assert yaml.safe_load(block)["review_stacks"] == own["review_stacks"]
