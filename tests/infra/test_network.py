"""The network by itself: its ranges, its ways out, its logs, and what it refuses."""

import ipaddress
import json
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pulumi
import pytest

from infra.inputs import InputError
from infra.network import Network, NetworkArgs
from infra.tags import RESOURCE
from tests.infra.recording import Recorded, record

ARGS = NetworkArgs(
    name_prefix="shop-dev",
    region="eu-west-1",
    account_id="123456789012",
    cidr="10.0.0.0/16",
    zones=("a", "b", "c"),
    nat_gateways=1,
    log_key_arn="arn:key",
    interface_endpoints=("ecr.api", "sts"),
)


def network(args: NetworkArgs = ARGS) -> Recorded:
    return record(lambda: Network("net", args))


def blocks(args: NetworkArgs = ARGS) -> dict[str, str]:
    return {subnet.name: subnet.inputs["cidrBlock"] for subnet in network(args).of(":Subnet")}


def test_each_zone_has_a_public_a_private_and_an_isolated_subnet_at_a_fixed_place() -> None:
    assert blocks() == {
        "net-public-a": "10.0.0.0/22",
        "net-public-b": "10.0.4.0/22",
        "net-public-c": "10.0.8.0/22",
        "net-isolated-a": "10.0.32.0/22",
        "net-isolated-b": "10.0.36.0/22",
        "net-isolated-c": "10.0.40.0/22",
        "net-private-a": "10.0.64.0/19",
        "net-private-b": "10.0.96.0/19",
        "net-private-c": "10.0.128.0/19",
    }


def test_a_zone_taken_away_moves_no_other_subnet() -> None:
    assert blocks(replace(ARGS, zones=("a", "c"))).items() < blocks().items()


@pytest.mark.parametrize("zones", ["abc", "def"])
@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "192.168.8.0/21"])
def test_no_subnet_overlaps_another_or_is_too_small_for_a_load_balancer(cidr: str, zones: str) -> None:
    networks = [ipaddress.IPv4Network(block) for block in blocks(replace(ARGS, cidr=cidr, zones=zones)).values()]
    assert all(one.subnet_of(ipaddress.IPv4Network(cidr)) and one.prefixlen <= 27 for one in networks)
    assert not any(one.overlaps(other) for one in networks for other in networks if one is not other)


def test_nothing_in_a_public_subnet_gets_a_public_address_unasked() -> None:
    assert {subnet.inputs["mapPublicIpOnLaunch"] for subnet in network().of(":Subnet")} == {False}


def test_load_balancers_of_the_cluster_find_their_subnets_by_tag() -> None:
    roles = {
        subnet.name: {key: value for key, value in subnet.inputs["tags"].items() if key.startswith("kubernetes.io/")}
        for subnet in network().of(":Subnet")
    }
    assert roles["net-public-a"] == {"kubernetes.io/role/elb": "1"}
    assert roles["net-private-a"] == {"kubernetes.io/role/internal-elb": "1"}
    assert roles["net-isolated-a"] == {}


def test_the_default_security_group_has_no_rules() -> None:
    group = network().only(":DefaultSecurityGroup")
    assert group.inputs["ingress"] == group.inputs["egress"] == []


def test_isolated_subnets_have_a_table_of_their_own_and_no_way_out() -> None:
    recorded = network()
    table = "net-isolated-routes-id"
    tables = {one.inputs["subnetId"]: one.inputs["routeTableId"] for one in recorded.of(":RouteTableAssociation")}
    assert {subnet for subnet, used in tables.items() if used == table} == {
        f"net-isolated-{zone}-id" for zone in ARGS.zones
    }
    assert len(tables) == 9
    assert not [route for route in recorded.of(":Route") if route.inputs["routeTableId"] == table]
    assert not [one for one in recorded.of(":VpcEndpoint") if table in one.inputs.get("routeTableIds", [])]


@pytest.mark.parametrize("service", ["s3", "dynamodb"])
def test_s3_and_dynamodb_are_reached_without_the_internet(service: str) -> None:
    recorded = network()
    endpoint = recorded.named(":VpcEndpoint", f"net-{service}").inputs
    assert endpoint["serviceName"] == f"com.amazonaws.eu-west-1.{service}"
    assert endpoint["vpcEndpointType"] == "Gateway"
    names = {table.name for table in recorded.of(":RouteTable")} - {"net-isolated-routes"}
    assert set(endpoint["routeTableIds"]) == {f"{name}-id" for name in names}


@pytest.mark.parametrize(
    ("count", "used"),
    [
        (0, {}),
        (1, {"a": "a", "b": "a", "c": "a"}),
        (2, {"a": "a", "b": "b", "c": "a"}),
        (3, {"a": "a", "b": "b", "c": "c"}),
    ],
)
def test_private_zones_share_the_nat_gateways_there_are(count: int, used: dict[str, str]) -> None:
    recorded = network(replace(ARGS, nat_gateways=count))
    assert len(recorded.of(":NatGateway")) == len(recorded.of(":Eip")) == count
    routes = [route for route in recorded.of(":Route") if "natGatewayId" in route.inputs]
    assert {route.name: route.inputs["natGatewayId"] for route in routes} == {
        f"net-private-{zone}-internet": f"net-nat-{gateway}-id" for zone, gateway in used.items()
    }


def test_a_nat_gateway_goes_before_the_way_out_does() -> None:
    (gateway,) = network().of(":NatGateway")
    assert any("InternetGateway::net-internet" in urn for urn in gateway.depends_on)


