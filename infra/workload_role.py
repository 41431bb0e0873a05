"""An AWS role that one Kubernetes service account may take, and nobody else."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import iam

from infra.inputs import require
from infra.tags import resource_tags

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_ROLE_NAME = re.compile(r"[\w+=,.@-]{1,64}")
AUDIENCE = "sts.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class OidcIssuer:
    """Who signs a cluster's service account tokens: `url` with its https://, `provider_arn` as IAM knows it."""

    provider_arn: pulumi.Input[str]
    url: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class WorkloadRoleArgs:
    """`statements` are those of an IAM policy, as in JSON; `permissions_boundary` is the ARN of a policy.

    `role_name` is unique in the account. `managed_policy_arns` are plain values: they decide which resources there are.
    """

    role_name: str
    issuer: OidcIssuer
    namespace: pulumi.Input[str]
    service_account: pulumi.Input[str]
    statements: Sequence[Mapping[str, Any]] = ()
    managed_policy_arns: Sequence[str] = ()
    permissions_boundary: pulumi.Input[str] | None = None


class WorkloadRole(pulumi.ComponentResource):
    """A role for the pods that run as one service account of one namespace of one cluster.

    The service account needs the annotation `eks.amazonaws.com/role-arn` with `arn`. Who the trust names is unknown
    in the preview that creates the cluster, what the role may do is not.
    """

    arn: pulumi.Output[str]
    name: pulumi.Output[str]

    def __init__(self, name: str, args: WorkloadRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:workloadRole:WorkloadRole", name, None, opts)
        _validate(name, args)
        child = pulumi.ResourceOptions(parent=self)
        role = iam.Role(
            name,
            name=args.role_name,
            assume_role_policy=_trust(args),
            permissions_boundary=args.permissions_boundary,
            tags=resource_tags(name),
            opts=child,
        )
        if args.statements:
            iam.RolePolicy(
                f"{name}-policy",
                name="workload",
                role=role.name,
                policy=pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(args.statements)}),
                opts=child,
            )
        for policy in args.managed_policy_arns:
            iam.RolePolicyAttachment(
                f"{name}-{policy.rsplit('/', 1)[-1]}", role=role.name, policy_arn=policy, opts=child
            )
        self.arn = role.arn
        self.name = role.name
        self.register_outputs({"arn": self.arn, "name": self.name})


def _trust(args: WorkloadRoleArgs) -> pulumi.Output[str]:
    """Who may take the role: equality on both claims, because a pattern on `sub` lets in what is named alike.

    https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
    """

    def statement(values: Mapping[str, str]) -> dict[str, Any]:
        issuer = values["url"].removeprefix("https://")
        return {
            "Effect": "Allow",
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": values["provider"]},
            "Condition": {
                "StringEquals": {
                    f"{issuer}:sub": f"system:serviceaccount:{values['namespace']}:{values['account']}",
                    f"{issuer}:aud": AUDIENCE,
                }
            },
        }

    known = pulumi.Output.all(
        url=args.issuer.url,
        provider=args.issuer.provider_arn,
        namespace=args.namespace,
        account=args.service_account,
    )
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [known.apply(statement)]})


def _validate(name: str, args: WorkloadRoleArgs) -> None:
    require(
        _ROLE_NAME.fullmatch(args.role_name) is not None,
        f"{name}.role_name",
        "1 to 64 letters, digits and characters of +=,.@-_",
        args.role_name,
    )
    require(
        bool(args.statements or args.managed_policy_arns),
        f"{name}.statements",
        "given, or managed_policy_arns, because a role without rights is of no use",
        list(args.statements),
    )
    for field, value in (("namespace", args.namespace), ("service_account", args.service_account)):
        if isinstance(value, str):
            # The trust compares for equality, so that a pattern would match nothing at all.
            require(value != "" and "*" not in value, f"{name}.{field}", "one name and no pattern", value)
