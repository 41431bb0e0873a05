"""What an account has once, whatever runs in it: settings that close what AWS leaves open, and a budget."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import budgets, ebs, ec2, iam, s3

from infra.inputs import require
from infra.tags import resource_tags

_ACCOUNT_ID = re.compile(r"[0-9]{12}")
# CIS AWS Foundations Benchmark 5.0, 1.7 and 1.8. Nobody should have a password here; whoever does has a long one.
# https://docs.aws.amazon.com/securityhub/latest/userguide/iam-controls.html (IAM.15, IAM.16)
_PASSWORD_LENGTH = 14
_PASSWORDS_REMEMBERED = 24
# Early, at the limit, and as soon as the month looks like getting there.
_NOTIFICATIONS = (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))
# A budget without a start begins in the month it is made in, and so each preview would show another one.
_BUDGET_START = "2026-01-01_00:00"


@dataclass(frozen=True, kw_only=True)
class AccountBaselineArgs:
    """`budget_usd` is a month's; who hears of it are `emails` and SNS topics whose policy admits `budgets`.

    The settings of EC2 hold for the provider's region alone: other regions need a baseline of their own, or to be
    closed by the organisation. `instance_defaults` False leaves out two of them, for an API that does not have them.
    """

    account_id: str
    budget_name: str
    budget_usd: int
    emails: Sequence[str] = ()
    topic_arns: Sequence[pulumi.Input[str]] = ()
    instance_defaults: bool = True


class AccountBaseline(pulumi.ComponentResource):
    """Password rules, no public buckets, encrypted volumes, private snapshots, IMDSv2, and a monthly budget.

    One component for an account (and region); the settings are the account's own, so a second one would overwrite them.
    A budget only reports, hours late; it stops nothing.
    """

    budget_name: pulumi.Output[str]

    def __init__(self, name: str, args: AccountBaselineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:accountBaseline:AccountBaseline", name, None, opts)
        _validate(name, args)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        iam.AccountPasswordPolicy(
            f"{name}-passwords",
            minimum_password_length=_PASSWORD_LENGTH,
            password_reuse_prevention=_PASSWORDS_REMEMBERED,
            require_lowercase_characters=True,
            require_uppercase_characters=True,
            require_numbers=True,
            require_symbols=True,
            allow_users_to_change_password=True,
            opts=self._child,
        )
        # Above every bucket's own setting, also of buckets that nobody has declared.
        s3.AccountPublicAccessBlock(
            f"{name}-buckets",
            account_id=args.account_id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._child,
        )
        ebs.EncryptionByDefault(f"{name}-volumes", enabled=True, opts=self._child)
        if args.instance_defaults:
            self._instance_defaults()
        self.budget_name = self._budget().name
        self.register_outputs({"budgetName": self.budget_name})

    def _instance_defaults(self) -> None:
        ebs.SnapshotBlockPublicAccess(f"{self._name}-snapshots", state="block-all-sharing", opts=self._child)
        # A token for each request to the metadata service, and none for what sits one hop further, such as a pod.
        # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-IMDS-new-instances.html
        ec2.InstanceMetadataDefaults(
            f"{self._name}-instance-metadata",
            http_endpoint="enabled",
            http_tokens="required",
            http_put_response_hop_limit=1,
            opts=self._child,
        )

    def _budget(self) -> budgets.Budget:
        args = self._args
        notifications = [
            budgets.BudgetNotificationArgs(
                notification_type=kind,
                comparison_operator="GREATER_THAN",
                threshold=percent,
                threshold_type="PERCENTAGE",
                subscriber_email_addresses=list(args.emails),
                subscriber_sns_topic_arns=list(args.topic_arns),
            )
            for kind, percent in _NOTIFICATIONS
        ]
        return budgets.Budget(
            f"{self._name}-budget",
            name=args.budget_name,
            account_id=args.account_id,
            budget_type="COST",
            time_unit="MONTHLY",
            time_period_start=_BUDGET_START,
            limit_amount=str(args.budget_usd),
            limit_unit="USD",
            notifications=notifications if args.emails or args.topic_arns else [],
            tags=resource_tags(f"{self._name}-budget"),
            opts=self._child,
        )


def _validate(name: str, args: AccountBaselineArgs) -> None:
    require(_ACCOUNT_ID.fullmatch(args.account_id) is not None, f"{name}.account_id", "12 digits", args.account_id)
    require(args.budget_usd >= 1, f"{name}.budget_usd", "1 or more", args.budget_usd)
    # https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Budget.html
    require(
        0 < len(args.budget_name) <= 100 and not set(args.budget_name) & set(":\\"),
        f"{name}.budget_name",
        "1 to 100 characters without : and \\",
        args.budget_name,
    )
    require(all("@" in address for address in args.emails), f"{name}.emails", "e-mail addresses", list(args.emails))
