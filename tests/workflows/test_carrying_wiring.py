"""What promote, rollback and drift hand to their verbs, under act, with a verb that only writes down what it gets."""

import json

import pytest

from tests.workflows.simulated_github import TOKEN
from tests.workflows.test_workflow_rules import load
from tests.workflows.test_workflow_wiring import ALONE, Wired, succeeded, wired

__all__ = ["wired"]

ENVIRONMENTS = [{"environment": "dev", "branch": "main"}, {"environment": "prod", "branch": "production"}]


def test_the_schedule_promotes_to_every_environment(wired: Wired) -> None:
    succeeded(wired.act.started("promote"))
    [given] = wired.given("promote")
    assert given["arguments"] == ["promote", "--"]
    assert {"username=x-access-token", f"password={TOKEN}"} <= set(given["credential"])
    assert given["kept"] == ""
    assert "PULUMI_CONFIG_PASSPHRASE" not in given["environment"]


def test_somebody_promotes_to_one(wired: Wired) -> None:
    succeeded(wired.act.started("promote", {"environment": "prod"}))
    assert wired.given("promote")[0]["arguments"] == ["promote", "--", "prod"]


@pytest.mark.parametrize(("code", "ends"), [("4", 0), ("3", 1), ("1", 1)])
def test_nothing_to_promote_yet_is_no_failure_and_all_else_is(wired: Wired, code: str, ends: int) -> None:
    run = wired.acting(ALONE, RECORDED_EXIT=code).started("promote")
    assert (run.code != 0) == bool(ends), run.output


def test_a_rollback_gets_both_inputs(wired: Wired) -> None:
    succeeded(wired.act.started("rollback", {"environment": "prod", "to": "1a2b3c"}))
    [given] = wired.given("rollback")
    assert given["arguments"] == ["rollback", "--to=1a2b3c", "--asked-by=", "--", "prod"]
    assert "PULUMI_CONFIG_PASSPHRASE" not in given["environment"]


def test_inputs_stay_data(wired: Wired) -> None:
    hostile = "$(touch pwned)`touch pwned`\"; touch pwned; '"
    succeeded(wired.act.started("rollback", {"environment": hostile, "to": hostile, "asked_by": hostile}))
    succeeded(wired.act.started("promote", {"environment": hostile}))
    assert wired.given("rollback")[0]["arguments"] == [
        "rollback",
        f"--to={hostile}",
        f"--asked-by={hostile}",
        "--",
        hostile,
    ]
    assert wired.given("promote")[0]["arguments"] == ["promote", "--", hostile]
    assert list(wired.folder.rglob("pwned")) == []


def test_drift_looks_at_each_environment_that_has_a_branch_with_the_reading_role(wired: Wired) -> None:
    run = wired.acting({**ALONE, "environments": json.dumps(ENVIRONMENTS)}).started("drift")
    succeeded(run)
    assert wired.given("matrix")[0]["arguments"] == ["matrix", "--environments"]
    arguments = sorted(given["arguments"] for given in wired.given("drift"))
    assert arguments == [["drift", "--environment", name, "--issue"] for name in ("dev", "prod")]
    assert "would take arn:aws:iam::1:role/reader for 3600 s" in run.output


def test_the_inputs_of_a_rollback_are_exactly_these() -> None:
    assert set(load("rollback.yml")["on"]) == {"workflow_dispatch"}
    assert set(load("rollback.yml")["on"]["workflow_dispatch"]["inputs"]) == {"environment", "to", "asked_by"}


@pytest.mark.parametrize("name", ["promote.yml", "drift.yml"])
def test_no_event_of_somebody_else_starts_them(name: str) -> None:
    assert set(load(name)["on"]) == {"schedule", "workflow_dispatch"}


def test_drift_reads_with_the_environment_of_previews() -> None:
    job = load("drift.yml")["jobs"]["drift"]
    assert job["environment"]["name"] == "preview-${{ matrix.of.branch }}"
    assert job["permissions"]["contents"] == "read"
