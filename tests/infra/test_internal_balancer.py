"""The load balancer in front of hosts: who may connect, how, and what it calls healthy."""

from dataclasses import replace
from typing import Any

import pytest

from infra.inputs import InputError
from infra.internal_balancer import InternalBalancer, InternalBalancerArgs
from tests.infra.recording import Recorded, record

ARGS = InternalBalancerArgs(
    balancer_name="shop-dev-legacy",
    vpc_id="vpc-1",
    subnet_ids=["subnet-1", "subnet-2"],
    port=8080,
    health_path="/ready",
    certificate_arn="arn:certificate",
    from_security_groups={"cluster": "sg-1"},
    from_cidrs=("10.0.0.0/16",),
)


def balancer(args: InternalBalancerArgs = ARGS) -> Recorded:
    return record(lambda: InternalBalancer("front", args))


def test_it_is_reached_from_inside_only_and_protected() -> None:
    made = balancer().only(":LoadBalancer").inputs
    assert (made["internal"], made["dropInvalidHeaderFields"], made["enableDeletionProtection"]) == (True, True, True)
    assert balancer(replace(ARGS, disposable=True)).only(":LoadBalancer").inputs["enableDeletionProtection"] is False


def test_clients_connect_by_tls() -> None:
    listener = balancer().only(":Listener").inputs
    assert (listener["protocol"], listener["port"], listener["certificateArn"]) == ("HTTPS", 443, "arn:certificate")
    assert "TLS13-1-2" in listener["sslPolicy"]


def test_http_has_to_be_asked_for() -> None:
    recorded = balancer(replace(ARGS, certificate_arn=None, plain_http=True))
    listener = recorded.only(":Listener").inputs
    assert (listener["protocol"], listener["port"]) == ("HTTP", 80)
    assert not {"certificateArn", "sslPolicy"} & set(listener)
    assert {rule.inputs["fromPort"] for rule in recorded.of(":SecurityGroupIngressRule")} == {80}


def test_only_named_clients_connect() -> None:
    rules = {rule.name: rule.inputs for rule in balancer().of(":SecurityGroupIngressRule")}
    assert set(rules) == {"front-from-cluster", "front-from-10.0.0.0-16"}
    assert rules["front-from-cluster"]["referencedSecurityGroupId"] == "sg-1"
    assert rules["front-from-10.0.0.0-16"]["cidrIpv4"] == "10.0.0.0/16"
    assert {(rule["fromPort"], rule["toPort"]) for rule in rules.values()} == {(443, 443)}
    nobody = balancer(replace(ARGS, from_security_groups={}, from_cidrs=()))
    assert nobody.of(":SecurityGroupIngressRule") == []


def test_a_host_is_healthy_by_its_own_answer_and_may_restart_meanwhile() -> None:
    check = balancer().only(":TargetGroup").inputs["healthCheck"]
    assert (check["path"], check["matcher"]) == ("/ready", "200")
    assert check["interval"] * check["unhealthyThreshold"] >= 120


def test_targets_of_another_port_stand_beside_the_old_ones() -> None:
    names = {balancer(replace(ARGS, port=port)).only(":TargetGroup").inputs["name"] for port in (8080, 9090)}
    assert names == {"shop-dev-legacy-8080", "shop-dev-legacy-9090"}


def test_access_logs_go_where_they_are_asked_to() -> None:
    assert "accessLogs" not in balancer().only(":LoadBalancer").inputs
    logs = balancer(replace(ARGS, access_log_bucket="logs")).only(":LoadBalancer").inputs["accessLogs"]
    assert logs == {"bucket": "logs", "prefix": "shop-dev-legacy", "enabled": True}


def test_everything_is_tagged_by_its_name() -> None:
    created = balancer().created()
    assert {one.inputs["tags"]["gitops:resource"] for one in created} == {one.name for one in created}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"balancer_name": "x" * 27}, "front.balancer_name must be 3 to 26"),
        ({"balancer_name": "internal-shop"}, "front.balancer_name must be"),
        ({"port": 0}, "front.port must be from 1 to 65535"),
        ({"health_path": "ready"}, "front.health_path must be a path"),
        (
            {"certificate_arn": None},
            "front.certificate_arn must be given, or plain_http asked for instead; got 'neither'",
        ),
        ({"plain_http": True}, "front.certificate_arn must be given, or plain_http asked for instead; got 'both'"),
        ({"from_security_groups": {"A b": "sg-1"}}, "front.from_security_groups must be named"),
        ({"from_cidrs": ("0.0.0.0/0",)}, "front.from_cidrs must be different ranges of private"),
        ({"from_cidrs": ("10.0.0.0/16", "10.0.0.0/16")}, "front.from_cidrs must be different"),
        ({"from_cidrs": ("ten",)}, "front.from_cidrs must be different ranges"),
    ],
)
def test_what_would_open_or_break_it_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        balancer(replace(ARGS, **change))
