"""The simulated `aws` command: it logs in to the sandbox's cluster, and does nothing else."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gitops.sandbox import simulated_aws

LOGIN = ("eks", "get-token", "--cluster-name", "shop", "--region", "eu-west-1", "--output", "json")


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """The command of a sandbox in a folder with a space in its name."""
    folder = tmp_path / "my sandbox"
    folder.mkdir()
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps({"users": [{"name": "sandbox", "user": {"token": "letmein"}}]}))
    simulated_aws.write(folder / "bin", kubeconfig)
    return folder / "bin" / "aws"


def run(command: Path, *arguments: str, info: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [command, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", **({"KUBERNETES_EXEC_INFO": info} if info else {})},
    )


def test_a_client_of_a_cluster_gets_the_token_of_the_sandbox(command: Path) -> None:
    done = run(command, *LOGIN)
    assert (done.returncode, done.stderr) == (0, "")
    credential = json.loads(done.stdout)
    assert credential["kind"] == "ExecCredential"
    assert credential["apiVersion"] == "client.authentication.k8s.io/v1beta1"
    assert credential["status"]["token"] == "letmein"
    until = datetime.fromisoformat(credential["status"]["expirationTimestamp"])
    assert 0 < (until - datetime.now(UTC)).total_seconds() <= 15 * 60


def test_a_client_that_asks_for_another_version_gets_that_one(command: Path) -> None:
    info = json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "spec": {}})
    assert json.loads(run(command, *LOGIN, info=info).stdout)["apiVersion"] == "client.authentication.k8s.io/v1"


@pytest.mark.parametrize(
    "arguments", [("s3", "ls"), ("eks", "list-clusters"), ("eks", "get-token"), ("--version",), ()], ids=" ".join
)
def test_everything_else_is_refused_and_says_that_it_is_simulated(command: Path, arguments: tuple[str, ...]) -> None:
    done = run(command, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("aws (simulated): ")


def test_nobody_else_can_use_it_and_it_holds_no_token(command: Path) -> None:
    assert (command.stat().st_mode & 0o777, command.parent.stat().st_mode & 0o777) == (0o700, 0o700)
    assert "letmein" not in command.read_text()


def test_it_can_be_written_again(command: Path) -> None:
    simulated_aws.write(command.parent, command.parents[1] / "kubeconfig")
    assert run(command, *LOGIN).returncode == 0
    assert [path.name for path in command.parent.iterdir()] == ["aws"]
