"""Cases of the rules over Kubernetes objects."""

from typing import Any

from policy.values import UNKNOWN
from tests.policy.judging import Case, but, without

CONTAINER: dict[str, Any] = {
    "name": "web",
    "image": "ghcr.io/acme/web:1.2.3",
    "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}},
    "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}},
    "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}},
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
}
POD: dict[str, Any] = {
    "automountServiceAccountToken": False,
    "securityContext": {"runAsNonRoot": True, "runAsUser": 10001.0, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [CONTAINER],
}
AS_POD = {"spec": POD}
AS_DEPLOYMENT = {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"template": {"spec": POD}}}
AS_CRON_JOB = {"spec": {"concurrencyPolicy": "Forbid", "jobTemplate": {"spec": {"template": {"spec": POD}}}}}
KEEPS = (AS_POD, AS_DEPLOYMENT, AS_CRON_JOB)
DIGEST = f"ghcr.io/acme/web@sha256:{'0f' * 32}"


def pod(path: str, value: Any) -> dict[str, Any]:
    """A deployment whose pods differ there."""
    return but(AS_DEPLOYMENT, f"spec.template.spec.{path}", value)


def container(path: str, value: Any) -> dict[str, Any]:
    """A deployment whose container differs there."""
    return pod(f"containers.0.{path}", value)


def begins_with(path: str, value: Any) -> dict[str, Any]:
    """A deployment with one more container, which runs before the others and differs there."""
    return pod("initContainers", [but(CONTAINER | {"name": "first"}, path, value)])


AS_DECOY: dict[str, Any] = {
    "spec": but(POD, "containers.0.securityContext.privileged", True) | {"template": {"spec": {"containers": []}}}
}
WHERE = "spec.template.spec.containers[0]"

