"""The sandbox as a whole, with the real tools: what is up works, and nothing stays after `down`."""

import base64
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
import yaml
from click.testing import CliRunner

from gitops.errors import Failed
from gitops.sandbox import environment, lifecycle, processes, status
from gitops.sandbox.backend import DIGEST_KEY
from gitops.sandbox.folder import Folder, Part
from gitops.verbs.sandbox import sandbox
from tests.sandbox.observing import nothing_left, pulumi, with_scheduler
from tests.support.sandbox import Sandbox, running_sandbox, small_repository

pytestmark = pytest.mark.engine

DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
        },
    },
}

ROLE = "arn:aws:iam::123456789012:role/cluster"
POD = {"containers": [{"name": "c", "image": "registry.example/task:1"}], "restartPolicy": "Never"}
WITH_ADDRESS = {
    "/api/v1/namespaces/default/services": {
        "metadata": {"name": "shop"},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 443}]},
    },
    "/apis/networking.k8s.io/v1/namespaces/default/ingresses": {
        "metadata": {"name": "shop"},
        "spec": {"defaultBackend": {"service": {"name": "shop", "port": {"number": 443}}}},
    },
}


def aws(sandbox: Sandbox, service: str) -> Any:
    v = sandbox.variables
    session = boto3.Session(v["AWS_ACCESS_KEY_ID"], v["AWS_SECRET_ACCESS_KEY"], region_name=v["AWS_REGION"])
    return session.client(service, endpoint_url=v["AWS_ENDPOINT_URL"])


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small repository to make sandboxes from."""
    return small_repository(tmp_path_factory.mktemp("source") / "small")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, small: Path) -> Iterator[Sandbox]:
    """A sandbox of this module; a test that breaks a part of it also mends it."""
    with running_sandbox(tmp_path_factory.mktemp("sandbox") / "one", small) as made:
        yield made


def test_a_deployment_becomes_ready_on_the_simulated_nodes(running: Sandbox) -> None:
    client = running.kubernetes
    path = "/apis/apps/v1/namespaces/default/deployments"
    assert client.call("POST", path, DEPLOYMENT)[0] == 201
    deadline = time.monotonic() + 30
    while client.get(f"{path}/web")["status"].get("readyReplicas") != 3:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert client.call("DELETE", f"{path}/web")[0] == 200


def test_strangers_get_no_answer_from_the_api_server(running: Sandbox) -> None:
    client = running.kubernetes
    client._token = "guessed"
    assert client.call("GET", "/api/v1/namespaces")[0] == 401


def test_aws_calls_are_answered_by_the_emulator(running: Sandbox) -> None:
    s3 = aws(running, "s3")
    s3.create_bucket(Bucket="shop", CreateBucketConfiguration={"LocationConstraint": running.variables["AWS_REGION"]})
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["shop"]


def test_whoever_logs_in_to_a_simulated_eks_cluster_is_in_the_sandboxs_cluster(running: Sandbox) -> None:
    eks = aws(running, "eks")
    eks.create_cluster(name="shop", roleArn=ROLE, resourcesVpcConfig={"subnetIds": ["subnet-1"]})
    cluster = eks.describe_cluster(name="shop")["cluster"]
    command = shutil.which("aws", path=running.variables["PATH"])
    assert command == str(running.folder.commands / "aws")
    said = subprocess.run([command, "eks", "get-token", "--cluster-name", "shop"], capture_output=True, check=True)
    token = json.loads(said.stdout)["status"]["token"]
    authority = base64.b64decode(cluster["certificateAuthority"]["data"]).decode()
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cadata=authority)),
    )
    opener.addheaders = [("Authorization", f"Bearer {token}")]
    with opener.open(f"{cluster['endpoint']}/api/v1/nodes", timeout=10) as answer:
        names = {node["metadata"]["name"] for node in json.load(answer)["items"]}
    assert "simulated-node-1" in names


@pytest.mark.parametrize("path", WITH_ADDRESS, ids=["service", "ingress"])
def test_whatever_asks_for_a_load_balancer_gets_an_address_that_exists_nowhere(running: Sandbox, path: str) -> None:
    client = running.kubernetes
    assert client.call("POST", path, WITH_ADDRESS[path])[0] == 201
    deadline = time.monotonic() + 30
    while not (found := client.get(f"{path}/shop")["status"]["loadBalancer"].get("ingress")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert found == [{"hostname": "shop-default.simulated-load-balancer.example"}]
    assert client.call("DELETE", f"{path}/shop")[0] == 200


def test_a_job_completes(running: Sandbox) -> None:
    client = running.kubernetes
    path = "/apis/batch/v1/namespaces/default/jobs"
    assert client.call("POST", path, {"metadata": {"name": "task"}, "spec": {"template": {"spec": POD}}})[0] == 201
    deadline = time.monotonic() + 30
    while client.get(f"{path}/task")["status"].get("succeeded") != 1:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_stacks_can_be_worked_with_at_once_and_share_nothing_in_clear(running: Sandbox) -> None:
    keys = set()
    for stack in ("dev", "prod"):
        key = pulumi(running, "config", "get", DIGEST_KEY, "--stack", stack).strip()
        assert len(bytes.fromhex(key)) == 32
        keys.add(key)
        document = yaml.safe_load((running.checkout / f"Pulumi.{stack}.yaml").read_text())
        assert document["config"]["small:kubeconfig"] == str(running.folder.kubeconfig)
        for path in running.folder.checkout.glob("*.yaml"):
            assert key not in path.read_text()
    assert (running.checkout / "Pulumi.dev.yaml").read_text().count("# for developers") == 1
    assert "good day" in pulumi(running, "up", "--yes", "--skip-preview", "--stack", "prod")
    assert pulumi(running, "stack", "output", "greeting", "--stack", "prod").strip() == "good day"


def test_secrets_are_for_their_owner_only(running: Sandbox) -> None:
    folder = running.folder
    keys = [folder.cluster / name for name in ("tokens.csv", "server.key", "service-accounts.key")]
    keys += [folder.commands, folder.commands / "aws"]
    for path in (folder.kubeconfig, folder.passphrase, folder.record_file, *keys):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_second_up_starts_nothing(running: Sandbox, small: Path) -> None:
    before = running.folder.read()
    outcome = lifecycle.up(running.folder, small, running.tools, lambda _line: None)
    assert (outcome.started, outcome.fresh) == ((), False)
    assert running.folder.read().running == before.running


def test_the_commands_tell_what_runs_and_how_a_shell_gets_there(running: Sandbox) -> None:
    def said(*arguments: str) -> str:
        result = CliRunner().invoke(sandbox, [*arguments, "--folder", str(running.folder.root)])
        assert result.exit_code == 0, result.output
        return result.output

    assert "is up already" in said("up")
    assert "not ready" not in said("status")
    found = json.loads(said("status", "--json"))
    assert found["ready"]
    assert all(part["memory"] > 2**20 for part in found["parts"] if part["pid"])
    script = f"{said('env')}\nprintenv KUBECONFIG AWS_ENDPOINT_URL PULUMI_BACKEND_URL; command -v pulumi"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    names = ("KUBECONFIG", "AWS_ENDPOINT_URL", "PULUMI_BACKEND_URL")
    assert done.stdout.split() == [*(running.variables[name] for name in names), str(running.tools.path("pulumi"))]


def test_what_was_killed_is_told_by_status_and_started_by_up(running: Sandbox, small: Path) -> None:
    before = running.folder.read().running
    for part in (Part.API_SERVER, Part.CLOUD):
        psutil.Process(before[part].pid).kill()
    found = {part.part: part for part in status.look(running.folder).parts}
    assert not found[Part.API_SERVER].ready
    assert "gitops sandbox up" in found[Part.CLOUD].detail
    outcome = lifecycle.up(running.folder, small, running.tools, lambda _line: None)
    assert set(outcome.started) == {Part.API_SERVER, Part.CLOUD}
    assert running.folder.read().running[Part.ETCD] == before[Part.ETCD]
    assert status.look(running.folder).ready


def test_processes_can_be_ended_and_the_files_kept(running: Sandbox, small: Path) -> None:
    head = (running.folder.remote / "HEAD").read_text()
    assert lifecycle.down(running.folder, keep=True).processes >= len(Part)
    assert processes.marked(running.folder.root) == []
    with socket.socket() as squatter:
        # Meanwhile somebody else listens where the emulator was.
        port = running.folder.read().ports[Part.CLOUD]
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        lifecycle.up(running.folder, small, running.tools, lambda _line: None)
    assert status.look(running.folder).ready
    assert running.folder.read().ports[Part.CLOUD] != port
    assert (running.folder.remote / "HEAD").read_text() == head
    running.variables.update(environment.of(running.folder, running.tools))


def test_two_sandboxes_side_by_side_do_not_meet(running: Sandbox, small: Path, tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "two", small) as other:
        ours, theirs = running.folder.read(), other.folder.read()
        assert not set(ours.ports.values()) & set(theirs.ports.values())
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "only-here"}}
        assert other.kubernetes.call("POST", "/api/v1/namespaces", namespace)[0] == 201
        assert running.kubernetes.get("/api/v1/namespaces/only-here") is None
    nothing_left(other.folder)
    assert status.look(running.folder).ready


def test_two_ups_at_once_make_one_sandbox(small: Path, tmp_path: Path, running: Sandbox) -> None:
    folder = Folder(tmp_path / "one")
    outcomes: list[lifecycle.Outcome] = []

    def up() -> None:
        outcomes.append(lifecycle.up(folder, small, running.tools, lambda _line: None))

    both = [threading.Thread(target=up) for _ in range(2)]
    try:
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        assert sorted(outcome.fresh for outcome in outcomes) == [False, True]
        assert len(processes.marked(folder.root)) == len(Part)
    finally:
        lifecycle.down(folder)
    nothing_left(folder)


def test_a_part_that_dies_at_start_is_named_with_its_last_words_and_nothing_stays(
    running: Sandbox, small: Path, tmp_path: Path
) -> None:
    folder = Folder(tmp_path / "one")
    broken = with_scheduler(running.tools, tmp_path / "tools", "echo 'no such flag: --fast' >&2; exit 7")
    with pytest.raises(Failed, match=r"kube-scheduler ended(.|\n)*no such flag: --fast"):
        lifecycle.up(folder, small, broken, lambda _line: None)
    nothing_left(folder)
