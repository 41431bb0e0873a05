"""A managed group of EKS nodes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

import pulumi
from pulumi_aws import ec2, eks, iam

from infra.inputs import require
from infra.tags import resource_tags

# EKS takes 63 characters; the role has the name with `-node` behind it.
_GROUP_NAME = re.compile(r"[0-9A-Za-z][A-Za-z0-9-]{0,57}")
# Kubernetes version and date of the image: https://github.com/awslabs/amazon-eks-ami/releases
_RELEASE = re.compile(r"(1\.\d+)\.\d+-\d{8}")
_ROOT_DEVICE = "/dev/xvda"  # Amazon Linux's
_LEAST_DISK_GIB = 20
# No AmazonEKS_CNI_Policy: the network add-on has a role of its own, so that not every pod's node can rewire the VPC.
_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly", "AmazonSSMManagedInstanceCore")


class Machine(Enum):
    """Processor of the nodes, and with it the image: Amazon Linux 2023; the value is AWS's name for it."""

    ARM64 = "AL2023_ARM_64_STANDARD"
    X86_64 = "AL2023_x86_64_STANDARD"


class Capacity(Enum):
    """How the instances are paid for: SPOT is cheaper and taken away at two minutes' notice."""

    ON_DEMAND = "ON_DEMAND"
    SPOT = "SPOT"


class TaintEffect(Enum):
    """What becomes of pods that do not tolerate a taint; the value is what EKS calls it."""

    NO_SCHEDULE = "NO_SCHEDULE"
    PREFER_NO_SCHEDULE = "PREFER_NO_SCHEDULE"
    NO_EXECUTE = "NO_EXECUTE"


class SizeOwner(Enum):
    """Who says how many nodes there are, between `min_size` and `max_size`.

    With an autoscaler, the program only says how many at first. EKS then refuses a `min_size` above what runs: scale
    first. Without one, there are `min_size`, and a pull request changes that.
    """

    AUTOSCALER = "the cluster's autoscaler"
    PROGRAM = "this program"


@dataclass(frozen=True, kw_only=True)
class Taint:
    """Keeps pods away that do not tolerate it."""

    key: str
    value: str
    effect: TaintEffect


@dataclass(frozen=True, kw_only=True)
class NodeGroupArgs:
    """`release_version` is the pinned image, such as 1.33.3-20250920; the Kubernetes version is the one in it.

    `group_name` is unique in the account. `key_arn` encrypts the disks: its policy lets EC2 use it
    and make grants, or no instance starts. `after` is what comes before a node.
    """

    group_name: str
    cluster_name: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    key_arn: pulumi.Input[str]
    release_version: str
    machine: Machine
    instance_types: Sequence[str]
    min_size: int
    max_size: int
    size_owner: SizeOwner = SizeOwner.AUTOSCALER
    capacity: Capacity = Capacity.ON_DEMAND
    max_unavailable: int = 1
    disk_gib: int = 50
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[Taint] = ()
    permissions_boundary: pulumi.Input[str] | None = None
    partition: str = "aws"
    after: Sequence[pulumi.Resource] = ()


