"""The reviews whose rendering is golden, each by the name of its expected file."""

from collections.abc import Callable
from dataclasses import replace

from gitops.model import (
    Diagnostic,
    Downstream,
    Drift,
    Operation,
    Outcome,
    PackChange,
    PackFate,
    PolicyCount,
    PolicyFinding,
    PolicyLevel,
    PolicyPack,
    PreviewFailure,
    Reason,
    ReasonKind,
    Review,
    RuleResult,
    SecretValue,
    Severity,
    Stack,
    UnknownValue,
    Verdict,
)
from tests.support.plans import DEV, HEAD, add, change, plan, remove, review, reviewed, update, urn

BUCKET = "gitops:infra:Bucket$aws:s3/bucket:Bucket"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":"*"}]}'
POLICY_AFTER = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":"*"}]}'
HOSTILE = (
    "x`` ` ```\n```\n</details><script>alert(1)</script> @octo/team | #1 ![i](https://e.example/p.png)"
    "\n::set-output name=a::b\n##[error]no\u202e\x1b[31m"
)


def nothing() -> Review:
    return review(reviewed(plan()), unaffected=3)


def creates() -> Review:
    bucket = change(
        Operation.CREATE,
        BUCKET,
        "assets",
        add("bucket", "shop-dev-assets"),
        add("tags", {"team": "web", "stack": "dev"}),
        add("policy", POLICY),
        add("arn", UnknownValue()),
    )
    config = change(
        Operation.CREATE, "kubernetes:core/v1:ConfigMap", "settings", add("data", {"nginx.conf": "server {\n  x;\n}\n"})
    )
    return review(reviewed(plan(bucket, config)), unaffected=2)


def updates() -> Review:
    spec = {
        "replicas": 2,
        "template": {"spec": {"containers": [{"name": "web", "image": "web:1", "args": ["a", "b"]}]}},
    }
    after = {
        "replicas": 3,
        "template": {"spec": {"containers": [{"name": "web", "image": "web:2", "args": ["a", "c", "b"]}]}},
    }
    return review(
        reviewed(
            plan(
                change(Operation.UPDATE, DEPLOYMENT, "web", update("spec", spec, after)),
                change(
                    Operation.UPDATE,
                    BUCKET,
                    "assets",
                    update("policy", POLICY, POLICY_AFTER),
                    remove("acl", "private"),
                    update("forceDestroy", True, 1),
                    update("userData", "#!/bin/sh\nset -e\nstart old\nexit\n", "#!/bin/sh\nset -e\nstart new\nexit\n"),
                    update("description", "a" * 300 + "old" + "b" * 300, "a" * 300 + "newer" + "b" * 300),
                ),
                change(Operation.UPDATE, "pulumi:providers:aws", "aws", update("version", "7.20.0", "7.21.0")),
                change(Operation.UPDATE, "aws:kms/key:Key", "key"),
            )
        )
    )


def replaces() -> Review:
    key = change(
        Operation.REPLACE,
        "aws:kms/key:Key",
        "data",
        update("description", "old", "new"),
        update("keySpec", "SYMMETRIC_DEFAULT", "RSA_4096", replaces=True),
    )
    volume = change(Operation.REPLACE, "aws:ebs/volume:Volume", "disk")
    return review(reviewed(plan(key, volume)))


def deletes() -> Review:
    return review(
        reviewed(
            plan(
                change(Operation.UPDATE, DEPLOYMENT, "web", update("spec.replicas", 2, 3)),
                change(Operation.DELETE, BUCKET, "logs", remove("bucket", "shop-dev-logs")),
                change(Operation.CREATE, BUCKET, "audit", add("bucket", "shop-dev-audit")),
            )
        )
    )


def protected() -> Review:
    return review(reviewed(plan(change(Operation.DELETE, BUCKET, "invoices", protected=True))))


def secrets() -> Review:
    one, two = SecretValue("5ec2e7d16e57one"), SecretValue("5ec2e7d16e57two")
    return review(
        reviewed(
            plan(
                change(
                    Operation.UPDATE,
                    "aws:rds/instance:Instance",
                    "db",
                    update("password", one, two),
                    update("user", "plain-before", one),
                    update("token", one, "plain-after"),
                    update("options", {"a": one, "b": 1}, {"a": one, "b": 2}),
                    add("extra", {"key": two, "size": 3}),
                    remove("old", one),
                )
            )
        )
    )


def unknowns() -> Review:
    role = change(Operation.UPDATE, "aws:iam/role:Role", "r", update("arn", "arn:aws:iam::1:role/r", UnknownValue()))
    odd = change(Operation.UNKNOWN, "aws:iam/user:User", "u")
    return review(reviewed(plan(role, odd)))


