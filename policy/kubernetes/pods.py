"""Rules over pods, wherever they are described: what they may do, and whether they can be run reliably."""

import re
from collections.abc import Callable, Mapping

from policy.checks import is_not_true, shown
from policy.controls import cis_kubernetes, kubernetes_guide, nsa, pod_security
from policy.kubernetes.objects import CRON_JOB, PODS, SERVERS, called, each_container, each_pod, in_pod, with_patches
from policy.rule import HOLDS, Check, Inputs, Rule, Severity, Verdict, Violated, each
from policy.values import at, items

_FIXED_IMAGE = re.compile(r"[^\s@]+(:(?!latest$)[\w.-]+|(:[\w.-]+)?@sha256:[0-9a-f]{64})")
_RESTRICTED = "restricted"
_BASELINE = "baseline"


def _of_containers(path: str, holds: Callable[[object], bool]) -> Check:
    def check(container: Inputs) -> Verdict:
        value = at(container, path)
        return HOLDS if holds(value) else Violated(f"{called(container)}: {path} is {shown(value)}")

    return each_container(check)


def _no_host_path(pod: Inputs) -> Verdict:
    def check(volume: Inputs) -> Verdict:
        if at(volume, "hostPath") is None:
            return HOLDS
        return Violated(f"volume {at(volume, 'name')}: hostPath {at(volume, 'hostPath.path')} is of the node")

    return each(items(pod, "volumes"), check)


def _no_host_port(container: Inputs) -> Verdict:
    def check(port: Inputs) -> Verdict:
        number = at(port, "hostPort")
        return Violated(f"{called(container)}: hostPort {shown(number)} is of the node") if number else HOLDS

    return each(items(container, "ports"), check)


def _non_root(pod: Inputs) -> Verdict:
    def check(container: Inputs) -> Verdict:
        user = _either(container, pod, "runAsUser")
        if user == 0:
            return Violated(f"{called(container)}: securityContext.runAsUser is 0")
        if _either(container, pod, "runAsNonRoot") is True:
            return HOLDS
        return Violated(f"{called(container)}: securityContext.runAsNonRoot is not true")

    return in_pod(pod, check)


def _either(container: Inputs, pod: Inputs, name: str) -> object:
    """A setting of the container, or else that of the pod."""
    own = at(container, f"securityContext.{name}")
    return at(pod, f"securityContext.{name}") if own is None else own


def _drops_all(container: Inputs) -> Verdict:
    dropped = [str(one).upper() for one in items(container, "securityContext.capabilities.drop")]
    if "ALL" not in dropped:
        return Violated(f"{called(container)}: securityContext.capabilities.drop does not hold ALL")
    added = [str(one) for one in items(container, "securityContext.capabilities.add")]
    more = [one for one in added if one.upper().removeprefix("CAP_") != "NET_BIND_SERVICE"]
    return Violated(f"{called(container)}: securityContext.capabilities.add holds {', '.join(more)}") if more else HOLDS


def _seccomp(pod: Inputs) -> Verdict:
    def check(container: Inputs) -> Verdict:
        profile = _either(container, pod, "seccompProfile")
        kind = at(profile, "type") if isinstance(profile, Mapping) else None
        if kind in ("RuntimeDefault", "Localhost"):
            return HOLDS
        return Violated(f"{called(container)}: securityContext.seccompProfile.type is {shown(kind)}")

    return in_pod(pod, check)


def _pinned(container: Inputs) -> Verdict:
    image = str(at(container, "image") or "")
    return HOLDS if _FIXED_IMAGE.fullmatch(image) else Violated(f"{called(container)}: image {image} may change")


def _sized(container: Inputs) -> Verdict:
    needed = ("requests.cpu", "requests.memory", "limits.memory")
    missing = [one for one in needed if at(container, f"resources.{one}") is None]
    return Violated(f"{called(container)}: resources lacks {', '.join(missing)}") if missing else HOLDS


def _probed(pod: Inputs) -> Verdict:
    def check(container: Inputs) -> Verdict:
        missing = [one for one in ("readinessProbe", "livenessProbe") if at(container, one) is None]
        return Violated(f"{called(container)}: {' and '.join(missing)} not set") if missing else HOLDS

    return each(items(pod, "containers"), check)


def _no_token(pod: Inputs) -> Verdict:
    value = at(pod, "automountServiceAccountToken")
    # Asked for, and for an identity of its own: what that may do is seen in the roles that are bound to it.
    asked = value is True and at(pod, "serviceAccountName") not in (None, "", "default")
    return HOLDS if value is False or asked else Violated(f"automountServiceAccountToken is {shown(value)}")


def _concurrency(inputs: Inputs) -> Verdict:
    value = at(inputs, "spec.concurrencyPolicy")
    return HOLDS if value in ("Forbid", "Replace") else Violated(f"spec.concurrencyPolicy is {shown(value)}")


