"""Which numbers mean that something is wrong: alarms as values, for the things an environment has.

Every figure is a first one; an environment that knows better passes its own. What a metric means is AWS's to say, and
each function cites where.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

import pulumi

_GIBIBYTE = 1024**3
Dimensions = Mapping[str, pulumi.Input[str]]


class Missing(Enum):
    """What a period without a value means, as CloudWatch spells it."""

    FINE = "notBreaching"
    """For counters of bad events, which AWS sends only when there are some: silence is good news."""
    BAD = "breaching"
    """For the sign of life of a thing that must be there: silence is what the alarm is for."""
    UNKNOWN = "missing"
    """For gauges of a thing that may be stopped: the alarm says "insufficient data", and nobody is woken."""


class Comparison(Enum):
    """How a value is compared with the threshold."""

    ABOVE = "GreaterThanThreshold"
    BELOW = "LessThanThreshold"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric of CloudWatch; `dimensions` say of which thing."""

    namespace: str
    metric: str
    statistic: str
    dimensions: Dimensions = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """Goes off when `bad` of the last `periods` periods of `period_seconds` are on the wrong side of `threshold`.

    `name` is unique in its environment; `description` is for whoever is woken: what is wrong, and where to look.
    """

    name: str
    description: str
    of: Metric
    comparison: Comparison
    threshold: float
    missing: Missing
    period_seconds: int = 300
    periods: int = 3
    bad: int = 3


@dataclass(frozen=True, kw_only=True)
class LogAlarm:
    """Goes off at the first log line that matches a filter pattern; the pattern's syntax is that of CloudWatch Logs."""

    name: str
    description: str
    log_group_name: pulumi.Input[str]
    pattern: str


def database_alarms(
    name: str, identifier: pulumi.Input[str], *, storage_gib: int, most_connections: int
) -> Sequence[Alarm]:
    """CPU, storage and connections of an RDS instance; `storage_gib` is what was allocated.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html
    """

    def of(metric: str) -> Metric:
        return Metric(
            namespace="AWS/RDS", metric=metric, statistic="Average", dimensions={"DBInstanceIdentifier": identifier}
        )

    return (
        Alarm(
            name=f"{name}-cpu",
            description="The database has been busy for a quarter of an hour. Look for slow queries in its insights.",
            of=of("CPUUtilization"),
            comparison=Comparison.ABOVE,
            threshold=80,
            missing=Missing.UNKNOWN,
        ),
        Alarm(
            name=f"{name}-storage",
            description="The database has less than a tenth of its storage left. At none it stops. Allocate more.",
            of=of("FreeStorageSpace"),
            comparison=Comparison.BELOW,
            threshold=storage_gib * _GIBIBYTE / 10,
            missing=Missing.UNKNOWN,
        ),
        Alarm(
            name=f"{name}-connections",
            description="The database is near its most connections. Look for clients that do not give them back.",
            of=of("DatabaseConnections"),
            comparison=Comparison.ABOVE,
            threshold=most_connections * 0.8,
            missing=Missing.UNKNOWN,
        ),
    )


def nat_alarms(name: str, gateway_id: pulumi.Input[str]) -> Sequence[Alarm]:
    """A NAT gateway that turns connections away, because one destination has taken all ports.

    https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html
    """
    return (
        Alarm(
            name=f"{name}-ports",
            description="The NAT gateway is out of ports: connections to one destination fail. Add an address to it.",
            of=Metric(
                namespace="AWS/NATGateway",
                metric="ErrorPortAllocation",
                statistic="Sum",
                dimensions={"NatGatewayId": gateway_id},
            ),
            comparison=Comparison.ABOVE,
            threshold=0,
            missing=Missing.FINE,
        ),
    )


def node_alarms(name: str, group_name: pulumi.Input[str], *, fewest: int) -> Sequence[Alarm]:
    """An Auto Scaling group with fewer machines in service than it must have; its group metrics must be switched on.

    EKS does that for its node groups. https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html
    """
    return (
        Alarm(
            name=f"{name}-in-service",
            description="Fewer machines are in service than the group's minimum. Look at the group's activities.",
            of=Metric(
                namespace="AWS/AutoScaling",
                metric="GroupInServiceInstances",
                statistic="Minimum",
                dimensions={"AutoScalingGroupName": group_name},
            ),
            comparison=Comparison.BELOW,
            threshold=fewest,
            missing=Missing.BAD,
        ),
    )


