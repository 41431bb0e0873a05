"""A Job that Kubernetes itself takes away once it has ended: real API server and controllers, simulated pods."""

import json
import time
from pathlib import Path

import pytest

from tests.engine.journey import Journey
from tests.support.sandbox import Sandbox
from tests.support.tiny import Tiny

pytestmark = pytest.mark.engine

PATIENCE = 60.0
NAMESPACE = "migrations"
PROGRAM = f"""import pulumi
import pulumi_kubernetes as k8s

space = k8s.core.v1.Namespace("space", metadata={{"name": "{NAMESPACE}"}})
k8s.batch.v1.Job(
    "migrate",
    metadata={{"name": "migrate", "namespace": space.metadata["name"]}},
    spec={{
        "ttl_seconds_after_finished": 1,
        "template": {{"spec": {{"restart_policy": "Never", "containers": [{{"name": "a", "image": "a/a"}}]}}}},
    }},
)
"""


@pytest.fixture
def journey(sandbox: Sandbox, tmp_path: Path) -> Journey:
    begun = Journey.begin(tmp_path / "journey", {}, {})
    more = {name: sandbox.variables[name] for name in ("KUBECONFIG", "PATH", "PULUMI_HOME")}
    made = Journey(begun.folder, Tiny(begun.tiny.root, {**more, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}))
    made.push({"Pulumi.yaml": "name: tiny\nruntime: python\n", "__main__.py": PROGRAM})
    return made


def test_it_is_run_once_and_released_and_no_drift_when_it_is_gone(journey: Journey, sandbox: Sandbox) -> None:
    journey.host.merge(journey.review())
    assert "tiny/dev: released" in journey.gitops("up", "--environment", "dev")
    path = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
    until = time.monotonic() + PATIENCE
    while sandbox.kubernetes.get(path)["items"]:
        assert time.monotonic() < until, "its time to live did not take it away"
        time.sleep(0.2)

    told = journey.gitops("drift", "--environment", "dev")
    assert "tiny/dev: as released" in told
    assert "ended and gone, as its time to live says: migrate" in told
    assert "already released" in journey.gitops("up", "--environment", "dev")
    assert sandbox.kubernetes.get(path)["items"] == []

    # A later change shows that it would be run again, and does so once that is approved.
    journey.branch("later")
    journey.push({"Pulumi.dev.yaml": (journey.clone / "Pulumi.dev.yaml").read_text() + "# words\n"})
    number = journey.review()
    assert "migrate" in journey.host.comments(number)[0]
    journey.host.merge(number)
    assert "tiny/dev: released (1 created)" in journey.gitops("up", "--environment", "dev")
    kinds = [one["kind"] for one in json.loads(journey.gitops("log", "--json")) if one["kind"] != "plan"]
    assert kinds == ["apply started", "applied", "release"] * 2
