"""The role of a group of hosts: managed by SSM, its own secrets, and nothing of anybody else's."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi_aws import iam

from infra.tags import resource_tags


@dataclass(frozen=True, kw_only=True)
class HostRoleArgs:
    """`secrets` go by name to the ARN of a parameter or secret; `secret_key_arns` are of the keys that encrypt them.

    `group_name` names the role, the instance profile, and the Auto Scaling group whose hosts may report themselves set
    up; `log_group_name` is where they may write.
    """

    group_name: str
    region: str
    account_id: str
    log_group_name: str
    secrets: Mapping[str, str] = field(default_factory=dict)
    secret_key_arns: Sequence[pulumi.Input[str]] = ()
    permissions_boundary_arn: pulumi.Input[str] | None = None
    partition: str = "aws"


class HostRole(pulumi.ComponentResource):
    """A role for EC2 with its instance profile."""

    role_name: pulumi.Output[str]
    profile_name: pulumi.Output[str]

    def __init__(self, name: str, args: HostRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:hostRole:HostRole", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = iam.Role(
            name,
            name=args.group_name,
            description=f"Hosts of {args.group_name}",
            assume_role_policy=_trust(args),
            permissions_boundary=args.permissions_boundary_arn,
            tags=resource_tags(name),
            opts=child,
        )
        iam.RolePolicyAttachment(
            f"{name}-managed-host",
            role=role.name,
            policy_arn=f"arn:{args.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore",
            opts=child,
        )
        iam.RolePolicy(f"{name}-policy", name="host", role=role.name, policy=_permissions(args), opts=child)
        profile = iam.InstanceProfile(
            f"{name}-profile",
            name=args.group_name,
            role=role.name,
            tags=resource_tags(f"{name}-profile"),
            opts=child,
        )
        self.role_name = role.name
        self.profile_name = profile.name
        self.register_outputs({"roleName": self.role_name, "profileName": self.profile_name})


def _trust(args: HostRoleArgs) -> str:
    service = "ec2.amazonaws.com.cn" if args.partition == "aws-cn" else "ec2.amazonaws.com"
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _permissions(args: HostRoleArgs) -> pulumi.Output[str]:
    own = f"{args.region}:{args.account_id}"
    group = f"arn:{args.partition}:autoscaling:{own}:autoScalingGroup:*:autoScalingGroupName/{args.group_name}"
    logs = f"arn:{args.partition}:logs:{own}:log-group"
    log_group = f"{logs}:{args.log_group_name}"
    return pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                *_secrets(args),
                _allow("InService", ["autoscaling:CompleteLifecycleAction"], [group]),
                _allow(
                    "Log",
                    ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                    [log_group, f"{log_group}:*"],
                ),
                # A list can only be allowed as a whole.
                _allow("LogGroups", ["logs:DescribeLogGroups"], [f"{logs}:*"]),
            ],
        }
    )


def _secrets(args: HostRoleArgs) -> list[Mapping[str, Any]]:
    """The host's own secrets; AWS's policy for managed hosts allows every parameter of the account, hence the denial.

    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonSSMManagedInstanceCore.html
    """
    arns = sorted(set(args.secrets.values()))
    parameters = [arn for arn in arns if ":parameter/" in arn]
    # With the random ending that Secrets Manager adds, given or not.
    secrets = [arn for secret in arns if ":secretsmanager:" in secret for arn in (secret, f"{secret}-??????")]
    statements: list[Mapping[str, Any]] = [
        {
            "Sid": "NoOtherParameters",
            "Effect": "Deny",
            "Action": ["ssm:GetParameter", "ssm:GetParameterHistory", "ssm:GetParameters", "ssm:GetParametersByPath"],
            # AWS's own are public.
            "NotResource": [*parameters, f"arn:{args.partition}:ssm:*::parameter/aws/*"],
        }
    ]
    if parameters:
        statements.append(_allow("Parameters", ["ssm:GetParameter"], parameters))
    if secrets:
        statements.append(_allow("Secrets", ["secretsmanager:GetSecretValue"], secrets))
    if args.secret_key_arns:
        statements.append(_allow("SecretKeys", ["kms:Decrypt"], args.secret_key_arns))
    return statements


def _allow(sid: str, actions: Sequence[str], resources: Sequence[pulumi.Input[str]]) -> Mapping[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
