"""Who may connect to something inside the VPC: clients by name, and the security group that lets in no others."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2, vpc

from infra.inputs import require
from infra.tags import resource_tags

_LABEL = re.compile(r"[a-z][a-z0-9-]*")
# Where a client can come from; an address of the internet never reaches what is inside, and is then a mistake.
_PRIVATE_RANGES = tuple(
    ipaddress.IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)


@dataclass(frozen=True, kw_only=True)
class Clients:
    """Security groups, by names for their rules, and ranges of private addresses."""

    security_groups: Mapping[str, pulumi.Input[str]]
    cidrs: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Entrance:
    """What clients connect to: its TCP port, the group's own name and description, and `what` comes from a client."""

    port: int
    group_name: str
    description: str
    what: str
    vpc_id: pulumi.Input[str]


def require_clients(name: str, clients: Clients) -> None:
    """Raise `InputError` in the name of the component for labels and ranges that cannot be used."""
    require(
        all(_LABEL.fullmatch(label) for label in clients.security_groups),
        f"{name}.from_security_groups",
        "named by lower-case letters, digits and hyphens",
        list(clients.security_groups),
    )
    require(
        all(map(_is_private, clients.cidrs)) and len(set(clients.cidrs)) == len(clients.cidrs),
        f"{name}.from_cidrs",
        "different ranges of private IPv4 addresses",
        list(clients.cidrs),
    )


def client_group(name: str, entrance: Entrance, clients: Clients, opts: pulumi.ResourceOptions) -> ec2.SecurityGroup:
    """The component's group `<name>-clients` with a rule `<name>-from-<client>` for each, and none for the way out."""
    group = ec2.SecurityGroup(
        f"{name}-clients",
        name=entrance.group_name,
        description=entrance.description,
        vpc_id=entrance.vpc_id,
        tags=resource_tags(f"{name}-clients"),
        opts=opts,
    )

    def admit(label: str, client: str, *, group_id: pulumi.Input[str] | None = None, cidr: str | None = None) -> None:
        rule = f"{name}-from-{label}"
        vpc.SecurityGroupIngressRule(
            rule,
            security_group_id=group.id,
            description=f"{entrance.what} from {client}",
            referenced_security_group_id=group_id,
            cidr_ipv4=cidr,
            ip_protocol="tcp",
            from_port=entrance.port,
            to_port=entrance.port,
            tags=resource_tags(rule),
            opts=opts,
        )

    for label, group_id in clients.security_groups.items():
        admit(label, label, group_id=group_id)
    for cidr in clients.cidrs:
        admit(cidr.replace("/", "-"), cidr, cidr=cidr)
    return group


def _is_private(cidr: str) -> bool:
    try:
        block = ipaddress.IPv4Network(cidr)
    except ValueError:
        return False
    return any(block.subnet_of(private) for private in _PRIVATE_RANGES)
