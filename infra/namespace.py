"""A Kubernetes namespace in which nothing is allowed that was not asked for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking import v1 as networking
from pulumi_kubernetes.rbac import v1 as rbac

from infra.inputs import require
from infra.kubernetes_inputs import require_label, require_memory, require_quantity
from infra.tags import labels
from infra.traffic import EgressRule, allow_dns, allow_egress, deny_all, everything, require_egress

_NOT_A_NAME = re.compile(r"[^a-z0-9]+")


class PodSecurity(StrEnum):
    """Which pods are admitted, see https://kubernetes.io/docs/concepts/security/pod-security-standards/.

    Also under `BASELINE`, whatever is not `RESTRICTED` is warned of and written to the audit log.
    """

    RESTRICTED = "restricted"
    BASELINE = "baseline"


class TeamRole(StrEnum):
    """What a group of people may do, see https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles.

    Changes go through Git, so `VIEW` is what people need; it shows no secrets. `EDIT` reads them, and acts as any
    service account of the namespace; `ADMIN` also hands out rights.
    """

    VIEW = "view"
    EDIT = "edit"
    ADMIN = "admin"


@dataclass(frozen=True, kw_only=True)
class NamespaceArgs:
    """`cpu` and `memory` are what all pods may request together, as Kubernetes quantities.

    `teams` are groups as the cluster knows them; `egress` is open to every pod of the namespace.
    """

    namespace_name: pulumi.Input[str]
    cpu: pulumi.Input[str]
    memory: pulumi.Input[str]
    pods: int
    pod_security: PodSecurity = PodSecurity.RESTRICTED
    teams: Mapping[str, TeamRole] = field(default_factory=dict)
    egress: Sequence[EgressRule] = ()


class Namespace(pulumi.ComponentResource):
    """A namespace with a pod security standard, a quota, container defaults, no traffic but DNS, and who may look.

    `guards` must stand before the first pod is started there.
    """

    name: pulumi.Output[str]
    guards: list[pulumi.Resource]

    def __init__(self, name: str, args: NamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:namespace:Namespace", name, None, opts)
        _validate(name, args)
        self._child = pulumi.ResourceOptions(parent=self)
        namespace = core.Namespace(
            name,
            metadata=ObjectMetaArgs(
                name=args.namespace_name, labels={**labels(name), **pod_security_labels(args.pod_security)}
            ),
            opts=self._child,
        )
        self.name = namespace.metadata.apply(lambda metadata: str(metadata.name))
        self._name = name
        self.guards = [
            self._quota(args),
            self._container_defaults(),
            self._policy("deny-all", deny_all()),
            self._policy("allow-dns", allow_dns()),
        ]
        if args.egress:
            self.guards.append(self._policy("allow-egress", allow_egress(everything(), args.egress)))
        for group, role in args.teams.items():
            self._team(group, role)
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
            opts=self._child,
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
            opts=self._child,
        )

    def _policy(self, object_name: str, spec: networking.NetworkPolicySpecArgs) -> networking.NetworkPolicy:
        return networking.NetworkPolicy(
            f"{self._name}-{object_name}", metadata=self._metadata(object_name), spec=spec, opts=self._child
        )

    def _team(self, group: str, role: TeamRole) -> None:
        rbac.RoleBinding(
            f"{self._name}-team-{_slug(group)}",
            # A binding's role cannot be changed. With the role in its name, the new one stands before the old one goes.
            metadata=self._metadata(f"team-{_slug(group)}-{role.value}"),
            role_ref=rbac.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name=role.value),
            subjects=[rbac.SubjectArgs(api_group="rbac.authorization.k8s.io", kind="Group", name=group)],
            opts=self._child,
        )


def pod_security_labels(level: PodSecurity) -> dict[str, str]:
    """Labels of a namespace that enforce a level, and tell of whatever is less than `RESTRICTED`."""
    return {
        "pod-security.kubernetes.io/enforce": level.value,
        "pod-security.kubernetes.io/audit": PodSecurity.RESTRICTED.value,
        "pod-security.kubernetes.io/warn": PodSecurity.RESTRICTED.value,
    }


def _slug(group: str) -> str:
    return _NOT_A_NAME.sub("-", group.lower()).strip("-")


def _validate(name: str, args: NamespaceArgs) -> None:
    require_label(args.namespace_name, f"{name}.namespace_name")
    require_quantity(args.cpu, f"{name}.cpu")
    require_memory(args.memory, f"{name}.memory")
    require(args.pods >= 1, f"{name}.pods", "1 or more", args.pods)
    for group in args.teams:
        # Among them is system:authenticated, which is everybody.
        require(
            _slug(group) != "" and not group.startswith("system:"),
            f"{name}.teams",
            "groups of people, and none of Kubernetes' own (system:…)",
            group,
        )
    require(
        len({_slug(group) for group in args.teams}) == len(args.teams),
        f"{name}.teams",
        "groups that differ in more than case and punctuation",
        list(args.teams),
    )
    require_egress(args.egress, f"{name}.egress")
