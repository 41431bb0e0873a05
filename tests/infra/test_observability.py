"""Topic, logs, alarms and dashboard."""

import json
from collections.abc import Callable
from dataclasses import replace

import pulumi
import pytest

from infra.alarms import (
    Alarm,
    Missing,
    audit_alarms,
    cluster_alarms,
    database_alarms,
    load_balancer_alarms,
    nat_alarms,
    node_alarms,
    queue_alarms,
)
from infra.inputs import InputError
from infra.observability import Observability, ObservabilityArgs
from tests.infra.recording import Recorded, record

DATABASE = database_alarms("database", "shop-dev", storage_gib=100, most_connections=200)
ARGS = ObservabilityArgs(
    name_prefix="shop-dev",
    key_arn="arn:key",
    account_id="123456789012",
    region="eu-west-1",
    emails=["ops@example.com"],
    log_groups={"web": "/shop-dev/web"},
    log_days=30,
    alarms=DATABASE,
    log_alarms=audit_alarms("shop-audit"),
)
TOPIC = "arn:aws:sns:eu-west-1:123456789012:shop-dev-alarms"
EVERY = (
    *DATABASE,
    *nat_alarms("nat", "nat-1"),
    *node_alarms("nodes", "group", fewest=2),
    *cluster_alarms("cluster", "shop"),
    *load_balancer_alarms("web", "app/web/1"),
    *queue_alarms("orders", "orders", "orders-dead-letter", oldest_seconds=600),
)


def observability(args: ObservabilityArgs = ARGS) -> Recorded:
    return record(lambda: Observability("watch", args))


def alarm(name: str) -> Alarm:
    (found,) = [one for one in EVERY if one.name == name]
    return found


# Topic


def test_the_topic_is_encrypted_and_takes_messages_of_this_account_s_alarms_and_budgets() -> None:
    recorded = observability()
    assert recorded.only(":Topic").inputs["name"] == "shop-dev-alarms"
    assert recorded.only(":Topic").inputs["kmsMasterKeyId"] == "arn:key"
    allow, deny = json.loads(recorded.only(":TopicPolicy").inputs["policy"])["Statement"]
    assert allow["Principal"] == {"Service": ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"]}
    assert allow["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    assert allow["Resource"] == deny["Resource"] == TOPIC
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_each_address_is_subscribed_under_a_name_of_its_own() -> None:
    recorded = observability(replace(ARGS, emails=["ops@example.com", "on.call@example.com"]))
    assert {one.name: one.inputs["endpoint"] for one in recorded.of(":TopicSubscription")} == {
        "watch-ops-example-com": "ops@example.com",
        "watch-on-call-example-com": "on.call@example.com",
    }


# Logs


def test_log_groups_are_encrypted_and_end() -> None:
    group = observability().only(":LogGroup")
    assert group.name == "watch-web-logs"
    assert group.inputs["name"] == "/shop-dev/web"
    assert (group.inputs["kmsKeyId"], group.inputs["retentionInDays"]) == ("arn:key", 30)


# Alarms


def test_an_alarm_tells_when_it_goes_off_and_when_it_is_over() -> None:
    recorded = observability()
    assert len(recorded.of(":MetricAlarm")) == len(ARGS.alarms) + len(ARGS.log_alarms)
    for one in recorded.of(":MetricAlarm"):
        assert one.inputs["alarmActions"] == one.inputs["okActions"] == ["arn:watch-topic"]
        assert one.inputs["name"] == f"shop-dev-{one.name.removeprefix('watch-')}"
        assert one.inputs["alarmDescription"]
        assert one.inputs["tags"]["gitops:resource"] == one.name


def test_an_alarm_becomes_what_it_says() -> None:
    inputs = observability().named(":MetricAlarm", "watch-database-storage").inputs
    assert (inputs["namespace"], inputs["metricName"]) == ("AWS/RDS", "FreeStorageSpace")
    assert inputs["dimensions"] == {"DBInstanceIdentifier": "shop-dev"}
    assert (inputs["comparisonOperator"], inputs["threshold"]) == ("LessThanThreshold", 10 * 1024**3)
    assert (inputs["period"], inputs["evaluationPeriods"], inputs["datapointsToAlarm"]) == (300, 3, 3)


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("database-cpu", Missing.UNKNOWN),
        ("nat-ports", Missing.FINE),
        ("nodes-in-service", Missing.BAD),
        ("cluster-unschedulable", Missing.FINE),
        ("web-target-errors", Missing.FINE),
        ("orders-dead-letters", Missing.FINE),
    ],
)
def test_silence_is_bad_only_where_there_must_be_a_sign_of_life(name: str, missing: Missing) -> None:
    assert alarm(name).missing is missing
    recorded = observability(replace(ARGS, alarms=[alarm(name)]))
    assert recorded.named(":MetricAlarm", f"watch-{name}").inputs["treatMissingData"] == missing.value