PODS = {
    "pod-not-privileged": Case(
        keeps=KEEPS,
        breaks=(
            (container("securityContext.privileged", True), "container web: securityContext.privileged is true"),
            (begins_with("securityContext.privileged", True), "container first"),
            (but(AS_POD, "spec.containers.0.securityContext.privileged", True), "container web"),
            (
                but(AS_CRON_JOB, "spec.jobTemplate.spec.template.spec.containers.0.securityContext.privileged", True),
                "container web",
            ),
            # What the kind does not use stands in for nothing.
            (AS_DECOY | {"spec": AS_DECOY["spec"] | {"jobTemplate": UNKNOWN}}, "container web"),
            (AS_DECOY, "container web"),
            # One that is not known yet does not hide it.
            (pod("containers", [UNKNOWN, but(CONTAINER, "securityContext.privileged", True)]), "container web"),
        ),
        unknown=(
            (container("securityContext.privileged", UNKNOWN), f"{WHERE}.securityContext.privileged"),
            (pod("containers", UNKNOWN), "spec.template.spec.containers"),
            (but(AS_DEPLOYMENT, "spec", UNKNOWN), "spec"),
        ),
    ),
    "pod-no-host-namespaces": Case(
        keeps=KEEPS,
        breaks=((pod("hostNetwork", True), "hostNetwork is true"), (pod("hostPID", True), "hostPID is true")),
        unknown=((pod("hostIPC", UNKNOWN), "spec.template.spec.hostIPC"),),
    ),
    "pod-no-host-path": Case(
        keeps=(*KEEPS, pod("volumes", [{"name": "tmp", "emptyDir": {}}])),
        breaks=((pod("volumes", [{"name": "logs", "hostPath": {"path": "/var/log"}}]), "hostPath /var/log"),),
        unknown=((pod("volumes", UNKNOWN), "spec.template.spec.volumes"),),
    ),
    "pod-no-host-port": Case(
        keeps=(*KEEPS, container("ports", [{"containerPort": 80.0}])),
        breaks=((container("ports", [{"containerPort": 80.0, "hostPort": 80.0}]), "hostPort 80"),),
        unknown=((container("ports", [{"hostPort": UNKNOWN}]), f"{WHERE}.ports[0].hostPort"),),
    ),
    "pod-non-root": Case(
        keeps=(
            *KEEPS,
            but(pod("securityContext", {}), "spec.template.spec.containers.0.securityContext.runAsNonRoot", True),
        ),
        breaks=(
            (pod("securityContext", {}), "runAsNonRoot is not true"),
            (container("securityContext.runAsUser", 0.0), "runAsUser is 0"),
            (container("securityContext.runAsNonRoot", False), "runAsNonRoot is not true"),
        ),
        unknown=((pod("securityContext.runAsNonRoot", UNKNOWN), "spec.template.spec.securityContext.runAsNonRoot"),),
    ),
    "pod-no-escalation": Case(
        keeps=KEEPS,
        breaks=(
            (container("securityContext.allowPrivilegeEscalation", True), "allowPrivilegeEscalation is true"),
            (container("securityContext", {}), "allowPrivilegeEscalation is not set"),
        ),
        unknown=((container("securityContext", UNKNOWN), f"{WHERE}.securityContext"),),
    ),
    "pod-drops-capabilities": Case(
        keeps=(*KEEPS, container("securityContext.capabilities", {"drop": ["all"], "add": ["NET_BIND_SERVICE"]})),
        breaks=(
            (container("securityContext.capabilities", {"drop": ["NET_RAW"]}), "drop does not hold ALL"),
            (container("securityContext.capabilities.add", ["SYS_ADMIN"]), "add holds SYS_ADMIN"),
        ),
        unknown=(
            (container("securityContext.capabilities.drop", UNKNOWN), f"{WHERE}.securityContext.capabilities.drop"),
        ),
    ),
    "pod-read-only-root": Case(
        keeps=KEEPS,
        breaks=((container("securityContext.readOnlyRootFilesystem", False), "readOnlyRootFilesystem is false"),),
        unknown=(
            (
                container("securityContext.readOnlyRootFilesystem", UNKNOWN),
                f"{WHERE}.securityContext.readOnlyRootFilesystem",
            ),
        ),
    ),
    "pod-seccomp": Case(
        keeps=KEEPS,
        breaks=(
            (pod("securityContext.seccompProfile", {"type": "Unconfined"}), "seccompProfile.type is Unconfined"),
            (pod("securityContext", {}), "seccompProfile.type is not set"),
        ),
        unknown=((pod("securityContext", UNKNOWN), "spec.template.spec.securityContext"),),
    ),
    "pod-no-token": Case(
        keeps=(*KEEPS, but(pod("serviceAccountName", "web"), "spec.template.spec.automountServiceAccountToken", True)),
        breaks=(
            (pod("automountServiceAccountToken", True), "automountServiceAccountToken is true"),
            ({"spec": without(POD, "automountServiceAccountToken")}, "not set"),
        ),
        unknown=((pod("automountServiceAccountToken", UNKNOWN), "spec.template.spec.automountServiceAccountToken"),),
    ),
    "pod-image-pinned": Case(
        keeps=(*KEEPS, container("image", DIGEST), container("image", "localhost:5000/web:1")),
        breaks=(
            (container("image", "ghcr.io/acme/web"), "image ghcr.io/acme/web may change"),
            (container("image", "localhost:5000/web"), "may change"),
            (container("image", "web:latest"), "may change"),
            (begins_with("image", "busybox"), "container first: image busybox may change"),
        ),
        unknown=((container("image", UNKNOWN), f"{WHERE}.image"),),
    ),
    "pod-sized": Case(
        keeps=KEEPS,
        breaks=(
            (container("resources", {}), "lacks requests.cpu, requests.memory, limits.memory"),
            (container("resources.limits", {"cpu": "1"}), "lacks limits.memory"),
        ),
        unknown=((container("resources", UNKNOWN), f"{WHERE}.resources"),),
    ),
    "pod-probed": Case(
        keeps=(AS_DEPLOYMENT, pod("initContainers", [{"name": "first"}])),
        breaks=((container("readinessProbe", None), "readinessProbe not set"),),
        unknown=((container("livenessProbe", UNKNOWN), f"{WHERE}.livenessProbe"),),
    ),
    "cron-job-concurrency": Case(
        keeps=(AS_CRON_JOB,),
        breaks=((but(AS_CRON_JOB, "spec.concurrencyPolicy", "Allow"), "is Allow"), ({"spec": {}}, "not set")),
        unknown=((but(AS_CRON_JOB, "spec.concurrencyPolicy", UNKNOWN), "spec.concurrencyPolicy"),),
    ),
}

