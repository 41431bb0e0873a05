"""The checks after an apply."""

from dataclasses import replace
from typing import Any

import pytest

from gitops.flow.plans import verification
from gitops.model import Drift, EngineRun, Operation, PropertyChange, ResourceState, SecretValue, UnknownValue
from tests.support.plans import add, change, update, urn

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
STATEFUL_SET = "kubernetes:apps/v1:StatefulSet"
DAEMON_SET = "kubernetes:apps/v1:DaemonSet"


def after(*resources: tuple[str, dict[str, Any]], changes: tuple[Any, ...] = ()) -> EngineRun:
    """A refreshed preview that saw these resources."""
    states = tuple(ResourceState(urn(token, "web"), token, outputs) for token, outputs in resources)
    return EngineRun(changes, len(states), resources=states)


def workload(generation: int = 2, observed: int = 2, replicas: int | None = 3, **status: Any) -> dict[str, Any]:
    """A workload's outputs."""
    return {
        "metadata": {"generation": generation},
        "spec": {} if replicas is None else {"replicas": replicas},
        "status": {"observedGeneration": observed, **status},
    }


@pytest.mark.parametrize(
    ("outputs", "passed", "detail"),
    [
        ({}, True, "0 outputs"),
        ({"url": "http://x", "count": 0, "off": False, "list": []}, True, "4 outputs"),
        ({"pw": SecretValue("")}, True, "1 outputs"),
        ({"url": None, "a": "", "b": "set"}, True, "3 outputs"),
        ({"url": UnknownValue(), "a": UnknownValue(), "b": "set"}, False, "without a value: a, url"),
    ],
)
def test_outputs_may_be_empty_and_have_to_be_known(outputs: dict[str, Any], passed: bool, detail: str) -> None:
    check = verification.checks(outputs, after())[0]
    assert (check.passed, check.detail) == (passed, detail)


READY = [
    (DEPLOYMENT, workload(updatedReplicas=3, availableReplicas=3), True),
    (DEPLOYMENT, workload(updatedReplicas=2, availableReplicas=3), False),
    (DEPLOYMENT, workload(updatedReplicas=3, availableReplicas=2), False),
    (DEPLOYMENT, workload(observed=1, updatedReplicas=3, availableReplicas=3), False),
    (DEPLOYMENT, workload(replicas=None, updatedReplicas=1, availableReplicas=1), True),
    (DEPLOYMENT, workload(replicas=0), True),
    (DEPLOYMENT, {}, False),
    (DEPLOYMENT, {"status": UnknownValue(), "spec": UnknownValue()}, False),
    (DEPLOYMENT, workload(updatedReplicas=UnknownValue(), availableReplicas=3), False),
    (STATEFUL_SET, workload(readyReplicas=3), True),
    (STATEFUL_SET, workload(readyReplicas=2), False),
    (DAEMON_SET, workload(numberReady=4, desiredNumberScheduled=4), True),
    (DAEMON_SET, workload(numberReady=3, desiredNumberScheduled=4), False),
    (DAEMON_SET, {}, False),
    ("kubernetes:core/v1:ConfigMap", {}, True),
    ("kubernetes:extensions/v1beta1:Deployment", {}, False),
    ("kubernetes:apps/v1beta2:StatefulSet", {}, False),
    ("kubernetes:apps/v1beta2:DaemonSet", {}, False),
    # Other people's things of that name have no replicas.
    ("acme:platform:Deployment", {}, True),
    ("aws:apigateway/deployment:Deployment", {}, True),
    ("aws-native:greengrassv2:Deployment", {}, True),
]


@pytest.mark.parametrize(("token", "outputs", "ready"), READY)
def test_a_workload_is_ready_when_its_newest_generation_runs(token: str, outputs: dict[str, Any], ready: bool) -> None:
    check = verification.checks({}, after((token, outputs)))[1]
    assert check.passed is ready
    assert ready or check.detail == "not ready: web"


def test_what_is_left_to_change_is_named() -> None:
    left = change(Operation.UPDATE, DEPLOYMENT, "web", update("spec.replicas", 2, 3))
    results = verification.checks({}, after(changes=(left,)))
    assert [check.name for check in verification.failed(results)] == ["nothing left to change"]
    assert verification.failed(results)[0].detail == "drift since the apply: update web (spec)"
    assert verification.drift(after(changes=(left,))) == (left,)


def test_what_is_read_anew_in_every_run_is_not_left_to_change() -> None:
    read = change(Operation.READ, "pulumi:pulumi:StackReference", "organization/network/dev")
    assert verification.failed(verification.checks({}, after(changes=(read,)))) == ()


JOB = "kubernetes:batch/v1:Job"
TO_LIVE = add("spec", {"template": {}, "ttlSecondsAfterFinished": 1.0})


def gone(token: str, *properties: PropertyChange) -> EngineRun:
    """A preview that would make anew what the state has and nobody finds."""
    created = change(Operation.CREATE, token, "migrate", *properties)
    return EngineRun((created,), 3, drift=(Drift(created.urn, created.type, gone=True),))


@pytest.mark.parametrize(
    "run",
    [gone(JOB, TO_LIVE), gone(f"acme:site:Site${JOB}", TO_LIVE), gone(JOB, add("spec.ttlSecondsAfterFinished", 0))],
)
def test_a_job_that_its_time_to_live_took_away_has_done_its_work(run: EngineRun) -> None:
    check = verification.checks({}, run)[2]
    assert (check.passed, verification.drift(run)) == (True, ())
    assert check.detail == "3 resources as declared; ended and gone, as its time to live says: migrate"


@pytest.mark.parametrize(
    "run",
    [
        gone(JOB, add("spec", {"template": {}})),
        gone(JOB, add("spec", {"template": {}, "ttlSecondsAfterFinished": UnknownValue()})),
        gone("kubernetes:batch/v1:CronJob", TO_LIVE),
        gone("acme:batch/v1:Job", TO_LIVE),
        gone("kubernetes:core/v1:ConfigMap", TO_LIVE),
        replace(gone(JOB, TO_LIVE), drift=()),
    ],
)
def test_anything_else_that_is_gone_is_drift(run: EngineRun) -> None:
    check = verification.checks({}, run)[2]
    assert (check.passed, check.detail) == (False, "drift since the apply: create migrate")
    assert verification.drift(run) == run.changes


def test_everything_in_order_passes() -> None:
    assert verification.failed(verification.checks({"url": "x"}, after())) == ()
