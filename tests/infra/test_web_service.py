"""A web service by itself: how its pods run, who reaches them, what rolls them, and what it refuses."""

from collections.abc import Mapping
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pulumi
import pytest

from infra.inputs import InputError
from infra.namespace import Namespace, NamespaceArgs
from infra.traffic import EgressRule
from infra.workloads.web_service import WebService, WebServiceArgs
from tests.infra.recording import Recorded, record

NAMESPACE = NamespaceArgs(namespace_name="shop-dev", cpu="2", memory="2Gi", pods=10)
ARGS = WebServiceArgs(namespace="shop-dev", image="example/web:1.0", port=8080, host="shop.example.com")
PASSWORD = "correct horse"


def web(args: WebServiceArgs = ARGS) -> Recorded:
    return record(lambda: WebService("web", args))


def template(args: WebServiceArgs = ARGS) -> dict[str, Any]:
    found: dict[str, Any] = web(args).only(":Deployment").inputs["spec"]["template"]
    return found


def container(args: WebServiceArgs = ARGS) -> dict[str, Any]:
    (found,) = template(args)["spec"]["containers"]
    return dict(found)


def annotations(args: WebServiceArgs) -> Mapping[str, str]:
    found: Mapping[str, str] = template(args)["metadata"]["annotations"]
    return found


# What an application team gets for naming four things


def test_four_inputs_are_enough_for_a_service_that_survives_the_loss_of_a_pod() -> None:
    recorded = web()
    assert {resource.type.split(":")[-1] for resource in recorded.created()} == {
        "ConfigMap",
        "Deployment",
        "HorizontalPodAutoscaler",
        "Ingress",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "ServiceAccount",
    }
    assert recorded.only(":HorizontalPodAutoscaler").inputs["spec"]["minReplicas"] == 2
    (component,) = [resource for resource in recorded.all if not resource.custom]
    assert component.type == "infra:workloads/webService:WebService"


def test_the_number_of_pods_belongs_to_the_autoscaler() -> None:
    recorded = web(replace(ARGS, min_replicas=3, max_replicas=5))
    assert "replicas" not in recorded.only(":Deployment").inputs["spec"]
    autoscaler = recorded.only(":HorizontalPodAutoscaler").inputs["spec"]
    assert (autoscaler["minReplicas"], autoscaler["maxReplicas"]) == (3, 5)
    assert autoscaler["scaleTargetRef"]["name"] == "web"


def test_a_lone_pod_never_blocks_the_drain_of_its_node() -> None:
    budget = web().only(":PodDisruptionBudget").inputs["spec"]
    assert budget["maxUnavailable"] == 1
    assert "minAvailable" not in budget


def test_selectors_agree_and_hold_no_label_that_can_move() -> None:
    recorded = web()
    expected = {"app.kubernetes.io/name": "web"}
    spec = recorded.only(":Deployment").inputs["spec"]
    assert spec["selector"]["matchLabels"] == recorded.only(":Service").inputs["spec"]["selector"] == expected
    assert recorded.only(":PodDisruptionBudget").inputs["spec"]["selector"]["matchLabels"] == expected
    assert expected.items() <= spec["template"]["metadata"]["labels"].items()


def test_a_rollout_is_given_up_after_five_minutes() -> None:
    recorded = web()
    assert recorded.only(":Deployment").create_timeout == "300s"
    assert recorded.only(":Deployment").inputs["spec"]["progressDeadlineSeconds"] == 300


# How pods run


