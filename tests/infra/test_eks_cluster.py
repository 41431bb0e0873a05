"""The cluster's control plane: closed, logged and encrypted, with named people and pinned add-ons."""

import json
from dataclasses import replace
from typing import Any

import pulumi
import pytest

from infra.eks_cluster import AccessLevel, ClusterAccess, EksCluster, EksClusterArgs
from infra.inputs import InputError
from tests.infra.recording import ISSUER, Recorded, record
from tests.infra.seen_options import SeenOptions

ADMIN = ClusterAccess(principal_arn="arn:aws:iam::123456789012:role/deployer", level=AccessLevel.ADMIN)
READER = ClusterAccess(principal_arn="arn:aws:iam::123456789012:role/previewer", level=AccessLevel.READ_ALL)
ADDONS = {
    "vpc-cni": "v1.19.2-eksbuild.1",
    "kube-proxy": "v1.33.0-eksbuild.2",
    "coredns": "v1.12.4-eksbuild.1",
    "eks-pod-identity-agent": "v1.3.4-eksbuild.1",
    "aws-ebs-csi-driver": "v1.39.0-eksbuild.1",
    "metrics-server": "v0.7.2-eksbuild.1",
}
ARGS = EksClusterArgs(
    cluster_name="shop-dev",
    region="eu-west-1",
    kubernetes_version="1.33",
    subnet_ids=["subnet-a", "subnet-b"],
    service_cidr="172.20.0.0/16",
    key_arn="arn:key",
    log_retention_days=90,
    addons=ADDONS,
    access={"deployer": ADMIN, "previewer": READER},
)


def cluster(args: EksClusterArgs = ARGS) -> Recorded:
    return record(lambda: EksCluster("cluster", args))


def control_plane(args: EksClusterArgs = ARGS) -> dict[str, Any]:
    return dict(cluster(args).only("eks/cluster:Cluster").inputs)


def outputs() -> dict[str, Any]:
    """What the component gives, as the program's outputs."""

    def program() -> None:
        made = EksCluster("cluster", ARGS)
        for key in ("kubeconfig", "endpoint", "certificate_authority", "oidc_issuer", "security_group_id", "name"):
            pulumi.export(key, getattr(made, key))

    return dict(record(program).outputs)


def test_the_api_is_reached_from_inside_the_vpc_only() -> None:
    network = control_plane()["vpcConfig"]
    assert (network["endpointPrivateAccess"], network["endpointPublicAccess"]) == (True, False)
    assert "publicAccessCidrs" not in network


def test_named_ranges_reach_the_api_as_well() -> None:
    network = control_plane(replace(ARGS, public_access_cidrs=("203.0.113.0/24",)))["vpcConfig"]
    assert (network["endpointPrivateAccess"], network["endpointPublicAccess"]) == (True, True)
    assert network["publicAccessCidrs"] == ["203.0.113.0/24"]


def test_secrets_are_encrypted_with_the_given_key() -> None:
    assert control_plane()["encryptionConfig"] == {"resources": ["secrets"], "provider": {"keyArn": "arn:key"}}


def test_everything_is_logged_to_a_group_that_was_there_first() -> None:
    recorded = cluster()
    group = recorded.only(":LogGroup").inputs
    assert (group["name"], group["retentionInDays"], group["kmsKeyId"]) == ("/aws/eks/shop-dev/cluster", 90, "arn:key")
    made = recorded.only("eks/cluster:Cluster")
    assert set(made.inputs["enabledClusterLogTypes"]) == {
        "api",
        "audit",
        "authenticator",
        "controllerManager",
        "scheduler",
    }
    assert any("::cluster-logs" in urn for urn in made.depends_on)


def test_the_control_plane_keeps_its_rights_until_it_is_gone() -> None:
    assert any("::cluster-role-policy" in urn for urn in cluster().only("eks/cluster:Cluster").depends_on)


def test_nobody_has_access_by_having_created_the_cluster() -> None:
    assert control_plane()["accessConfig"] == {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": False,
    }


def test_whoever_is_named_has_access_at_their_level() -> None:
    recorded = cluster()
    entries = {entry.name: entry.inputs["principalArn"] for entry in recorded.of(":AccessEntry")}
    assert entries == {
        "cluster-access-deployer": ADMIN.principal_arn,
        "cluster-access-previewer": READER.principal_arn,
    }
    policies = {
        (one.inputs["principalArn"], one.inputs["policyArn"].rsplit("/", 1)[1], one.inputs["accessScope"]["type"])
        for one in recorded.of(":AccessPolicyAssociation")
    }
    assert policies == {
        (ADMIN.principal_arn, "AmazonEKSClusterAdminPolicy", "cluster"),
        (READER.principal_arn, "AmazonEKSAdminViewPolicy", "cluster"),
    }


def test_a_version_leaves_standard_support_by_an_upgrade_and_the_cluster_is_protected() -> None:
    made = control_plane()
    assert (made["version"], made["upgradePolicy"]) == ("1.33", {"supportType": "STANDARD"})
    assert made["deletionProtection"] is True
    assert control_plane(replace(ARGS, deletion_protection=False))["deletionProtection"] is False


def test_a_cluster_is_never_deleted_for_a_replacement() -> None:
    seen = SeenOptions()
    record(lambda: EksCluster("cluster", ARGS, seen.opts))
    assert seen.of["aws:eks/cluster:Cluster::cluster"].delete_before_replace is False


def test_addons_are_pinned_and_decided_here() -> None:
    recorded = cluster()
    assert {one.inputs["addonName"]: one.inputs["addonVersion"] for one in recorded.of(":Addon")} == ADDONS
    assert control_plane()["bootstrapSelfManagedAddons"] is False
    for addon in recorded.of(":Addon"):
        assert addon.inputs["resolveConflictsOnCreate"] == addon.inputs["resolveConflictsOnUpdate"] == "OVERWRITE"


