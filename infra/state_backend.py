"""Where Pulumi's state is kept: a bucket and a key that outlive whatever they describe."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import kms

from infra.bucket import Bucket, BucketArgs
from infra.inputs import require
from infra.tags import resource_tags

_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_ROLE_ARN = re.compile(r"arn:[a-z-]+:iam::[0-9]{12}:role/.+")
_ANY_ROLE = re.compile(r".*:role/[*/]*")
# Lost with its key, a state cannot be read again; AWS's longest wait is the only way back.
_KEY_DELETION_DAYS = 30

_ADMINISTER = (
    "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey", "kms:Enable*",
    "kms:Get*", "kms:List*", "kms:PutKeyPolicy", "kms:RotateKeyOnDemand", "kms:ScheduleKeyDeletion", "kms:TagResource",
    "kms:UntagResource", "kms:Update*",
)  # fmt: skip
_WRITE = ("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject*")
_ADMINISTER_BUCKET = (
    "s3:BypassGovernanceRetention", "s3:DeleteBucket*", "s3:DeleteObjectVersion*", "s3:PutAccelerateConfiguration",
    "s3:PutBucket*", "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration", "s3:PutReplicationConfiguration",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class StateBackendArgs:
    """Roles are given as ARNs: `administrators` may have `*` in the name (as single sign-on needs), the others not.

    `writers` apply, `readers` preview; they need not exist yet. `administrators` are who applies this component and who
    comes when all else fails: **without the role that runs Pulumi among them, the first run locks itself out**.
    `alias` is without its `alias/`. `retention_days` is how long an overwritten or deleted state can be brought back.
    """

    bucket_name: str
    alias: str
    account_id: str
    region: str
    administrators: Sequence[str]
    writers: Sequence[str]
    readers: Sequence[str]
    retention_days: int = 90
    partition: str = "aws"


class StateBackend(pulumi.ComponentResource):
    """A versioned bucket and a key that only the named roles reach, whatever IAM allows to others.

    Being in the lists is needed and not enough: each role also needs its own policy, which says which stacks' state it
    may touch. Writers can overwrite a state, but no version of it can be deleted, and neither versioning, lifecycle nor
    policy be changed, by anybody but administrators. The account's root user is never shut out, so that a wrong list
    can be corrected.

    Two ways of making versions undeletable were left out. Object Lock: a state may have to be erased, because a secret
    got into it in plain text. MFA delete: only the root user can set it, with long-lived keys, and it forbids the
    lifecycle rule that ends old versions.
    """

    bucket_name: pulumi.Output[str]
    bucket_arn: pulumi.Output[str]
    key_arn: pulumi.Output[str]
    url: str
    secrets_provider: str

    def __init__(self, name: str, args: StateBackendArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:stateBackend:StateBackend", name, None, opts)
        _validate(name, args)
        child = pulumi.ResourceOptions(parent=self)
        key = kms.Key(
            f"{name}-key",
            description=f"Encrypts the Pulumi state in {args.bucket_name}, and the stacks' secrets",
            enable_key_rotation=True,
            deletion_window_in_days=_KEY_DELETION_DAYS,
            policy=_key_policy(args),
            tags=resource_tags(f"{name}-key"),
            opts=child,
        )
        kms.Alias(f"{name}-key-alias", name=f"alias/{args.alias}", target_key_id=key.key_id, opts=child)
        bucket = Bucket(
            f"{name}-bucket",
            BucketArgs(
                bucket_name=args.bucket_name,
                key_arn=key.arn,
                retention_days=args.retention_days,
                statements=_bucket_statements(args),
                partition=args.partition,
            ),
            child,
        )
        self.bucket_name = bucket.name
        self.bucket_arn = bucket.arn
        self.key_arn = key.arn
        self.url = f"s3://{args.bucket_name}?region={args.region}"
        self.secrets_provider = f"awskms:///alias/{args.alias}?region={args.region}&context_environment="
        self.register_outputs(
            {
                "bucketName": self.bucket_name,
                "bucketArn": self.bucket_arn,
                "keyArn": self.key_arn,
                "url": self.url,
                "secretsProvider": self.secrets_provider,
            }
        )


def _root(args: StateBackendArgs) -> str:
    return f"arn:{args.partition}:iam::{args.account_id}:root"


def _key_policy(args: StateBackendArgs) -> str:
    """The account may, if it is one of these roles: a role can then be named before it exists, and by a pattern.

    Without the usual statement that lets IAM decide, a policy with `kms:*` somewhere else opens nothing here.
    """

    def only(sid: str, actions: Sequence[str], *principals: str) -> Mapping[str, Any]:
        return {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {"AWS": _root(args)},
            "Action": list(actions),
            "Resource": "*",
            "Condition": {"ArnLike": {"aws:PrincipalArn": list(principals)}},
        }

    encrypt = ("kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")
    administrators = (*args.administrators, _root(args))
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                only("Administer", _ADMINISTER, *administrators),
                only("Encrypt", encrypt, *args.administrators, *args.writers),
                only("Decrypt", ("kms:Decrypt",), *args.administrators, *args.writers, *args.readers),
                only("Look", ("kms:DescribeKey",), *args.writers, *args.readers),
            ],
        }
    )


def _bucket_statements(args: StateBackendArgs) -> Sequence[Mapping[str, Any]]:
    bucket = f"arn:{args.partition}:s3:::{args.bucket_name}"

    def only(sid: str, actions: Sequence[str], *principals: str) -> Mapping[str, Any]:
        return {
            "Sid": sid,
            "Effect": "Deny",
            "Principal": "*",
            "Action": list(actions),
            "Resource": [bucket, f"{bucket}/*"],
            "Condition": {"ArnNotLike": {"aws:PrincipalArn": [*principals, _root(args)]}},
        }

    return (
        only("NamedRolesReach", ("s3:*",), *args.administrators, *args.writers, *args.readers),
        only("WritersWrite", _WRITE, *args.administrators, *args.writers),
        only("AdministratorsAdminister", _ADMINISTER_BUCKET, *args.administrators),
    )


def _validate(name: str, args: StateBackendArgs) -> None:
    require(_ACCOUNT_ID.fullmatch(args.account_id) is not None, f"{name}.account_id", "12 digits", args.account_id)
    require(not args.alias.startswith("alias/"), f"{name}.alias", "without its alias/", args.alias)
    # A mistake is often found at the end of a month, and a state that is needed again is older than that.
    require(args.retention_days >= 30, f"{name}.retention_days", "30 or more", args.retention_days)
    require(len(args.administrators) > 0, f"{name}.administrators", "at least one role", list(args.administrators))
    for subject, arns in (
        ("administrators", args.administrators),
        ("writers", args.writers),
        ("readers", args.readers),
    ):
        bad = [arn for arn in arns if not _ROLE_ARN.fullmatch(arn) or _ANY_ROLE.fullmatch(arn)]
        require(not bad, f"{name}.{subject}", "ARNs of roles, not of all roles", bad)
    for subject, arns in (("writers", args.writers), ("readers", args.readers)):
        require(not any(set(arn) & set("*?") for arn in arns), f"{name}.{subject}", "without wildcards", list(arns))
