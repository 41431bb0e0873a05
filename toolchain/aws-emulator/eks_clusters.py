"""Where moto's EKS clusters and node groups say less than AWS does, or nothing that a client could connect to.

moto keeps of a new cluster what it knows by name and drops the rest, so that the next refresh reports changes.
"""

import json
import os
import time
import uuid
from pathlib import Path
from typing import Any

import eks
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends
from moto.eks.exceptions import InvalidParameterException, InvalidRequestException
from moto.eks.models import Cluster, EKSBackend, Nodegroup
from moto.eks.responses import EKSResponse

# Names a kubeconfig, as JSON, of the API server that stands for every cluster. Without it, endpoints lead nowhere.
KUBECONFIG = "AWS_EMULATOR_KUBECONFIG"

# What AWS answers about a cluster for which nothing was asked (CreateCluster in the EKS API reference).
_DEFAULTS: eks.Json = {
    "accessConfig": {"authenticationMode": "CONFIG_MAP"},
    "upgradePolicy": {"supportType": "EXTENDED"},
    "deletionProtection": False,
}
_VPC_DEFAULTS: eks.Json = {"endpointPublicAccess": True, "endpointPrivateAccess": False, "securityGroupIds": []}


def apply() -> None:
    """Put the corrections in place; once per process, before the server starts."""
    _lead_to_the_api_server()
    _remember_what_clusters_are_created_with()
    _end_clusters_completely()
    _remember_what_node_groups_are_created_with()
    _let_node_group_updates_be_asked_for()


def _api_server() -> eks.Json | None:
    """Address and authority of the API server; read each time, because it may come after us, or move."""
    path = Path(os.environ.get(KUBECONFIG) or os.devnull)
    try:
        cluster: eks.Json = json.loads(path.read_text())["clusters"][0]["cluster"]
    except (OSError, ValueError):
        return None
    return cluster


def _lead_to_the_api_server() -> None:
    """Each cluster's endpoint and authority are those of the API server that there is, its issuer is its own.

    moto gives all clusters of a region one issuer, of which IAM takes only one provider.
    """
    initialise = Cluster.__init__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - it replaces that very method
        initialise(self, *args, **kwargs)
        region = kwargs["region_name"]
        self.identity = {"oidc": {"issuer": f"https://oidc.eks.{region}.amazonaws.com/id/{uuid.uuid4().hex.upper()}"}}

    def endpoint(self: Any) -> str:
        server = _api_server()
        return str(server["server"] if server else self._endpoint)

    def authority(self: Any) -> eks.Json:
        server = _api_server()
        return {"data": server["certificate-authority-data"]} if server else self._authority

    Cluster.__init__ = __init__
    Cluster.endpoint = property(endpoint, lambda self, value: setattr(self, "_endpoint", value))
    Cluster.certificate_authority = property(authority, lambda self, value: setattr(self, "_authority", value))


def _remember_what_clusters_are_created_with() -> None:
    create = EKSResponse.create_cluster

    def create_cluster(self: Any) -> Any:
        result = create(self)
        cluster = self.eks_backend.clusters[self._get_param("name")]
        for key, default in _DEFAULTS.items():
            setattr(cluster, key, self._get_param(key) or default)
        # Asked once, at creation, and never told again.
        cluster.accessConfig = {"authenticationMode": cluster.accessConfig["authenticationMode"]}
        network = {**_VPC_DEFAULTS, **cluster.resources_vpc_config}
        if network["endpointPublicAccess"]:
            network.setdefault("publicAccessCidrs", ["0.0.0.0/0"])
        cluster.resources_vpc_config = {**network, **_in_the_vpc(self.region, cluster)}
        asked = cluster.kubernetes_network_config
        cluster.kubernetes_network_config = {"ipFamily": "ipv4", "serviceIpv4Cidr": "172.20.0.0/16", **asked}
        return result

    EKSResponse.create_cluster = create_cluster


def _in_the_vpc(region: str, cluster: Any) -> eks.Json:
    """The VPC of the cluster's subnets, and the security group that AWS makes for cluster and nodes."""
    ec2 = ec2_backends[DEFAULT_ACCOUNT_ID][region]
    try:
        vpc = ec2.get_subnet(cluster.resources_vpc_config["subnetIds"][0]).vpc_id
    except EC2ClientError:
        return {}
    group = ec2.create_security_group(
        f"eks-cluster-sg-{cluster.name}-{uuid.uuid4().int % 10**9}",
        "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes.",
        vpc,
        tags={"aws:eks:cluster-name": cluster.name, f"kubernetes.io/cluster/{cluster.name}": "owned"},
    )
    return {"vpcId": vpc, "clusterSecurityGroupId": group.id}


def _end_clusters_completely() -> None:
    """A protected cluster stays; with any other go its security group, and what eks.py remembers of it."""
    delete = EKSBackend.delete_cluster

    def delete_cluster(self: Any, name: str) -> Any:
        cluster = self.clusters.get(name)
        if cluster is not None and cluster.deletionProtection:
            raise InvalidRequestException(
                message=f"Deletion protection is enabled for cluster {name}; disable it first."
            )
        deleted = delete(self, name)
        group = deleted.resources_vpc_config.get("clusterSecurityGroupId")
        if group:
            ec2_backends[DEFAULT_ACCOUNT_ID][self.region_name].delete_security_group(group_id=group)
        eks.store.forget(self.region_name, name)
        return deleted

    EKSBackend.delete_cluster = delete_cluster


def _remember_what_node_groups_are_created_with() -> None:
    create = EKSResponse.create_nodegroup

    def create_nodegroup(self: Any) -> Any:
        result = create(self)
        cluster = self.eks_backend.clusters[self._get_param("name")]
        group: Nodegroup = cluster.nodegroups[self._get_param("nodegroupName")]
        group.update_config = self._get_param("updateConfig") or {"maxUnavailable": 1}
        group.node_repair_config = self._get_param("nodeRepairConfig")
        group.version = self._get_param("version") or cluster.version
        if group.launch_template:
            # The template says how large the disk is, and AWS then does not.
            group.disk_size = None
        return result

    EKSResponse.create_nodegroup = create_nodegroup


def _let_node_group_updates_be_asked_for() -> None:
    """moto forgets the update that it answers with, and the provider waits for it; it also takes any sizes."""
    update = EKSBackend.update_nodegroup_config

    def update_nodegroup_config(self: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_impossible_sizes(kwargs.get("scaling_config") or {})
        made = update(self, *args, **kwargs)
        eks.store.updates[made["id"]] = {**made, "createdAt": time.time()}
        return made

    EKSBackend.update_nodegroup_config = update_nodegroup_config


def _refuse_impossible_sizes(asked: eks.Json) -> None:
    least, wanted, most = (asked.get(key) for key in ("minSize", "desiredSize", "maxSize"))
    if None in (least, wanted, most):
        return
    if least > wanted:
        raise InvalidParameterException(message=f"Minimum capacity {least} can't be greater than desired size {wanted}")
    if wanted > most:
        raise InvalidParameterException(message=f"Desired capacity {wanted} can't be greater than max size {most}")