def policies() -> Review:
    target = urn(BUCKET, "assets")
    findings = (
        PolicyFinding("security", "no-wildcards", PolicyLevel.ADVISORY, "Prefer exact actions."),
        PolicyFinding("security", "encrypted", PolicyLevel.MANDATORY, "Bucket is not encrypted.\nAdd a key.", target),
        PolicyFinding("cost", "budget", PolicyLevel.NOT_EVALUATED, "instanceType is unknown until the apply.", target),
    )
    warnings = (Diagnostic(Severity.WARNING, "acl is deprecated", target),)
    verdict = Verdict(
        (
            RuleResult("plan", Outcome.ALLOW, "the plan is current"),
            RuleResult("approvals", Outcome.WAIT, "1 of 1 approvals missing; the author @mallory does not count"),
            RuleResult("policy", Outcome.REFUSE, "security/encrypted is mandatory"),
        )
    )
    updated = change(Operation.UPDATE, BUCKET, "assets", update("acl", "private", "public-read"))
    return review(reviewed(plan(updated, findings=findings, warnings=warnings)), verdict=verdict)


def violations() -> Review:
    """What a mandatory policy stops: its remedy is there, and a pack that is not as released is told first."""
    target, pack = urn(BUCKET, "assets"), "aws-and-kubernetes"
    said = "S3 buckets are encrypted with a key of one's own.\n[high] no key is named. Remedy: name a key. (FSBP S3.17)"
    unknown = "can't run policy 'private' from policy pack 'aws-and-kubernetes@v1.2.0' during preview: acl is unknown"
    findings = (
        PolicyFinding(pack, "s3-encrypted", PolicyLevel.MANDATORY, said, target),
        PolicyFinding(pack, "s3-private", PolicyLevel.NOT_EVALUATED, unknown, target),
    )
    updated = change(Operation.UPDATE, BUCKET, "assets", update("acl", "private", UnknownValue()))
    packs = (
        PackChange("policy", PackFate.CHANGED, "1" * 64, "2" * 64),
        PackChange("policies/old", PackFate.DROPPED, "3" * 64, "3" * 64),
        PackChange("policies/gone", PackFate.GONE, "4" * 64, ""),
        PackChange("policies/new", PackFate.NEW, "", "5" * 64),
    )
    ran = (PolicyPack("policy", "2" * 64, pack, "1.2.0"), PolicyPack("policies/new", "5" * 64, "new-rules", "0.0.1"))
    counts = (PolicyCount(pack, "s3-encrypted", 3, 1), PolicyCount(pack, "s3-private", 3, 1))
    result = replace(plan(updated, findings=findings), packs=ran, evaluated=counts)
    return review(replace(reviewed(result), packs=packs))


def many_stacks() -> Review:
    stacks = [Stack("shop", f"dev-{number:03}") for number in range(40)]
    quiet = [reviewed(plan(stack=stack), stack) for stack in stacks[2:]]
    created = plan(change(Operation.CREATE, BUCKET, "assets", add("bucket", "one")), stack=stacks[0])
    deleted = plan(change(Operation.DELETE, BUCKET, "assets"), stack=stacks[1])
    reasons = (
        Reason(ReasonKind.STACK_MODULE, "stacks/dev.py", "it is the module of this stack"),
        Reason(ReasonKind.LOCK_FILE, "requirements.lock", "every stack of the project installs from it"),
    )
    changed = [reviewed(created, stacks[0]), reviewed(deleted, stacks[1], *reasons)]
    return review(*quiet, *changed, unaffected=960, report_url="https://ci.example/run/1?a=(b)")


def failed() -> Review:
    failure = PreviewFailure(
        "The preview of shop/dev failed.",
        ("error: Running program failed:\n  Traceback (most recent call last):\n  KeyError: 'zones'",),
        "Fix the program and push again.",
    )
    other = Stack("shop", "qa")
    update_of_other = plan(change(Operation.UPDATE, BUCKET, "assets", update("acl", "a", "b")), stack=other)
    return review(reviewed(failure), reviewed(update_of_other, other))