def test_a_pod_may_do_next_to_nothing() -> None:
    pod = template()["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert web().only(":ServiceAccount").inputs["automountServiceAccountToken"] is False


def test_a_container_says_what_it_needs_and_when_it_is_well() -> None:
    found = container(replace(ARGS, cpu="250m", memory="64Mi", ready_path="/ready", alive_path="/alive"))
    assert found["resources"] == {"requests": {"cpu": "250m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}}
    assert found["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert found["livenessProbe"]["httpGet"]["path"] == found["startupProbe"]["httpGet"]["path"] == "/alive"


@pytest.mark.parametrize(("seconds", "failures"), [(1, 1), (60, 30), (61, 31)])
def test_a_slow_start_is_no_failure_until_its_time_is_up(seconds: int, failures: int) -> None:
    probe = container(replace(ARGS, start_seconds=seconds))["startupProbe"]
    assert (probe["periodSeconds"], probe["failureThreshold"]) == (2, failures)


def test_a_pod_that_ends_answers_until_everybody_has_heard_of_it() -> None:
    assert container()["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}


def test_command_and_arguments_are_those_of_the_image_unless_given() -> None:
    assert {"command", "args"}.isdisjoint(container())
    found = container(replace(ARGS, command=["/web"], arguments=["--quiet"]))
    assert (found["command"], found["args"]) == (["/web"], ["--quiet"])


def test_a_priority_class_is_passed_on() -> None:
    assert template(replace(ARGS, priority_class="shop-standard"))["spec"]["priorityClassName"] == "shop-standard"


def test_an_aws_role_is_an_annotation_and_no_token_of_the_clusters_api() -> None:
    recorded = web(replace(ARGS, role_arn="arn:aws:iam::123456789012:role/web"))
    account = recorded.only(":ServiceAccount").inputs
    assert account["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/web"}
    assert account["automountServiceAccountToken"] is False
    assert "annotations" not in web().only(":ServiceAccount").inputs["metadata"]


def test_pods_start_after_all_they_need_and_end_before_it() -> None:
    def program() -> None:
        shop = Namespace("shop", NAMESPACE)
        extra = EgressRule(purpose="database", cidr="10.0.0.0/24", ports=(5432,))
        given = {"namespace": shop.name, "after": shop.guards, "files": {"a": "b"}, "secrets": {"c": "d"}}
        WebService("web", replace(ARGS, egress=(extra,), **given))

    needed = record(program).only(":Deployment").depends_on
    assert {urn.split("::")[-1] for urn in needed} >= {
        "shop",
        "shop-quota",
        "shop-container-defaults",
        "shop-deny-all",
        "shop-allow-dns",
        "web-account",
        "web-config",
        "web-files",
        "web-secrets",
        "web-allow-ingress",
        "web-allow-egress",
    }


# Who reaches the pods, and whom they reach


def test_only_the_ingress_reaches_the_pods_and_only_on_their_port() -> None:
    spec = web(replace(ARGS, ingress_namespace="way-in")).only(":NetworkPolicy").inputs["spec"]
    (rule,) = spec["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "way-in"}}}]
    assert rule["ports"] == [{"port": 8080, "protocol": "TCP"}]
    assert spec["policyTypes"] == ["Ingress"]


def test_callers_reach_the_pods_besides_the_ingress() -> None:
    (rule,) = web(replace(ARGS, callers=("orders",))).only(":NetworkPolicy").inputs["spec"]["ingress"]
    names = [peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in rule["from"]]
    assert names == ["orders", "traefik"]


def test_metrics_are_for_the_monitoring_alone() -> None:
    args = replace(ARGS, metrics_port=9090, metrics_namespace="watch")
    _, rule = web(args).only(":NetworkPolicy").inputs["spec"]["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "watch"}}}]
    assert rule["ports"] == [{"port": 9090, "protocol": "TCP"}]
    assert annotations(args)["prometheus.io/port"] == "9090"
    assert {port["name"]: port["containerPort"] for port in container(args)["ports"]} == {"http": 8080, "metrics": 9090}
    assert "prometheus.io/scrape" not in annotations(ARGS)


def test_metrics_on_the_services_own_port_are_no_second_port() -> None:
    assert [port["name"] for port in container(replace(ARGS, metrics_port=8080))["ports"]] == ["http"]


def test_pods_reach_what_is_named_and_nothing_else() -> None:
    rule = EgressRule(purpose="database", cidr="10.0.32.0/20", ports=(5432,))
    policy = web(replace(ARGS, egress=(rule,))).named(":NetworkPolicy", "web-allow-egress").inputs
    assert policy["metadata"]["name"] == "web-egress"
    assert policy["spec"]["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": "web"}}
    assert policy["spec"]["egress"] == [
        {"to": [{"ipBlock": {"cidr": "10.0.32.0/20"}}], "ports": [{"port": 5432, "protocol": "TCP"}]}
    ]
    assert [one.name for one in web().of(":NetworkPolicy")] == ["web-allow-ingress"]


def test_a_host_is_published_through_its_class() -> None:
    ingress = web(replace(ARGS, ingress_class="shop-ingress")).only(":Ingress")
    assert ingress.inputs["spec"] == {
        "ingressClassName": "shop-ingress",
        "rules": [
            {
                "host": "shop.example.com",
                "http": {
                    "paths": [
                        {
                            "path": "/",
                            "pathType": "Prefix",
                            "backend": {"service": {"name": "web", "port": {"name": "http"}}},
                        }
                    ]
                },
            }
        ],
    }
    assert {urn.split("::")[-1] for urn in ingress.depends_on} >= {"web", "web-service"}


def test_tls_is_by_the_name_of_a_secret() -> None:
    spec = web(replace(ARGS, tls_secret="web-tls")).only(":Ingress").inputs["spec"]
    assert spec["tls"] == [{"hosts": ["shop.example.com"], "secretName": "web-tls"}]


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({}, "http://shop.example.com"),
        ({"tls_secret": "web-tls"}, "https://shop.example.com"),
        ({"host": None, "callers": ("orders",)}, None),
    ],
)
def test_the_outputs_say_where_the_service_is(changes: dict[str, Any], url: str | None) -> None:
    def program() -> None:
        service = WebService("web", replace(ARGS, **changes))
        for key in ("deployment", "service", "image", "url", "public_url"):
            pulumi.export(key, getattr(service, key))

    outputs = record(program).outputs
    assert outputs["url"] == "http://web.shop-dev.svc"
    assert outputs["public_url"] == url
    assert (outputs["deployment"], outputs["service"], outputs["image"]) == ("web", "web", "example/web:1.0")


def test_a_service_without_a_host_is_for_its_callers_only() -> None:
    recorded = web(replace(ARGS, host=None, callers=("orders",)))
    assert not recorded.of(":Ingress")
    (rule,) = recorded.only(":NetworkPolicy").inputs["spec"]["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "orders"}}}]


def test_every_object_is_labelled_and_named_in_its_namespace() -> None:
    args = replace(
        ARGS, files={"a": "b"}, secrets={"c": "d"}, egress=(EgressRule(purpose="x", cidr="10.0.0.0/24", ports=(1,)),)
    )
    for resource in web(args).created():
        assert resource.name == "web" or resource.name.startswith("web-")
        assert resource.inputs["metadata"]["namespace"] == "shop-dev", resource
        assert resource.inputs["metadata"]["name"].startswith("web"), resource
        assert resource.inputs["metadata"]["labels"]["app.kubernetes.io/name"] == "web", resource


# Refusals


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"namespace": "Shop"}, "web.namespace must be 1 to 63 lower-case"),
        ({"image": "example/web"}, "web.image must be an image with a tag"),
        ({"image": "example/web:latest"}, "web.image must be an image with a tag"),
        ({"cpu": "lots"}, "web.cpu must be a Kubernetes quantity"),
        ({"memory": "0Mi"}, "web.memory must be a Kubernetes quantity above zero"),
        ({"memory": "100m"}, "web.memory must be a quantity of bytes"),
        ({"environment": {"A-B": "1"}}, r"web.environment must be names of variables.*\['A-B'\]"),
        ({"files": {"../passwd": "1"}}, "web.files must be names of files"),
        ({"files": {"..data": "1"}}, "web.files must be names of files"),
        ({"secrets": {"a/b": PASSWORD}}, r"web.secrets must be names of files.*\['a/b'\]"),
        ({"secrets_version": ""}, "web.secrets_version must be not empty"),
        (
            {"egress": (EgressRule(purpose="x", cidr="all", ports=(1,)),)},
            r"web.egress \(x\).cidr must be an IPv4 range",
        ),
        ({"port": 80}, "web.port must be from 1024 to 65535"),
        ({"metrics_port": 0}, "web.metrics_port must be from 1024 to 65535"),
        ({"ready_path": "ready"}, "web.ready_path must be a path that starts with /"),
        ({"alive_path": "/a b"}, "web.alive_path must be a path that starts with /"),
        ({"start_seconds": 0}, "web.start_seconds must be from 1 to 300"),
        ({"min_replicas": 0}, "web.min_replicas must be 1 or more"),
        ({"max_replicas": 1}, r"web.max_replicas must be 2 \(min_replicas\) or more"),
        ({"host": "shop"}, "web.host must be a host name with its domain"),
        ({"host": "Shop.example.com"}, "web.host must be a host name with its domain"),
        ({"host": "https://shop.example.com"}, "web.host must be a host name with its domain"),
        ({"host": None}, "web.callers must be at least one namespace where there is no host"),
        ({"host": None, "callers": ("a",), "tls_secret": "tls"}, "web.host must be given with tls_secret"),
        ({"callers": ("Orders",)}, "web.callers must be 1 to 63 lower-case"),
        ({"ingress_namespace": ""}, "web.ingress_namespace must be 1 to 63 lower-case"),
        ({"metrics_namespace": "a_b"}, "web.metrics_namespace must be 1 to 63 lower-case"),
    ],
)
def test_an_input_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        web(replace(ARGS, **changes))
    assert PASSWORD not in str(caught.value)


def test_a_name_that_kubernetes_does_not_take_is_refused() -> None:
    with pytest.raises(InputError, match=r"Web \(the component's name\) must be 1 to 63 lower-case"):
        record(lambda: WebService("Web", ARGS))


@pytest.mark.parametrize(
    "image", ["example/web:1.0", "host:5000/web:1.0", f"example/web@sha256:{'a' * 64}", f"web:1@sha256:{'0' * 64}"]
)
def test_a_fixed_image_is_taken(image: str) -> None:
    assert container(replace(ARGS, image=image))["image"] == image


@pytest.mark.parametrize("quantity", ["1", "0.5", "250m", "2k"])
def test_a_quantity_is_taken(quantity: str) -> None:
    assert container(replace(ARGS, cpu=quantity))["resources"]["requests"]["cpu"] == quantity


def test_arguments_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        ARGS.port = 1  # type: ignore[misc]
