"""The pipeline's way into AWS: who is let in, and what they can then do and never do."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml

from infra.delivery_identity import DeliveryIdentity, DeliveryIdentityArgs, GitHubProvider
from infra.delivery_policies import apply_policy, boundary_policy, preview_policy
from infra.inputs import InputError
from tests.infra.configuration import ROOT
from tests.infra.delivery import (
    ACCOUNT,
    BOUNDARY,
    DELIVERY,
    KEY,
    OWN_ROLE,
    PREVIEW_ROLE,
    SCOPE,
    STATE,
    may_apply,
    may_ever,
    may_preview,
)
from tests.infra.iam import allowed
from tests.infra.recording import Recorded, record

ARGS = DeliveryIdentityArgs(
    scope=SCOPE, repository="octo/shop", branch="main", preview_environment="preview-main", apply_environment="main"
)


def identity(args: DeliveryIdentityArgs = ARGS) -> Recorded:
    return record(lambda: DeliveryIdentity("delivery", args))


# Trust


def test_a_role_is_taken_by_one_repository_in_one_github_environment_on_the_environment_s_branch() -> None:
    (statement,) = json.loads(identity().named(":Role", "delivery-apply").inputs["assumeRolePolicy"])["Statement"]
    assert statement["Principal"] == {"Federated": f"{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"}
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": "repo:octo/shop:environment:main",
        },
        "StringLike": {"token.actions.githubusercontent.com:ref": ["refs/heads/main"]},
    }


def test_a_preview_is_let_in_from_pull_requests_and_never_as_the_role_that_applies() -> None:
    (statement,) = json.loads(identity().named(":Role", "delivery-preview").inputs["assumeRolePolicy"])["Statement"]
    exact, like = statement["Condition"]["StringEquals"], statement["Condition"]["StringLike"]
    assert exact["token.actions.githubusercontent.com:sub"] == "repo:octo/shop:environment:preview-main"
    assert like == {
        "token.actions.githubusercontent.com:ref": [
            "refs/pull/*/merge",
            "refs/heads/gh-readonly-queue/main/*",
            "refs/heads/main",
        ]
    }


def test_only_one_environment_of_an_account_creates_the_identity_provider() -> None:
    assert not identity().of(":OpenIdConnectProvider")
    created = identity(replace(ARGS, provider=GitHubProvider.CREATE))
    provider = created.only(":OpenIdConnectProvider").inputs
    assert provider["url"] == "https://token.actions.githubusercontent.com"
    assert provider["clientIdLists"] == ["sts.amazonaws.com"]
    for role in created.of(":Role"):
        assert any("OpenIdConnectProvider" in urn for urn in role.depends_on)


def test_names_are_chosen_and_both_roles_carry_the_boundary() -> None:
    recorded = identity()
    assert {role.inputs["name"] for role in recorded.of(":Role")} == {
        "shop-dev-delivery-preview",
        "shop-dev-delivery-apply",
    }
    assert {role.inputs["permissionsBoundary"] for role in recorded.of(":Role")} == {BOUNDARY}
    assert recorded.only(":Policy").inputs["name"] == "shop-dev-boundary"
    for role in recorded.of(":Role"):
        assert any("delivery-boundary" in urn for urn in role.depends_on)


@pytest.mark.parametrize(("workflow", "kind"), [("preview", "delivery-preview"), ("apply", "delivery-apply")])
def test_a_session_lasts_as_long_as_the_job_may(workflow: str, kind: str) -> None:
    text = (ROOT / ".github" / "workflows" / f"{workflow}.yml").read_text()
    job = yaml.safe_load(text)["jobs"][workflow]
    (setup,) = [step for step in job["steps"] if step.get("uses") == "./"]
    assert identity().named(":Role", kind).inputs["maxSessionDuration"] == job["timeout-minutes"] * 60
    assert int(setup["with"]["aws-session-seconds"]) == job["timeout-minutes"] * 60


# Preview


@pytest.mark.parametrize(
    "action",
    [
        "ec2:DescribeVpcs", "s3:GetBucketPolicy", "s3:GetEncryptionConfiguration", "iam:GetRole",
        "rds:DescribeDBInstances", "eks:DescribeCluster", "kms:DescribeKey", "kms:GetKeyPolicy",
        "sqs:GetQueueAttributes", "sns:GetTopicAttributes", "secretsmanager:DescribeSecret", "logs:DescribeLogGroups",
        "cloudwatch:DescribeAlarms", "ecr:GetRepositoryPolicy",
        "elasticloadbalancing:DescribeLoadBalancers", "ssm:GetMaintenanceWindow", "ssm:ListTagsForResource",
        "tag:GetResources", "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeInstanceRefreshes",
        "ssm:DescribeAssociation", "ssm:DescribePatchGroups", "ssm:GetPatchBaseline",
        "ssm:DescribeMaintenanceWindowTargets", "ssm:GetMaintenanceWindowTask",
    ],
)  # fmt: skip
def test_a_preview_reads_settings(action: str) -> None:
    assert may_preview(action)


@pytest.mark.parametrize(
    "action",
    [
        "secretsmanager:GetSecretValue", "dynamodb:GetItem", "dynamodb:Scan", "sqs:ReceiveMessage", "logs:GetLogEvents",
        "ecr:GetDownloadUrlForLayer", "ec2:GetPasswordData", "rds:DownloadDBLogFilePortion", "sts:AssumeRole",
        "ssm:StartSession", "rds-db:connect", "acm:ExportCertificate", "ssm:SendCommand",
        "ssm:GetCommandInvocation", "ssm:ListCommandInvocations",
    ],
)  # fmt: skip
def test_a_preview_reads_no_data_even_where_the_resource_s_own_policy_lets_it(action: str) -> None:
    everything = '{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
    assert allowed([everything], action)
    granted = json.loads(preview_policy(SCOPE))
    granted["Statement"] += json.loads(everything)["Statement"]
    assert not allowed([json.dumps(granted)], action)


def test_a_preview_changes_nothing() -> None:
    for action in (
        "ec2:CreateVpc",
        "s3:PutObject",
        "s3:DeleteObject",
        "iam:CreateRole",
        "kms:Encrypt",
        "ssm:PutParameter",
    ):
        assert not may_preview(action, f"{STATE}/.pulumi/stacks/infrastructure/dev.json")


def test_a_preview_reads_the_state_of_its_own_stacks_and_no_other_object() -> None:
    for path in ("meta.yaml", "stacks/infrastructure/dev.json", "stacks/infrastructure/dev.json.bak"):
        assert may_preview("s3:GetObject", f"{STATE}/.pulumi/{path}")
    for path in ("stacks/infrastructure/prod.json", "stacks/bootstrap/bootstrap.json"):
        assert not may_preview("s3:GetObject", f"{STATE}/.pulumi/{path}")
    assert not may_preview("s3:GetObject", "arn:aws:s3:::shop-dev-assets/customer.csv")
    assert may_preview("s3:ListBucket", STATE)


def test_the_state_s_key_opens_the_bucket_and_the_environment_s_own_secrets() -> None:
    state: dict[str, Any] = {"kms__ResourceAliases": ["alias/shop-state"]}
    for may in (may_preview, may_apply):
        assert may("kms:Decrypt", KEY, **state, kms__ViaService="s3.eu-west-1.amazonaws.com")
        assert may("kms:Decrypt", KEY, **state, kms__EncryptionContext__environment="dev")
        assert not may("kms:Decrypt", KEY, **state, kms__EncryptionContext__environment="prod")
        assert not may("kms:Decrypt", KEY, **state)


def test_a_preview_decrypts_with_no_other_key() -> None:
    through_secrets = "secretsmanager.eu-west-1.amazonaws.com"
    assert not may_preview(
        "kms:Decrypt", KEY, kms__ResourceAliases=["alias/shop-data"], kms__ViaService=through_secrets
    )
    assert not may_preview("kms:Decrypt", KEY)


# Apply


@pytest.mark.parametrize(
    "action", ["ec2:CreateVpc", "eks:CreateCluster", "rds:CreateDBInstance", "kms:CreateGrant", "ssm:PutParameter"]
)
def test_an_apply_makes_what_the_program_makes(action: str) -> None:
    assert may_apply(action)
    assert may_apply("s3:PutBucketPolicy", "arn:aws:s3:::shop-dev-assets")


def test_an_apply_makes_roles_that_carry_the_boundary_and_no_others() -> None:
    bounded = {"iam__PermissionsBoundary": BOUNDARY}
    for action in ("iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy"):
        assert may_apply(action, OWN_ROLE, **bounded)
        assert not may_apply(action, OWN_ROLE)
        assert not may_apply(action, OWN_ROLE, iam__PermissionsBoundary=f"{ACCOUNT}:policy/wide")
        assert not may_apply(action, f"{ACCOUNT}:role/admin", **bounded)


def test_an_apply_writes_the_state_of_its_own_stacks_only() -> None:
    for path in ("stacks/infrastructure/dev.json", "locks/organization/infrastructure/dev/1.json"):
        assert may_apply("s3:PutObject", f"{STATE}/.pulumi/{path}")
        assert may_apply("s3:DeleteObject", f"{STATE}/.pulumi/{path}")
    assert not may_apply("s3:PutObject", f"{STATE}/.pulumi/stacks/infrastructure/prod.json")
    assert not may_apply("s3:PutObject", f"{STATE}/.pulumi/meta.yaml")
    assert not may_apply("s3:DeleteObjectVersion", f"{STATE}/.pulumi/stacks/infrastructure/dev.json")
    assert not may_apply("s3:PutBucketPolicy", STATE)


def test_an_apply_passes_its_own_roles_to_services_it_knows() -> None:
    assert may_apply("iam:PassRole", OWN_ROLE, iam__PassedToService="eks.amazonaws.com")
    assert not may_apply("iam:PassRole", OWN_ROLE, iam__PassedToService="lambda.amazonaws.com")
    assert not may_apply("iam:PassRole", f"{ACCOUNT}:role/admin", iam__PassedToService="eks.amazonaws.com")


# Boundary


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("iam:DeleteRolePermissionsBoundary", OWN_ROLE),
        ("iam:PutRolePermissionsBoundary", OWN_ROLE),
        ("iam:CreateRole", OWN_ROLE),
        ("iam:PutRolePolicy", f"{ACCOUNT}:role/admin"),
        ("iam:UpdateAssumeRolePolicy", f"{ACCOUNT}:role/admin"),
        ("iam:UpdateAssumeRolePolicy", DELIVERY),
        ("iam:PassRole", DELIVERY),
        ("iam:DeleteRole", PREVIEW_ROLE),
        ("iam:CreatePolicyVersion", BOUNDARY),
        ("iam:DeleteOpenIDConnectProvider", f"{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"),
        ("iam:CreateUser", f"{ACCOUNT}:user/eve"),
        ("iam:CreateAccessKey", f"{ACCOUNT}:user/eve"),
        ("iam:UpdateAccountPasswordPolicy", "*"),
        ("cloudtrail:StopLogging", "*"),
        ("cloudtrail:DeleteTrail", "*"),
        ("s3:DeleteObject", "arn:aws:s3:::shop-audit/AWSLogs/1"),
        ("s3:PutBucketPolicy", "arn:aws:s3:::shop-audit"),
        ("s3:PutAccountPublicAccessBlock", "*"),
        ("logs:DeleteLogGroup", "arn:aws:logs:eu-west-1:123456789012:log-group:shop-audit:*"),
        ("logs:DisassociateKmsKey", "arn:aws:logs:eu-west-1:123456789012:log-group:shop-audit:*"),
        ("ec2:EnableSnapshotBlockPublicAccess", "*"),
        ("kms:DeleteAlias", "arn:aws:kms:eu-west-1:123456789012:alias/shop-state"),
        ("ec2:DisableEbsEncryptionByDefault", "*"),
        ("organizations:LeaveOrganization", "*"),
        ("account:CloseAccount", "*"),
        ("sts:AssumeRole", f"{ACCOUNT}:role/admin"),
        ("lambda:CreateFunction", "*"),
    ],
)
def test_no_role_that_is_made_here_gets_out_whatever_its_policy_allows(action: str, resource: str) -> None:
    assert not may_ever(action, resource)
    assert not may_apply(action, resource)


@pytest.mark.parametrize("alias", ["alias/shop-state", "alias/shop-audit"])
def test_guarded_keys_are_used_and_not_administered(alias: str) -> None:
    for action in ("kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:PutKeyPolicy", "kms:CreateGrant"):
        assert not may_ever(action, KEY, kms__ResourceAliases=[alias])
        assert may_ever(action, KEY, kms__ResourceAliases=["alias/shop-dev-data"])


def test_a_role_that_is_made_here_can_do_its_work() -> None:
    for action in (
        "s3:GetObject",
        "sqs:SendMessage",
        "secretsmanager:GetSecretValue",
        "kms:Decrypt",
        "logs:PutLogEvents",
    ):
        assert may_ever(action, "arn:aws:s3:::shop-dev-assets/1")
    for action in ("ec2messages:GetMessages", "ssm:UpdateInstanceInformation", "eks-auth:AssumeRoleForPodIdentity"):
        assert may_ever(action)


def test_the_state_is_not_for_a_role_that_is_made_here() -> None:
    assert not may_ever("s3:GetObject", f"{STATE}/.pulumi/stacks/infrastructure/dev.json")


def test_policies_fit_into_aws_s_limits_with_room_to_grow() -> None:
    assert len(boundary_policy(SCOPE)) < 6144 * 0.8
    assert max(len(preview_policy(SCOPE)), len(apply_policy(SCOPE))) < 10240 * 0.6


# Refusals


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: identity(replace(ARGS, repository="shop")), "delivery.repository must be OWNER/NAME"),
        (lambda: identity(replace(ARGS, repository="octo/*")), "delivery.repository must be OWNER/NAME"),
        (lambda: identity(replace(ARGS, branch="*")), "delivery.branch must be one name"),
        (lambda: identity(replace(ARGS, apply_environment="")), "delivery.apply_environment must be one name"),
        (lambda: identity(replace(ARGS, preview_environment="a:b")), "delivery.preview_environment must be one name"),
        (lambda: identity(replace(ARGS, preview_environment="main")), "must be another GitHub environment"),
        (lambda: identity(replace(ARGS, scope=replace(SCOPE, account_id="1"))), "scope.account_id must be 12 digits"),
        (lambda: identity(replace(ARGS, scope=replace(SCOPE, stacks=()))), "scope.stacks must be labels"),
        (lambda: identity(replace(ARGS, scope=replace(SCOPE, stacks=("infrastructure/*",)))), "scope.stacks must be"),
        (
            lambda: identity(replace(ARGS, scope=replace(SCOPE, name_prefix="x" * 60))),
            "scope.name_prefix must be short",
        ),
        (
            lambda: identity(replace(ARGS, scope=replace(SCOPE, guarded_buckets=[f"bucket-{n}" for n in range(200)]))),
            "delivery.scope must be small enough for the boundary policy's 6144",
        ),
    ],
)
def test_an_input_is_refused_by_name(build: Callable[[], Recorded], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()
