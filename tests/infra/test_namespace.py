"""A namespace by itself: what it admits, what it denies, who may look, and what it refuses."""

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from infra.inputs import InputError
from infra.namespace import Namespace, NamespaceArgs, PodSecurity, TeamRole
from infra.traffic import EgressRule, Protocol
from tests.infra.recording import Recorded, record

ARGS = NamespaceArgs(namespace_name="shop-dev", cpu="2", memory="2Gi", pods=10)
DATABASE = EgressRule(purpose="database", cidr="10.0.32.0/20", ports=(5432,))


def namespace(args: NamespaceArgs = ARGS) -> Recorded:
    return record(lambda: Namespace("shop", args))


def pod_security(args: NamespaceArgs = ARGS) -> dict[str, str]:
    labels = namespace(args).only(":Namespace").inputs["metadata"]["labels"]
    prefix = "pod-security.kubernetes.io/"
    return {key.removeprefix(prefix): value for key, value in labels.items() if key.startswith(prefix)}


def test_a_namespace_admits_restricted_pods_only() -> None:
    assert pod_security() == {"enforce": "restricted", "audit": "restricted", "warn": "restricted"}


def test_baseline_is_asked_for_by_name_and_tells_of_whatever_is_not_restricted() -> None:
    found = pod_security(replace(ARGS, pod_security=PodSecurity.BASELINE))
    assert found == {"enforce": "baseline", "audit": "restricted", "warn": "restricted"}


def test_a_namespace_has_a_quota_and_defaults_that_let_pods_live_under_it() -> None:
    quota = namespace().only(":ResourceQuota").inputs["spec"]["hard"]
    assert quota["requests.cpu"] == "2"
    assert quota["limits.memory"] == "2Gi"
    assert quota["pods"] == "10"
    assert quota["services.loadbalancers"] == quota["services.nodeports"] == "0"
    (defaults,) = namespace().only(":LimitRange").inputs["spec"]["limits"]
    assert defaults["default"].keys() == {"memory"}
    assert defaults["defaultRequest"].keys() == {"cpu", "memory"}


def test_a_namespace_denies_all_traffic_but_dns() -> None:
    recorded = namespace()
    assert {policy.name for policy in recorded.of(":NetworkPolicy")} == {"shop-deny-all", "shop-allow-dns"}
    deny = recorded.named(":NetworkPolicy", "shop-deny-all").inputs["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (rule,) = recorded.named(":NetworkPolicy", "shop-allow-dns").inputs["spec"]["egress"]
    assert {(port["port"], port["protocol"]) for port in rule["ports"]} == {(53, "UDP"), (53, "TCP")}


def test_named_ranges_and_ports_are_open_to_every_pod() -> None:
    statsd = EgressRule(purpose="statistics", cidr="10.9.0.0/24", ports=(8125, 8126), protocol=Protocol.UDP)
    spec = namespace(replace(ARGS, egress=(DATABASE, statsd))).named(":NetworkPolicy", "shop-allow-egress").inputs
    assert spec["spec"] == {
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [
            {"to": [{"ipBlock": {"cidr": "10.0.32.0/20"}}], "ports": [{"port": 5432, "protocol": "TCP"}]},
            {
                "to": [{"ipBlock": {"cidr": "10.9.0.0/24"}}],
                "ports": [{"port": 8125, "protocol": "UDP"}, {"port": 8126, "protocol": "UDP"}],
            },
        ],
    }


def test_a_namespace_is_named_by_the_label_that_nobody_can_fake() -> None:
    orders = EgressRule(purpose="orders", namespace="orders", ports=(8080,))
    spec = namespace(replace(ARGS, egress=(orders,))).named(":NetworkPolicy", "shop-allow-egress").inputs["spec"]
    assert spec["egress"] == [
        {
            "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "orders"}}}],
            "ports": [{"port": 8080, "protocol": "TCP"}],
        }
    ]


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "169.254.0.0/16", "169.254.169.254/32"])
def test_no_rule_opens_the_way_to_the_credentials_of_a_node(cidr: str) -> None:
    anywhere = EgressRule(purpose="anywhere", cidr=cidr, ports=(80,))
    policy = namespace(replace(ARGS, egress=(anywhere,))).named(":NetworkPolicy", "shop-allow-egress").inputs
    (peer,) = policy["spec"]["egress"][0]["to"]
    assert peer["ipBlock"] == {"cidr": cidr, "except": ["169.254.169.254/32"]}


