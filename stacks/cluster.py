"""Where the environment's workloads run: a cluster of its own on EKS, or one that is there already."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from infra.alarms import Alarm, cluster_alarms
from infra.cluster import Cluster, eks_cluster, existing_cluster
from infra.eks_cluster import AccessLevel, ClusterAccess, EksCluster, EksClusterArgs
from infra.inputs import require
from infra.node_group import Capacity, Machine, NodeGroup, NodeGroupArgs, SizeOwner
from infra.settings import EksSettings
from stacks.foundation import Foundation

# Pinned together; a new version comes by pull request, environment by environment.
# aws eks describe-addon-versions --kubernetes-version 1.33, and https://github.com/awslabs/amazon-eks-ami/releases
_ADDONS = {
    "aws-ebs-csi-driver": "v1.47.0-eksbuild.1",
    "coredns": "v1.12.2-eksbuild.4",
    "eks-pod-identity-agent": "v1.3.8-eksbuild.2",
    "kube-proxy": "v1.33.3-eksbuild.4",
    "metrics-server": "v0.8.0-eksbuild.2",
    "vpc-cni": "v1.20.1-eksbuild.3",
}
_NODE_IMAGE = "1.33.3-20250920"
_SERVICE_CIDR = "172.20.0.0/16"


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """The cluster, what to watch of it, and its security group (None for a cluster that somebody else made)."""

    cluster: Cluster
    alarms: Sequence[Alarm]
    security_group_id: pulumi.Output[str] | None


def build_cluster(base: Foundation, capacity: Capacity) -> Workplace:
    """Build or find the cluster; an EKS cluster's nodes are of the given capacity."""
    settings = base.settings
    if settings.eks is not None:
        return _own_cluster(base, settings.eks, capacity)
    require(settings.kubernetes is not None, "cluster", "eks or existing", None)
    assert settings.kubernetes is not None  # noqa: S101 - for mypy, which does not see through `require`
    return Workplace(cluster=existing_cluster(settings.kubernetes), alarms=(), security_group_id=None)


def _own_cluster(base: Foundation, eks: EksSettings, capacity: Capacity) -> Workplace:
    settings, network = base.settings, base.network
    prefix = settings.name_prefix
    pipeline = {
        "apply": (base.delivery.apply_role_arn, AccessLevel.ADMIN),
        "preview": (base.delivery.preview_role_arn, AccessLevel.READ_ALL),
    }
    people = {arn.rsplit("/", 1)[-1]: (arn, AccessLevel.ADMIN) for arn in eks.admins}
    control_plane = EksCluster(
        "cluster",
        EksClusterArgs(
            cluster_name=prefix,
            region=settings.aws.region,
            kubernetes_version=eks.version,
            subnet_ids=network.private_subnet_ids,
            service_cidr=_SERVICE_CIDR,
            key_arn=base.data_key.arn,
            volume_key_arn=base.data_key.arn,
            log_retention_days=settings.watch.log_days,
            addons=_ADDONS,
            access={
                name: ClusterAccess(principal_arn=arn, level=level)
                for name, (arn, level) in {**people, **pipeline}.items()
            },
            public_access_cidrs=eks.public_cidrs,
            deletion_protection=not base.disposable,
            permissions_boundary=base.delivery.boundary_arn,
        ),
        base.holds_data,
    )
    nodes = NodeGroup(
        "nodes",
        NodeGroupArgs(
            group_name=f"{prefix}-nodes",
            cluster_name=control_plane.name,
            subnet_ids=network.private_subnet_ids,
            key_arn=base.data_key.arn,
            release_version=_NODE_IMAGE,
            machine=Machine.ARM64,
            instance_types=eks.instance_types,
            min_size=eks.min_nodes,
            max_size=eks.max_nodes,
            # No autoscaler runs here yet: more nodes come by pull request.
            size_owner=SizeOwner.PROGRAM,
            capacity=capacity,
            permissions_boundary=base.delivery.boundary_arn,
            after=control_plane.before_nodes,
        ),
        base.on_aws,
    )
    pulumi.export("clusterName", control_plane.name)
    pulumi.export("kubeconfig", control_plane.kubeconfig)
    return Workplace(
        cluster=eks_cluster(control_plane, prefix, after=[nodes.group]),
        alarms=cluster_alarms("cluster", prefix),
        security_group_id=control_plane.security_group_id,
    )