_HOST = (
    Rule(
        name="pod-not-privileged",
        title="Containers are not privileged",
        controls=(pod_security(_BASELINE), cis_kubernetes("5.2.2"), nsa("pod-security")),
        severity=Severity.CRITICAL,
        remedy="Leave securityContext.privileged out.",
        types=PODS,
        check=_of_containers("securityContext.privileged", lambda value: value is not True),
    ),
    Rule(
        name="pod-no-host-namespaces",
        title="Pods do not share the network or the processes of their node",
        controls=(
            pod_security(_BASELINE),
            cis_kubernetes("5.2.3"),
            cis_kubernetes("5.2.4"),
            cis_kubernetes("5.2.5"),
        ),
        severity=Severity.CRITICAL,
        remedy="Leave hostNetwork, hostPID and hostIPC out.",
        types=PODS,
        check=each_pod(is_not_true("hostNetwork", "hostPID", "hostIPC")),
    ),
    Rule(
        name="pod-no-host-path",
        title="Pods do not mount folders of their node",
        controls=(pod_security(_BASELINE), cis_kubernetes("5.2.11")),
        severity=Severity.HIGH,
        remedy="Use an emptyDir or a PersistentVolumeClaim.",
        types=PODS,
        check=each_pod(_no_host_path),
    ),
    Rule(
        name="pod-no-host-port",
        title="Containers take no port of their node",
        controls=(pod_security(_BASELINE), cis_kubernetes("5.2.12")),
        severity=Severity.MEDIUM,
        remedy="Leave hostPort out, and add a Service.",
        types=PODS,
        check=each_container(_no_host_port),
    ),
)

_PRIVILEGES = (
    Rule(
        name="pod-non-root",
        title="Containers do not run as root",
        controls=(pod_security(_RESTRICTED), cis_kubernetes("5.2.7"), nsa("non-root-containers")),
        severity=Severity.HIGH,
        remedy="Set securityContext.runAsNonRoot to true, and runAsUser to a number other than 0.",
        types=PODS,
        check=each_pod(_non_root),
    ),
    Rule(
        name="pod-no-escalation",
        title="Processes cannot get more privileges than they began with",
        controls=(pod_security(_RESTRICTED), cis_kubernetes("5.2.6")),
        severity=Severity.HIGH,
        remedy="Set securityContext.allowPrivilegeEscalation to false in each container.",
        types=PODS,
        check=_of_containers("securityContext.allowPrivilegeEscalation", lambda value: value is False),
    ),
    Rule(
        name="pod-drops-capabilities",
        title="Containers drop all capabilities",
        controls=(pod_security(_RESTRICTED), cis_kubernetes("5.2.8"), cis_kubernetes("5.2.9")),
        severity=Severity.HIGH,
        remedy="Set securityContext.capabilities.drop to [ALL], and add NET_BIND_SERVICE at most.",
        types=PODS,
        check=each_container(_drops_all),
    ),
    Rule(
        name="pod-read-only-root",
        title="Containers cannot write to their image",
        controls=(nsa("immutable-container-file-systems"), cis_kubernetes("5.6.3")),
        severity=Severity.MEDIUM,
        remedy="Set securityContext.readOnlyRootFilesystem to true, and mount an emptyDir where something is written.",
        types=PODS,
        check=_of_containers("securityContext.readOnlyRootFilesystem", lambda value: value is True),
    ),
    Rule(
        name="pod-seccomp",
        title="Containers run under a seccomp profile",
        controls=(pod_security(_RESTRICTED), cis_kubernetes("5.6.2")),
        severity=Severity.MEDIUM,
        remedy="Set securityContext.seccompProfile.type to RuntimeDefault.",
        types=PODS,
        check=each_pod(_seccomp),
    ),
    Rule(
        name="pod-no-token",
        title="Pods get no token for the Kubernetes API unasked",
        controls=(cis_kubernetes("5.1.6"), nsa("service-account-tokens")),
        severity=Severity.MEDIUM,
        remedy="Set automountServiceAccountToken to false, or to true with a serviceAccountName of the pod's own.",
        types=PODS,
        check=each_pod(_no_token),
    ),
)

_RELIABLE = (
    Rule(
        name="pod-image-pinned",
        title="Images are named by a fixed tag or a digest",
        controls=(kubernetes_guide("images", "concepts/containers/images/#image-names"), cis_kubernetes("5.5.1")),
        severity=Severity.HIGH,
        remedy="Write a tag other than latest, or better a sha256 digest.",
        types=PODS,
        check=each_container(_pinned),
    ),
    Rule(
        name="pod-sized",
        title="Containers say what they need, and how much memory they may take",
        controls=(
            nsa("resource-policies"),
            kubernetes_guide("resources", "concepts/configuration/manage-resources-containers/"),
        ),
        severity=Severity.MEDIUM,
        remedy="Set resources.requests.cpu, resources.requests.memory and resources.limits.memory.",
        types=PODS,
        check=each_container(_sized),
    ),
    Rule(
        name="pod-probed",
        title="Kubernetes can tell whether a container is ready and alive",
        controls=(kubernetes_guide("probes", "concepts/configuration/liveness-readiness-startup-probes/"),),
        severity=Severity.LOW,
        remedy="Set readinessProbe and livenessProbe.",
        types=SERVERS,
        check=each_pod(_probed),
    ),
    Rule(
        name="cron-job-concurrency",
        title="A scheduled job does not pile up behind a slow one",
        controls=(kubernetes_guide("cron-jobs", "concepts/workloads/controllers/cron-jobs/#concurrency-policy"),),
        severity=Severity.LOW,
        remedy="Set spec.concurrencyPolicy to Forbid or Replace.",
        types=(CRON_JOB,),
        check=_concurrency,
    ),
)

RULES: tuple[Rule, ...] = with_patches((*_HOST, *_PRIVILEGES, *_RELIABLE))
