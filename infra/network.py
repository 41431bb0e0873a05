"""A VPC with a public, a private and an isolated subnet in each availability zone."""

import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import pulumi
from pulumi_aws import cloudwatch, ec2, iam, vpc

from infra.inputs import require
from infra.log_retention import require_retention
from infra.tags import resource_tags

# A subnet's place in the VPC's range goes by the letter of its zone, so that adding or removing a zone moves no other.
_ZONES = "abcdef"
# The range has eight parts. Public and isolated subnets are eighths of one part each; each private one is a whole part,
# because every pod of an EKS cluster takes an address of its subnet.
_PART_BITS = 3
_FIRST_PRIVATE_PART = 2
# A load balancer takes no subnet smaller than /27, and the public ones are 6 bits below the VPC:
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html
_SMALLEST_PREFIX = 21
_NAME_PREFIX = re.compile(r"[a-z][a-z0-9-]{1,38}[a-z0-9]")
_SERVICE = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")
_GATEWAY_SERVICES = ("s3", "dynamodb")
_HTTPS = 443
_AGGREGATION_SECONDS = 600


class _Kind(Enum):
    PUBLIC = "public"
    PRIVATE = "private"
    ISOLATED = "isolated"


# By these tags, EKS finds the subnets for a load balancer: https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
_KIND_TAGS: Mapping[_Kind, Mapping[str, str]] = {
    _Kind.PUBLIC: {"kubernetes.io/role/elb": "1"},
    _Kind.PRIVATE: {"kubernetes.io/role/internal-elb": "1"},
    _Kind.ISOLATED: {},
}


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """`cidr` from /16 to /21; `zones` are two or three letters out of a to f; `nat_gateways` from 0 to one a zone.

    `interface_endpoints` are services as AWS spells them after `com.amazonaws.<region>.`, such as `ecr.api`; each one
    costs by the hour in each zone. `log_key_arn` encrypts the flow logs, and CloudWatch Logs must be allowed to use it.
    `flow_log_days` is a retention that CloudWatch Logs knows. `name_prefix` starts the names of role and log group;
    `permissions_boundary` is the ARN of a policy that limits the role.
    All but the key are plain values and no outputs: they decide which resources there are, and how policies read.
    """

    name_prefix: str
    region: str
    account_id: str
    cidr: str
    zones: Sequence[str]
    nat_gateways: int
    log_key_arn: pulumi.Input[str]
    flow_log_days: int = 90
    interface_endpoints: Sequence[str] = ()
    permissions_boundary: str | None = None
    partition: str = "aws"


