"""An application on plain virtual machines: hosts that come and go, all alike, behind an internal load balancer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_aws import autoscaling, ec2, vpc

from infra.host_configuration import CONFIGURATION_TAG, HostConfiguration, HostConfigurationArgs
from infra.host_patching import PATCH_GROUP_TAG, HostPatching, HostPatchingArgs, Patching, patch_log_group
from infra.host_role import HostRole, HostRoleArgs
from infra.host_script import HOOK, HostSetup
from infra.inputs import require
from infra.internal_balancer import InternalBalancer, InternalBalancerArgs
from infra.tags import resource_tags

_IMAGE = re.compile(r"ami-([0-9a-f]{8}|[0-9a-f]{17})")
_HTTPS = 443
_WARM_UP_SECONDS = 60
_TARGET_CPU_PERCENT = 60
# How many more hosts than it has a group may have during an exchange, which then starts one before it ends another.
_SURPLUS_PERCENT = 10
# The longest that a lifecycle hook waits.
_LONGEST_START_SECONDS = 7200


@dataclass(frozen=True, kw_only=True)
class LegacyHostsArgs:
    """`image_id` is one image, with the agent of SSM and the AWS CLI; never "the latest", which moves after a review.

    `setup` makes a host of the image, `patching` keeps it up to date. The application listens on `port` and answers
    GET requests for `health_path`. `from_security_groups`, whose keys name the rules, and `from_cidrs` may connect to
    the load balancer, by TLS with `certificate_arn`, or by HTTP where `plain_http` asks for it. `start_seconds` is how
    long a host may take from start to service. During an exchange, `min_healthy_percent` of the hosts stay in service;
    100 starts the new one first. `disk_key_arn` encrypts the disks, and EC2 must be allowed to use it;
    `log_key_arn` the logs, and CloudWatch Logs must be allowed to use that; `secret_key_arns` decrypt the secrets
    in `setup`. `host_tags` are added to hosts and disks, which get no default tags. `disposable` gives up the load
    balancer's deletion protection.
    """

    name_prefix: str
    region: str
    account_id: str
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    image_id: str
    instance_type: str
    min_hosts: int
    max_hosts: int
    port: int
    health_path: str
    setup: HostSetup
    patching: Patching
    disk_key_arn: pulumi.Input[str]
    log_key_arn: pulumi.Input[str]
    certificate_arn: pulumi.Input[str] | None = None
    plain_http: bool = False
    from_security_groups: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    from_cidrs: Sequence[str] = ()
    secret_key_arns: Sequence[pulumi.Input[str]] = ()
    permissions_boundary_arn: pulumi.Input[str] | None = None
    access_log_bucket: pulumi.Input[str] | None = None
    host_tags: Mapping[str, str] = field(default_factory=dict)
    disk_gib: int = 20
    root_device: str = "/dev/xvda"
    log_days: int = 90
    start_seconds: int = 1800
    min_healthy_percent: int = 100
    repair_schedule: str = "rate(30 minutes)"
    disposable: bool = False
    partition: str = "aws"


class LegacyHosts(pulumi.ComponentResource):
    """A group of hosts that is exchanged, host by host, whenever image, template or configuration change.

    A host takes no requests before its setup has succeeded, and one whose setup fails is ended without having taken
    any, while those that were there stay. The exchange goes on after the update that began it.
    """

    group_name: str
    address: pulumi.Output[str]
    zone_id: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    configuration_digest: str
    load_balancer_arn_suffix: pulumi.Output[str]
    target_group_arn_suffix: pulumi.Output[str]

    def __init__(self, name: str, args: LegacyHostsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:legacyHosts:LegacyHosts", name, None, opts)
        _validate(name, args)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self.group_name = f"{args.name_prefix}-{name}"
        configuration = HostConfiguration(
            f"{name}-configuration",
            HostConfigurationArgs(
                group_name=self.group_name, region=args.region, setup=args.setup, schedule=args.repair_schedule
            ),
            opts=self._child,
        )
        self.configuration_digest = configuration.digest
        balancer = self._balancer()
        hosts = self._security_group(balancer)
        role = self._role()
        # A host that starts before what it needs would be ended as one that has failed.
        before = [configuration, balancer, self._patching(), role]
        group = self._group(self._template(hosts, role), balancer, before)
        if args.max_hosts > args.min_hosts:
            self._scale(group)
        self.address = balancer.address
        self.zone_id = balancer.zone_id
        # What hosts may reach beside HTTPS, such as a database, is a rule of the caller's.
        self.security_group_id = hosts.id
        self.load_balancer_arn_suffix = balancer.arn_suffix
        self.target_group_arn_suffix = balancer.target_group_arn_suffix
        self.register_outputs(
            {
                "groupName": self.group_name,
                "address": self.address,
                "zoneId": self.zone_id,
                "securityGroupId": self.security_group_id,
                "configurationDigest": self.configuration_digest,
                "loadBalancerArnSuffix": self.load_balancer_arn_suffix,
                "targetGroupArnSuffix": self.target_group_arn_suffix,
            }
        )

    def _balancer(self) -> InternalBalancer:
        args = self._args
        return InternalBalancer(
            f"{self._name}-balancer",
            InternalBalancerArgs(
                balancer_name=self.group_name,
                vpc_id=args.vpc_id,
                subnet_ids=args.subnet_ids,
                port=args.port,
                health_path=args.health_path,
                certificate_arn=args.certificate_arn,
                plain_http=args.plain_http,
                from_security_groups=args.from_security_groups,
                from_cidrs=args.from_cidrs,
                access_log_bucket=args.access_log_bucket,
                disposable=args.disposable,
            ),
            opts=self._child,
        )

    def _patching(self) -> HostPatching:
        args = self._args
        return HostPatching(
            f"{self._name}-patching",
            HostPatchingArgs(
                group_name=self.group_name,
                patching=args.patching,
                pinned=sorted(args.setup.packages),
                log_key_arn=args.log_key_arn,
                log_days=args.log_days,
            ),
            opts=self._child,
        )

    def _security_group(self, balancer: InternalBalancer) -> ec2.SecurityGroup:
        name = f"{self._name}-hosts"
        group = ec2.SecurityGroup(
            name,
            name=f"{self.group_name}-hosts",
            description="Hosts: the application's port from the load balancer",
            vpc_id=self._args.vpc_id,
            tags=resource_tags(name),
            opts=self._child,
        )
        port = self._args.port
        vpc.SecurityGroupIngressRule(
            f"{name}-from-balancer",
            security_group_id=group.id,
            description="Requests from the load balancer",
            referenced_security_group_id=balancer.security_group_id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            tags=resource_tags(f"{name}-from-balancer"),
            opts=self._child,
        )
        vpc.SecurityGroupEgressRule(
            f"{name}-balancer-to-hosts",
            security_group_id=balancer.security_group_id,
            description="Requests and health checks to the hosts",
            referenced_security_group_id=group.id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            tags=resource_tags(f"{name}-balancer-to-hosts"),
            opts=self._child,
        )
        vpc.SecurityGroupEgressRule(
            f"{name}-https",
            security_group_id=group.id,
            # Neither has addresses that one could name.
            description="HTTPS to services of AWS and package repositories",
            cidr_ipv4="0.0.0.0/0",
            ip_protocol="tcp",
            from_port=_HTTPS,
            to_port=_HTTPS,
            tags=resource_tags(f"{name}-https"),
            opts=self._child,
        )
        return group

    def _role(self) -> HostRole:
        args = self._args
        return HostRole(
            f"{self._name}-role",
            HostRoleArgs(
                group_name=self.group_name,
                region=args.region,
                account_id=args.account_id,
                secrets=args.setup.secrets,
                secret_key_arns=args.secret_key_arns,
                log_group_name=patch_log_group(self.group_name),
                permissions_boundary_arn=args.permissions_boundary_arn,
                partition=args.partition,
            ),
            opts=self._child,
        )

    def _template(self, hosts: ec2.SecurityGroup, role: HostRole) -> ec2.LaunchTemplate:
        args = self._args
        name = f"{self._name}-template"
        host_tags = {
            **args.host_tags,
            **resource_tags(f"{self._name}-host"),
            PATCH_GROUP_TAG: self.group_name,
            # In the template and not in the group: a host then has the digest of the version that it was started from.
            CONFIGURATION_TAG: self.configuration_digest,
        }
        disk_tags = {**args.host_tags, **resource_tags(f"{self._name}-disk")}
        return ec2.LaunchTemplate(
            name,
            name=self.group_name,
            description=f"Hosts of {self.group_name}",
            image_id=args.image_id,
            instance_type=args.instance_type,
            iam_instance_profile=ec2.LaunchTemplateIamInstanceProfileArgs(name=role.profile_name),
            block_device_mappings=[
                ec2.LaunchTemplateBlockDeviceMappingArgs(
                    device_name=args.root_device,
                    ebs=ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                        volume_type="gp3",
                        volume_size=args.disk_gib,
                        encrypted="true",
                        kms_key_id=args.disk_key_arn,
                        delete_on_termination="true",
                    ),
                )
            ],
            network_interfaces=[
                ec2.LaunchTemplateNetworkInterfaceArgs(
                    device_index=0,
                    associate_public_ip_address="false",
                    security_groups=[hosts.id],
                    delete_on_termination="true",
                )
            ],
            metadata_options=ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled",
                http_tokens="required",
                # A container on the host, or a proxy, gets no credentials.
                http_put_response_hop_limit=1,
                instance_metadata_tags="disabled",
            ),
            monitoring=ec2.LaunchTemplateMonitoringArgs(enabled=True),
            tag_specifications=[
                ec2.LaunchTemplateTagSpecificationArgs(resource_type="instance", tags=host_tags),
                ec2.LaunchTemplateTagSpecificationArgs(resource_type="volume", tags=disk_tags),
            ],
            tags=resource_tags(name),
            opts=self._child,
        )

    def _group(
        self, template: ec2.LaunchTemplate, balancer: InternalBalancer, before: Sequence[pulumi.Resource]
    ) -> autoscaling.Group:
        args = self._args
        return autoscaling.Group(
            self._name,
            name=self.group_name,
            min_size=args.min_hosts,
            max_size=args.max_hosts,
            vpc_zone_identifiers=args.subnet_ids,
            launch_template=autoscaling.GroupLaunchTemplateArgs(
                id=template.id,
                # A number and not $Latest, so that a new version is a change here, and starts the exchange.
                version=template.latest_version.apply(str),
            ),
            target_group_arns=[balancer.target_group_arn],
            health_check_type="ELB",
            # Counted from when a host is in service; what comes before is up to the hook.
            health_check_grace_period=_WARM_UP_SECONDS,
            default_instance_warmup=_WARM_UP_SECONDS,
            initial_lifecycle_hooks=[
                autoscaling.GroupInitialLifecycleHookArgs(
                    name=HOOK,
                    lifecycle_transition="autoscaling:EC2_INSTANCE_LAUNCHING",
                    heartbeat_timeout=args.start_seconds,
                    default_result="ABANDON",
                )
            ],
            instance_refresh=autoscaling.GroupInstanceRefreshArgs(
                strategy="Rolling",
                preferences=autoscaling.GroupInstanceRefreshPreferencesArgs(
                    min_healthy_percentage=args.min_healthy_percent,
                    max_healthy_percentage=max(100, args.min_healthy_percent + _SURPLUS_PERCENT),
                    skip_matching=True,
                    # It would leave the group at what no commit says. The way back is the commit before.
                    auto_rollback=False,
                ),
            ),
            termination_policies=["OldestLaunchTemplate", "OldestInstance"],
            enabled_metrics=[
                autoscaling.Metric.GROUP_DESIRED_CAPACITY,
                autoscaling.Metric.GROUP_IN_SERVICE_INSTANCES,
                autoscaling.Metric.GROUP_PENDING_INSTANCES,
            ],
            # The first update waits until as many hosts answer, or fails.
            min_elb_capacity=args.min_hosts,
            wait_for_capacity_timeout=f"{args.start_seconds + 300}s",
            tags=[
                # The hosts' own tags are in the template.
                autoscaling.GroupTagArgs(key=key, value=value, propagate_at_launch=False)
                for key, value in resource_tags(self._name).items()
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=before),
        )

    def _scale(self, group: autoscaling.Group) -> None:
        autoscaling.Policy(
            f"{self._name}-scaling",
            name=f"{self.group_name}-cpu",
            autoscaling_group_name=group.name,
            policy_type="TargetTrackingScaling",
            target_tracking_configuration=autoscaling.PolicyTargetTrackingConfigurationArgs(
                predefined_metric_specification=autoscaling.PolicyTargetTrackingConfigurationPredefinedMetricSpecificationArgs(
                    predefined_metric_type="ASGAverageCPUUtilization"
                ),
                target_value=_TARGET_CPU_PERCENT,
            ),
            opts=self._child,
        )


def _validate(name: str, args: LegacyHostsArgs) -> None:
    def check(holds: bool, argument: str, expected: str) -> None:
        require(holds, f"{name}.{argument}", expected, getattr(args, argument))

    check(_IMAGE.fullmatch(args.image_id) is not None, "image_id", "the id of one image, such as ami-0123456789abcdef0")
    check(args.min_hosts >= 1, "min_hosts", "1 or more")
    check(args.max_hosts >= args.min_hosts, "max_hosts", f"at least the {args.min_hosts} of min_hosts")
    check(args.disk_gib >= 1, "disk_gib", "1 or more")
    check(300 <= args.start_seconds <= _LONGEST_START_SECONDS, "start_seconds", f"from 300 to {_LONGEST_START_SECONDS}")
    check(0 <= args.min_healthy_percent <= 100, "min_healthy_percent", "from 0 to 100")
