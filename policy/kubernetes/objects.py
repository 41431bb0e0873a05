"""Where things are in Kubernetes objects, and which types there are."""

from collections.abc import Sequence
from dataclasses import replace

from policy.rule import Check, Inputs, Rule, Verdict, attempt, each, worst
from policy.values import NotKnown, at, items

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


_TEMPLATES = ("spec.jobTemplate.spec.template.spec", "spec.template.spec")
_OF_PODS = frozenset(
    {"containers", "ephemeralContainers", "hostIPC", "hostNetwork", "hostPID", "initContainers", "volumes"}
)


def with_patches(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rules for the types' `…Patch` as well, by which a program changes what another has made."""
    return tuple(replace(rule, types=(*rule.types, *(f"{type_}Patch" for type_ in rule.types))) for rule in rules)


def each_pod(check: Check) -> Check:
    """The check on every pod's spec in the object: its own, and those of the templates that it makes pods from.

    One that its kind does not use is judged as well, so that it cannot stand in for the one that runs.
    """

    def look(inputs: Inputs) -> Verdict:
        verdicts = [attempt(lambda path=path: check(at(inputs, path))) for path in _TEMPLATES if _has(inputs, path)]  # type: ignore[misc] # bound early
        own = attempt(lambda: check(at(inputs, "spec") or {}))
        return worst([*verdicts, own] if not verdicts or _is_pod(inputs) else verdicts)

    return look


def _has(inputs: Inputs, path: str) -> bool:
    """Whether something is there; what is not known yet may be."""
    try:
        return at(inputs, path) is not None
    except NotKnown:
        return True


def _is_pod(inputs: Inputs) -> bool:
    try:
        return bool(_OF_PODS & set(at(inputs, "spec") or ()))
    except NotKnown:
        return False


def each_container(check: Check) -> Check:
    """The check on every container of the pod."""

    return each_pod(lambda pod: in_pod(pod, check))


def in_pod(pod: Inputs, check: Check) -> Verdict:
    """The check on every container of this pod; a list that is not known yet hides no other."""
    names = ("containers", "initContainers", "ephemeralContainers")
    return worst([attempt(lambda name=name: each(items(pod, name), check)) for name in names])  # type: ignore[misc] # bound early


def called(container: Inputs) -> str:
    """How a reason names a container."""
    return f"container {at(container, 'name') or 'without a name'}"
