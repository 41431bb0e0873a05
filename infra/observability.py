"""Who is told when something is wrong, and where to look: topic, logs, alarms and a dashboard of one environment."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi_aws import cloudwatch, sns

from infra.alarms import Alarm, Comparison, LogAlarm, Metric, Missing
from infra.inputs import require
from infra.log_retention import require_retention
from infra.tags import resource_tags

_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
# A dashboard is 24 units wide: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
_WIDTH, _COLUMNS, _HEIGHT = 24, 3, 6


@dataclass(frozen=True, kw_only=True)
class ObservabilityArgs:
    """`name_prefix` starts every name; `emails` are told, once each has confirmed the mail that AWS sends it first.

    The key's policy must admit `cloudwatch`, `budgets` and `logs`. `log_groups` are short names to log group names.
    `alarms` and `log_alarms` come from infra/alarms.py, made where the things they watch are made.
    """

    name_prefix: str
    key_arn: pulumi.Input[str]
    account_id: str
    region: str
    emails: Sequence[str] = ()
    log_groups: Mapping[str, str] = field(default_factory=dict)
    log_days: int = 30
    alarms: Sequence[Alarm] = ()
    log_alarms: Sequence[LogAlarm] = ()
    partition: str = "aws"


class Observability(pulumi.ComponentResource):
    """A topic that alarms and budgets publish to, log groups, alarms on it, and a dashboard that shows what they watch.

    An alarm tells when it goes off and when it is over. What silence means is each alarm's own, see `Missing`.
    """

    topic_arn: pulumi.Output[str]
    log_group_names: pulumi.Output[dict[str, str]]
    dashboard_name: pulumi.Output[str]

    def __init__(self, name: str, args: ObservabilityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:observability:Observability", name, None, opts)
        _validate(name, args)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self.topic_arn = self._topic().arn
        groups = {short: self._log_group(short, full) for short, full in args.log_groups.items()}
        from_logs = [self._counted(alarm) for alarm in args.log_alarms]
        alarms = [*args.alarms, *from_logs]
        for alarm in alarms:
            self._alarm(alarm)
        dashboard = cloudwatch.Dashboard(
            f"{name}-dashboard",
            dashboard_name=args.name_prefix,
            dashboard_body=self._dashboard(alarms),
            opts=self._child,
        )
        self.log_group_names = pulumi.Output.all(**{short: group.name for short, group in groups.items()}).apply(dict)
        self.dashboard_name = dashboard.dashboard_name
        self.register_outputs(
            {
                "topicArn": self.topic_arn,
                "logGroupNames": self.log_group_names,
                "dashboardName": self.dashboard_name,
            }
        )

    def _topic(self) -> sns.Topic:
        args = self._args
        topic = sns.Topic(
            f"{self._name}-topic",
            name=f"{args.name_prefix}-alarms",
            kms_master_key_id=args.key_arn,
            tags=resource_tags(f"{self._name}-topic"),
            opts=self._child,
        )
        arn = f"arn:{args.partition}:sns:{args.region}:{args.account_id}:{args.name_prefix}-alarms"
        sns.TopicPolicy(
            f"{self._name}-topic-policy",
            arn=topic.arn,
            policy=pulumi.Output.json_dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        # https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html
                        {
                            "Sid": "ServicesPublish",
                            "Effect": "Allow",
                            "Principal": {"Service": ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"]},
                            "Action": "sns:Publish",
                            "Resource": arn,
                            "Condition": {"StringEquals": {"aws:SourceAccount": args.account_id}},
                        },
                        {
                            "Sid": "TlsOnly",
                            "Effect": "Deny",
                            "Principal": "*",
                            "Action": "sns:Publish",
                            "Resource": arn,
                            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                        },
                    ],
                }
            ),
            opts=self._child,
        )
        for address in args.emails:
            sns.TopicSubscription(
                f"{self._name}-{_slug(address)}",
                topic=topic.arn,
                protocol="email",
                endpoint=address,
                opts=self._child,
            )
        return topic

    def _log_group(self, short: str, full: str) -> cloudwatch.LogGroup:
        return cloudwatch.LogGroup(
            f"{self._name}-{short}-logs",
            name=full,
            kms_key_id=self._args.key_arn,
            retention_in_days=self._args.log_days,
            tags=resource_tags(f"{self._name}-{short}-logs"),
            opts=self._child,
        )

    def _counted(self, alarm: LogAlarm) -> Alarm:
        """A filter that counts the lines, and the alarm on its count; without lines there is no value."""
        metric = Metric(namespace=f"{self._args.name_prefix}/logs", metric=alarm.name, statistic="Sum")
        cloudwatch.LogMetricFilter(
            f"{self._name}-{alarm.name}-filter",
            name=f"{self._args.name_prefix}-{alarm.name}",
            log_group_name=alarm.log_group_name,
            pattern=alarm.pattern,
            metric_transformation=cloudwatch.LogMetricFilterMetricTransformationArgs(
                name=metric.metric, namespace=metric.namespace, value="1"
            ),
            opts=self._child,
        )
        return Alarm(
            name=alarm.name,
            description=alarm.description,
            of=metric,
            comparison=Comparison.ABOVE,
            threshold=0,
            missing=Missing.FINE,
            periods=1,
            bad=1,
        )

    def _alarm(self, alarm: Alarm) -> None:
        name = f"{self._name}-{alarm.name}"
        cloudwatch.MetricAlarm(
            name,
            name=self._alarm_name(alarm),
            alarm_description=alarm.description,
            namespace=alarm.of.namespace,
            metric_name=alarm.of.metric,
            statistic=alarm.of.statistic,
            dimensions=dict(alarm.of.dimensions),
            comparison_operator=alarm.comparison.value,
            threshold=alarm.threshold,
            period=alarm.period_seconds,
            evaluation_periods=alarm.periods,
            datapoints_to_alarm=alarm.bad,
            treat_missing_data=alarm.missing.value,
            alarm_actions=[self.topic_arn],
            ok_actions=[self.topic_arn],
            tags=resource_tags(name),
            opts=self._child,
        )

    def _alarm_name(self, alarm: Alarm) -> str:
        return f"{self._args.name_prefix}-{alarm.name}"

    def _dashboard(self, alarms: Sequence[Alarm]) -> pulumi.Output[str]:
        """On top the state of every alarm, below one graph for each; sorted, so that equal alarms are an equal text."""
        args = self._args
        start = f"arn:{args.partition}:cloudwatch:{args.region}:{args.account_id}:alarm:"
        ordered = sorted(alarms, key=lambda alarm: alarm.name)
        widgets: list[dict[str, Any]] = []
        if ordered:
            arns = [start + self._alarm_name(alarm) for alarm in ordered]
            widgets.append(
                _widget("alarm", 0, 0, {"title": "Alarms", "alarms": arns}, width=_WIDTH),
            )
        for index, alarm in enumerate(ordered):
            row, column = divmod(index, _COLUMNS)
            title = {"title": alarm.name, "region": args.region, "view": "timeSeries"}
            graph = {
                **title,
                "metrics": [[alarm.of.namespace, alarm.of.metric, *_flat(alarm.of.dimensions)]],
                "stat": alarm.of.statistic,
                "period": alarm.period_seconds,
                "annotations": {"horizontal": [{"label": "alarm", "value": alarm.threshold}]},
            }
            widgets.append(_widget("metric", column * _WIDTH // _COLUMNS, (row + 1) * _HEIGHT, graph))
        return pulumi.Output.json_dumps({"widgets": widgets}, sort_keys=True)


def _widget(
    kind: str, x: int, y: int, properties: Mapping[str, Any], *, width: int = _WIDTH // _COLUMNS
) -> dict[str, Any]:
    return {"type": kind, "x": x, "y": y, "width": width, "height": _HEIGHT, "properties": properties}


def _flat(dimensions: Mapping[str, pulumi.Input[str]]) -> list[pulumi.Input[str]]:
    return [part for key in sorted(dimensions) for part in (key, dimensions[key])]


def _slug(address: str) -> str:
    """An address as part of a logical name."""
    return re.sub(r"[^a-z0-9]+", "-", address.lower()).strip("-")


def _validate(name: str, args: ObservabilityArgs) -> None:
    require(_NAME.fullmatch(args.name_prefix) is not None, f"{name}.name_prefix", "a-z, 0-9, -", args.name_prefix)
    require(_ACCOUNT_ID.fullmatch(args.account_id) is not None, f"{name}.account_id", "12 digits", args.account_id)
    require_retention(args.log_days, f"{name}.log_days")
    bad = [address for address in args.emails if not _ADDRESS.fullmatch(address)]
    require(not bad, f"{name}.emails", "e-mail addresses", bad)
    require(len({_slug(one) for one in args.emails}) == len(args.emails), f"{name}.emails", "different", args.emails)
    names = [*(alarm.name for alarm in args.alarms), *(alarm.name for alarm in args.log_alarms)]
    require(len(set(names)) == len(names), f"{name}.alarms", "named once each", sorted(names))
    require(all(_NAME.fullmatch(one) for one in names), f"{name}.alarms", "named with a-z, 0-9, -", sorted(names))
    for alarm in args.alarms:
        require(1 <= alarm.bad <= alarm.periods, f"{name}.alarms", f"bad in {alarm.periods} periods at most", alarm.bad)
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
        require(
            alarm.period_seconds in (10, 20, 30) or alarm.period_seconds % 60 == 0,
            f"{name}.alarms",
            "with a period of 10, 20, 30 or whole minutes, in seconds",
            alarm.period_seconds,
        )
