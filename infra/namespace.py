"""A Kubernetes namespace in which nothing is allowed that was not asked for."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking import v1 as networking

from infra.inputs import require
from infra.tags import labels


@dataclass(frozen=True, kw_only=True)
class NamespaceArgs:
    """`cpu` and `memory` are what all pods may request together, as Kubernetes quantities."""

    namespace_name: pulumi.Input[str]
    cpu: pulumi.Input[str]
    memory: pulumi.Input[str]
    pods: int


class Namespace(pulumi.ComponentResource):
    """A namespace with the `restricted` pod security standard, a quota, container defaults, and no traffic but DNS.

    `guards` must stand before the first pod is started there.
    """

    name: pulumi.Output[str]
    guards: list[pulumi.Resource]

    def __init__(self, name: str, args: NamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:namespace:Namespace", name, None, opts)
        require(args.pods >= 1, f"{name}.pods", "1 or more", args.pods)
        child = pulumi.ResourceOptions(parent=self)
        namespace = core.Namespace(
            name,
            metadata=ObjectMetaArgs(
                name=args.namespace_name,
                labels={
                    **labels(name),
                    # https://kubernetes.io/docs/concepts/security/pod-security-standards/
                    "pod-security.kubernetes.io/enforce": "restricted",
                    "pod-security.kubernetes.io/audit": "restricted",
                    "pod-security.kubernetes.io/warn": "restricted",
                },
            ),
            opts=child,
        )
        self.name = namespace.metadata.apply(lambda metadata: str(metadata.name))
        self._name = name
        self.guards = [self._quota(args), self._container_defaults(), self._deny_all(), self._allow_dns()]
        self.register_outputs({"name": self.name})

    def _metadata(self, object_name: str) -> ObjectMetaArgs:
        return ObjectMetaArgs(name=object_name, namespace=self.name, labels=labels(self._name))

    def _quota(self, args: NamespaceArgs) -> core.ResourceQuota:
        return core.ResourceQuota(
            f"{self._name}-quota",
            metadata=self._metadata("quota"),
            spec=core.ResourceQuotaSpecArgs(
                hard={
                    "requests.cpu": args.cpu,
                    "requests.memory": args.memory,
                    "limits.memory": args.memory,
                    "pods": str(args.pods),
                    # Both would open a way in past the ingress.
                    "services.loadbalancers": "0",
                    "services.nodeports": "0",
                }
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _container_defaults(self) -> core.LimitRange:
        # Under a quota, a pod that says nothing about its needs is not admitted: this speaks for it.
        return core.LimitRange(
            f"{self._name}-container-defaults",
            metadata=self._metadata("container-defaults"),
            spec=core.LimitRangeSpecArgs(
                limits=[
                    core.LimitRangeItemArgs(
                        type="Container",
                        default={"memory": "128Mi"},
                        default_request={"cpu": "50m", "memory": "64Mi"},
                    )
                ]
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _deny_all(self) -> networking.NetworkPolicy:
        return networking.NetworkPolicy(
            f"{self._name}-deny-all",
            metadata=self._metadata("deny-all"),
            spec=networking.NetworkPolicySpecArgs(pod_selector=LabelSelectorArgs(), policy_types=["Ingress", "Egress"]),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _allow_dns(self) -> networking.NetworkPolicy:
        return networking.NetworkPolicy(
            f"{self._name}-allow-dns",
            metadata=self._metadata("allow-dns"),
            spec=networking.NetworkPolicySpecArgs(
                pod_selector=LabelSelectorArgs(),
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
                            networking.NetworkPolicyPortArgs(port=53, protocol="UDP"),
                            networking.NetworkPolicyPortArgs(port=53, protocol="TCP"),
                        ],
                    )
                ],
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