def test_what_guards_a_namespace_goes_before_it_does() -> None:
    recorded = namespace(replace(ARGS, egress=(DATABASE,), teams={"developers": TeamRole.VIEW}))
    for kind in (":ResourceQuota", ":LimitRange", ":NetworkPolicy", ":RoleBinding"):
        assert recorded.of(kind)
        for guard in recorded.of(kind):
            assert any(urn.endswith("v1:Namespace::shop") for urn in guard.depends_on), guard


def test_pods_can_wait_for_every_guard() -> None:
    made: list[Namespace] = []
    recorded = record(lambda: made.append(Namespace("shop", replace(ARGS, egress=(DATABASE,)))))
    guards = {"shop-quota", "shop-container-defaults", "shop-deny-all", "shop-allow-dns", "shop-allow-egress"}
    assert {guard._name for guard in made[0].guards} == guards
    assert guards <= {resource.name for resource in recorded.created()}


@pytest.mark.parametrize("role", list(TeamRole))
def test_a_team_has_its_role_in_this_namespace_only(role: TeamRole) -> None:
    recorded = namespace(replace(ARGS, teams={"oidc:Shop Developers": role}))
    binding = recorded.only(":RoleBinding")
    assert binding.name == "shop-team-oidc-shop-developers"
    assert binding.inputs["metadata"]["namespace"] == "shop-dev"
    assert binding.inputs["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": role.value,
    }
    (subject,) = binding.inputs["subjects"]
    assert (subject["kind"], subject["name"]) == ("Group", "oidc:Shop Developers")
    assert not recorded.of(":ClusterRoleBinding")


def test_another_role_is_another_binding_because_a_bindings_role_cannot_be_changed() -> None:
    names = {
        namespace(replace(ARGS, teams={"developers": role})).only(":RoleBinding").inputs["metadata"]["name"]
        for role in TeamRole
    }
    assert names == {"team-developers-view", "team-developers-edit", "team-developers-admin"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"namespace_name": "Shop"}, "shop.namespace_name must be 1 to 63 lower-case"),
        ({"cpu": "two"}, "shop.cpu must be a Kubernetes quantity above zero"),
        ({"cpu": "0"}, "shop.cpu must be a Kubernetes quantity above zero"),
        ({"memory": "2gb"}, "shop.memory must be a Kubernetes quantity"),
        ({"memory": "64m"}, "shop.memory must be a quantity of bytes"),
        ({"pods": 0}, "shop.pods must be 1 or more"),
        ({"teams": {"system:authenticated": TeamRole.VIEW}}, "shop.teams must be groups of people"),
        ({"teams": {":": TeamRole.VIEW}}, "shop.teams must be groups of people"),
        ({"teams": {"a:b": TeamRole.VIEW, "A-b": TeamRole.EDIT}}, "shop.teams must be groups that differ in more"),
        (
            {"egress": (replace(DATABASE, cidr="10.0.0.1/16"),)},
            r"shop.egress \(database\).cidr must be an IPv4 range",
        ),
        ({"egress": (replace(DATABASE, cidr=None),)}, r"shop.egress \(database\).cidr must be given, or namespace"),
        ({"egress": (replace(DATABASE, namespace="a"),)}, r"shop.egress \(database\).cidr must be given, or namespace"),
        (
            {"egress": (replace(DATABASE, cidr=None, namespace="A"),)},
            r"shop.egress \(database\).namespace must be 1 to 63",
        ),
        ({"egress": (replace(DATABASE, ports=()),)}, r"shop.egress \(database\).ports must be one or more ports"),
        ({"egress": (replace(DATABASE, ports=(70000,)),)}, r"shop.egress \(database\).ports must be one or more"),
    ],
)
def test_an_input_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        namespace(replace(ARGS, **changes))


def test_arguments_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        ARGS.pods = 1  # type: ignore[misc]