def cluster_alarms(name: str, cluster_name: pulumi.Input[str]) -> Sequence[Alarm]:
    """An EKS cluster whose API fails, or whose pods find no room; these metrics are valid as sums only.

    https://docs.aws.amazon.com/eks/latest/userguide/cloudwatch.html
    """

    def of(metric: str) -> Metric:
        return Metric(namespace="AWS/EKS", metric=metric, statistic="Sum", dimensions={"ClusterName": cluster_name})

    return (
        Alarm(
            name=f"{name}-api-errors",
            description="The Kubernetes API answers with errors of its own. Look at admission webhooks first.",
            of=of("apiserver_request_total_5XX"),
            comparison=Comparison.ABOVE,
            threshold=50,
            missing=Missing.FINE,
        ),
        Alarm(
            name=f"{name}-unschedulable",
            description="Pods have been waiting for a node for a quarter of an hour. Look at kubectl get events.",
            of=of("scheduler_pending_pods_UNSCHEDULABLE"),
            comparison=Comparison.ABOVE,
            threshold=0,
            missing=Missing.FINE,
        ),
    )


def load_balancer_alarms(name: str, arn_suffix: pulumi.Input[str]) -> Sequence[Alarm]:
    """An Application Load Balancer whose callers see errors, its own or its targets'.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    """

    def of(metric: str) -> Metric:
        return Metric(
            namespace="AWS/ApplicationELB", metric=metric, statistic="Sum", dimensions={"LoadBalancer": arn_suffix}
        )

    return (
        Alarm(
            name=f"{name}-no-target",
            description="The load balancer itself answers with 5xx: no healthy target. Look at the targets' health.",
            of=of("HTTPCode_ELB_5XX_Count"),
            comparison=Comparison.ABOVE,
            threshold=10,
            missing=Missing.FINE,
            period_seconds=60,
        ),
        Alarm(
            name=f"{name}-target-errors",
            description="The service answers with 5xx. Look at its logs, and at what was released last.",
            of=of("HTTPCode_Target_5XX_Count"),
            comparison=Comparison.ABOVE,
            threshold=10,
            missing=Missing.FINE,
            period_seconds=60,
        ),
    )


def queue_alarms(
    name: str, queue_name: pulumi.Input[str], dead_letter_name: pulumi.Input[str], *, oldest_seconds: int
) -> Sequence[Alarm]:
    """An SQS queue that is not worked off, or that holds messages nobody could work off.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    """
    return (
        Alarm(
            name=f"{name}-age",
            description="The oldest message has been waiting too long. Look whether the workers run.",
            of=Metric(
                namespace="AWS/SQS",
                metric="ApproximateAgeOfOldestMessage",
                statistic="Maximum",
                dimensions={"QueueName": queue_name},
            ),
            comparison=Comparison.ABOVE,
            threshold=oldest_seconds,
            missing=Missing.FINE,
        ),
        Alarm(
            name=f"{name}-dead-letters",
            description="A message failed each time it was tried. Read it, mend the cause, and move it back.",
            of=Metric(
                namespace="AWS/SQS",
                metric="ApproximateNumberOfMessagesVisible",
                statistic="Maximum",
                dimensions={"QueueName": dead_letter_name},
            ),
            comparison=Comparison.ABOVE,
            threshold=0,
            missing=Missing.FINE,
            periods=1,
            bad=1,
        ),
    )


def audit_alarms(log_group_name: pulumi.Input[str]) -> Sequence[LogAlarm]:
    """What nobody does in an account that is run by pull request, out of the audit trail's log group.

    https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html has these patterns, and more.
    """
    patterns = {
        "root-used": (
            "Somebody works as the root user. If it is not known who and why, treat it as a break-in.",
            '{$.userIdentity.type="Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType !="AwsServiceEvent"}',
        ),
        "login-without-mfa": (
            "Somebody logged in to the console with a password alone.",
            '{$.eventName="ConsoleLogin" && $.additionalEventData.MFAUsed !="Yes" && '
            '$.userIdentity.type="IAMUser" && $.responseElements.ConsoleLogin="Success"}',
        ),
        "trail-changed": (
            "The audit trail was changed or stopped. Nobody does that by the pipeline.",
            "{($.eventName=CreateTrail) || ($.eventName=UpdateTrail) || ($.eventName=DeleteTrail) || "
            "($.eventName=StopLogging) || ($.eventName=PutEventSelectors)}",
        ),
        "key-disabled": (
            "A key was disabled or is going to be deleted; what it encrypts goes with it. A deletion can be cancelled.",
            "{($.eventSource=kms.amazonaws.com) && (($.eventName=DisableKey) || ($.eventName=ScheduleKeyDeletion))}",
        ),
        "boundary-tried": (
            "Somebody tried to take a permissions boundary away.",
            "{($.eventName=DeleteRolePermissionsBoundary) || ($.eventName=DeleteUserPermissionsBoundary)}",
        ),
    }
    return tuple(
        LogAlarm(name=name, description=description, log_group_name=log_group_name, pattern=pattern)
        for name, (description, pattern) in patterns.items()
    )
