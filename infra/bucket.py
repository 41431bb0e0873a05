"""A private S3 bucket for data that must not get lost."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import s3

from infra.inputs import require
from infra.tags import resource_tags

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, without the dots that TLS cannot match.
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_ABORT_UPLOAD_DAYS = 7


@dataclass(frozen=True, kw_only=True)
class BucketArgs:
    """`retention_days` is how long replaced and deleted objects can be restored; `partition` is AWS's, as in ARNs.

    `key_arn` None means S3's own key, the only one with which S3 and load balancers deliver their access logs.
    `expire_days` deletes objects at that age, for logs. `statements` are added to the bucket's policy. `log_bucket`
    takes this one's access logs, under this one's name; its statements must have `access_log_statement`. With
    `disposable`, the bucket is deleted with all that is in it.
    """

    bucket_name: pulumi.Input[str]
    key_arn: pulumi.Input[str] | None
    retention_days: int
    expire_days: int | None = None
    statements: Sequence[Mapping[str, Any]] = ()
    log_bucket: "Bucket | None" = None
    disposable: bool = False
    partition: str = "aws"


class Bucket(pulumi.ComponentResource):
    """A bucket that is versioned, encrypted, closed to the public, and reached by TLS only.

    Unless it is disposable, it is never emptied by Pulumi: deleting a bucket that holds objects fails.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: BucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:bucket:Bucket", name, None, opts)
        require(args.retention_days >= 1, f"{name}.retention_days", "1 or more", args.retention_days)
        if args.expire_days is not None:
            require(args.expire_days >= 1, f"{name}.expire_days", "1 or more", args.expire_days)
        if isinstance(args.bucket_name, str):
            require(
                _BUCKET_NAME.fullmatch(args.bucket_name) is not None,
                f"{name}.bucket_name",
                "3 to 63 lower-case letters, digits and inner hyphens",
                args.bucket_name,
            )
        bucket = s3.Bucket(
            name,
            bucket=args.bucket_name,
            force_destroy=args.disposable,
            tags=resource_tags(name),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.name = bucket.bucket
        self.arn = bucket.arn
        self._encrypt(name, args, bucket)
        self._guard(name, args, bucket)
        self._keep_versions(name, args, bucket)
        if args.log_bucket is not None:
            s3.BucketLogging(
                f"{name}-logging",
                bucket=bucket.id,
                target_bucket=args.log_bucket.name,
                target_prefix=pulumi.Output.concat(args.bucket_name, "/"),
                # S3 asks whether it may write there, so the other bucket's policy comes first.
                opts=pulumi.ResourceOptions(parent=self, depends_on=[args.log_bucket]),
            )
        self.register_outputs({"name": self.name, "arn": self.arn})

    def _encrypt(self, name: str, args: BucketArgs, bucket: s3.Bucket) -> None:
        s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.id,
            rules=[
                s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                        sse_algorithm="AES256" if args.key_arn is None else "aws:kms", kms_master_key_id=args.key_arn
                    ),
                    # One request to KMS for many objects; without a key of KMS there is nothing to save.
                    bucket_key_enabled=args.key_arn is not None,
                )
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _guard(self, name: str, args: BucketArgs, bucket: s3.Bucket) -> None:
        child = pulumi.ResourceOptions(parent=self)
        s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=bucket.id,
            rule=s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=child,
        )
        public_access = s3.BucketPublicAccessBlock(
            f"{name}-public-access",
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.id,
            policy=_policy(args),
            # S3 answers with a conflict when both are changed at once.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[public_access]),
        )

    def _keep_versions(self, name: str, args: BucketArgs, bucket: s3.Bucket) -> None:
        versioning = s3.BucketVersioning(
            f"{name}-versioning",
            bucket=bucket.id,
            versioning_configuration=s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=pulumi.ResourceOptions(parent=self),
        )
        expiration = None
        if args.expire_days is not None:
            expiration = s3.BucketLifecycleConfigurationRuleExpirationArgs(days=args.expire_days)
        s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.id,
            rules=[
                s3.BucketLifecycleConfigurationRuleArgs(
                    id="old-versions",
                    status="Enabled",
                    filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    noncurrent_version_expiration=s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                        noncurrent_days=args.retention_days
                    ),
                    expiration=expiration,
                    abort_incomplete_multipart_upload=s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                        days_after_initiation=_ABORT_UPLOAD_DAYS
                    ),
                )
            ],
            # Rules on old versions are only accepted where there are versions.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )


def access_log_statement(bucket_name: str, account_id: str, partition: str = "aws") -> Mapping[str, Any]:
    """Lets S3 write access logs of the account's buckets into a bucket of that name.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    """
    return {
        "Sid": "AccessLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:{partition}:s3:::{bucket_name}/*",
        "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
    }


def _policy(args: BucketArgs) -> pulumi.Output[str]:
    """TLS only, and what the caller adds.

    From the chosen name and not from the bucket's ARN: so it can be read in the very first preview.
    """
    arn = pulumi.Output.concat(f"arn:{args.partition}:s3:::", args.bucket_name)
    tls_only = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "s3:*",
        "Resource": [arn, pulumi.Output.concat(arn, "/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [tls_only, *args.statements]})