def hostile() -> Review:
    evil = change(Operation.DELETE, HOSTILE, HOSTILE, remove("bucket", HOSTILE))
    updated = change(
        Operation.REPLACE,
        BUCKET,
        HOSTILE,
        update(HOSTILE, HOSTILE, "y\n::add-mask::x\n```"),
        update(HOSTILE, 1, 2, replaces=True),
    )
    created = change(Operation.CREATE, BUCKET, "long", add("value", "z" * 100_000), add("`", {"`" * 20: HOSTILE}))
    finding = PolicyFinding(HOSTILE, HOSTILE, PolicyLevel.ADVISORY, HOSTILE, urn(BUCKET, HOSTILE))
    warning = Diagnostic(Severity.WARNING, HOSTILE, urn(BUCKET, HOSTILE))
    stack = Stack(HOSTILE, HOSTILE)
    result = plan(evil, updated, created, stack=stack, findings=(finding,), warnings=(warning,))
    failure = PreviewFailure(HOSTILE, (HOSTILE,), HOSTILE)
    reason = Reason(ReasonKind.UNKNOWN, HOSTILE, HOSTILE)
    verdict = Verdict((RuleResult(HOSTILE, Outcome.WAIT, HOSTILE),))
    return review(
        reviewed(result, stack, reason),
        reviewed(failure, DEV, reason, reason),
        reviewed(plan(stack=Stack("quiet", HOSTILE)), Stack("quiet", HOSTILE)),
        verdict=verdict,
        report_url=f"https://ci.example/{HOSTILE}",
    )


def drift() -> Review:
    mended = change(Operation.UPDATE, DEPLOYMENT, "web", update("spec.replicas", 7, 3))
    again = change(Operation.CREATE, BUCKET, "logs", add("bucket", "shop-dev-logs"))
    found = (
        Drift(mended.urn, DEPLOYMENT, (update("spec.replicas", 2, 7), update("spec.paused", False, True))),
        Drift(again.urn, BUCKET, gone=True),
        Drift(urn(DEPLOYMENT, "jobs"), DEPLOYMENT, (update("spec.replicas", 1, 4),)),
    )
    return review(reviewed(replace(plan(mended, again), drift=found)))


def spared() -> Review:
    recorded = replace(
        plan(change(Operation.UPDATE, DEPLOYMENT, "web", update("spec.replicas", 2, 3))), commit="d" * 40
    )
    gone = (Stack("shop", "old"), Stack("shop", "older"))
    return review(replace(reviewed(replace(recorded, commit=HEAD)), same_as=recorded), undeclared=gone)


NETWORK, APPS, EDGE, MAIL = (Stack(name, "dev") for name in ("network", "apps", "edge", "mail"))
CLUSTER = "aws:eks/cluster:Cluster"


def follows() -> Review:
    """Outputs move: one reader has a plan of its own, one is not affected, of one nothing can be told."""
    moving = change(
        Operation.UPDATE,
        "pulumi:pulumi:Stack",
        "network-dev",
        update("outputs.cidr", "10.0.0.0/16", "10.8.0.0/16"),
        update("outputs.subnets", ["subnet-1"], [UnknownValue()]),
    )
    own = change(Operation.UPDATE, DEPLOYMENT, "web", update("spec.replicas", 2, 3))
    cluster = change(
        Operation.REPLACE, CLUSTER, "main", update("vpcConfig.subnetIds[0]", "subnet-1", UnknownValue(), replaces=True)
    )
    group = change(
        Operation.REPLACE, "aws:ec2/group:Group", "web", update("cidr", "10.0.0.0/16", "10.8.0.0/16", replaces=True)
    )
    record = change(Operation.UPDATE, "aws:route53/record:Record", "web", update("records[0]", "10.0.0.9", "10.8.0.9"))
    finding = PolicyFinding("baseline", "known-ranges", PolicyLevel.MANDATORY, "10.8.0.0/16 is not ours", group.urn)
    unknown = ("network/dev subnets",)
    following = (
        Downstream(APPS, (NETWORK,), (own, cluster, group), (finding,), unknown),
        Downstream(EDGE, (APPS,), (record,)),
        Downstream(MAIL, (NETWORK,), unknown=unknown, untold=("Could not preview stack dev: KeyError: 'zone'",)),
    )
    network = replace(reviewed(plan(moving, stack=NETWORK), NETWORK), downstream=following)
    return review(network, reviewed(plan(own, stack=APPS), APPS), reviewed(plan(stack=EDGE), EDGE), unaffected=1)


GOLDEN: dict[str, Callable[[], Review]] = {
    "nothing-changes": nothing,
    "spared": spared,
    "creates": creates,
    "updates": updates,
    "replaces": replaces,
    "deletes": deletes,
    "protected": protected,
    "secrets": secrets,
    "unknown-values": unknowns,
    "policies": policies,
    "violations": violations,
    "many-stacks": many_stacks,
    "failed-preview": failed,
    "drift": drift,
    "downstream": follows,
    "hostile": hostile,
}
