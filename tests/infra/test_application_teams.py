"""The pull requests in docs/application-teams.md: each applies to the files as they are and makes what is announced."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.infra.configuration import ENVIRONMENTS, ROOT

DOCUMENT = (ROOT / "docs" / "application-teams.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL))
DIFFS = {
    title: "".join(blocks)
    for title, text in SECTIONS.items()
    if (blocks := re.findall(r"^```diff\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
}
PROGRAM = ("__main__.py", "gitops.yaml", "Pulumi.yaml", *(f"Pulumi.{one}.yaml" for one in ENVIRONMENTS))
RECORDER = ("configuration.py", "recorded_as_json.py", "recording.py")
TOKEN = "a-token-of-the-tests"
NEW: Mapping[str, frozenset[str]] = {
    "A service": frozenset(
        {
            "infra:workloads/webService:WebService basket",
            "kubernetes:apps/v1:Deployment basket",
            "kubernetes:autoscaling/v2:HorizontalPodAutoscaler basket-autoscaler",
            "kubernetes:core/v1:ConfigMap basket-config",
            "kubernetes:core/v1:Service basket-service",
            "kubernetes:core/v1:ServiceAccount basket-account",
            "kubernetes:networking.k8s.io/v1:NetworkPolicy basket-allow-ingress",
            "kubernetes:policy/v1:PodDisruptionBudget basket-disruption-budget",
        }
    ),
    "A queue": frozenset(
        {
            "aws:cloudwatch/metricAlarm:MetricAlarm alarms-returns-dead-letters",
            "aws:cloudwatch/metricAlarm:MetricAlarm alarms-returns-age",
            "aws:sqs/queue:Queue returns",
            "aws:sqs/queue:Queue returns-dead-letter",
            "aws:sqs/queuePolicy:QueuePolicy returns-dead-letter-policy",
            "aws:sqs/queuePolicy:QueuePolicy returns-policy",
            "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy returns-dead-letter-source",
            "infra:queue:Queue returns",
        }
    ),
    "A schedule": frozenset(
        {
            "infra:workloads/scheduledJob:ScheduledJob price-check",
            "kubernetes:batch/v1:CronJob price-check",
            "kubernetes:core/v1:ConfigMap price-check-config",
            "kubernetes:core/v1:ServiceAccount price-check-account",
            "kubernetes:networking.k8s.io/v1:NetworkPolicy price-check-allow-egress",
        }
    ),
    "A database": frozenset(
        {
            "aws:cloudwatch/logGroup:LogGroup reviews-log-postgresql",
            "aws:cloudwatch/logGroup:LogGroup reviews-log-upgrade",
            "aws:cloudwatch/metricAlarm:MetricAlarm alarms-reviews-connections",
            "aws:cloudwatch/metricAlarm:MetricAlarm alarms-reviews-cpu",
            "aws:cloudwatch/metricAlarm:MetricAlarm alarms-reviews-storage",
            "aws:ec2/securityGroup:SecurityGroup reviews-clients",
            "aws:iam/role:Role reviews-monitoring",
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment reviews-monitoring-policy",
            "aws:rds/instance:Instance reviews",
            "aws:rds/parameterGroup:ParameterGroup reviews-parameters-17",
            "aws:rds/subnetGroup:SubnetGroup reviews-subnets",
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule reviews-from-cluster",
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule reviews-from-depot",
            "infra:database:Database reviews",
        }
    ),
    "A secret": frozenset({"kubernetes:core/v1:Secret web-secrets"}),
}
CHANGED: Mapping[str, frozenset[str]] = {
    "A service": frozenset({"kubernetes:networking.k8s.io/v1:NetworkPolicy web-allow-egress"}),
    "A queue": frozenset(
        {
            "aws:cloudwatch/dashboard:Dashboard alarms-dashboard",
            "aws:iam/rolePolicy:RolePolicy web-role-policy",
            "pulumi:pulumi:Stack infrastructure-dev",
        }
    ),
    "A schedule": frozenset(),
    "A database": frozenset(
        {"aws:cloudwatch/dashboard:Dashboard alarms-dashboard", "pulumi:pulumi:Stack infrastructure-dev"}
    ),
    "A secret": frozenset({"kubernetes:apps/v1:Deployment web"}),
}


@dataclass(frozen=True)
class Environments:
    """What dev and prod would hold, by type and name."""

    dev: Mapping[str, Mapping[str, Any]]
    prod: Mapping[str, Mapping[str, Any]]


@contextmanager
def program_with(*titles: str) -> Iterator[Path]:
    """A copy of the program with the changes of these sections, one after the other."""
    with TemporaryDirectory() as folder:
        copy = Path(folder)
        for package in ("infra", "stacks"):
            shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
        (copy / "tests" / "infra").mkdir(parents=True)
        for file in (*PROGRAM, "pyproject.toml", *(f"tests/infra/{one}" for one in RECORDER)):
            shutil.copy(ROOT / file, copy / file)
        for title in titles:
            run(copy, ["git", "apply", "-"], DIFFS[title])
        yield copy


@cache
def after(*titles: str) -> Environments:
    """What the program would make with these changes; without any, what it makes as it is."""
    asked = {"stacks": ["dev", "prod"], "config": {"shop:mailToken": TOKEN}}
    with program_with(*titles) as copy:
        made = json.loads(run(copy, [sys.executable, "-m", "tests.infra.recorded_as_json"], json.dumps(asked)))
    environments = {
        stack: {f"{resource['type']} {resource['name']}": resource for resource in made[stack]} for stack in made
    }
    return Environments(environments["dev"], environments["prod"])


def run(folder: Path, command: list[str], given: str = "") -> str:
    """Run it in the folder, which belongs to no Git repository, and return what it prints; fails with its complaint."""
    surroundings = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    surroundings.pop("PYTHONPATH", None)
    ended = subprocess.run(
        command, cwd=folder, env=surroundings, input=given, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}"
    return ended.stdout


def differing(before: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    return (one for one in before.keys() & now.keys() if before[one]["inputs"] != now[one]["inputs"])


def test_every_section_with_a_change_is_held_here() -> None:
    assert DIFFS.keys() == NEW.keys() == CHANGED.keys()


@pytest.mark.parametrize("title", NEW)
def test_a_change_is_as_short_as_promised(title: str) -> None:
    added = [line for line in DIFFS[title].splitlines() if re.match(r"\+(?!\+\+ )", line)]
    assert 1 <= len(added) <= 30


@pytest.mark.parametrize("title", NEW)
def test_it_applies_to_the_files_as_they_are_and_makes_what_is_listed_and_nothing_else(title: str) -> None:
    before, now = after().dev, after(title).dev
    assert now.keys() - before.keys() == NEW[title]
    assert before.keys() <= now.keys()
    assert set(differing(before, now)) == CHANGED[title]


@pytest.mark.parametrize("title", NEW)
def test_the_review_that_is_announced_is_the_one_that_comes(title: str) -> None:
    (announced,) = re.findall(r"`((?:\d+ to \w+(?:, )?)+)`", SECTIONS[title])
    expected = [f"{len(CHANGED[title])} to update"] if CHANGED[title] else []
    assert announced == ", ".join([*expected, f"{len(NEW[title])} to create"])


@pytest.mark.parametrize(
    ("title", "guarded"),
    [("A queue", ("aws:sqs/queue:Queue returns",)), ("A database", ("aws:rds/instance:Instance reviews",))],
)
def test_what_holds_data_is_protected_in_prod_and_in_prod_only(title: str, guarded: tuple[str, ...]) -> None:
    for one in guarded:
        assert after(title).prod[one]["protect"]
        assert not after(title).dev[one]["protect"]


@pytest.mark.parametrize("title", ["A service", "A schedule", "A secret"])
def test_what_holds_none_can_be_taken_back_in_prod(title: str) -> None:
    assert not [one for one in NEW[title] if after(title).prod[one]["protect"]]


def test_prod_s_database_is_protected_by_aws_as_well_and_stands_in_two_zones() -> None:
    inputs = after("A database").prod["aws:rds/instance:Instance reviews"]["inputs"]
    assert (inputs["deletionProtection"], inputs["multiAz"], inputs["skipFinalSnapshot"]) == (True, True, False)


def test_nobody_but_the_shop_reaches_the_service_and_the_web_service_does() -> None:
    now = after("A service").dev
    policies = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
    (rule,) = now[f"{policies} basket-allow-ingress"]["inputs"]["spec"]["ingress"]
    shop = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "example-shop-dev"}}}
    assert rule["from"] == [shop]
    reached = now[f"{policies} web-allow-egress"]["inputs"]["spec"]["egress"][-1]
    assert (reached["to"], [port["port"] for port in reached["ports"]]) == ([shop], [9898])
    assert not [one for one in NEW["A service"] if ":Ingress " in one]


def test_the_web_service_may_send_to_the_new_queue() -> None:
    policy = json.loads(after("A queue").dev["aws:iam/rolePolicy:RolePolicy web-role-policy"]["inputs"]["policy"])
    allowed = [one["Resource"] for one in policy["Statement"] if one["Action"] == ["sqs:SendMessage"]]
    assert ["arn:aws:sqs:eu-west-1:123456789012:example-shop-dev-returns"] in allowed


def test_the_secret_is_nowhere_but_in_a_secret() -> None:
    now = after("A secret").dev
    data = now["kubernetes:core/v1:Secret web-secrets"]["inputs"]["data"]
    # How the engine is told that a value is secret: https://www.pulumi.com/docs/iac/concepts/secrets/
    assert data["4dabf18193072939515e22adb298388d"] == "1b47061264138c4ac30d75fd1eb44270"
    assert [one for one, resource in now.items() if TOKEN in json.dumps(resource["inputs"])] == []


def test_all_of_them_go_together_one_after_the_other() -> None:
    before, now = after().dev, after(*NEW).dev
    assert now.keys() - before.keys() == frozenset().union(*NEW.values())
    assert set(differing(before, now)) == frozenset().union(*CHANGED.values())


def test_what_is_added_keeps_the_rules_of_the_house() -> None:
    with program_with(*NEW) as copy:
        run(copy, [sys.executable, "-m", "ruff", "check", "--no-cache", "stacks"])
        run(copy, [sys.executable, "-m", "ruff", "format", "--check", "--no-cache", "stacks"])
