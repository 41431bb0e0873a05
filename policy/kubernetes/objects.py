"""Where things are in Kubernetes objects, and which types there are."""

from collections.abc import Sequence
from typing import Any

from policy.rule import Check, Inputs, Verdict, each, worst
from policy.values import at, items

_LONG_RUNNING = (
    "kubernetes:apps/v1:DaemonSet",
    "kubernetes:apps/v1:Deployment",
    "kubernetes:apps/v1:StatefulSet",
)
_OTHER_PODS = (
    "kubernetes:apps/v1:ReplicaSet",
    "kubernetes:core/v1:Pod",
    "kubernetes:core/v1:ReplicationController",
    "kubernetes:batch/v1:Job",
    "kubernetes:batch/v1:CronJob",
)
SERVERS = _LONG_RUNNING
PODS = (*_LONG_RUNNING, *_OTHER_PODS)
CRON_JOB = "kubernetes:batch/v1:CronJob"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
NAMESPACE = "kubernetes:core/v1:Namespace"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
INGRESS = "kubernetes:networking.k8s.io/v1:Ingress"
SERVICE = "kubernetes:core/v1:Service"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
SERVICE_ACCOUNT = "kubernetes:core/v1:ServiceAccount"
ROLE = "kubernetes:rbac.authorization.k8s.io/v1:Role"
CLUSTER_ROLE = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"
ROLE_BINDING = "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding"
CLUSTER_ROLE_BINDING = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding"
DISRUPTION_BUDGET = "kubernetes:policy/v1:PodDisruptionBudget"
AUTOSCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
QUOTA = "kubernetes:core/v1:ResourceQuota"
IN_NAMESPACES = (
    *PODS,
    NETWORK_POLICY,
    INGRESS,
    SERVICE,
    CONFIG_MAP,
    SERVICE_ACCOUNT,
    ROLE,
    ROLE_BINDING,
    DISRUPTION_BUDGET,
    AUTOSCALER,
    "kubernetes:core/v1:Secret",
    "kubernetes:core/v1:PersistentVolumeClaim",
)


def pod_of(inputs: Inputs) -> Inputs:
    """The pod's spec: that of the object itself, or of the template that it makes pods from."""
    for path in ("spec.jobTemplate.spec.template.spec", "spec.template.spec"):
        found = at(inputs, path)
        if found is not None:
            return found  # type: ignore[no-any-return] # the engine's values have no types
    found = at(inputs, "spec")
    return {} if found is None else found


def containers(pod: Inputs) -> list[Sequence[Any]]:
    """All lists of containers of a pod, those that run before the others included."""
    return [items(pod, name) for name in ("containers", "initContainers", "ephemeralContainers")]


def each_container(check: Check) -> Check:
    """The check on every container of the pod."""

    def look(inputs: Inputs) -> Verdict:
        pod = pod_of(inputs)
        return worst([each(listed, check) for listed in containers(pod)])

    return look


def called(container: Inputs) -> str:
    """How a reason names a container."""
    return f"container {at(container, 'name') or 'without a name'}"
