"""A VPC with a public and a private subnet in each availability zone."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2

from infra.inputs import require
from infra.tags import resource_tags

# A subnet's place in the VPC's range goes by the letter of its zone, so that adding or removing a zone moves no other.
_ZONES = "abcdef"
_SLOT_BITS = 4
_FIRST_PRIVATE_SLOT = 8


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """`cidr` from /16 to /24; `zones` are two or three letters out of a to f; `nat_gateways` from 0 to one a zone.

    All are plain values and no outputs: they decide which resources there are.
    """

    region: str
    cidr: str
    zones: Sequence[str]
    nat_gateways: int


class Network(pulumi.ComponentResource):
    """A VPC whose private subnets reach S3 through an endpoint, and the internet only through NAT gateways.

    With fewer NAT gateways than zones, zones share them; with none, private subnets have no way out.
    """

    vpc_id: pulumi.Output[str]
    public_subnet_ids: pulumi.Output[list[str]]
    private_subnet_ids: pulumi.Output[list[str]]

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
        public = {zone: self._subnet("public", zone, _ZONES.index(zone)) for zone in args.zones}
        private = {zone: self._subnet("private", zone, _FIRST_PRIVATE_SLOT + _ZONES.index(zone)) for zone in args.zones}
        tables = [self._public_routes(public), *self._private_routes(public, private)]
        ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=self._vpc.id,
            service_name=f"com.amazonaws.{args.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id for table in tables],
            tags=resource_tags(f"{name}-s3"),
            opts=self._child,
        )
        self.vpc_id = self._vpc.id
        self.public_subnet_ids = pulumi.Output.all(*(subnet.id for subnet in public.values()))
        self.private_subnet_ids = pulumi.Output.all(*(subnet.id for subnet in private.values()))
        self.register_outputs(
            {
                "vpcId": self.vpc_id,
                "publicSubnetIds": self.public_subnet_ids,
                "privateSubnetIds": self.private_subnet_ids,
            }
        )

    def _subnet(self, kind: str, zone: str, slot: int) -> ec2.Subnet:
        blocks = list(ipaddress.ip_network(self._args.cidr).subnets(prefixlen_diff=_SLOT_BITS))
        name = f"{self._name}-{kind}-{zone}"
        return ec2.Subnet(
            name,
            vpc_id=self._vpc.id,
            cidr_block=str(blocks[slot]),
            availability_zone=f"{self._args.region}{zone}",
            # Also in public subnets: whatever needs a public address asks for it.
            map_public_ip_on_launch=False,
            tags=resource_tags(name),
            opts=self._child,
        )

    def _public_routes(self, public: dict[str, ec2.Subnet]) -> ec2.RouteTable:
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

    def _private_routes(self, public: dict[str, ec2.Subnet], private: dict[str, ec2.Subnet]) -> list[ec2.RouteTable]:
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


def _validate(name: str, args: NetworkArgs) -> None:
    try:
        prefix = ipaddress.IPv4Network(args.cidr).prefixlen
    except ValueError:
        prefix = 0
    require(16 <= prefix <= 24, f"{name}.cidr", "an IPv4 range from /16 to /24 such as 10.0.0.0/16", args.cidr)
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
