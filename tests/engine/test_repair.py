"""Updates killed with -9, and what the repair makes of them: real engine, real Kubernetes API, real AWS provider."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from gitops.adapters.pulumi.recovery import killed_run, providers
from gitops.adapters.pulumi.recovery.killed_run import orphans
from gitops.adapters.pulumi.recovery.whereabouts import Rules
from gitops.errors import EngineFailed, Waiting
from gitops.model import CutOff
from gitops.toolchain.tools import find
from tests.support.killing import RUN, STACK, Stack, end_orphans, new_stack
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.engine

LEFT = CutOff(RUN)
URN = "urn:pulumi:dev::killed::slow:index:Thing::"
SLOW_RULES = Rules(ids={"slow:index:Thing": ("{name}",)})
SLOW = """
import os
import pulumi

class Thing(pulumi.CustomResource):
    def __init__(self, name, before, after, opts=None):
        inputs = {"before": before, "after": after, "name": None, "made": None}
        super().__init__("slow:index:Thing", name, inputs, opts)

quick = Thing("quick", 0, 0)
Thing("made", 0, float(os.environ.get("SLOW_AFTER", "30")))
# Once this one has begun, the engine has recorded the quick one.
Thing("late", float(os.environ.get("SLOW_BEFORE", "8")), 0, pulumi.ResourceOptions(depends_on=quick))
"""


class Cloud:
    """The slow provider's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def things(self) -> Counter[str]:
        """How many things of each logical name exist."""
        return Counter(path.name.split("-")[0] for path in self.folder.glob("*.json"))

    def is_in_between(self) -> bool:
        """Whether one create is before, and one after, the moment when the thing exists."""
        started = {path.name.split("-")[0] for path in self.folder.glob("*.started")}
        return "late" in started and self.things()["made"] == 1


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    folder = tmp_path / "cloud"
    folder.mkdir()
    return Cloud(folder)


@pytest.fixture
def slow(tmp_path: Path, cloud: Cloud) -> Stack:
    provider = Path(__file__).parents[1] / "support" / "slow_provider"
    variables = {**os.environ, **find(["pipeline"]).environment(), "SLOW_CLOUD": str(cloud.folder)}
    project = {"plugins": {"providers": [{"name": "slow", "path": str(provider)}]}}
    return new_stack(tmp_path / "project", variables, SLOW, project)


def quick(stack: Stack) -> Stack:
    """The same stack, when the cloud takes no time."""
    process = stack.process
    return Stack(stack.folder, type(process)(process.executable, {**process.environment, "SLOW_QUICK": "1"}))


def settle(stack: Stack, rules: Rules = SLOW_RULES) -> tuple[str, ...]:
    """What the engine's port does, with rules for the slow cloud."""
    cleared = killed_run.clear(stack.process, stack.folder, STACK, LEFT)
    document = json.loads(stack.pulumi("stack", "export"))
    return (*cleared, *providers.settle(stack.process, stack.folder, STACK, document, rules))


def test_what_was_created_is_adopted_and_what_was_not_is_created_once(slow: Stack, cloud: Cloud) -> None:
    slow.kill_update(lambda: cloud.is_in_between() and cloud.things()["quick"] == 1, all_of_it=False)
    killed_at = time.monotonic()
    assert {one["type"] for one in slow.pending()} == {"creating"}
    told = settle(slow)
    assert any(line.startswith("ended ") and "killed-run" in line for line in told)
    assert any(line.startswith("freed the state backend's lock") for line in told)
    assert any(line.startswith("Thing made had been created") for line in told)
    assert "Thing late had not been created; its pending create is dropped" in told
    assert slow.pending() == []
    quick(slow).up()
    time.sleep(max(0.0, killed_at + 9 - time.monotonic()))
    assert cloud.things() == {"quick": 1, "made": 1, "late": 1}
    assert quick(slow).up() == {"same": 4}


def test_a_second_repair_finds_nothing_to_do(slow: Stack, cloud: Cloud) -> None:
    slow.kill_update(cloud.is_in_between)
    assert settle(slow)
    assert settle(slow) == ()


def test_what_nothing_can_find_stops_the_run_and_leaves_the_state_alone(slow: Stack, cloud: Cloud) -> None:
    slow.kill_update(cloud.is_in_between)
    before = slow.deployment()
    with pytest.raises(EngineFailed, match="no rule says what its id would be") as refusal:
        settle(slow, Rules())
    assert "urn:pulumi:dev::killed::slow:index:Thing::made of type slow:index:Thing" in refusal.value.message
    assert "gitops repair dev --exists URN=ID" in refusal.value.hint
    assert slow.deployment() == before
    told_wrongly = Rules(told={f"{URN}made": "made-nowhere", f"{URN}late": ""})
    with pytest.raises(EngineFailed, match="its provider finds no made-nowhere"):
        settle(slow, told_wrongly)
    with pytest.raises(EngineFailed, match="nobody has no operation pending"):
        settle(slow, Rules(told={f"{URN}nobody": "x"}))
    assert slow.deployment() == before
    (made,) = (path.stem for path in cloud.folder.glob("made-*.json"))
    told = settle(slow, Rules(told={f"{URN}made": made, f"{URN}late": ""}))
    assert f"Thing made had been created without being recorded; adopted as {made}" in told
    assert "the pending create of Thing late is dropped: somebody looked, and it is not there" in told
    assert slow.pending() == []


