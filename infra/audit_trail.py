"""Who did what in the account: a CloudTrail trail, kept where its subjects cannot alter it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import cloudtrail, cloudwatch, iam

from infra.bucket import Bucket, BucketArgs
from infra.inputs import require
from infra.log_retention import require_retention
from infra.tags import resource_tags

# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-trail-naming-requirements.html
_TRAIL_NAME = re.compile(r"(?=.{3,128}$)[A-Za-z0-9]+([._-][A-Za-z0-9]+)*")
_ACCOUNT_ID = re.compile(r"[0-9]{12}")
# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-insights-events-with-cloudtrail.html
_INSIGHTS = ("ApiCallRateInsight", "ApiErrorRateInsight")


@dataclass(frozen=True, kw_only=True)
class AuditTrailArgs:
    """Names, and how long events are kept, in days: `archive_days` in the bucket, `search_days` in the log group.

    The policy of the key must admit `cloudtrail` and `logs`. `permissions_boundary` is the ARN of the policy that
    limits the role, where every role needs one. `insights` are billed by the number of events.
    """

    trail_name: str
    bucket_name: str
    log_group_name: str
    role_name: str
    key_arn: pulumi.Input[str]
    account_id: str
    region: str
    archive_days: int
    search_days: int
    insights: bool = True
    permissions_boundary: pulumi.Input[str] | None = None
    partition: str = "aws"


class AuditTrail(pulumi.ComponentResource):
    """One trail for all regions with the management events of the account, in its own bucket and in a log group.

    Log files are signed by CloudTrail in digests, so that a missing or altered one is found (`aws cloudtrail
    validate-logs`). The log group is what alarms read; the bucket is what lasts. Data events are left out: they cost by
    the request, and the buckets' access logs have them.
    """

    arn: pulumi.Output[str]
    bucket_name: pulumi.Output[str]
    log_group_name: pulumi.Output[str]

    def __init__(self, name: str, args: AuditTrailArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:auditTrail:AuditTrail", name, None, opts)
        _validate(name, args)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self._trail_arn = f"arn:{args.partition}:cloudtrail:{args.region}:{args.account_id}:trail/{args.trail_name}"
        self._log_group_arn = (
            f"arn:{args.partition}:logs:{args.region}:{args.account_id}:log-group:{args.log_group_name}"
        )
        bucket = Bucket(
            f"{name}-bucket",
            BucketArgs(
                bucket_name=args.bucket_name,
                key_arn=args.key_arn,
                # A version that was replaced or deleted is evidence; it stays as long as what it belonged to.
                retention_days=args.archive_days,
                expire_days=args.archive_days,
                statements=self._delivery(),
                partition=args.partition,
            ),
            self._child,
        )
        log_group = cloudwatch.LogGroup(
            f"{name}-log-group",
            name=args.log_group_name,
            kms_key_id=args.key_arn,
            retention_in_days=args.search_days,
            tags=resource_tags(f"{name}-log-group"),
            opts=self._child,
        )
        role, may_write = self._role()
        trail = cloudtrail.Trail(
            name,
            name=args.trail_name,
            s3_bucket_name=args.bucket_name,
            kms_key_id=args.key_arn,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            cloud_watch_logs_group_arn=f"{self._log_group_arn}:*",
            cloud_watch_logs_role_arn=role.arn,
            event_selectors=[cloudtrail.TrailEventSelectorArgs(include_management_events=True, read_write_type="All")],
            insight_selectors=[
                cloudtrail.TrailInsightSelectorArgs(insight_type=kind) for kind in (_INSIGHTS if args.insights else ())
            ],
            tags=resource_tags(name),
            # CloudTrail tries both deliveries when a trail is created, and refuses it if one fails.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[bucket, log_group, may_write]),
        )
        self.arn = trail.arn
        self.bucket_name = bucket.name
        self.log_group_name = log_group.name
        self.register_outputs({"arn": self.arn, "bucketName": self.bucket_name, "logGroupName": self.log_group_name})

    def _delivery(self) -> Sequence[Mapping[str, Any]]:
        """What CloudTrail needs to deliver, for this trail only.

        https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
        """
        bucket = f"arn:{self._args.partition}:s3:::{self._args.bucket_name}"
        service = {"Service": "cloudtrail.amazonaws.com"}
        this_trail = {"aws:SourceArn": self._trail_arn}
        return (
            {
                "Sid": "TrailAsksForTheAcl",
                "Effect": "Allow",
                "Principal": service,
                "Action": "s3:GetBucketAcl",
                "Resource": bucket,
                "Condition": {"StringEquals": this_trail},
            },
            {
                "Sid": "TrailDelivers",
                "Effect": "Allow",
                "Principal": service,
                "Action": "s3:PutObject",
                "Resource": f"{bucket}/AWSLogs/{self._args.account_id}/*",
                "Condition": {"StringEquals": {**this_trail, "s3:x-amz-acl": "bucket-owner-full-control"}},
            },
        )

    def _role(self) -> tuple[iam.Role, iam.RolePolicy]:
        """The role with which CloudTrail writes to the log group, and nowhere else.

        https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-required-policy-for-cloudwatch-logs.html
        """
        role = iam.Role(
            f"{self._name}-role",
            name=self._args.role_name,
            description="Lets CloudTrail write to its log group",
            permissions_boundary=self._args.permissions_boundary,
            assume_role_policy=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "cloudtrail.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                            "Condition": {"StringEquals": {"aws:SourceArn": self._trail_arn}},
                        }
                    ],
                }
            ),
            tags=resource_tags(f"{self._name}-role"),
            opts=self._child,
        )
        streams = f"{self._log_group_arn}:log-stream:{self._args.account_id}_CloudTrail_{self._args.region}*"
        may_write = iam.RolePolicy(
            f"{self._name}-role-policy",
            name="write-to-the-log-group",
            role=role.name,
            policy=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                            "Resource": streams,
                        }
                    ],
                }
            ),
            opts=self._child,
        )
        return role, may_write


def _validate(name: str, args: AuditTrailArgs) -> None:
    require(
        _TRAIL_NAME.fullmatch(args.trail_name) is not None,
        f"{name}.trail_name",
        "3 to 128 letters and digits, with single inner dots, hyphens and underscores",
        args.trail_name,
    )
    require(_ACCOUNT_ID.fullmatch(args.account_id) is not None, f"{name}.account_id", "12 digits", args.account_id)
    require_retention(args.search_days, f"{name}.search_days")
    # PCI DSS 10.5.1 asks for a year; less would be gone before many break-ins are found.
    require(args.archive_days >= 365, f"{name}.archive_days", "365 or more", args.archive_days)
