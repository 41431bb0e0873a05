"""What hosts may do."""

import json
from dataclasses import replace
from typing import Any

from infra.host_role import HostRole, HostRoleArgs
from tests.infra.recording import Recorded, record

PARAMETER = "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/token"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/login"
ARGS = HostRoleArgs(
    group_name="shop-dev-legacy",
    region="eu-west-1",
    account_id="123456789012",
    log_group_name="/shop-dev-legacy/patching",
    secrets={"token": PARAMETER, "login": SECRET},
    secret_key_arns=("arn:key",),
)


def role(args: HostRoleArgs = ARGS) -> Recorded:
    return record(lambda: HostRole("role", args))


def statements(args: HostRoleArgs = ARGS) -> dict[str, dict[str, Any]]:
    policy = json.loads(role(args).only(":RolePolicy").inputs["policy"])
    return {one["Sid"]: one for one in policy["Statement"]}


def test_hosts_are_managed_by_ssm() -> None:
    recorded = role()
    attached = recorded.only(":RolePolicyAttachment").inputs
    assert attached["policyArn"] == "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    (statement,) = json.loads(recorded.only(":Role").inputs["assumeRolePolicy"])["Statement"]
    assert statement["Principal"] == {"Service": "ec2.amazonaws.com"}
    assert (
        recorded.only(":InstanceProfile").inputs["name"] == recorded.only(":Role").inputs["name"] == "shop-dev-legacy"
    )


def test_a_host_reads_its_own_secrets() -> None:
    found = statements()
    assert (found["Parameters"]["Action"], found["Parameters"]["Resource"]) == (["ssm:GetParameter"], [PARAMETER])
    assert found["Secrets"]["Resource"] == [SECRET, f"{SECRET}-??????"]
    assert (found["SecretKeys"]["Action"], found["SecretKeys"]["Resource"]) == (["kms:Decrypt"], ["arn:key"])


def test_a_host_reads_no_other_parameter_although_the_managed_policy_allows_it() -> None:
    denial = statements()["NoOtherParameters"]
    assert denial["Effect"] == "Deny"
    assert denial["NotResource"] == [PARAMETER, "arn:aws:ssm:*::parameter/aws/*"]
    without = statements(replace(ARGS, secrets={}, secret_key_arns=()))
    assert without["NoOtherParameters"]["NotResource"] == ["arn:aws:ssm:*::parameter/aws/*"]
    assert not {"Parameters", "Secrets", "SecretKeys"} & set(without)


def test_a_host_reports_and_writes_for_its_own_group_only() -> None:
    found = statements()
    (group,) = found["InService"]["Resource"]
    assert group.endswith(":autoScalingGroup:*:autoScalingGroupName/shop-dev-legacy")
    assert all(":log-group:/shop-dev-legacy/patching" in resource for resource in found["Log"]["Resource"])


def test_a_permission_boundary_holds_the_role() -> None:
    assert "permissionsBoundary" not in role().only(":Role").inputs
    bounded = role(replace(ARGS, permissions_boundary_arn="arn:boundary")).only(":Role").inputs
    assert bounded["permissionsBoundary"] == "arn:boundary"


def test_arns_are_of_the_partition() -> None:
    args = replace(ARGS, partition="aws-cn", secrets={}, secret_key_arns=())
    assert all("arn:aws:" not in str(one.inputs) for one in role(args).created())
    (statement,) = json.loads(role(args).only(":Role").inputs["assumeRolePolicy"])["Statement"]
    assert statement["Principal"] == {"Service": "ec2.amazonaws.com.cn"}
