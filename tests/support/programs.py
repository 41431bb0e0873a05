"""Small programs over this repository's components, on the real engine, in a sandbox."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from tests.support.sandbox import REPOSITORY, Sandbox

ACCOUNT, REGION = "123456789012", "eu-west-1"
# Each program starts with it.
PRELUDE = f'''\
import pulumi

from infra.providers import aws_provider
from infra.settings import AwsSettings

ON_AWS = pulumi.ResourceOptions(
    providers=[
        aws_provider(
            AwsSettings(region="{REGION}", account_ids=("{ACCOUNT}",), max_retries=2), owner="shop", cost_centre="shop"
        )
    ]
)
'''
PROJECT = """\
name: {name}
runtime: python
config: {{"pulumi:disable-default-providers": {{value: [aws, kubernetes]}}}}
"""


@dataclass(frozen=True)
class Project:
    """A Pulumi project in `folder` with the stack `stack`, whose state is in the sandbox."""

    folder: Path
    sandbox: Sandbox
    stack: str = "dev"
    more: Mapping[str, str] = field(default_factory=dict)

    def pulumi(self, *arguments: str, succeed: bool = True) -> str:
        """Run the CLI to its end, which must be a good one or a bad one as told; what it said."""
        tool = str(self.sandbox.tools.path("pulumi"))
        done = subprocess.run(
            [tool, *arguments, "--non-interactive", "--color=never"],
            cwd=self.folder,
            env={**self.sandbox.variables, **self.more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert (done.returncode == 0) is succeed, done.stdout[-8000:]
        return done.stdout

    def up(self, *arguments: str, succeed: bool = True) -> str:
        """Apply the program, without Pulumi's own preview before."""
        quietly = ("--yes", "--skip-preview", "--suppress-progress", "--suppress-outputs")
        return self.pulumi("up", *quietly, "--stack", self.stack, *arguments, succeed=succeed)

    def preview(self, *arguments: str, succeed: bool = True) -> str:
        """Preview the program against what is live."""
        always = ("--refresh", "--suppress-progress", "--suppress-outputs")
        return self.pulumi("preview", *always, "--stack", self.stack, *arguments, succeed=succeed)

    def steps(self) -> set[tuple[str, str]]:
        """What an apply would do, as operations and the resources' names, without what stays the same."""
        said = self.pulumi("preview", "--json", "--stack", self.stack)
        document, _ = json.JSONDecoder().raw_decode(said, said.index("{\n"))
        steps = {(step["op"], step["urn"].rpartition("::")[2]) for step in document["steps"]}
        return {(operation, name) for operation, name in steps if operation not in ("same", "read")}

    def state(self) -> list[dict[str, Any]]:
        """The resources in the state."""
        said = self.pulumi("stack", "export", "--stack", self.stack)
        return list(json.loads(said)["deployment"].get("resources") or ())

    def destroy(self) -> None:
        """Take everything away."""
        quietly = ("--yes", "--skip-preview", "--suppress-progress", "--suppress-outputs")
        self.pulumi("destroy", *quietly, "--stack", self.stack)

    def unprotect(self) -> None:
        """Give up Pulumi's protection, as an administrator would before the end."""
        self.pulumi("state", "unprotect", "--all", "--yes", "--stack", self.stack)

    def write(self, program: str) -> None:
        """Have the program be this, after the prelude."""
        (self.folder / "__main__.py").write_text(PRELUDE + program)


@contextmanager
def standing(project: Project) -> Iterator[Project]:
    """Make the project's stack, and take it away with whatever it holds, so that the next test finds no trace of it."""
    project.pulumi("stack", "init", project.stack)
    try:
        yield project
    finally:
        if project.state():
            project.unprotect()
            project.destroy()
        project.pulumi("stack", "rm", "--yes", "--preserve-config", "--stack", project.stack)


@contextmanager
def program(sandbox: Sandbox, folder: Path, name: str, text: str) -> Iterator[Project]:
    """A project of that name with this program over the working tree's `infra` and `stacks`; nothing is applied yet."""
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text(PROJECT.format(name=name))
    made = Project(folder, sandbox, more={"PYTHONPATH": str(REPOSITORY)})
    made.write(text)
    with standing(made):
        yield made


def aws(sandbox: Sandbox, service: str) -> Any:
    """A client of the emulator, to look past Pulumi."""
    v = sandbox.variables
    session = boto3.Session(v["AWS_ACCESS_KEY_ID"], v["AWS_SECRET_ACCESS_KEY"], region_name=REGION)
    return session.client(service, endpoint_url=v["AWS_ENDPOINT_URL"])


def everything(sandbox: Sandbox) -> dict[str, list[str]]:
    """What stands in the emulator and in the cluster, of the kinds that cost money, hold data or give rights."""

    def names(service: str, call: str, key: str, name: str = "") -> Callable[[], list[str]]:
        def ask() -> list[str]:
            found = getattr(aws(sandbox, service), call)()[key]
            return sorted(str(one[name] if name else one) for one in found)

        return ask

    def keys() -> list[str]:
        kms = aws(sandbox, "kms")
        every = [kms.describe_key(KeyId=one["KeyId"])["KeyMetadata"] for one in kms.list_keys()["Keys"]]
        return sorted(one["KeyId"] for one in every if one["KeyState"] != "PendingDeletion")

    def objects(path: str) -> Callable[[], list[str]]:
        def ask() -> list[str]:
            found = sandbox.kubernetes.get(path)
            assert found is not None, path
            return sorted(one["metadata"]["name"] for one in found["items"])

        return ask

    kinds = {
        "VPCs": names("ec2", "describe_vpcs", "Vpcs", "VpcId"),
        "subnets": names("ec2", "describe_subnets", "Subnets", "SubnetId"),
        "security groups": names("ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
        "launch templates": names("ec2", "describe_launch_templates", "LaunchTemplates", "LaunchTemplateName"),
        "roles": names("iam", "list_roles", "Roles", "RoleName"),
        "identity providers": names("iam", "list_open_id_connect_providers", "OpenIDConnectProviderList", "Arn"),
        "buckets": names("s3", "list_buckets", "Buckets", "Name"),
        "log groups": names("logs", "describe_log_groups", "logGroups", "logGroupName"),
        "alarms": names("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
        "topics": names("sns", "list_topics", "Topics", "TopicArn"),
        "aliases": names("kms", "list_aliases", "Aliases", "AliasName"),
        "keys": keys,
        "repositories": names("ecr", "describe_repositories", "repositories", "repositoryArn"),
        "queues": lambda: sorted(aws(sandbox, "sqs").list_queues().get("QueueUrls", [])),
        "databases": names("rds", "describe_db_instances", "DBInstances", "DBInstanceIdentifier"),
        "clusters": names("eks", "list_clusters", "clusters"),
        "namespaces": objects("/api/v1/namespaces"),
        "priority classes": objects("/apis/scheduling.k8s.io/v1/priorityclasses"),
    }
    with ThreadPoolExecutor() as pool:
        asked = {kind: pool.submit(ask) for kind, ask in kinds.items()}
        return {kind: answer.result() for kind, answer in asked.items()}


def clone(sandbox: Sandbox, folder: Path) -> Path:
    """The repository as it is on `first-deploy` of the sandbox, to change a stack's configuration in."""
    shutil.copytree(sandbox.checkout, folder, ignore=shutil.ignore_patterns(".git"))
    return folder