class Network(pulumi.ComponentResource):
    """A VPC whose private subnets reach the internet only through NAT gateways, and isolated ones not at all.

    With fewer NAT gateways than zones, zones share them; with none, private subnets have no way out but S3, DynamoDB
    and the interface endpoints. Isolated subnets have one route, to the VPC. Every connection is logged.
    """

    vpc_id: pulumi.Output[str]
    cidr: str
    public_subnet_ids: pulumi.Output[list[str]]
    private_subnet_ids: pulumi.Output[list[str]]
    isolated_subnet_ids: pulumi.Output[list[str]]

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:network:Network", name, None, opts)
        _validate(name, args)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self._vpc = ec2.Vpc(
            name,
            cidr_block=args.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=resource_tags(name),
            opts=self._child,
        )
        # Every VPC comes with this group, and with rules that let its members talk; taken away, nobody can rely on it.
        ec2.DefaultSecurityGroup(
            f"{name}-default-security-group",
            vpc_id=self._vpc.id,
            ingress=[],
            egress=[],
            tags=resource_tags(f"{name}-default-security-group"),
            opts=self._child,
        )
        self._internet = ec2.InternetGateway(
            f"{name}-internet",
            vpc_id=self._vpc.id,
            tags=resource_tags(f"{name}-internet"),
            opts=self._child,
        )
        public, private, isolated = (
            {zone: self._subnet(kind, zone) for zone in args.zones}
            for kind in (_Kind.PUBLIC, _Kind.PRIVATE, _Kind.ISOLATED)
        )
        self._isolated_routes(isolated)
        self._gateway_endpoints([self._public_routes(public), *self._private_routes(public, private)])
        if args.interface_endpoints:
            self._interface_endpoints(private)
        self._flow_logs()
        self.vpc_id = self._vpc.id
        self.cidr = args.cidr
        self.public_subnet_ids = pulumi.Output.all(*(subnet.id for subnet in public.values()))
        self.private_subnet_ids = pulumi.Output.all(*(subnet.id for subnet in private.values()))
        self.isolated_subnet_ids = pulumi.Output.all(*(subnet.id for subnet in isolated.values()))
        self.register_outputs(
            {
                "vpcId": self.vpc_id,
                "cidr": self.cidr,
                "publicSubnetIds": self.public_subnet_ids,
                "privateSubnetIds": self.private_subnet_ids,
                "isolatedSubnetIds": self.isolated_subnet_ids,
            }
        )

    def _subnet(self, kind: _Kind, zone: str) -> ec2.Subnet:
        name = f"{self._name}-{kind.value}-{zone}"
        return ec2.Subnet(
            name,
            vpc_id=self._vpc.id,
            cidr_block=_block(self._args.cidr, kind, zone),
            availability_zone=f"{self._args.region}{zone}",
            # Also in public subnets: whatever needs a public address asks for it.
            map_public_ip_on_launch=False,
            tags={**resource_tags(name), **_KIND_TAGS[kind]},
            opts=self._child,
        )

    def _public_routes(self, public: Mapping[str, ec2.Subnet]) -> ec2.RouteTable:
        table = self._table(f"{self._name}-public-routes")
        ec2.Route(
            f"{self._name}-public-internet",
            route_table_id=table.id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=self._internet.id,
            opts=self._child,
        )
        for zone, subnet in public.items():
            self._associate(f"{self._name}-public-{zone}", subnet, table)
        return table

    def _private_routes(
        self, public: Mapping[str, ec2.Subnet], private: Mapping[str, ec2.Subnet]
    ) -> list[ec2.RouteTable]:
        nats = [self._nat(zone, public[zone]) for zone in self._args.zones[: self._args.nat_gateways]]
        tables = []
        for index, (zone, subnet) in enumerate(private.items()):
            table = self._table(f"{self._name}-private-{zone}-routes")
            self._associate(f"{self._name}-private-{zone}", subnet, table)
            if nats:
                ec2.Route(
                    f"{self._name}-private-{zone}-internet",
                    route_table_id=table.id,
                    destination_cidr_block="0.0.0.0/0",
                    nat_gateway_id=nats[index % len(nats)].id,
                    opts=self._child,
                )
            tables.append(table)
        return tables

    def _isolated_routes(self, isolated: Mapping[str, ec2.Subnet]) -> None:
        # A table of their own, or they would follow the VPC's main one, which anybody may add a route to.
        table = self._table(f"{self._name}-isolated-routes")
        for zone, subnet in isolated.items():
            self._associate(f"{self._name}-isolated-{zone}", subnet, table)

    def _nat(self, zone: str, subnet: ec2.Subnet) -> ec2.NatGateway:
        name = f"{self._name}-nat-{zone}"
        # Both only work once the way out exists, and block its removal.
        behind_internet = pulumi.ResourceOptions(parent=self, depends_on=[self._internet])
        address = ec2.Eip(f"{name}-address", domain="vpc", tags=resource_tags(f"{name}-address"), opts=behind_internet)
        return ec2.NatGateway(
            name,
            allocation_id=address.id,
            subnet_id=subnet.id,
            tags=resource_tags(name),
            opts=behind_internet,
        )

    def _table(self, name: str) -> ec2.RouteTable:
        return ec2.RouteTable(name, vpc_id=self._vpc.id, tags=resource_tags(name), opts=self._child)

    def _associate(self, name: str, subnet: ec2.Subnet, table: ec2.RouteTable) -> None:
        ec2.RouteTableAssociation(name, subnet_id=subnet.id, route_table_id=table.id, opts=self._child)

    def _gateway_endpoints(self, tables: Sequence[ec2.RouteTable]) -> None:
        # They cost nothing, and keep what pulls images and reads buckets off the NAT gateways, which bill by the byte.
        for service in _GATEWAY_SERVICES:
            ec2.VpcEndpoint(
                f"{self._name}-{service}",
                vpc_id=self._vpc.id,
                service_name=f"com.amazonaws.{self._args.region}.{service}",
                vpc_endpoint_type="Gateway",
                route_table_ids=[table.id for table in tables],
                tags=resource_tags(f"{self._name}-{service}"),
                opts=self._child,
            )

    def _interface_endpoints(self, private: Mapping[str, ec2.Subnet]) -> None:
        group_name = f"{self._name}-endpoints"
        # Without rules of its own for the way out: an endpoint answers, it never calls.
        group = ec2.SecurityGroup(
            group_name,
            name=f"{self._args.name_prefix}-{group_name}",
            description="Interface endpoints: HTTPS from the VPC",
            vpc_id=self._vpc.id,
            tags=resource_tags(group_name),
            opts=self._child,
        )
        vpc.SecurityGroupIngressRule(
            f"{group_name}-https",
            security_group_id=group.id,
            description="HTTPS from the VPC",
            cidr_ipv4=self._args.cidr,
            ip_protocol="tcp",
            from_port=_HTTPS,
            to_port=_HTTPS,
            tags=resource_tags(f"{group_name}-https"),
            opts=self._child,
        )
        for service in self._args.interface_endpoints:
            name = f"{self._name}-{service.replace('.', '-')}"
            ec2.VpcEndpoint(
                name,
                vpc_id=self._vpc.id,
                service_name=f"com.amazonaws.{self._args.region}.{service}",
                vpc_endpoint_type="Interface",
                subnet_ids=[subnet.id for subnet in private.values()],
                security_group_ids=[group.id],
                # The usual host name then leads to the endpoint, and no program has to be told of it.
                private_dns_enabled=True,
                tags=resource_tags(name),
                opts=self._child,
            )

    def _flow_logs(self) -> None:
        args = self._args
        name = f"{self._name}-flow-logs"
        group = cloudwatch.LogGroup(
            f"{name}-group",
            name=f"/{args.name_prefix}/{name}",
            retention_in_days=args.flow_log_days,
            kms_key_id=args.log_key_arn,
            tags=resource_tags(f"{name}-group"),
            opts=self._child,
        )
        role = iam.Role(
            f"{name}-role",
            name=f"{args.name_prefix}-{name}",
            description="Lets VPC flow logs write to their log group",
            assume_role_policy=_flow_log_trust(args),
            permissions_boundary=args.permissions_boundary,
            tags=resource_tags(f"{name}-role"),
            opts=self._child,
        )
        policy = iam.RolePolicy(
            f"{name}-policy",
            name="write-flow-logs",
            role=role.name,
            policy=_flow_log_permissions(args, f"/{args.name_prefix}/{name}"),
            opts=self._child,
        )
        ec2.FlowLog(
            name,
            vpc_id=self._vpc.id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=_AGGREGATION_SECONDS,
            tags=resource_tags(name),
            # Deleted before its permissions are, or the last records are lost.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )


def _block(cidr: str, kind: _Kind, zone: str) -> str:
    parts = list(ipaddress.IPv4Network(cidr).subnets(prefixlen_diff=_PART_BITS))
    place = _ZONES.index(zone)
    if kind is _Kind.PRIVATE:
        return str(parts[_FIRST_PRIVATE_PART + place])
    shared = parts[0] if kind is _Kind.PUBLIC else parts[1]
    return str(list(shared.subnets(prefixlen_diff=_PART_BITS))[place])


def _flow_log_trust(args: NetworkArgs) -> str:
    """Who may take the role; https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html."""
    source = f"arn:{args.partition}:ec2:{args.region}:{args.account_id}:vpc-flow-log/*"
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                    # Or somebody else's flow logs could be told to use this role.
                    "Condition": {
                        "StringEquals": {"aws:SourceAccount": args.account_id},
                        "ArnLike": {"aws:SourceArn": source},
                    },
                }
            ],
        }
    )


