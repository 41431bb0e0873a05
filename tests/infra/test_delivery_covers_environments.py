"""The roles of the bootstrap stack against the environments' own resources: neither is right without the other."""

import json
from typing import Any

import pytest

from tests.infra.configuration import ENVIRONMENTS
from tests.infra.iam import allowed
from tests.infra.recording import Registration
from tests.infra.test_bootstrap import foundation
from tests.infra.test_infra_stacks import environment, tags_of

ACCOUNT = "123456789012"
# Where the name of a service in Pulumi is not the one in IAM.
IN_IAM = {"ebs": "ec2", "lb": "elasticloadbalancing", "vpc": "ec2"}
OF_LOGS = {"LogGroup", "LogMetricFilter", "LogResourcePolicy", "LogStream"}


def may(kind: str, stack: str, action: str, resource: str = "*", **context: Any) -> bool:
    """Whether the role that is made for the environment may do that, by the documents that are made for it."""
    documents = [
        foundation().named(":RolePolicy", f"delivery-{stack}-{kind}-policy").inputs["policy"],
        foundation().named("policy:Policy", f"delivery-{stack}-boundary").inputs["policy"],
    ]
    role = f"arn:aws:iam::{ACCOUNT}:role/example-shop-{stack}-delivery-{kind}"
    return allowed(documents, action, resource, **{"aws__PrincipalArn": role} | context)


def in_iam(resource: Registration) -> tuple[str, str]:
    """The service, as IAM spells it, and the kind of thing."""
    _, module, kind = resource.type.split(":")
    module = module.split("/")[0]
    return ("logs" if kind in OF_LOGS else IN_IAM.get(module, module)), kind


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_an_apply_may_make_and_delete_whatever_the_environment_has(stack: str) -> None:
    # IAM, S3 and Systems Manager are narrower: below.
    found = {in_iam(one) for one in environment(stack).created() if one.type.startswith("aws:")}
    wide = {(service, kind) for service, kind in found if service not in ("iam", "s3", "ssm")}
    assert len(wide) > 20
    for service, kind in wide:
        assert may("apply", stack, f"{service}:Create{kind}"), (service, kind)
        assert may("apply", stack, f"{service}:Delete{kind}"), (service, kind)
        assert may("preview", stack, f"{service}:Describe{kind}s") or may("preview", stack, f"{service}:Get{kind}")
        assert not may("preview", stack, f"{service}:Create{kind}"), (service, kind)


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_an_apply_may_make_the_environment_s_roles_and_give_them_to_whom_they_trust(stack: str) -> None:
    roles = environment(stack).of("iam/role:Role")
    assert len(roles) > 3
    passed = 0
    for role in roles:
        arn = f"arn:aws:iam::{ACCOUNT}:role/{role.inputs['name']}"
        bounded = {"iam__PermissionsBoundary": role.inputs["permissionsBoundary"]}
        assert may("apply", stack, "iam:CreateRole", arn, **bounded), arn
        assert may("apply", stack, "iam:PutRolePolicy", arn, **bounded), arn
        assert may("apply", stack, "iam:DeleteRole", arn), arn
        for statement in json.loads(role.inputs["assumeRolePolicy"])["Statement"]:
            service = statement["Principal"].get("Service")
            if service:
                passed += 1
                assert may("apply", stack, "iam:PassRole", arn, iam__PassedToService=service), (arn, service)
    assert passed > 2


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_an_apply_may_make_the_environment_s_profiles_and_buckets(stack: str) -> None:
    for profile in environment(stack).of(":InstanceProfile"):
        arn = f"arn:aws:iam::{ACCOUNT}:instance-profile/{profile.inputs['name']}"
        assert may("apply", stack, "iam:CreateInstanceProfile", arn)
    for bucket in environment(stack).of("s3/bucket:Bucket"):
        assert may("apply", stack, "s3:CreateBucket", f"arn:aws:s3:::{bucket.inputs['bucket']}")


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_an_apply_may_declare_for_hosts_what_the_environment_declares_and_not_another_one_s(stack: str) -> None:
    associations = environment(stack).of(":Association")
    assert associations
    ssm = f"arn:aws:ssm:eu-west-1:{ACCOUNT}"
    for one in associations:
        tags = {f"aws__RequestTag/{key.replace(':', '__')}": value for key, value in tags_of(one).items()}
        assert may("apply", stack, "ssm:CreateAssociation", f"{ssm}:association/1", **tags)
        assert may(
            "apply", stack, "ssm:CreateAssociation", f"arn:aws:ssm:eu-west-1::document/{one.inputs['name']}", **tags
        )
        for other in set(ENVIRONMENTS) - {stack}:
            assert not may("apply", other, "ssm:CreateAssociation", f"{ssm}:association/1", **tags)
    for kind in (":PatchBaseline", ":MaintenanceWindow"):
        (one,) = environment(stack).of(kind)
        tags = {f"aws__RequestTag/{key.replace(':', '__')}": value for key, value in tags_of(one).items()}
        assert may("apply", stack, f"ssm:Create{kind[1:]}", **tags)
