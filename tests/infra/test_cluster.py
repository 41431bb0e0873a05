"""One interface for the environment's cluster, wherever it comes from."""

import json

import pulumi
import pytest
from pulumi_aws import kms
from pulumi_kubernetes.core import v1 as core

from infra.cluster import Cluster, eks_cluster, existing_cluster
from infra.eks_cluster import EksCluster
from infra.inputs import InputError
from infra.settings import KubernetesSettings
from infra.workload_role import OidcIssuer
from tests.infra.recording import ISSUER, Recorded, Registration, record
from tests.infra.test_eks_cluster import ARGS

EXISTING = KubernetesSettings(context="dev", kubeconfig=None)


def made() -> Recorded:
    """A program with a cluster of its own, nodes that it needs, and an object in it."""

    def program() -> None:
        nodes = kms.Key("nodes")
        cluster = eks_cluster(EksCluster("cluster", ARGS), "shop-dev", after=[nodes])
        core.Namespace("shop", metadata={"name": "shop"}, opts=pulumi.ResourceOptions(provider=cluster.provider))
        assert cluster.issuer is not None
        pulumi.export("issuer", cluster.issuer.url)

    return record(program)


def existing(settings: KubernetesSettings = EXISTING) -> Registration:
    return record(lambda: existing_cluster(settings)).only("providers:kubernetes")


def test_both_are_deployed_to_in_the_same_way() -> None:
    for provider in (made().only("providers:kubernetes"), existing()):
        assert provider.name == "kubernetes"
        assert provider.inputs["enableServerSideApply"] == "true"
        assert provider.inputs["enableConfigMapMutable"] == "true"


def test_a_cluster_of_the_program_is_reached_by_its_own_kubeconfig() -> None:
    provider = made().only("providers:kubernetes").inputs
    assert json.loads(provider["kubeconfig"])["current-context"] == "shop-dev"
    assert provider["clusterIdentifier"] == "shop-dev"
    assert "context" not in provider


def test_objects_go_before_nodes_addons_and_access_do() -> None:
    recorded = made()
    waits_for = recorded.only("providers:kubernetes").depends_on
    for name in ("nodes", "cluster-access-deployer-policy", "cluster-addon-coredns"):
        assert any(urn.endswith(f"::{name}") for urn in waits_for), name
    assert recorded.only(":Namespace").provider.startswith("urn:")


def test_pods_of_a_cluster_of_the_program_can_have_roles() -> None:
    assert made().outputs["issuer"] == ISSUER


def test_an_existing_cluster_is_named_by_its_context() -> None:
    provider = existing().inputs
    assert (provider["context"], provider["clusterIdentifier"]) == ("dev", "dev")


def test_the_path_of_a_kubeconfig_is_only_recorded_when_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/home/somebody/.kube/config")
    assert existing().inputs.get("kubeconfig", "") == ""
    assert existing(KubernetesSettings(context="dev", kubeconfig="kube/dev")).inputs["kubeconfig"] == "kube/dev"


def test_an_existing_cluster_has_roles_for_pods_if_aws_knows_it() -> None:
    def program() -> None:
        issuer = OidcIssuer(provider_arn="arn:provider", url=ISSUER)
        assert existing_cluster(EXISTING, issuer).require_issuer("web.role") is issuer

    record(program)


def test_a_role_for_pods_that_aws_does_not_know_is_refused() -> None:
    def program() -> None:
        cluster: Cluster = existing_cluster(EXISTING)
        cluster.require_issuer("web.role")

    with pytest.raises(
        InputError, match=r"^web\.role must be in a cluster whose service accounts AWS knows, which dev"
    ):
        record(program)
