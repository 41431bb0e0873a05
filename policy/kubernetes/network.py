"""Rules over what is reachable in a cluster, and over what each namespace and deployment has beside it."""

from collections.abc import Mapping
from typing import Any

from policy.checks import shown
from policy.controls import cis_kubernetes, kubernetes_guide, nsa
from policy.kubernetes.objects import (
    AUTOSCALER,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    IN_NAMESPACES,
    INGRESS,
    NAMESPACE,
    NETWORK_POLICY,
    QUOTA,
    SERVICE,
)
from policy.rule import (
    HOLDS,
    NOT_APPLICABLE,
    Inputs,
    Resource,
    Rule,
    Severity,
    Stack,
    StackRule,
    Unknown,
    Verdict,
    Violated,
    each,
    worst,
)
from policy.values import NotKnown, at, items

_WEB_PORTS = (80, 443)


def _named_namespace(resource: Resource, stack: Stack) -> Verdict:
    try:
        name = at(resource.values, "metadata.namespace")
    except NotKnown:
        # A cluster that the same run creates tells nothing yet, but whose name this will be is known.
        owners = _namespaces_of(resource, stack)
        if not owners:
            raise
        return worst([_not_default(at(one.values, "metadata.name")) for one in owners])
    return _not_default(name)


def _not_default(name: object) -> Verdict:
    return Violated(f"metadata.namespace is {shown(name)}") if name in (None, "", "default") else HOLDS


def _not_exposed(inputs: Inputs) -> Verdict:
    if items(inputs, "spec.externalIPs"):
        return Violated("spec.externalIPs is set")
    kind = at(inputs, "spec.type")
    if kind == "NodePort":
        return Violated("spec.type is NodePort")
    if kind != "LoadBalancer":
        return HOLDS
    if not items(inputs, "spec.loadBalancerSourceRanges"):
        return Violated("spec.type is LoadBalancer, and spec.loadBalancerSourceRanges is not set")

    def check(port: Inputs) -> Verdict:
        number = at(port, "port")
        return HOLDS if number in _WEB_PORTS else Violated(f"spec.type is LoadBalancer, with port {shown(number)}")

    return each(items(inputs, "spec.ports"), check)


def _with_tls(inputs: Inputs) -> Verdict:
    covered = {str(host) for entry in items(inputs, "spec.tls") for host in items(entry, "hosts")}
    if not items(inputs, "spec.tls"):
        return Violated("spec.tls is not set")

    def check(rule: Inputs) -> Verdict:
        host = str(at(rule, "host") or "")
        parent = f"*.{host.partition('.')[2]}"
        return HOLDS if host in covered or parent in covered else Violated(f"spec.tls lacks {host or 'a host'}")

    return each(items(inputs, "spec.rules"), check)


def _in_namespace(one: Resource, namespace: Resource, stack: Stack) -> bool:
    """Whether an object lies in a namespace of the stack; `NotKnown` when it cannot be told."""
    name = at(namespace.values, "metadata.name")
    try:
        return bool(at(one.values, "metadata.namespace") == name)
    except NotKnown as error:
        owners = _namespaces_of(one, stack)
        if len(owners) == 1:
            return owners[0] is namespace
        raise NotKnown(f"{error.path} of {one.name}") from None


def _namespaces_of(one: Resource, stack: Stack) -> list[Resource]:
    """The namespaces of the stack that something in an object's metadata comes from."""
    sources = one.sources.get("metadata", frozenset())
    return [namespace for namespace in stack.of(NAMESPACE) if namespace.urn in sources]


def _denies_all(policy: Inputs) -> bool:
    selector = at(policy, "spec.podSelector")
    everything = selector is None or not (at(selector, "matchLabels") or items(selector, "matchExpressions"))
    both = {"Ingress", "Egress"} <= {str(one) for one in items(policy, "spec.policyTypes")}
    return everything and both and not items(policy, "spec.ingress") and not items(policy, "spec.egress")


def _has_default_deny(namespace: Resource, stack: Stack) -> Verdict:
    return _has(namespace, stack, NETWORK_POLICY, _denies_all, "no NetworkPolicy denies all traffic by default")