def test_network_policies_are_enforced() -> None:
    configuration = cluster().named(":Addon", "cluster-addon-vpc-cni").inputs["configurationValues"]
    assert json.loads(configuration) == {"enableNetworkPolicy": "true"}


@pytest.mark.parametrize(
    ("addon", "account", "policy"),
    [
        ("vpc-cni", "aws-node", "AmazonEKS_CNI_Policy"),
        ("aws-ebs-csi-driver", "ebs-csi-controller-sa", "service-role/AmazonEBSCSIDriverPolicy"),
    ],
)
def test_an_addon_that_calls_aws_has_a_role_of_its_own(addon: str, account: str, policy: str) -> None:
    recorded = cluster(replace(ARGS, permissions_boundary="arn:boundary", partition="aws-cn"))
    role = recorded.named(":Role", f"cluster-addon-{addon}-role").inputs
    assert (role["name"], role["permissionsBoundary"]) == (f"shop-dev-{addon}", "arn:boundary")
    assert f"system:serviceaccount:kube-system:{account}" in role["assumeRolePolicy"]
    attached = [one.inputs["policyArn"] for one in recorded.of(":RolePolicyAttachment") if f"-{addon}-" in one.name]
    assert attached == [f"arn:aws-cn:iam::aws:policy/{policy}"]
    made = recorded.named(":Addon", f"cluster-addon-{addon}")
    assert made.inputs["serviceAccountRoleArn"] == f"arn:cluster-addon-{addon}-role"
    assert any("RolePolicyAttachment" in urn for urn in made.depends_on)


def test_other_addons_have_no_role() -> None:
    assert "serviceAccountRoleArn" not in cluster().named(":Addon", "cluster-addon-coredns").inputs


def test_the_volume_driver_may_use_the_volume_key_and_no_other() -> None:
    assert cluster().of(":RolePolicy") == []
    policy = cluster(replace(ARGS, volume_key_arn="arn:volumes")).only(":RolePolicy").inputs["policy"]
    assert {tuple(statement["Resource"]) for statement in json.loads(policy)["Statement"]} == {("arn:volumes",)}


def test_what_a_node_needs_comes_before_nodes_and_what_needs_nodes_does_not() -> None:
    found: list[str] = []

    def program() -> None:
        for addon in EksCluster("cluster", ARGS).before_nodes:
            found.append(addon._name)

    record(program)
    assert set(found) == {
        "cluster-addon-vpc-cni",
        "cluster-addon-kube-proxy",
        "cluster-addon-eks-pod-identity-agent",
    }


def test_aws_knows_the_cluster_as_issuer_of_service_account_tokens() -> None:
    provider = cluster().only(":OpenIdConnectProvider").inputs
    assert (provider["url"], provider["clientIdLists"]) == (ISSUER, ["sts.amazonaws.com"])


def test_the_kubeconfig_asks_for_a_token_and_holds_none() -> None:
    found = outputs()
    document = json.loads(found["kubeconfig"])
    assert document["clusters"][0]["cluster"] == {
        "server": found["endpoint"],
        "certificate-authority-data": found["certificate_authority"],
    }
    (user,) = document["users"]
    assert list(user["user"]) == ["exec"]
    assert user["user"]["exec"]["command"] == "aws"
    assert user["user"]["exec"]["args"][:6] == [
        "eks",
        "get-token",
        "--cluster-name",
        "shop-dev",
        "--region",
        "eu-west-1",
    ]
    assert document["current-context"] == document["contexts"][0]["name"]


def test_others_learn_issuer_and_security_group() -> None:
    found = outputs()
    assert (found["oidc_issuer"], found["security_group_id"], found["name"]) == (ISSUER, "sg-cluster", "shop-dev")


def test_names_are_chosen_and_tags_say_whose_it_is() -> None:
    recorded = cluster()
    assert recorded.named(":Role", "cluster-role").inputs["name"] == "shop-dev-control-plane"
    for one in recorded.created():
        if one.type.endswith((":Cluster", ":LogGroup", ":Role", ":OpenIdConnectProvider", ":AccessEntry", ":Addon")):
            assert one.inputs["tags"]["gitops:resource"] == one.name
    assert all(one.name == "cluster" or one.name.startswith("cluster-") for one in recorded.created())


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (replace(ARGS, cluster_name="shop_dev"), "cluster.cluster_name"),
        (replace(ARGS, cluster_name="x" * 41), "cluster.cluster_name"),
        (replace(ARGS, kubernetes_version="1.33.2"), "cluster.kubernetes_version"),
        (replace(ARGS, log_retention_days=31), "cluster.log_retention_days"),
        (replace(ARGS, service_cidr="172.20.0.0/8"), "cluster.service_cidr"),
        (replace(ARGS, service_cidr="somewhere"), "cluster.service_cidr"),
        (replace(ARGS, public_access_cidrs=("0.0.0.0/0",)), "cluster.public_access_cidrs"),
        (replace(ARGS, public_access_cidrs=("203.0.113.7/24",)), "cluster.public_access_cidrs"),
        (replace(ARGS, addons={"vpc-cni": "v1.19.2-eksbuild.1"}), "cluster.addons"),
        (replace(ARGS, addons={**ADDONS, "coredns": "latest"}), "cluster.addons.coredns"),
        (replace(ARGS, access={"previewer": READER}), "cluster.access"),
    ],
)
def test_what_cannot_work_is_refused_by_name(args: EksClusterArgs, named: str) -> None:
    with pytest.raises(InputError, match=rf"^{named} must be"):
        cluster(args)
