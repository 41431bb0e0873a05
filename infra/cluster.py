"""The Kubernetes cluster of an environment: one that the program makes, or one that is there already.

Whoever deploys to it takes a `Cluster` and does not know which of the two it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from infra.eks_cluster import EksCluster
from infra.inputs import require
from infra.settings import KubernetesSettings
from infra.workload_role import OidcIssuer


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """What workloads need of a cluster.

    `identifier` is a chosen name that tells it from all others. `issuer` signs the tokens of its service accounts, for
    `WorkloadRole`; None when AWS does not know the cluster, so that its pods cannot have roles.
    """

    provider: kubernetes.Provider
    identifier: str
    issuer: OidcIssuer | None

    def require_issuer(self, subject: str) -> OidcIssuer:
        """The issuer; raises `InputError` in the name of `subject`, which wants an AWS role for its pods."""
        require(
            self.issuer is not None,
            subject,
            f"in a cluster whose service accounts AWS knows, which {self.identifier} is not",
            self.issuer,
        )
        assert self.issuer is not None  # noqa: S101 - for mypy, which does not see through `require`
        return self.issuer


def eks_cluster(cluster: EksCluster, identifier: str, *, after: Sequence[pulumi.Resource] = ()) -> Cluster:
    """The cluster that the program makes; `after` is what must also stand before its first object, such as the nodes.

    Objects are deleted before any of it: a load balancer's controller needs nodes to clean up after itself, and
    whoever deletes needs the access that the cluster gave.
    """
    return Cluster(
        provider=_provider(
            identifier,
            context=None,
            kubeconfig=cluster.kubeconfig,
            opts=pulumi.ResourceOptions(depends_on=[*cluster.ready, *after]),
        ),
        identifier=identifier,
        issuer=cluster.issuer,
    )


def existing_cluster(settings: KubernetesSettings, issuer: OidcIssuer | None = None) -> Cluster:
    """A cluster that somebody else made, named by its context.

    The context is always explicit, so that whatever a kubeconfig calls current does not matter.
    """
    return Cluster(
        # Empty, not None: the SDK would put the caller's KUBECONFIG, a path on one machine, into state and plans.
        provider=_provider(settings.context, context=settings.context, kubeconfig=settings.kubeconfig or ""),
        identifier=settings.context,
        issuer=issuer,
    )


def _provider(
    identifier: str,
    *,
    context: str | None,
    kubeconfig: pulumi.Input[str],
    opts: pulumi.ResourceOptions | None = None,
) -> kubernetes.Provider:
    return kubernetes.Provider(
        "kubernetes",
        context=context,
        # Without it, a cluster reached by another address counts as another cluster, and everything is replaced.
        cluster_identifier=identifier,
        kubeconfig=kubeconfig,
        enable_server_side_apply=True,
        # Their names are fixed: replaced, they would be missing for a moment. What reads them rolls by a digest.
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
        opts=opts,
    )