def _has_quota(namespace: Resource, stack: Stack) -> Verdict:
    return _has(namespace, stack, QUOTA, lambda quota: bool(at(quota, "spec.hard")), "no ResourceQuota limits it")


def _has(namespace: Resource, stack: Stack, type_: str, suits: Any, missing: str) -> Verdict:
    unclear: NotKnown | None = None
    for one in stack.of(type_):
        try:
            if _in_namespace(one, namespace, stack) and suits(one.values):
                return HOLDS
        except NotKnown as error:
            unclear = error
    return Unknown(unclear.path) if unclear else Violated(missing)


def _replicas(deployment: Resource, stack: Stack) -> int:
    """How many pods a deployment keeps at least."""
    name = at(deployment.values, "metadata.name")
    for scaler in stack.of(AUTOSCALER):
        if at(scaler.values, "spec.scaleTargetRef.name") == name:
            return int(at(scaler.values, "spec.minReplicas") or 1)
    return int(at(deployment.values, "spec.replicas") or 1)


def _has_budget(deployment: Resource, stack: Stack) -> Verdict:
    if _replicas(deployment, stack) < 2:
        return NOT_APPLICABLE
    labels = at(deployment.values, "spec.template.metadata.labels")
    for budget in stack.of(DISRUPTION_BUDGET):
        wanted = at(budget.values, "spec.selector.matchLabels")
        if not (isinstance(wanted, Mapping) and isinstance(labels, Mapping) and len(wanted) > 0):
            continue
        if all(key in labels and labels[key] == wanted[key] for key in wanted):
            return HOLDS
    return Violated("no PodDisruptionBudget selects its pods")


RULES: tuple[Rule, ...] = (
    Rule(
        name="service-not-exposed",
        title="From outside, services are reached at web ports only, and from addresses that are named",
        controls=(nsa("network-separation"),),
        severity=Severity.MEDIUM,
        remedy="Set spec.type to ClusterIP, and let an Ingress lead there, or set loadBalancerSourceRanges.",
        types=(SERVICE,),
        check=_not_exposed,
    ),
    Rule(
        name="ingress-with-tls",
        title="What comes from outside is encrypted",
        controls=(
            nsa("encryption-in-transit"),
            kubernetes_guide("ingress-tls", "concepts/services-networking/ingress/#tls"),
        ),
        severity=Severity.HIGH,
        remedy="Set spec.tls with all hosts of spec.rules and the name of a Secret.",
        types=(INGRESS,),
        check=_with_tls,
    ),
)

STACK_RULES: tuple[StackRule, ...] = (
    StackRule(
        name="namespace-named",
        title="Nothing lives in the default namespace",
        controls=(cis_kubernetes("5.6.4"), cis_kubernetes("5.6.1")),
        severity=Severity.MEDIUM,
        remedy="Set metadata.namespace to a namespace of the workload's own.",
        types=IN_NAMESPACES,
        check=_named_namespace,
    ),
    StackRule(
        name="namespace-denies-by-default",
        title="In every namespace, traffic is denied unless it is allowed",
        controls=(cis_kubernetes("5.3.2"), nsa("network-policies")),
        severity=Severity.HIGH,
        remedy="Add a NetworkPolicy with an empty podSelector, policyTypes [Ingress, Egress] and no rules.",
        types=(NAMESPACE,),
        check=_has_default_deny,
    ),
    StackRule(
        name="namespace-has-quota",
        title="No namespace can take the whole cluster",
        controls=(nsa("resource-policies"),),
        severity=Severity.LOW,
        remedy="Add a ResourceQuota to the namespace.",
        types=(NAMESPACE,),
        check=_has_quota,
    ),
    StackRule(
        name="deployment-has-budget",
        title="The drain of nodes leaves pods of a deployment running",
        controls=(kubernetes_guide("disruption-budgets", "tasks/run-application/configure-pdb/"),),
        severity=Severity.LOW,
        remedy="Add a PodDisruptionBudget whose selector matches the pods.",
        types=(DEPLOYMENT,),
        check=_has_budget,
    ),
)
