"""A role for one service account: who may take it, and what it may do."""

import json
from dataclasses import replace

import pytest

from infra.inputs import InputError
from infra.workload_role import OidcIssuer, WorkloadRole, WorkloadRoleArgs
from tests.infra.recording import Recorded, record

ISSUER = OidcIssuer(provider_arn="arn:provider", url="https://issuer.example/id/1")
STATEMENT = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::shop/*"]}
ARGS = WorkloadRoleArgs(
    role_name="shop-dev-web", issuer=ISSUER, namespace="shop-dev", service_account="web", statements=(STATEMENT,)
)


def role(args: WorkloadRoleArgs = ARGS) -> Recorded:
    return record(lambda: WorkloadRole("web-role", args))


def test_one_service_account_of_one_cluster_may_take_it() -> None:
    (statement,) = json.loads(role().only(":Role").inputs["assumeRolePolicy"])["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": "arn:provider"},
        "Condition": {
            "StringEquals": {
                "issuer.example/id/1:sub": "system:serviceaccount:shop-dev:web",
                "issuer.example/id/1:aud": "sts.amazonaws.com",
            }
        },
    }


def test_it_may_do_what_the_statements_say() -> None:
    policy = role().only(":RolePolicy").inputs
    assert policy["role"] == "shop-dev-web"
    assert json.loads(policy["policy"]) == {"Version": "2012-10-17", "Statement": [STATEMENT]}


def test_managed_policies_are_attached_instead_or_as_well() -> None:
    policies = ("arn:aws:iam::aws:policy/service-role/One", "arn:aws:iam::aws:policy/Two")
    recorded = role(replace(ARGS, statements=(), managed_policy_arns=policies))
    assert recorded.of(":RolePolicy") == []
    attached = {one.name: one.inputs["policyArn"] for one in recorded.of(":RolePolicyAttachment")}
    assert attached == {"web-role-One": policies[0], "web-role-Two": policies[1]}


def test_it_stays_within_the_boundary() -> None:
    assert "permissionsBoundary" not in role().only(":Role").inputs
    bounded = role(replace(ARGS, permissions_boundary="arn:boundary"))
    assert bounded.only(":Role").inputs["permissionsBoundary"] == "arn:boundary"


def test_its_name_is_chosen_and_its_tags_say_whose_it_is() -> None:
    made = role().only(":Role").inputs
    assert made["name"] == "shop-dev-web"
    assert made["tags"]["gitops:resource"] == "web-role"


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (replace(ARGS, role_name="x" * 65), "web-role.role_name"),
        (replace(ARGS, role_name="shop/web"), "web-role.role_name"),
        (replace(ARGS, statements=()), "web-role.statements"),
        (replace(ARGS, namespace="shop-*"), "web-role.namespace"),
        (replace(ARGS, service_account="*"), "web-role.service_account"),
        (replace(ARGS, service_account=""), "web-role.service_account"),
    ],
)
def test_what_cannot_work_is_refused_by_name(args: WorkloadRoleArgs, named: str) -> None:
    with pytest.raises(InputError, match=rf"^{named} must be"):
        role(args)
