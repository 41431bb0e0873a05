"""A KMS key that encrypts data at rest."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import kms

from infra.inputs import require
from infra.tags import resource_tags

_ACCOUNT_ID = re.compile(r"[0-9]{12}")
# What a publisher to an encrypted topic or queue needs:
# https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
_PUBLISH = ("kms:Decrypt", "kms:GenerateDataKey*")
_ACTIONS: Mapping[str, Sequence[str]] = {
    "budgets": _PUBLISH,
    # Decrypt, because a bucket key is used: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html
    "cloudtrail": ("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*"),
    "cloudwatch": _PUBLISH,
    # What whoever starts instances does with a key, as with AWS's own key for volumes. Auto Scaling starts them under a
    # role of its own, which has no policy that names this key.
    # https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html
    "ec2": (
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey*",
        "kms:ReEncrypt*",
    ),
    "events": _PUBLISH,
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    "logs": ("kms:Decrypt", "kms:Describe*", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"),
    "s3": _PUBLISH,
    "sns": _PUBLISH,
}


@dataclass(frozen=True, kw_only=True)
class EncryptionKeyArgs:
    """`alias` is without its `alias/`; `deletion_days` (7 to 30, AWS's limits) is how long a deletion can be undone.

    `services` may use the key themselves, for `account_id` only: `logs`, `cloudtrail`, `cloudwatch` (alarms that go to
    an encrypted topic), `events`, `budgets`, `s3` and `sns`; `ec2` lets Auto Scaling groups start instances with
    encrypted disks. Services that act for a caller, such as RDS, ECR and Secrets Manager, need no entry: the caller's
    permission is enough. `partition` is AWS's, as in ARNs.
    """

    account_id: str
    region: str
    alias: pulumi.Input[str]
    description: pulumi.Input[str]
    deletion_days: int
    services: Sequence[str] = ()
    partition: str = "aws"


class EncryptionKey(pulumi.ComponentResource):
    """A symmetric key with yearly rotation, an alias, and a policy that names the services that may use it.

    Who else may use or manage the key is decided by IAM in its account.
    """

    arn: pulumi.Output[str]
    alias: pulumi.Output[str]

    def __init__(self, name: str, args: EncryptionKeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:encryptionKey:EncryptionKey", name, None, opts)
        _validate(name, args)
        child = pulumi.ResourceOptions(parent=self)
        key = kms.Key(
            name,
            description=args.description,
            enable_key_rotation=True,
            deletion_window_in_days=args.deletion_days,
            policy=_policy(args),
            tags=resource_tags(name),
            opts=child,
        )
        alias = kms.Alias(
            f"{name}-alias", name=pulumi.Output.concat("alias/", args.alias), target_key_id=key.key_id, opts=child
        )
        self.arn = key.arn
        self.alias = alias.name
        self.register_outputs({"arn": self.arn, "alias": self.alias})


def _policy(args: EncryptionKeyArgs) -> str:
    """The account first: a key whose policy leaves it out can be managed by nobody, and only AWS's support can help.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    account = {
        "Sid": "Account",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{args.partition}:iam::{args.account_id}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [account, *(_statement(args, service) for service in args.services)]}
    )


def _statement(args: EncryptionKeyArgs, service: str) -> dict[str, object]:
    principal = {"Service": f"{service}.amazonaws.com"}
    own = f"{args.region}:{args.account_id}"
    # Without a condition, the service could be told by somebody else's account to use the key.
    condition: dict[str, object] = {"StringEquals": {"aws:SourceAccount": args.account_id}}
    if service == "logs":
        # CloudWatch Logs has a principal in each region, and names the log group instead of the account.
        principal = {"Service": f"logs.{args.region}.amazonaws.com"}
        groups = f"arn:{args.partition}:logs:{own}:log-group:*"
        condition = {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}}
    elif service == "cloudtrail":
        condition = {"ArnLike": {"aws:SourceArn": f"arn:{args.partition}:cloudtrail:{own}:trail/*"}}
    elif service == "ec2":
        # No service of its own, but any principal of the account, by way of EC2 alone.
        principal = {"AWS": "*"}
        via = f"ec2.{args.region}.amazonaws.com"
        condition = {"StringEquals": {"kms:CallerAccount": args.account_id, "kms:ViaService": via}}
    return {
        "Sid": f"Service{service.capitalize()}",
        "Effect": "Allow",
        "Principal": principal,
        "Action": list(_ACTIONS[service]),
        "Resource": "*",
        "Condition": condition,
    }


def _validate(name: str, args: EncryptionKeyArgs) -> None:
    require(7 <= args.deletion_days <= 30, f"{name}.deletion_days", "from 7 to 30", args.deletion_days)
    require(
        _ACCOUNT_ID.fullmatch(args.account_id) is not None, f"{name}.account_id", "12 digits, as text", args.account_id
    )
    require(
        set(args.services) <= set(_ACTIONS) and len(set(args.services)) == len(args.services),
        f"{name}.services",
        f"different ones out of {', '.join(_ACTIONS)}",
        list(args.services),
    )
    if isinstance(args.alias, str):
        require(not args.alias.startswith("alias/"), f"{name}.alias", "without its alias/", args.alias)