def _flow_log_permissions(args: NetworkArgs, group_name: str) -> str:
    """Narrower than AWS's example: it may not create a log group, which would be without retention and key."""
    groups = f"arn:{args.partition}:logs:{args.region}:{args.account_id}:log-group"
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                    "Resource": [f"{groups}:{group_name}", f"{groups}:{group_name}:*"],
                },
                # A list can only be allowed as a whole.
                {"Effect": "Allow", "Action": "logs:DescribeLogGroups", "Resource": f"{groups}:*"},
            ],
        }
    )


def _validate(name: str, args: NetworkArgs) -> None:
    try:
        prefix = ipaddress.IPv4Network(args.cidr).prefixlen
    except ValueError:
        prefix = 0
    require(
        16 <= prefix <= _SMALLEST_PREFIX,
        f"{name}.cidr",
        f"an IPv4 range from /16 to /{_SMALLEST_PREFIX} such as 10.0.0.0/16",
        args.cidr,
    )
    require(
        2 <= len(args.zones) <= 3 and len(set(args.zones)) == len(args.zones) and set(args.zones) <= set(_ZONES),
        f"{name}.zones",
        "two or three different letters from a to f",
        list(args.zones),
    )
    require(
        0 <= args.nat_gateways <= len(args.zones),
        f"{name}.nat_gateways",
        f"from 0 to {len(args.zones)}, the number of zones",
        args.nat_gateways,
    )
    require(
        _NAME_PREFIX.fullmatch(args.name_prefix) is not None,
        f"{name}.name_prefix",
        "3 to 40 lower-case letters, digits and inner hyphens, a letter first",
        args.name_prefix,
    )
    require_retention(args.flow_log_days, f"{name}.flow_log_days")
    services = list(args.interface_endpoints)
    require(
        all(_SERVICE.fullmatch(service) for service in services)
        and len(set(services)) == len(services)
        and not set(services) & set(_GATEWAY_SERVICES),
        f"{name}.interface_endpoints",
        "different services such as ecr.api, without s3 and dynamodb, which have their gateways",
        services,
    )
