"""What a cluster needs before applications: the ingress, metrics-server and priority classes."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pulumi
import pytest

from infra.addons.ingress import Ingress, IngressArgs
from infra.addons.metrics import MetricsServer, MetricsServerArgs, ServingCertificate
from infra.addons.priority_classes import PriorityClasses, PriorityClassesArgs
from infra.inputs import InputError
from infra.namespace import Namespace, NamespaceArgs
from tests.infra.recording import Recorded, record

INGRESS = IngressArgs(
    name_prefix="shop-dev", image="example/traefik:v3.6.2", namespaces=("shop", "orders"), sources=("0.0.0.0/0",)
)
METRICS = MetricsServerArgs(
    name_prefix="shop-dev", image="example/metrics-server:v0.8.0", node_cidr="10.0.0.0/16", unverified=True
)
CERTIFICATE = ServingCertificate(secret="serving", ca_bundle="Y2E=")
CLUSTER_WIDE = (":Namespace", ":ClusterRole", ":ClusterRoleBinding", ":IngressClass", ":PriorityClass")


def ingress(args: IngressArgs = INGRESS) -> Recorded:
    return record(lambda: Ingress("ingress", args))


def metrics(args: MetricsServerArgs = METRICS) -> Recorded:
    return record(lambda: MetricsServer("metrics-server", args))


def classes(prefix: str = "shop-dev") -> Recorded:
    return record(lambda: PriorityClasses("priorities", PriorityClassesArgs(name_prefix=prefix)))


def arguments(recorded: Recorded) -> list[str]:
    (container,) = recorded.only(":Deployment").inputs["spec"]["template"]["spec"]["containers"]
    return list(container["args"])


# All of them


@pytest.mark.parametrize("build", [ingress, metrics, classes])
def test_whatever_is_the_whole_clusters_begins_with_the_prefix(build: Callable[[], Recorded]) -> None:
    recorded = build()
    # Several environments may share a cluster.
    found = [one for kind in CLUSTER_WIDE for one in recorded.of(kind)]
    assert found
    for resource in found:
        assert resource.inputs["metadata"]["name"].startswith("shop-dev-"), resource


@pytest.mark.parametrize("build", [ingress, metrics, classes])
def test_every_object_is_named_and_labelled(build: Callable[[], Recorded]) -> None:
    recorded = build()
    (component,) = [resource for resource in recorded.all if not resource.custom]
    assert component.type.startswith("infra:addons/")
    for resource in recorded.created():
        assert resource.name == component.name or resource.name.startswith(f"{component.name}-")
        assert resource.inputs["metadata"]["name"], resource
        assert resource.inputs["metadata"]["labels"]["app.kubernetes.io/name"] == component.name, resource


@pytest.mark.parametrize("build", [ingress, metrics])
def test_its_pods_are_restricted_and_outlive_the_loss_of_one(build: Callable[[], Recorded]) -> None:
    recorded = build()
    labels = recorded.only(":Namespace").inputs["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    spec = recorded.only(":Deployment").inputs["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert spec["replicas"] == 2
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"].keys() == {"memory"}
    assert {"readinessProbe", "livenessProbe"} <= container.keys()
    assert {one["topologyKey"] for one in pod["topologySpreadConstraints"]} == {
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    }
    assert recorded.only(":PodDisruptionBudget").inputs["spec"]["maxUnavailable"] == 1


@pytest.mark.parametrize("build", [ingress, metrics])
def test_only_its_own_pods_have_a_token_for_the_cluster(build: Callable[[], Recorded]) -> None:
    recorded = build()
    assert recorded.only(":ServiceAccount").inputs["automountServiceAccountToken"] is False
    assert recorded.only(":Deployment").inputs["spec"]["template"]["spec"]["automountServiceAccountToken"] is True


@pytest.mark.parametrize("build", [ingress, metrics])
def test_its_namespace_denies_all_traffic_but_what_is_named(build: Callable[[], Recorded]) -> None:
    recorded = build()
    policies = {one.inputs["metadata"]["name"]: one.inputs["spec"] for one in recorded.of(":NetworkPolicy")}
    assert policies.keys() == {"deny-all", "allow-dns", "allow-ingress", "allow-egress"}
    assert policies["deny-all"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    started_after = {urn.split("::")[-1] for urn in recorded.only(":Deployment").depends_on}
    assert {one.name for one in recorded.of(":NetworkPolicy")} <= started_after


@pytest.mark.parametrize("build", [ingress, metrics])
def test_no_rule_of_its_rights_has_a_wildcard(build: Callable[[], Recorded]) -> None:
    recorded = build()
    for role in recorded.of(":ClusterRole"):
        for rule in role.inputs["rules"]:
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]], role


# Ingress


def test_secrets_are_read_only_where_it_serves() -> None:
    recorded = ingress()
    everywhere = recorded.only(":ClusterRoleBinding").inputs["roleRef"]["name"]
    (cluster_role,) = [one for one in recorded.of(":ClusterRole") if one.inputs["metadata"]["name"] == everywhere]
    assert {kind for rule in cluster_role.inputs["rules"] for kind in rule["resources"]} == {"nodes", "ingressclasses"}
    bindings = {one.inputs["metadata"]["namespace"]: one.inputs["roleRef"] for one in recorded.of(":RoleBinding")}
    assert bindings.keys() == {"shop-dev-ingress", "shop", "orders"}
    assert {role["name"] for role in bindings.values()} == {"shop-dev-ingress-served"}
    for binding in [*recorded.of(":RoleBinding"), *recorded.of(":ClusterRoleBinding")]:
        assert binding.inputs["subjects"] == [
            {"kind": "ServiceAccount", "name": "ingress", "namespace": "shop-dev-ingress"}
        ]


def test_nothing_is_written_but_the_address_of_an_ingress() -> None:
    writes = [
        (rule["resources"], rule["verbs"])
        for role in ingress().of(":ClusterRole")
        for rule in role.inputs["rules"]
        if not set(rule["verbs"]) <= {"get", "list", "watch"}
    ]
    assert writes == [(["ingresses/status"], ["update"])]


def test_it_watches_what_it_serves_and_takes_its_own_class_only() -> None:
    found = arguments(ingress())
    assert "--providers.kubernetesingress.namespaces=shop-dev-ingress,shop,orders" in found
    assert "--providers.kubernetesingress.ingressclass=shop-dev-ingress" in found
    made = ingress().only(":IngressClass").inputs
    assert made["metadata"]["name"] == "shop-dev-ingress"
    assert made["spec"] == {"controller": "traefik.io/ingress-controller"}


def test_it_reaches_the_pods_it_serves() -> None:
    egress = ingress().named(":NetworkPolicy", "ingress-allow-egress").inputs["spec"]["egress"]
    peers = [peer for rule in egress for peer in rule["to"]]
    served = {
        peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for peer in peers
        if "namespaceSelector" in peer
    }
    assert served == {"shop", "orders"}
    assert [peer["ipBlock"]["cidr"] for peer in peers if "ipBlock" in peer] == ["0.0.0.0/0"]


def test_plain_http_is_redirected_unless_asked_for_by_name() -> None:
    redirect = "--entrypoints.web.http.redirections.entrypoint.scheme=https"
    assert redirect in arguments(ingress())
    assert redirect not in arguments(ingress(replace(INGRESS, plain_http=True)))


def test_its_dashboard_and_its_reports_home_are_off() -> None:
    found = arguments(ingress())
    assert not [one for one in found if one.startswith("--api")]
    assert "--global.sendanonymoususage=false" in found


def test_the_load_balancer_is_told_who_may_connect_and_what_it_is() -> None:
    annotations = {"service.beta.kubernetes.io/aws-load-balancer-scheme": "internal"}
    args = replace(
        INGRESS, sources=("192.0.2.0/24",), annotations=annotations, load_balancer_class="service.k8s.aws/nlb"
    )
    service = ingress(args).only(":Service").inputs
    assert service["metadata"]["annotations"] == annotations
    assert service["spec"]["type"] == "LoadBalancer"
    assert service["spec"]["loadBalancerSourceRanges"] == ["192.0.2.0/24"]
    assert service["spec"]["loadBalancerClass"] == "service.k8s.aws/nlb"
    assert service["spec"]["externalTrafficPolicy"] == "Local"


def test_the_certificate_for_hosts_without_one_is_by_the_name_of_a_secret() -> None:
    recorded = ingress(replace(INGRESS, default_certificate="wildcard"))
    pod = recorded.only(":Deployment").inputs["spec"]["template"]["spec"]
    assert {"name": "certificate", "secret": {"secretName": "wildcard"}} in pod["volumes"]
    assert "/etc/traefik/certificate/tls.crt" in recorded.only(":ConfigMap").inputs["data"]["certificate.yaml"]
    assert "--providers.file.filename=/etc/traefik/dynamic/certificate.yaml" in arguments(recorded)
    assert not ingress().of(":ConfigMap")
    assert not [one for one in arguments(ingress()) if one.startswith("--providers.file")]


def test_its_metrics_are_for_the_monitoring_alone() -> None:
    def rules(args: IngressArgs) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (
            ingress(args).named(":NetworkPolicy", "ingress-allow-ingress").inputs["spec"]["ingress"]
        )
        return found

    (anybody,) = rules(INGRESS)
    assert "from" not in anybody
    assert {port["port"] for port in anybody["ports"]} == {8000, 8443}
    _, watched = rules(replace(INGRESS, metrics_namespace="watch"))
    assert watched["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "watch"}}}]


def test_its_rights_wait_for_the_namespaces_it_serves() -> None:
    def program() -> None:
        shop = Namespace("shop", NamespaceArgs(namespace_name="shop", cpu="1", memory="1Gi", pods=5))
        Ingress("ingress", replace(INGRESS, namespaces=("shop",), after=[shop]))

    binding = record(program).named(":RoleBinding", "ingress-binding-shop")
    assert any(urn.endswith("v1:Namespace::shop") for urn in binding.depends_on)


def test_the_outputs_are_what_a_web_service_takes() -> None:
    def program() -> None:
        made = Ingress("ingress", INGRESS)
        for key in ("class_name", "namespace", "address"):
            pulumi.export(key, getattr(made, key))

    # No load balancer among the mocks, and so no address yet.
    assert record(program).outputs == {
        "class_name": "shop-dev-ingress",
        "namespace": "shop-dev-ingress",
        "address": "",
    }


# Metrics


def test_the_api_comes_last_and_goes_first() -> None:
    api = metrics().only(":APIService")
    assert {urn.split("::")[-1] for urn in api.depends_on} >= {"metrics-server", "metrics-server-service"}
    assert api.inputs["metadata"]["name"] == "v1beta1.metrics.k8s.io"
    assert api.inputs["spec"]["service"] == {
        "name": "metrics-server",
        "namespace": "shop-dev-metrics-server",
        "port": 443,
    }


def test_the_api_server_believes_the_certificate_or_is_told_by_name_to_believe_anybody() -> None:
    unverified = metrics()
    assert unverified.only(":APIService").inputs["spec"]["insecureSkipTLSVerify"] is True
    assert "--cert-dir=/tmp" in arguments(unverified)
    verified = metrics(replace(METRICS, certificate=CERTIFICATE, unverified=False))
    spec = verified.only(":APIService").inputs["spec"]
    assert spec["caBundle"] == "Y2E="
    assert "insecureSkipTLSVerify" not in spec
    assert "--tls-cert-file=/etc/metrics-server/certificate/tls.crt" in arguments(verified)
    assert "--cert-dir=/tmp" not in arguments(verified)


def test_metrics_of_nodes_are_read_and_nothing_is_written() -> None:
    for role in metrics().of(":ClusterRole"):
        assert all(set(rule["verbs"]) <= {"get", "list", "watch"} for rule in role.inputs["rules"]), role
    assert "--kubelet-insecure-tls" not in arguments(metrics())


def test_whoever_may_look_may_look_at_metrics() -> None:
    readers = metrics().named(":ClusterRole", "metrics-server-readers").inputs["metadata"]["labels"]
    assert readers["rbac.authorization.k8s.io/aggregate-to-view"] == "true"


# Priority classes


def test_critical_goes_before_standard_and_batch_before_none() -> None:
    found = {one.name: one.inputs for one in classes().of(":PriorityClass")}
    values = [found[f"priorities-{level}"]["value"] for level in ("critical", "standard", "batch")]
    assert values == sorted(values, reverse=True)
    assert values[-1] > 0
    # https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/: above are the system's own.
    assert values[0] <= 1_000_000_000
    assert found["priorities-batch"]["preemptionPolicy"] == "Never"


def test_no_class_is_the_default_of_a_cluster_that_may_be_shared() -> None:
    assert not any("globalDefault" in one.inputs for one in classes().of(":PriorityClass"))


def test_the_names_of_the_classes_are_outputs() -> None:
    def program() -> None:
        made = PriorityClasses("priorities", PriorityClassesArgs(name_prefix="shop-dev"))
        for level in ("critical", "standard", "batch"):
            pulumi.export(level, getattr(made, level))

    assert record(program).outputs == {
        "critical": "shop-dev-critical",
        "standard": "shop-dev-standard",
        "batch": "shop-dev-batch",
    }


# Refusals


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name_prefix": "Shop"}, "ingress.name_prefix must be 1 to 63 lower-case"),
        ({"name_prefix": "x" * 60}, "ingress.name_prefix with the component's name must be 1 to 63"),
        ({"image": "traefik:latest"}, "ingress.image must be an image with a tag"),
        ({"namespaces": ()}, "ingress.namespaces must be one or more different namespaces"),
        ({"namespaces": ("a", "a")}, "ingress.namespaces must be one or more different namespaces"),
        ({"namespaces": ("A",)}, "ingress.namespaces must be 1 to 63 lower-case"),
        ({"sources": ()}, "ingress.sources must be at least one IPv4 range"),
        ({"sources": ("anybody",)}, "ingress.sources must be an IPv4 range"),
        ({"replicas": 0}, "ingress.replicas must be 1 or more"),
        ({"cpu": "0"}, "ingress.cpu must be a Kubernetes quantity"),
        ({"memory": "1m"}, "ingress.memory must be a quantity of bytes"),
        ({"api_cidr": "10.0.0.1/8"}, "ingress.api_cidr must be an IPv4 range"),
    ],
)
def test_an_ingress_refuses_an_input_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ingress(replace(INGRESS, **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name_prefix": "Shop"}, "metrics-server.name_prefix with the component's name must be 1 to 63"),
        ({"image": "metrics-server"}, "metrics-server.image must be an image with a tag"),
        ({"node_cidr": "nodes"}, "metrics-server.node_cidr must be an IPv4 range"),
        ({"api_cidr": ""}, "metrics-server.api_cidr must be an IPv4 range"),
        ({"replicas": 0}, "metrics-server.replicas must be 1 or more"),
        ({"cpu": "x"}, "metrics-server.cpu must be a Kubernetes quantity"),
        ({"memory": "1m"}, "metrics-server.memory must be a quantity of bytes"),
        ({"unverified": False}, "metrics-server.unverified must be True where there is no certificate"),
        ({"certificate": CERTIFICATE}, "metrics-server.unverified must be True where there is no certificate"),
    ],
)
def test_metrics_refuse_an_input_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        metrics(replace(METRICS, **changes))


def test_priority_classes_refuse_a_prefix_that_is_no_name() -> None:
    with pytest.raises(InputError, match=r"priorities\.name_prefix must be 1 to 63 lower-case"):
        classes("shop_dev")


@pytest.mark.parametrize("args", [INGRESS, METRICS, CERTIFICATE, PriorityClassesArgs(name_prefix="a")])
def test_arguments_are_frozen(args: object) -> None:
    (first, *_) = vars(args)
    with pytest.raises(FrozenInstanceError):
        setattr(args, first, "other")