def test_interface_endpoints_stand_in_every_private_subnet_under_the_usual_host_name() -> None:
    endpoint = network().named(":VpcEndpoint", "net-ecr-api").inputs
    assert endpoint["serviceName"] == "com.amazonaws.eu-west-1.ecr.api"
    assert endpoint["vpcEndpointType"] == "Interface"
    assert endpoint["privateDnsEnabled"] is True
    assert set(endpoint["subnetIds"]) == {f"net-private-{zone}-id" for zone in ARGS.zones}
    assert endpoint["securityGroupIds"] == ["net-endpoints-id"]


def test_interface_endpoints_take_https_from_the_vpc_and_nothing_else() -> None:
    recorded = network()
    rule = recorded.only(":SecurityGroupIngressRule").inputs
    assert (rule["ipProtocol"], rule["fromPort"], rule["toPort"], rule["cidrIpv4"]) == ("tcp", 443, 443, ARGS.cidr)
    assert not recorded.of(":SecurityGroupEgressRule")
    assert {"ingress", "egress"}.isdisjoint(recorded.only(":SecurityGroup").inputs)


def test_without_interface_endpoints_there_is_no_group_for_them() -> None:
    recorded = network(replace(ARGS, interface_endpoints=()))
    assert len(recorded.of(":VpcEndpoint")) == 2
    assert not recorded.of(":SecurityGroup")
    assert not recorded.of(":SecurityGroupIngressRule")


def test_every_connection_is_logged_for_a_while_and_encrypted() -> None:
    recorded = network(replace(ARGS, flow_log_days=30))
    group = recorded.only(":LogGroup").inputs
    assert (group["retentionInDays"], group["kmsKeyId"]) == (30, "arn:key")
    log = recorded.only(":FlowLog")
    assert (log.inputs["trafficType"], log.inputs["vpcId"]) == ("ALL", "net-id")
    assert log.inputs["logDestination"] == "arn:net-flow-logs-group"
    assert any("RolePolicy::net-flow-logs-policy" in urn for urn in log.depends_on)


def test_flow_logs_write_to_their_group_only_and_for_this_account_only() -> None:
    recorded = network(replace(ARGS, partition="aws-cn"))
    (trust,) = statements(recorded.only(":Role").inputs["assumeRolePolicy"])
    assert trust["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": "arn:aws-cn:ec2:eu-west-1:123456789012:vpc-flow-log/*"},
    }
    write, listing = statements(recorded.only(":RolePolicy").inputs["policy"])
    group = "arn:aws-cn:logs:eu-west-1:123456789012:log-group:/shop-dev/net-flow-logs"
    assert recorded.only(":LogGroup").inputs["name"] == "/shop-dev/net-flow-logs"
    assert write["Resource"] == [group, f"{group}:*"]
    assert listing["Action"] == "logs:DescribeLogGroups"
    assert "logs:CreateLogGroup" not in write["Action"]


def statements(policy: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(policy)["Statement"]
    return found


def test_physical_names_are_chosen() -> None:
    recorded = network()
    assert recorded.only(":Role").inputs["name"] == "shop-dev-net-flow-logs"
    assert recorded.only(":RolePolicy").inputs["name"] == "write-flow-logs"
    assert recorded.only(":SecurityGroup").inputs["name"] == "shop-dev-net-endpoints"


def test_each_resource_is_tagged_with_its_own_name() -> None:
    untaggable = (":Route", ":RouteTableAssociation", ":RolePolicy")
    for resource in network().created():
        if not resource.type.endswith(untaggable):
            assert resource.inputs["tags"][RESOURCE] == resource.name


def test_the_outputs_are_the_range_and_the_ids_in_the_order_of_the_zones() -> None:
    made: list[Network] = []

    def program() -> None:
        made.append(Network("net", ARGS))
        pulumi.export("isolated", made[0].isolated_subnet_ids)

    recorded = record(program)
    assert made[0].cidr == ARGS.cidr
    assert recorded.outputs["isolated"] == ["net-isolated-a-id", "net-isolated-b-id", "net-isolated-c-id"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cidr": "10.0.0.0/8"}, "net.cidr must be an IPv4 range from /16 to /21"),
        ({"cidr": "10.0.0.0/22"}, "net.cidr must be an IPv4 range from /16 to /21"),
        ({"cidr": "10.0.0.1/16"}, "net.cidr must be an IPv4 range"),
        ({"zones": ("a",)}, "net.zones must be two or three different letters"),
        ({"zones": ("a", "a")}, "net.zones must be two or three different letters"),
        ({"zones": ("a", "z")}, "net.zones must be two or three different letters"),
        ({"nat_gateways": 4}, "net.nat_gateways must be from 0 to 3"),
        ({"nat_gateways": -1}, "net.nat_gateways must be from 0 to 3"),
        ({"name_prefix": "Shop"}, "net.name_prefix must be 3 to 40 lower-case"),
        ({"name_prefix": "s" * 41}, "net.name_prefix must be 3 to 40 lower-case"),
        ({"flow_log_days": 31}, "net.flow_log_days must be a number of days that CloudWatch Logs knows.*; got 31"),
        ({"interface_endpoints": ("sts", "sts")}, "net.interface_endpoints must be different services"),
        ({"interface_endpoints": ("s3",)}, "net.interface_endpoints must be different services.*without s3"),
        ({"interface_endpoints": ("ECR",)}, "net.interface_endpoints must be different services"),
    ],
)
def test_an_input_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        network(replace(ARGS, **changes))


def test_arguments_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        ARGS.region = "other"  # type: ignore[misc]