def test_one_dead_letter_is_enough() -> None:
    dead = alarm("orders-dead-letters")
    assert (dead.threshold, dead.periods, dead.bad) == (0, 1, 1)
    assert dead.of.dimensions == {"QueueName": "orders-dead-letter"}


def test_a_line_in_the_audit_trail_raises_an_alarm_at_once() -> None:
    recorded = observability()
    filtered = recorded.named(":LogMetricFilter", "watch-root-used-filter").inputs
    assert filtered["logGroupName"] == "shop-audit"
    assert "Root" in filtered["pattern"]
    counted = filtered["metricTransformation"]
    inputs = recorded.named(":MetricAlarm", "watch-root-used").inputs
    assert (inputs["namespace"], inputs["metricName"]) == (counted["namespace"], counted["name"])
    assert (inputs["statistic"], inputs["threshold"], inputs["evaluationPeriods"]) == ("Sum", 0, 1)
    assert "defaultValue" not in counted


# Dashboard


def body(args: ObservabilityArgs) -> str:
    text = observability(args).only(":Dashboard").inputs["dashboardBody"]
    assert isinstance(text, str)
    return text


def test_a_dashboard_shows_each_alarm_and_what_it_watches() -> None:
    widgets = json.loads(body(replace(ARGS, log_alarms=())))["widgets"]
    start = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:shop-dev-database-"
    assert widgets[0]["properties"]["alarms"] == [start + one for one in ("connections", "cpu", "storage")]
    assert [one["properties"]["metrics"] for one in widgets[1:]] == [
        [["AWS/RDS", metric, "DBInstanceIdentifier", "shop-dev"]]
        for metric in ("DatabaseConnections", "CPUUtilization", "FreeStorageSpace")
    ]
    assert widgets[1]["properties"]["annotations"]["horizontal"][0]["value"] == 160


def test_widgets_do_not_overlap_and_stay_on_the_board() -> None:
    widgets = json.loads(body(replace(ARGS, alarms=EVERY)))["widgets"]
    places = {(one["x"], one["y"]) for one in widgets}
    assert len(places) == len(widgets)
    assert all(one["x"] + one["width"] <= 24 for one in widgets)


def test_the_order_of_alarms_does_not_change_the_dashboard() -> None:
    assert body(replace(ARGS, alarms=EVERY)) == body(replace(ARGS, alarms=tuple(reversed(EVERY))))


def test_a_dashboard_without_alarms_is_empty() -> None:
    assert json.loads(body(replace(ARGS, alarms=(), log_alarms=()))) == {"widgets": []}


def test_what_an_alarm_watches_may_not_be_known_yet() -> None:
    def program() -> None:
        identifier = pulumi.Output.from_input("made-later")
        later = database_alarms("database", identifier, storage_gib=1, most_connections=1)
        Observability("watch", replace(ARGS, alarms=later))

    recorded = record(program)
    assert "made-later" in recorded.only(":Dashboard").inputs["dashboardBody"]
    dimensions = recorded.named(":MetricAlarm", "watch-database-cpu").inputs["dimensions"]
    assert dimensions == {"DBInstanceIdentifier": "made-later"}


# Refusals


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: observability(replace(ARGS, name_prefix="Shop")), "watch.name_prefix must be a-z"),
        (lambda: observability(replace(ARGS, account_id="1")), "watch.account_id must be 12 digits"),
        (lambda: observability(replace(ARGS, log_days=31)), "watch.log_days must be a number of days"),
        (lambda: observability(replace(ARGS, emails=["ops"])), "watch.emails must be e-mail addresses"),
        (lambda: observability(replace(ARGS, emails=["a.b@x.io", "a-b@x.io"])), "watch.emails must be different"),
        (lambda: observability(replace(ARGS, alarms=[*DATABASE, *DATABASE])), "watch.alarms must be named once each"),
        (lambda: observability(replace(ARGS, alarms=[replace(DATABASE[0], name="A b")])), "watch.alarms must be named"),
        (lambda: observability(replace(ARGS, alarms=[replace(DATABASE[0], bad=4)])), "bad in 3 periods at most; got 4"),
        (lambda: observability(replace(ARGS, alarms=[replace(DATABASE[0], period_seconds=45)])), "with a period of"),
    ],
)
def test_an_input_is_refused_by_name(build: Callable[[], Recorded], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()