READS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}
BINDING = {"roleRef": {"name": "reader"}, "subjects": [{"kind": "Group", "name": "acme:developers"}]}
ENFORCED = {"metadata": {"name": "shop", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
PRIVATE_KEY = "-----BEGIN " + "RSA PRIVATE KEY-----"

ACCESS = {
    "rbac-no-wildcards": Case(
        keeps=({"rules": [READS]}, {}),
        breaks=(
            ({"rules": [READS, READS | {"verbs": ["*"]}]}, "verbs is *"),
            ({"rules": [READS | {"resources": ["*"]}]}, "resources is *"),
        ),
        unknown=(({"rules": [READS, UNKNOWN]}, "rules[1]"),),
    ),
    "rbac-no-escalation": Case(
        keeps=({"rules": [READS]},),
        breaks=(({"rules": [READS | {"verbs": ["escalate", "bind"]}]}, "verbs holds bind, escalate"),),
        unknown=(({"rules": UNKNOWN}, "rules"),),
    ),
    "rbac-no-cluster-admin": Case(
        keeps=(BINDING,),
        breaks=((but(BINDING, "roleRef.name", "cluster-admin"), "roleRef.name is cluster-admin"),),
        unknown=((but(BINDING, "roleRef.name", UNKNOWN), "roleRef.name"),),
    ),
    "rbac-known-subjects": Case(
        keeps=(BINDING,),
        breaks=(
            (but(BINDING, "subjects.0.name", "system:unauthenticated"), "subjects holds system:unauthenticated"),
            (but(BINDING, "subjects.0.name", "system:masters"), "subjects holds system:masters"),
        ),
        unknown=((but(BINDING, "subjects.0.name", UNKNOWN), "subjects[0].name"),),
    ),
    "service-account-no-token": Case(
        keeps=({"automountServiceAccountToken": False},),
        breaks=(({}, "automountServiceAccountToken is not set"),),
        unknown=(({"automountServiceAccountToken": UNKNOWN}, "automountServiceAccountToken"),),
    ),
    "config-map-no-secrets": Case(
        keeps=({"data": {"PODINFO_UI_MESSAGE": "hello", "token-lifetime": "1h"}}, {}),
        breaks=(
            ({"data": {"DB_PASSWORD": "correct horse"}}, "data holds DB_PASSWORD"),
            ({"data": {"tls.pem": PRIVATE_KEY}}, "data holds tls.pem"),
        ),
        unknown=(({"data": UNKNOWN}, "data"), ({"data": {"notes": UNKNOWN}}, "data.notes")),
    ),
    "namespace-pod-security": Case(
        keeps=(ENFORCED,),
        breaks=(
            ({"metadata": {"name": "shop"}}, "enforce is not set"),
            ({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}, "is privileged"),
        ),
        unknown=(({"metadata": {"labels": UNKNOWN}}, "metadata.labels"),),
    ),
}

EDGE = {
    "type": "LoadBalancer",
    "loadBalancerSourceRanges": ["192.0.2.0/24"],
    "ports": [{"port": 80.0}, {"port": 443.0}],
}

CLUSTER_NETWORK = {
    "service-not-exposed": Case(
        keeps=(
            {"spec": {"type": "ClusterIP"}},
            {"spec": {}},
            {"spec": EDGE},
        ),
        breaks=(
            ({"spec": {"type": "NodePort"}}, "spec.type is NodePort"),
            ({"spec": {"externalIPs": ["192.0.2.1"]}}, "externalIPs is set"),
            ({"spec": EDGE | {"loadBalancerSourceRanges": []}}, "loadBalancerSourceRanges is not set"),
            ({"spec": EDGE | {"ports": [{"port": 443.0}, {"port": 5432.0}]}}, "with port 5432"),
        ),
        unknown=(
            ({"spec": {"type": UNKNOWN}}, "spec.type"),
            ({"spec": EDGE | {"loadBalancerSourceRanges": UNKNOWN}}, "spec.loadBalancerSourceRanges"),
        ),
    ),
    "ingress-with-tls": Case(
        keeps=(
            {"spec": {"tls": [{"hosts": ["shop.example.com"]}], "rules": [{"host": "shop.example.com"}]}},
            {"spec": {"tls": [{"hosts": ["*.example.com"]}], "rules": [{"host": "shop.example.com"}]}},
        ),
        breaks=(
            ({"spec": {"rules": [{"host": "shop.example.com"}]}}, "spec.tls is not set"),
            ({"spec": {"tls": [{"hosts": ["a.org"]}], "rules": [{"host": "b.org"}]}}, "spec.tls lacks b.org"),
        ),
        unknown=(({"spec": {"tls": UNKNOWN}}, "spec.tls"),),
    ),
}