def test_a_state_whose_write_was_cut_short_is_readable_again(slow: Stack) -> None:
    [checkpoint] = slow.folder.glob("state/.pulumi/stacks/*/dev.json")
    side_file = checkpoint.with_name("dev.json.attrs")
    side_file.write_bytes(b"")
    with pytest.raises(EngineFailed, match="finds a state that cannot be read"):
        slow.pulumi("stack", "export")
    assert slow.engine.settle(slow.folder, STACK, LEFT) == (
        "removed dev.json.attrs, which a write that was cut short had left empty",
    )
    assert slow.pending() == []


def test_a_lock_whose_owner_lives_is_left_alone(slow: Stack, cloud: Cloud) -> None:
    with subprocess.Popen(
        [str(slow.process.executable), "up", "--yes", "--skip-preview", "--stack", STACK, "--non-interactive"],
        cwd=slow.folder,
        env=dict(slow.process.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as other:
        try:
            while not cloud.is_in_between():
                time.sleep(0.05)
            with pytest.raises(Waiting, match="outside of this pipeline"):
                killed_run.clear(slow.process, slow.folder, STACK, LEFT)
            assert other.poll() is None
        finally:
            os.killpg(other.pid, signal.SIGKILL)
    assert "freed" in killed_run.clear(slow.process, slow.folder, STACK, None)[0]


ALIVE = """
import os, sys
from pathlib import Path
from gitops.adapters.pulumi.process import PulumiProcess

process = PulumiProcess(Path(sys.argv[1]), {**os.environ, "GITOPS_PROCESS": str(os.getpid())})
process.run_with_events(Path.cwd(), ["up", "--yes", "--skip-preview", "--stack", "dev"], lambda event: None)
"""


def test_a_pulumi_that_outlives_its_gitops_is_given_the_time_to_finish(slow: Stack, cloud: Cloud) -> None:
    variables = {**slow.process.environment, "GITOPS_RUN": RUN, "SLOW_AFTER": "4", "SLOW_BEFORE": "3"}
    with subprocess.Popen(
        [sys.executable, "-c", ALIVE, str(slow.process.executable)], cwd=slow.folder, env=variables
    ) as gitops:
        while not cloud.is_in_between():
            time.sleep(0.02)
        gitops.kill()
    told = settle(slow)
    assert told[0] == f"waited until the Pulumi process that run {RUN} had left on this machine had finished"
    assert slow.pending() == []
    quick(slow).up()
    assert cloud.things() == {"quick": 1, "made": 1, "late": 1}


def test_processes_of_a_run_whose_gitops_lives_are_no_orphans(slow: Stack) -> None:
    marked = {**slow.process.environment, "GITOPS_RUN": "shared", "GITOPS_PROCESS": str(os.getpid())}
    with subprocess.Popen(["sleep", "60"], env=marked) as child:
        try:
            assert orphans("shared") == []
        finally:
            child.kill()


CONFIG_MAPS = """
import pulumi
import pulumi_kubernetes as k8s

settings = pulumi.Config()
provider = k8s.Provider("kube", enable_server_side_apply=True)
above = pulumi.ComponentResource("test:index:Group", "group")
under = pulumi.ResourceOptions(provider=provider, parent=above)
space = k8s.core.v1.Namespace("space", metadata={"labels": {"test": "repair"}}, opts=under)
for number in range(60):
    metadata = {"namespace": space.metadata["name"], "labels": {"test": "repair", "v": settings.get("v") or "1"}}
    k8s.core.v1.ConfigMap(f"map-{number}", metadata=metadata, data={"key": settings.require_secret("key")}, opts=under)
"""


def kill_in_between(stack: Stack, count: Callable[[], int], more: int) -> list[Mapping[str, Any]]:
    """Kill the update when `more` things have been made, with operations pending.

    Now and then the kill falls between two operations; then the update goes on and is killed again.
    """
    for attempt in range(4):
        wanted = count() + (1 if attempt else more)
        stack.kill_update(lambda wanted=wanted: count() >= wanted)
        pending = stack.pending()
        if pending:
            return pending
        stack.engine.settle(stack.folder, STACK, LEFT)
    raise AssertionError("no kill left anything pending")


def config_maps(sandbox: Sandbox) -> int:
    return len(sandbox.kubernetes.get("/api/v1/configmaps?labelSelector=test%3Drepair")["items"])


def test_no_auto_named_object_is_lost_or_made_twice_on_kubernetes(sandbox: Sandbox, tmp_path: Path) -> None:
    stack = new_stack(tmp_path / "project", sandbox.variables, CONFIG_MAPS, {})
    stack.pulumi("config", "set", "--secret", "key", "simulated-secret")
    pending = kill_in_between(stack, lambda: config_maps(sandbox), 8)
    there = config_maps(sandbox)
    told = stack.engine.settle(stack.folder, STACK, LEFT)
    recorded = [r for r in stack.deployment()["resources"] if r["type"] == "kubernetes:core/v1:ConfigMap"]
    assert len(recorded) == there
    assert len([line for line in told if line.startswith("ConfigMap")]) == len(pending)
    assert stack.pending() == []
    assert "simulated-secret" not in json.dumps(stack.deployment()) + "".join(told)
    changes = stack.up()
    assert changes["create"] == 60 - there
    assert config_maps(sandbox) == 60
    # The adopted ones are ours to change: no conflict between field managers.
    stack.pulumi("config", "set", "v", "2")
    assert stack.up() == {"same": 4, "update": 60}
    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert config_maps(sandbox) == 0


NETWORK = """
import os
import pulumi
import pulumi_aws as aws

url = os.environ["AWS_ENDPOINT_URL"]
provider = aws.Provider(
    "aws",
    region="eu-west-1",
    max_retries=2,
    endpoints=[aws.ProviderEndpointArgs(ec2=url, s3=url, sts=url, kms=url)],
    skip_credentials_validation=True,
    skip_metadata_api_check=True,
    skip_region_validation=True,
    s3_use_path_style=True,
)
to = pulumi.ResourceOptions(provider=provider)

def tags(name):
    return {"gitops:project": "killed", "gitops:stack": "dev", "gitops:resource": name}

vpc = aws.ec2.Vpc("net", cidr_block="10.7.0.0/16", tags=tags("net"), opts=to)
table = aws.ec2.RouteTable("table", vpc_id=vpc.id, tags=tags("table"), opts=to)
for number in range(12):
    subnet = aws.ec2.Subnet(
        f"net-{number}", vpc_id=vpc.id, cidr_block=f"10.7.{number}.0/24", tags=tags(f"net-{number}"), opts=to
    )
    aws.ec2.RouteTableAssociation(f"tie-{number}", subnet_id=subnet.id, route_table_id=table.id, opts=to)
    aws.s3.Bucket(f"bucket-{number}", tags=tags(f"bucket-{number}"), opts=to)
aws.kms.Key("key", deletion_window_in_days=30, tags=tags("key"), opts=to)
"""


class Aws:
    """What the emulator holds of the test's stack, counted past Pulumi."""

    def __init__(self, variables: dict[str, str]) -> None:
        def client(service: str) -> Any:
            return boto3.client(
                service,
                endpoint_url=variables["AWS_ENDPOINT_URL"],
                region_name="eu-west-1",
                aws_access_key_id="testing",
                aws_secret_access_key="testing",
            )

        self._ec2, self._s3, self._kms = client("ec2"), client("s3"), client("kms")
        self._tags = client("resourcegroupstaggingapi")

    def count(self) -> Counter[str]:
        """How many of each kind exist."""
        mine = [{"Name": "tag:gitops:project", "Values": ["killed"]}]
        tables = self._ec2.describe_route_tables(Filters=mine)["RouteTables"]
        keys = self._tags.get_resources(
            TagFilters=[{"Key": "gitops:project", "Values": ["killed"]}], ResourceTypeFilters=["kms:key"]
        )["ResourceTagMappingList"]
        states = [self._kms.describe_key(KeyId=key["ResourceARN"])["KeyMetadata"]["KeyState"] for key in keys]
        return Counter(
            vpc=len(self._ec2.describe_vpcs(Filters=mine)["Vpcs"]),
            subnet=len(self._ec2.describe_subnets(Filters=mine)["Subnets"]),
            table=len(tables),
            tie=sum(1 for table in tables for tie in table["Associations"] if not tie["Main"]),
            bucket=sum(1 for one in self._s3.list_buckets()["Buckets"] if one["Name"].startswith("bucket-")),
            key=states.count("Enabled"),
        )


def test_no_resource_is_lost_or_made_twice_on_aws(sandbox: Sandbox, tmp_path: Path) -> None:
    aws = Aws(sandbox.variables)
    stack = new_stack(tmp_path / "project", sandbox.variables, NETWORK, {})
    kill_in_between(stack, lambda: aws.count()["subnet"], 3)
    there = aws.count()
    stack.engine.settle(stack.folder, STACK, LEFT)
    recorded = Counter(r["type"].rsplit(":", 1)[-1] for r in stack.deployment()["resources"])
    assert [recorded[name] for name in ("Vpc", "Subnet", "RouteTable", "RouteTableAssociation", "Bucket", "Key")] == [
        there[name] for name in ("vpc", "subnet", "table", "tie", "bucket", "key")
    ]
    stack.up()
    assert aws.count() == {"vpc": 1, "subnet": 12, "table": 1, "tie": 12, "bucket": 12, "key": 1}
    assert stack.up().keys() == {"same"}
    stack.pulumi("destroy", "--yes", "--skip-preview")


@pytest.fixture(autouse=True)
def nothing_stays() -> Any:
    yield
    end_orphans()
