"""An environment under two packs, with a control in each state."""

from gitops.flow.compliance.controls import Compliance, Look, assess
from gitops.model import (
    EngineRun,
    Evaluation,
    PolicyFinding,
    PolicyLevel,
    PolicyPack,
    PolicyRule,
    Stack,
)

DEV, DATA = Stack("shop", "dev"), Stack("shop", "dev-data")
BUCKET = "urn:pulumi:dev::shop::aws:s3/bucket:Bucket::assets"
LOGS = "urn:pulumi:dev::shop::aws:s3/bucket:Bucket::logs"
KEY = "urn:pulumi:dev::shop::aws:kms/key:Key::data"
ROOT = "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev"
PACKS = (PolicyPack("policy", "a" * 64, "house-rules", "1.2.0"),)


def rule(name: str, level: str = "mandatory", **more: str) -> PolicyRule:
    """A rule of the pack."""
    told = {"scope": "resource", "framework": "FSBP 1.0.0", "reference": f"S3.{len(name)}", **more}
    return PolicyRule("house-rules", name, f"Title of {name}", f"What {name} asks.", level, **told)


RULES = (
    rule("encrypted", severity="high", remedy="Name a key.", url="https://example.com/encrypted"),
    rule("private", severity="critical"),
    rule("tagged", "advisory", severity="low"),
    rule("rotated"),
    rule("versioned"),
    rule("off", "disabled"),
    rule("images"),
    rule("one-region", "advisory", scope="stack"),
    rule("no-orphans", scope="stack"),
    rule("no-queues", scope="stack"),
)


def finding(policy: str, level: PolicyLevel, message: str, urn: str) -> PolicyFinding:
    """A finding of the pack."""
    return PolicyFinding("house-rules", policy, level, message, urn)


EXEMPT = (
    "What versioned asks.\n"
    "[exempt until 2027-01-01 by ops: it is a cache] [low] versioning is off. Remedy: Switch it on."
)
RUN = EngineRun(
    (),
    3,
    findings=(
        finding("encrypted", PolicyLevel.MANDATORY, "What encrypted asks.\n[high] no key. Remedy: Name one.", BUCKET),
        finding("private", PolicyLevel.NOT_EVALUATED, "can't run policy 'private' during preview: acl", LOGS),
        finding("versioned", PolicyLevel.ADVISORY, EXEMPT, BUCKET),
        finding("one-region", PolicyLevel.ADVISORY, "a second region", ROOT),
    ),
    packs=PACKS,
    evaluations=(
        Evaluation("house-rules", "", ("no-orphans",), ("one-region",)),
        Evaluation("house-rules", BUCKET, ("private", "tagged"), ("encrypted", "versioned")),
        Evaluation("house-rules", LOGS, ("encrypted", "tagged", "versioned"), ("private",)),
        Evaluation("house-rules", KEY, ("rotated", "tagged"), ()),
    ),
)


def dev() -> Compliance:
    """Two stacks; the second has nothing but a key that is not rotated."""
    unrotated = finding("rotated", PolicyLevel.MANDATORY, "[medium] rotation is off", KEY)
    data = EngineRun(
        (), 1, findings=(unrotated,), packs=PACKS, evaluations=(Evaluation("house-rules", KEY, (), ("rotated",)),)
    )
    return assess(
        "dev",
        [
            Look(DEV, "c" * 40, RUN, RULES, "Pulumi.dev.yaml"),
            Look(DATA, "d" * 40, data, (rule("rotated"),), "Pulumi.dev-data.yaml"),
        ],
    )


def prod() -> Compliance:
    """An environment without a pack."""
    return assess("prod", [Look(Stack("shop", "prod"), "e" * 40, EngineRun((), 3), (), "Pulumi.prod.yaml")])
