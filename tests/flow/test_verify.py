"""The checks after an apply."""

from typing import Any

import pytest

from gitops.flow import verify
from gitops.model import EngineRun, Operation, ResourceState, SecretValue, UnknownValue
from tests.support.plans import change, update, urn

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
        ({"url": None, "a": "", "b": "set"}, False, "without a value: a, url"),
    ],
)
def test_outputs_have_values(outputs: dict[str, Any], passed: bool, detail: str) -> None:
    check = verify.checks(outputs, after())[0]
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
]


@pytest.mark.parametrize(("token", "outputs", "ready"), READY)
def test_a_workload_is_ready_when_its_newest_generation_runs(token: str, outputs: dict[str, Any], ready: bool) -> None:
    check = verify.checks({}, after((token, outputs)))[1]
    assert check.passed is ready
    assert ready or check.detail == "not ready: web"


def test_what_is_left_to_change_is_named() -> None:
    left = change(Operation.UPDATE, DEPLOYMENT, "web", update("spec.replicas", 2, 3))
    results = verify.checks({}, after(changes=(left,)))
    assert [check.name for check in verify.failed(results)] == ["nothing left to change"]
    assert verify.failed(results)[0].detail == "update web"


def test_what_is_read_anew_in_every_run_is_not_left_to_change() -> None:
    read = change(Operation.READ, "pulumi:pulumi:StackReference", "organization/network/dev")
    assert verify.failed(verify.checks({}, after(changes=(read,)))) == ()


def test_everything_in_order_passes() -> None:
    assert verify.failed(verify.checks({"url": "x"}, after())) == ()
