"""A review as teams have it, with graphs and histories, for the tests of the report and for looking at it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from gitops.model import (
    Diagnostic,
    Drift,
    Operation,
    Outcome,
    PolicyCount,
    PolicyFinding,
    PolicyLevel,
    PolicyPack,
    Reason,
    ReasonKind,
    Record,
    RecordKind,
    ResourceGraph,
    ResourceNode,
    Review,
    RuleResult,
    SecretValue,
    Severity,
    Stack,
    UnknownValue,
    Verdict,
)
from tests.support.plans import DEV, HEAD, NOW, add, change, plan, remove, review, reviewed, update, urn
from tests.support.records import BODIES

DATABASE = "shop:infra:Database$aws:rds/instance:Instance"
SUBNETS = "shop:infra:Database$aws:rds/subnetGroup:SubnetGroup"
SUBNET = "shop:infra:Network$aws:ec2/subnet:Subnet"
VPC = "shop:infra:Network$aws:ec2/vpc:Vpc"
SECRET = "shop:infra:WebService$kubernetes:core/v1:Secret"
DEPLOYMENT = "shop:infra:WebService$kubernetes:apps/v1:Deployment"
SCALER = "shop:infra:WebService$kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
SERVICE = "shop:infra:WebService$kubernetes:core/v1:Service"
BUCKET = "shop:infra:Bucket$aws:s3/bucket:Bucket"
KEY = "aws:kms/key:Key"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
PROVIDER = "pulumi:providers:aws"
EDGE = Stack("shop-edge", "dev", "edge")


def node(token: str, name: str, *needs: tuple[str, str], parent: tuple[str, str] | None = None) -> ResourceNode:
    """A resource of the dev stack in its graph, by type and name."""
    return ResourceNode(urn(token, name), urn(*parent) if parent else "", tuple(urn(*need) for need in needs))


def graph() -> ResourceGraph:
    """A network, a database in it, a service that reads it, and much that has nothing to do with them."""
    subnets = [(SUBNET, f"private-{zone}") for zone in "abc"]
    others = (node(ALARM, f"alarm-{number:02}", (PROVIDER, "aws")) for number in range(30))
    return ResourceGraph(
        (
            node("pulumi:pulumi:Stack", "shop-dev"),
            node(PROVIDER, "aws"),
            node("shop:infra:Database", "orders"),
            node(VPC, "main", (PROVIDER, "aws")),
            *(node(*subnet, (VPC, "main")) for subnet in subnets),
            node(SUBNETS, "orders", *subnets, parent=("shop:infra:Database", "orders")),
            node(KEY, "data"),
            node(DATABASE, "orders", (SUBNETS, "orders"), (KEY, "data"), parent=("shop:infra:Database", "orders")),
            node(SECRET, "web-database", (DATABASE, "orders")),
            node(DEPLOYMENT, "web", (SECRET, "web-database")),
            node(SCALER, "web-autoscaler", (DEPLOYMENT, "web")),
            node(SERVICE, "web", (DEPLOYMENT, "web")),
            node(ALARM, "orders-storage", (DATABASE, "orders")),
            node(BUCKET, "exports", (KEY, "data")),
            node(BUCKET, "scratch"),
            *others,
        )
    )


def sample() -> Review:
    """A stack with a bit of everything, one with a single change, and a quiet one."""
    one, two = SecretValue("5ec2e7d16e57one"), SecretValue("5ec2e7d16e57two")
    spec = {"template": {"spec": {"containers": [{"name": "web", "image": "registry.example/shop/web:1.42.0"}]}}}
    after = {"template": {"spec": {"containers": [{"name": "web", "image": "registry.example/shop/web:1.43.1"}]}}}
    policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":"*"}]}'
    changes = (
        change(
            Operation.REPLACE,
            DATABASE,
            "orders",
            update("storageEncrypted", False, True, replaces=True),
            update("kmsKeyId", "", UnknownValue()),
            update("password", one, two),
            update("allocatedStorage", 100, 200),
            protected=True,
        ),
        change(Operation.DELETE, BUCKET, "scratch", remove("bucket", "shop-dev-scratch")),
        change(Operation.UPDATE, SECRET, "web-database", update("data.url", one, two)),
        change(Operation.UPDATE, DEPLOYMENT, "web", update("spec", spec, after)),
        change(Operation.UPDATE, SCALER, "web-autoscaler", update("spec.minReplicas", 1, 2)),
        change(Operation.UPDATE, ALARM, "orders-storage", update("dimensions", {"id": "orders-1"}, UnknownValue())),
        change(
            Operation.CREATE,
            KEY,
            "data",
            add("description", "Orders and exports"),
            add("enableKeyRotation", True),
            add("policy", policy),
            add("arn", UnknownValue()),
        ),
        change(
            Operation.CREATE,
            BUCKET,
            "exports",
            add("bucket", "shop-dev-exports"),
            add("tags", {"team": "orders", "stack": "dev", "cost-centre": "1234"}),
            add("lifecycle", "rules:\n  - id: expire\n    days: 30\n  - id: abort\n    days: 7\n"),
        ),
        change(Operation.UPDATE, PROVIDER, "aws", update("version", "7.20.0", "7.21.0")),
        change(Operation.UPDATE, VPC, "main"),
    )
    pack = "aws-and-kubernetes"
    findings = (
        PolicyFinding(
            pack,
            "s3-access-logged",
            PolicyLevel.ADVISORY,
            "S3 buckets log access.\n[medium] no logging is configured. Remedy: name a bucket in `logging`.",
            urn(BUCKET, "exports"),
        ),
        PolicyFinding(
            pack,
            "rds-backup",
            PolicyLevel.NOT_EVALUATED,
            "can't run policy 'rds-backup' during preview: backupRetentionPeriod is unknown",
            urn(DATABASE, "orders"),
        ),
    )
    warnings = (Diagnostic(Severity.WARNING, "bucket is deprecated: use bucketPrefix", urn(BUCKET, "exports")),)
    made = replace(
        plan(*changes, findings=findings, warnings=warnings),
        packs=(PolicyPack("policy", "2" * 64, pack, "1.2.0"),),
        evaluated=(PolicyCount(pack, "s3-access-logged", 3, 1), PolicyCount(pack, "rds-backup", 0, 1)),
        drift=(Drift(urn(SERVICE, "web"), SERVICE.rsplit("$", 1)[1], (update("spec.type", "ClusterIP", "NodePort"),)),),
    )
    edge = plan(change(Operation.UPDATE, "aws:route53/record:Record", "shop", update("ttl", 300, 60)), stack=EDGE)
    quiet = Stack("shop-mail", "dev", "mail")
    reasons = (
        Reason(ReasonKind.STACK_CONFIG, "Pulumi.dev.yaml", "Pulumi.dev.yaml holds its values"),
        Reason(ReasonKind.IMPORTED, "infra/database.py", "stacks/dev.py imports it"),
    )
    verdict = Verdict(
        (
            RuleResult("reviewed", Outcome.ALLOW, f"pull request #42 was previewed at {HEAD[:12]}"),
            RuleResult("approvals", Outcome.WAIT, "0 of 1 approvals of this plan"),
            RuleResult(
                "budget", Outcome.WAIT, "2 resources are destroyed, 0 may be", remedy="Comment /gitops approve-destroy."
            ),
        )
    )
    return review(
        replace(reviewed(made, DEV, *reasons), graph=graph()),
        reviewed(edge, EDGE),
        reviewed(plan(stack=quiet), quiet),
        unaffected=3,
        verdict=verdict,
    )


def histories() -> Mapping[Stack, Sequence[Record]]:
    """Of the dev stack, newest first: a plan, a refusal, applies, a release."""
    digest = "9ea0519c07fa" + "0" * 52
    refusal = {"rules": [{"rule": "same plan", "outcome": "refuse", "reason": "plan digest 44a4 is not the reviewed"}]}
    told: list[tuple[RecordKind, str, dict[str, Any]]] = [
        (RecordKind.PLAN, "ada", {"plan": {"plan_digest": digest}, "shown_on": 42}),
        (
            RecordKind.RELEASE,
            "grace",
            {"plan_digest": digest, "checks": [{"name": "outputs", "passed": True, "detail": ""}]},
        ),
        (RecordKind.APPLIED, "grace", {"plan_digest": digest}),
        (RecordKind.APPLY_STARTED, "grace", {"plan_digest": digest, "run": "7", "host": "runner"}),
        (RecordKind.REFUSED, "grace", {"plan_digest": digest, "verdict": refusal}),
        (RecordKind.APPLY_FAILED, "linus", {"plan_digest": digest, "message": "quota exceeded\nand more"}),
        (RecordKind.REPAIRED, "linus", {"repairs": ["adopted orders"]}),
        (RecordKind.SUPERSEDED, "ada", {"by": HEAD}),
    ]
    return {
        DEV: tuple(
            Record(
                90 - age, "", kind, NOW - timedelta(hours=7 * age), by, "dev", DEV.label, HEAD, {**BODIES[kind], **body}
            )
            for age, (kind, by, body) in enumerate(told)
        )
    }
