"""What the cluster has before any application: priorities, and a way in."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from infra.addons.ingress import Ingress, IngressArgs
from infra.addons.priority_classes import PriorityClasses, PriorityClassesArgs
from infra.namespace import Namespace
from stacks.cluster import Workplace
from stacks.foundation import Foundation

# https://github.com/traefik/traefik/releases
_TRAEFIK = "docker.io/library/traefik:v3.5.3"
# https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/annotations/
_NETWORK_LOAD_BALANCER = {
    "service.beta.kubernetes.io/aws-load-balancer-type": "nlb",
    "service.beta.kubernetes.io/aws-load-balancer-cross-zone-load-balancing-enabled": "true",
}


@dataclass(frozen=True, kw_only=True)
class Addons:
    """What workloads name."""

    classes: PriorityClasses
    ingress: Ingress


def build_addons(base: Foundation, workplace: Workplace, served: Sequence[Namespace]) -> Addons:
    """Build the add-ons; `served` are the namespaces that can be reached from outside.

    All their names start with the environment's: several environments may share one existing cluster.
    """
    prefix = base.settings.name_prefix
    on_kubernetes = pulumi.ResourceOptions(providers=[workplace.cluster.provider])
    classes = PriorityClasses("priority", PriorityClassesArgs(name_prefix=prefix), on_kubernetes)
    ingress = Ingress(
        "ingress",
        IngressArgs(
            name_prefix=prefix,
            image=_TRAEFIK,
            namespaces=[prefix],
            sources=["0.0.0.0/0"],
            annotations=_NETWORK_LOAD_BALANCER,
            priority_class=classes.critical,
            after=served,
        ),
        on_kubernetes,
    )
    pulumi.export("ingressAddress", ingress.address)
    return Addons(classes=classes, ingress=ingress)