class NodeGroup(pulumi.ComponentResource):
    """Nodes without SSH, reached through Session Manager, whose pods cannot take the node's role.

    How many there are belongs to `size_owner`. Which image they run belongs to `release_version`: a newer one comes by
    pull request, and replaces the nodes one after the other. Machine, capacity, instance types and subnets cannot be
    changed in place: an apply that tries fails, and nothing is lost. Add a group of another name, and take the old one
    away afterwards.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    role_arn: pulumi.Output[str]
    group: pulumi.Resource

    def __init__(self, name: str, args: NodeGroupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:nodeGroup:NodeGroup", name, None, opts)
        _validate(name, args)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        role, rights = self._role()
        template = self._template()
        release = _RELEASE.fullmatch(args.release_version)
        group = eks.NodeGroup(
            name,
            node_group_name=args.group_name,
            cluster_name=args.cluster_name,
            node_role_arn=role.arn,
            subnet_ids=args.subnet_ids,
            version=release[1] if release else None,
            release_version=args.release_version,
            ami_type=args.machine.value,
            capacity_type=args.capacity.value,
            instance_types=list(args.instance_types),
            launch_template=eks.NodeGroupLaunchTemplateArgs(id=template.id, version=template.latest_version.apply(str)),
            scaling_config=eks.NodeGroupScalingConfigArgs(
                min_size=args.min_size, max_size=args.max_size, desired_size=args.min_size
            ),
            update_config=eks.NodeGroupUpdateConfigArgs(max_unavailable=args.max_unavailable),
            # A node whose kubelet has died is replaced, as one that does not answer EC2 is anyway.
            node_repair_config=eks.NodeGroupNodeRepairConfigArgs(enabled=True),
            labels=dict(args.labels),
            taints=[
                eks.NodeGroupTaintArgs(key=taint.key, value=taint.value, effect=taint.effect.value)
                for taint in args.taints
            ],
            tags=resource_tags(name),
            opts=pulumi.ResourceOptions(
                parent=self,
                # The rights are also needed to the end, for a node to leave the cluster.
                depends_on=[*rights, *args.after],
                # With a chosen name the provider would take all nodes away, and then begin anew. So EKS refuses a
                # second group of the name.
                delete_before_replace=False,
                # The owner is then the cluster's autoscaler.
                ignore_changes=["scalingConfig.desiredSize"] if args.size_owner is SizeOwner.AUTOSCALER else None,
            ),
        )
        self.name = group.node_group_name
        self.arn = group.arn
        self.role_arn = role.arn
        self.group = group
        self.register_outputs({"name": self.name, "arn": self.arn, "roleArn": self.role_arn})

    def _role(self) -> tuple[iam.Role, list[pulumi.Resource]]:
        name = f"{self._name}-role"
        role = iam.Role(
            name,
            name=f"{self._args.group_name}-node",
            assume_role_policy=pulumi.Output.json_dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "sts:AssumeRole",
                            "Principal": {"Service": "ec2.amazonaws.com"},
                        }
                    ],
                }
            ),
            permissions_boundary=self._args.permissions_boundary,
            tags=resource_tags(name),
            opts=self._child,
        )
        rights: list[pulumi.Resource] = [
            iam.RolePolicyAttachment(
                f"{name}-{policy}",
                role=role.name,
                policy_arn=f"arn:{self._args.partition}:iam::aws:policy/{policy}",
                opts=self._child,
            )
            for policy in _POLICIES
        ]
        return role, rights

    def _template(self) -> ec2.LaunchTemplate:
        name = f"{self._name}-template"
        return ec2.LaunchTemplate(
            name,
            name=self._args.group_name,
            description=f"Nodes of {self._args.group_name}",
            update_default_version=True,
            block_device_mappings=[
                ec2.LaunchTemplateBlockDeviceMappingArgs(
                    device_name=_ROOT_DEVICE,
                    ebs=ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                        volume_type="gp3",
                        volume_size=self._args.disk_gib,
                        encrypted="true",
                        kms_key_id=self._args.key_arn,
                        delete_on_termination="true",
                    ),
                )
            ],
            metadata_options=ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled",
                http_tokens="required",
                # One hop ends at the node: a pod that asks for the node's credentials is a hop further away.
                # https://aws.github.io/aws-eks-best-practices/security/docs/iam/
                http_put_response_hop_limit=1,
                instance_metadata_tags="disabled",
            ),
            monitoring=ec2.LaunchTemplateMonitoringArgs(enabled=True),
            # The provider's default tags do not reach what a template starts.
            tag_specifications=[
                ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=resource_tags(f"{self._name}-node"))
                for kind in ("instance", "volume")
            ],
            tags=resource_tags(name),
            opts=self._child,
        )


def _validate(name: str, args: NodeGroupArgs) -> None:
    require(
        _GROUP_NAME.fullmatch(args.group_name) is not None,
        f"{name}.group_name",
        "1 to 58 letters, digits and inner hyphens",
        args.group_name,
    )
    require(
        _RELEASE.fullmatch(args.release_version) is not None,
        f"{name}.release_version",
        "a Kubernetes version and a date such as 1.33.3-20250920",
        args.release_version,
    )
    require(bool(args.instance_types), f"{name}.instance_types", "one type or more", list(args.instance_types))
    require(args.min_size >= 0, f"{name}.min_size", "0 or more", args.min_size)
    require(
        args.max_size >= max(args.min_size, 1),
        f"{name}.max_size",
        f"{max(args.min_size, 1)} or more, and not below min_size",
        args.max_size,
    )
    # https://docs.aws.amazon.com/eks/latest/APIReference/API_NodegroupUpdateConfig.html
    require(1 <= args.max_unavailable <= 100, f"{name}.max_unavailable", "from 1 to 100", args.max_unavailable)
    require(args.disk_gib >= _LEAST_DISK_GIB, f"{name}.disk_gib", f"{_LEAST_DISK_GIB} or more", args.disk_gib)
