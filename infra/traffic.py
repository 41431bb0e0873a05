"""Which connections pods may make, as typed data, and the network policies that say so."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import pulumi
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs
from pulumi_kubernetes.networking import v1 as networking

from infra.inputs import require
from infra.kubernetes_inputs import require_label

# Whoever reaches it from a pod gets the credentials of the node.
# https://docs.aws.amazon.com/eks/latest/best-practices/identity-and-access-management.html
_INSTANCE_METADATA = ipaddress.IPv4Network("169.254.169.254/32")
_DNS_PORT = 53
# Behind the cluster's own address of the API server stands a host, and a policy may be applied to either.
_API_PORTS = (443, 6443)


class Protocol(StrEnum):
    """What a network policy tells apart."""

    TCP = "TCP"
    UDP = "UDP"


@dataclass(frozen=True, kw_only=True)
class EgressRule:
    """Whom pods may connect to: an IPv4 range (`cidr`) or the pods of a `namespace`, on one or more `ports`.

    Ports are those of the pods that answer, which a Service in front of them may give other numbers. The nodes'
    metadata service is left out of every range. `purpose` is for whoever reads a refusal.
    """

    purpose: str
    ports: Sequence[int]
    cidr: str | None = None
    namespace: pulumi.Input[str] | None = None
    protocol: Protocol = Protocol.TCP


def require_cidr(value: str, subject: str) -> ipaddress.IPv4Network:
    """The IPv4 range; raises `InputError` for anything else, and for an address with bits outside of its mask."""
    try:
        return ipaddress.IPv4Network(value)
    except ValueError:
        require(False, subject, "an IPv4 range, as in 10.0.32.0/20", value)
        raise


def require_egress(rules: Sequence[EgressRule], subject: str) -> None:
    """Raise `InputError` for the first rule that allows nothing, or nothing that can be said."""
    for rule in rules:
        named = f"{subject} ({rule.purpose})"
        require(
            (rule.cidr is None) != (rule.namespace is None),
            f"{named}.cidr",
            "given, or namespace, and not both",
            rule.cidr,
        )
        if rule.cidr is not None:
            require_cidr(rule.cidr, f"{named}.cidr")
        if rule.namespace is not None:
            require_label(rule.namespace, f"{named}.namespace")
        require(
            bool(rule.ports) and all(1 <= port <= 65535 for port in rule.ports),
            f"{named}.ports",
            "one or more ports from 1 to 65535",
            list(rule.ports),
        )


def everything() -> LabelSelectorArgs:
    """The selector of every pod."""
    return LabelSelectorArgs()


def namespace_peer(namespace: pulumi.Input[str]) -> networking.NetworkPolicyPeerArgs:
    """All pods of a namespace; its name is a label that the API server sets and nobody can fake."""
    return networking.NetworkPolicyPeerArgs(
        namespace_selector=LabelSelectorArgs(match_labels={"kubernetes.io/metadata.name": namespace})
    )


def deny_all() -> networking.NetworkPolicySpecArgs:
    """No connection in or out; other policies add to it."""
    return networking.NetworkPolicySpecArgs(pod_selector=everything(), policy_types=["Ingress", "Egress"])


def allow_dns() -> networking.NetworkPolicySpecArgs:
    """Questions to the cluster's own name server."""
    return networking.NetworkPolicySpecArgs(
        pod_selector=everything(),
        policy_types=["Egress"],
        egress=[
            networking.NetworkPolicyEgressRuleArgs(
                to=[
                    networking.NetworkPolicyPeerArgs(
                        namespace_selector=LabelSelectorArgs(
                            match_labels={"kubernetes.io/metadata.name": "kube-system"}
                        ),
                        pod_selector=LabelSelectorArgs(match_labels={"k8s-app": "kube-dns"}),
                    )
                ],
                ports=[
                    networking.NetworkPolicyPortArgs(port=_DNS_PORT, protocol=protocol.value)
                    for protocol in (Protocol.UDP, Protocol.TCP)
                ],
            )
        ],
    )


def allow_egress(
    selector: LabelSelectorArgs,
    rules: Sequence[EgressRule],
    namespaces: Sequence[pulumi.Input[str]] = (),
) -> networking.NetworkPolicySpecArgs:
    """What the rules name, and any port of pods in `namespaces`."""
    egress = [
        networking.NetworkPolicyEgressRuleArgs(to=[namespace_peer(namespace)], ports=None) for namespace in namespaces
    ]
    return networking.NetworkPolicySpecArgs(
        pod_selector=selector, policy_types=["Egress"], egress=[*egress, *(_egress(rule) for rule in rules)]
    )


def allow_ingress(
    selector: LabelSelectorArgs, rules: Sequence[networking.NetworkPolicyIngressRuleArgs]
) -> networking.NetworkPolicySpecArgs:
    """What the rules name."""
    return networking.NetworkPolicySpecArgs(pod_selector=selector, policy_types=["Ingress"], ingress=list(rules))


def ingress_rule(
    peers: Sequence[networking.NetworkPolicyPeerArgs], ports: Sequence[int]
) -> networking.NetworkPolicyIngressRuleArgs:
    """These peers, or anybody if there are none, on these TCP ports."""
    return networking.NetworkPolicyIngressRuleArgs(
        from_=list(peers) or None,
        ports=[networking.NetworkPolicyPortArgs(port=port, protocol=Protocol.TCP.value) for port in ports],
    )


def api_server(cidr: str) -> EgressRule:
    """The way to the API server, of which no network policy knows the address."""
    return EgressRule(purpose="Kubernetes API", cidr=cidr, ports=_API_PORTS)


def _egress(rule: EgressRule) -> networking.NetworkPolicyEgressRuleArgs:
    return networking.NetworkPolicyEgressRuleArgs(
        to=[_cidr_peer(rule.cidr)] if rule.cidr is not None else [namespace_peer(rule.namespace or "")],
        ports=[networking.NetworkPolicyPortArgs(port=port, protocol=rule.protocol.value) for port in rule.ports],
    )


def _cidr_peer(cidr: str) -> networking.NetworkPolicyPeerArgs:
    """Whoever has an address of the range, but for the nodes' metadata service."""
    within = _INSTANCE_METADATA.subnet_of(ipaddress.IPv4Network(cidr))
    return networking.NetworkPolicyPeerArgs(
        ip_block=networking.IPBlockArgs(cidr=cidr, except_=[str(_INSTANCE_METADATA)] if within else None)
    )
