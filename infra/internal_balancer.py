"""An internal application load balancer in front of one group of hosts."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_aws import ec2, lb

from infra.clients import Clients, Entrance, client_group, require_clients
from infra.inputs import require
from infra.tags import resource_tags

# A load balancer's name has 32 letters, a target group's too, and its port is added to it.
_NAME = re.compile(r"(?!internal-)[a-z][a-z0-9-]{1,24}[a-z0-9]")
_HTTP = 80
_HTTPS = 443
# TLS 1.2 with forward secrecy, and 1.3:
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
_TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
_CHECK_SECONDS = 15
_CHECK_TIMEOUT_SECONDS = 5
_CHECKS_TO_HEALTHY = 2
# Long enough for a host to restart after patching: one that is unhealthy for longer is replaced, by one without them.
_CHECKS_TO_UNHEALTHY = 10
_DRAIN_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class InternalBalancerArgs:
    """Clients in `from_security_groups`, whose keys name the rules, and in `from_cidrs` may connect, and nobody else.

    They use TLS with `certificate_arn`, or HTTP where `plain_http` asks for it. Hosts listen on `port` with HTTP and
    answer GET requests for `health_path`. `disposable` gives up deletion protection.
    """

    balancer_name: str
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    port: int
    health_path: str
    certificate_arn: pulumi.Input[str] | None
    plain_http: bool = False
    from_security_groups: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    from_cidrs: Sequence[str] = ()
    access_log_bucket: pulumi.Input[str] | None = None
    disposable: bool = False


class InternalBalancer(pulumi.ComponentResource):
    """A load balancer that is reached from inside only, its target group, and one listener."""

    address: pulumi.Output[str]
    zone_id: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    target_group_arn: pulumi.Output[str]
    arn_suffix: pulumi.Output[str]
    target_group_arn_suffix: pulumi.Output[str]

    def __init__(self, name: str, args: InternalBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:internalBalancer:InternalBalancer", name, None, opts)
        _validate(name, args)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        group = self._security_group()
        balancer = self._balancer(group)
        targets = self._targets()
        self._listener(balancer, targets)
        self.address = balancer.dns_name
        self.zone_id = balancer.zone_id
        self.security_group_id = group.id
        self.target_group_arn = targets.arn
        self.arn_suffix = balancer.arn_suffix
        self.target_group_arn_suffix = targets.arn_suffix
        self.register_outputs(
            {
                "address": self.address,
                "zoneId": self.zone_id,
                "securityGroupId": self.security_group_id,
                "targetGroupArn": self.target_group_arn,
                "arnSuffix": self.arn_suffix,
                "targetGroupArnSuffix": self.target_group_arn_suffix,
            }
        )

    @property
    def _listener_port(self) -> int:
        return _HTTP if self._args.plain_http else _HTTPS

    def _security_group(self) -> ec2.SecurityGroup:
        args = self._args
        # The way out, to the hosts, is a rule of whoever has the hosts' group.
        entrance = Entrance(
            port=self._listener_port,
            group_name=f"{args.balancer_name}-balancer",
            description="Load balancer: requests from named clients",
            what="Requests",
            vpc_id=args.vpc_id,
        )
        return client_group(self._name, entrance, _clients(args), self._child)

    def _balancer(self, group: ec2.SecurityGroup) -> lb.LoadBalancer:
        args = self._args
        logs = None
        if args.access_log_bucket is not None:
            logs = lb.LoadBalancerAccessLogsArgs(bucket=args.access_log_bucket, prefix=args.balancer_name, enabled=True)
        return lb.LoadBalancer(
            self._name,
            name=args.balancer_name,
            internal=True,
            load_balancer_type="application",
            subnets=args.subnet_ids,
            security_groups=[group.id],
            # What clients could use to make host and load balancer disagree on where a request ends.
            drop_invalid_header_fields=True,
            desync_mitigation_mode="defensive",
            enable_deletion_protection=not args.disposable,
            access_logs=logs,
            tags=resource_tags(self._name),
            opts=self._child,
        )

    def _targets(self) -> lb.TargetGroup:
        args = self._args
        name = f"{self._name}-targets"
        return lb.TargetGroup(
            name,
            # With the port in its name, that of another port stands beside it until the listener has moved.
            name=f"{args.balancer_name}-{args.port}",
            vpc_id=args.vpc_id,
            target_type="instance",
            port=args.port,
            protocol="HTTP",
            deregistration_delay=_DRAIN_SECONDS,
            health_check=lb.TargetGroupHealthCheckArgs(
                enabled=True,
                path=args.health_path,
                protocol="HTTP",
                port="traffic-port",
                matcher="200",
                interval=_CHECK_SECONDS,
                timeout=_CHECK_TIMEOUT_SECONDS,
                healthy_threshold=_CHECKS_TO_HEALTHY,
                unhealthy_threshold=_CHECKS_TO_UNHEALTHY,
            ),
            tags=resource_tags(name),
            opts=self._child,
        )

    def _listener(self, balancer: lb.LoadBalancer, targets: lb.TargetGroup) -> None:
        args = self._args
        name = f"{self._name}-listener"
        lb.Listener(
            name,
            load_balancer_arn=balancer.arn,
            port=self._listener_port,
            protocol="HTTP" if args.plain_http else "HTTPS",
            certificate_arn=args.certificate_arn,
            ssl_policy=None if args.plain_http else _TLS_POLICY,
            default_actions=[lb.ListenerDefaultActionArgs(type="forward", target_group_arn=targets.arn)],
            tags=resource_tags(name),
            opts=self._child,
        )


def _clients(args: InternalBalancerArgs) -> Clients:
    return Clients(security_groups=args.from_security_groups, cidrs=args.from_cidrs)


def _validate(name: str, args: InternalBalancerArgs) -> None:
    require(
        _NAME.fullmatch(args.balancer_name) is not None,
        f"{name}.balancer_name",
        "3 to 26 lower-case letters, digits and inner hyphens, a letter first, and not internal- first",
        args.balancer_name,
    )
    require(1 <= args.port <= 65535, f"{name}.port", "from 1 to 65535", args.port)
    require(args.health_path.startswith("/"), f"{name}.health_path", "a path that begins with /", args.health_path)
    require(
        (args.certificate_arn is None) is args.plain_http,
        f"{name}.certificate_arn",
        "given, or plain_http asked for instead",
        "both" if args.plain_http else "neither",
    )
    require_clients(name, _clients(args))
