"""`gitops up` killed with -9 in the middle of an apply: nothing is forgotten, and the next run says what it found."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import boto3
import psutil
import pytest

from tests.support.sandbox import Sandbox, running_sandbox

pytestmark = pytest.mark.engine

GITOPS = (sys.executable, "-P", "-m", "gitops")
# Long enough to be renewed by a busy machine, short enough to wait for; the tolerance for clocks comes on top.
LEASE_SECONDS = 6
STEPS_BEFORE_THE_KILL = 12
NETWORK_OF_DEV = Path(__file__).with_name("network_of_dev.py")


@pytest.fixture
def reviewed(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox whose first deploy is approved and merged, with a small dev and a lease that expires soon.

    Of some types of the whole program, nobody but a person can tell whether a create that was cut short left anything
    (`gitops repair` asks); where the kill strikes is chance, so this dev has none of them.
    """
    with running_sandbox(tmp_path / "sandbox") as made:
        settings = made.checkout / "gitops.yaml"
        text = settings.read_text()
        assert "duration: 2m" in text
        settings.write_text(text.replace("duration: 2m", f"duration: {LEASE_SECONDS}s"))
        shutil.copy(NETWORK_OF_DEV, made.checkout / "stacks" / "dev.py")
        _run(made, "git", "commit", "--quiet", "--all", "-m", "Expire leases soon, and make dev small")
        _run(made, "git", "push", "--quiet", "origin", "HEAD")
        _gitops(made, "sandbox", "pull-request", "open", "--as", "ada")
        _gitops(made, "preview", "--base", "origin/main", "--pull-request", "1")
        _gitops(made, "sandbox", "pull-request", "approve", "1", "--as", "grace")
        _gitops(made, "sandbox", "pull-request", "merge", "1")
        yield made


@pytest.mark.parametrize("whole_tree", [True, False], ids=["with all it started", "gitops alone"])
def test_the_next_run_says_what_happened_and_finishes(reviewed: Sandbox, whole_tree: bool) -> None:
    _kill_in_mid_apply(reviewed, whole_tree=whole_tree)

    at_once = _gitops(reviewed, "up", "--environment", "dev", "--wait", "0s", expected=None)
    assert at_once.returncode == 4, at_once.stderr
    assert "leased to" in at_once.stderr

    time.sleep(LEASE_SECONDS + 6)
    finished = _gitops(reviewed, "up", "--environment", "dev")
    assert "took over the lease of" in finished.stderr
    assert "never ended" in finished.stderr
    assert "the rest of the reviewed plan" in finished.stderr
    assert "released" in finished.stdout

    _everything_exists_once(reviewed)
    kinds = [r["kind"] for r in json.loads(_gitops(reviewed, "log", "--json").stdout)]
    assert Counter(kinds)["apply started"] == 2
    assert kinds[-1] == "release"
    assert _gitops(reviewed, "up", "--environment", "dev").stdout.strip().endswith("already released")


def _kill_in_mid_apply(made: Sandbox, *, whole_tree: bool) -> None:
    process = subprocess.Popen(
        [*GITOPS, "up", "--environment", "dev"],
        cwd=made.checkout,
        env=made.variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    done = 0
    for line in process.stderr:
        done += line.rstrip().endswith("done")
        if done >= STEPS_BEFORE_THE_KILL:
            break
    assert process.poll() is None, "the apply was over before it could be killed"
    children = psutil.Process(process.pid).children(recursive=True)
    for victim in [process.pid, *(child.pid for child in children if whole_tree)]:
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.stderr.close()
    process.wait()


def _everything_exists_once(made: Sandbox) -> None:
    """Each declared resource exists once in the state, and once in the cloud where it can be counted."""
    exported = json.loads(_run(made, "pulumi", "stack", "export", "--stack", "dev").stdout)["deployment"]
    assert not exported.get("pending_operations")
    urns = Counter(resource["urn"] for resource in exported["resources"])
    assert max(urns.values()) == 1
    declared = Counter(resource["type"] for resource in exported["resources"])
    variables = made.variables
    ec2 = boto3.client(
        "ec2",
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        region_name=variables["AWS_REGION"],
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    ours = [{"Name": "tag:gitops:stack", "Values": ["dev"]}]
    assert len(ec2.describe_vpcs(Filters=ours)["Vpcs"]) == declared["aws:ec2/vpc:Vpc"] == 1
    assert len(ec2.describe_subnets(Filters=ours)["Subnets"]) == declared["aws:ec2/subnet:Subnet"]
    gateways = ec2.describe_internet_gateways(Filters=ours)["InternetGateways"]
    assert len(gateways) == declared["aws:ec2/internetGateway:InternetGateway"]


def _gitops(made: Sandbox, *arguments: str, expected: int | None = 0) -> "subprocess.CompletedProcess[str]":
    return _run(made, *GITOPS, *arguments, expected=expected)


def _run(made: Sandbox, *command: str, expected: int | None = 0) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        command, cwd=made.checkout, env=made.variables, capture_output=True, text=True, timeout=300, check=False
    )
    if expected is not None:
        assert done.returncode == expected, f"{command}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done
