"""Rules over who may do what in a cluster, and where secrets lie."""

import re
from collections.abc import Mapping

from policy.checks import shown
from policy.controls import cis_kubernetes, nsa
from policy.kubernetes.objects import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    CONFIG_MAP,
    NAMESPACE,
    ROLE,
    ROLE_BINDING,
    SERVICE_ACCOUNT,
    with_patches,
)
from policy.rule import HOLDS, Inputs, Rule, Severity, Verdict, Violated, each
from policy.values import at, items

_ROLES = (ROLE, CLUSTER_ROLE)
_BINDINGS = (ROLE_BINDING, CLUSTER_ROLE_BINDING)
_ENFORCE = "pod-security.kubernetes.io/enforce"
_ESCALATING = frozenset({"bind", "escalate", "impersonate"})
_NOBODY = frozenset({"system:anonymous", "system:unauthenticated"})
_SECRET_NAME = re.compile(r"(password|passwd|secret|token|api[_.-]?key|private[_.-]?key|credentials?)$", re.IGNORECASE)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")


def _no_wildcards(inputs: Inputs) -> Verdict:
    def check(rule: Inputs) -> Verdict:
        wide = [name for name in ("verbs", "resources", "apiGroups") if "*" in list(items(rule, name))]
        return Violated(f"rules: {' and '.join(wide)} is *") if wide else HOLDS

    return each(items(inputs, "rules"), check)


def _no_escalation(inputs: Inputs) -> Verdict:
    def check(rule: Inputs) -> Verdict:
        found = sorted(_ESCALATING & {str(one) for one in items(rule, "verbs")})
        return Violated(f"rules: verbs holds {', '.join(found)}") if found else HOLDS

    return each(items(inputs, "rules"), check)


def _no_cluster_admin(inputs: Inputs) -> Verdict:
    return Violated("roleRef.name is cluster-admin") if at(inputs, "roleRef.name") == "cluster-admin" else HOLDS


def _known_subjects(inputs: Inputs) -> Verdict:
    def check(subject: Inputs) -> Verdict:
        name = at(subject, "name")
        return Violated(f"subjects holds {name}") if name in _NOBODY or name == "system:masters" else HOLDS

    return each(items(inputs, "subjects"), check)


def _no_token(inputs: Inputs) -> Verdict:
    value = at(inputs, "automountServiceAccountToken")
    return HOLDS if value is False else Violated(f"automountServiceAccountToken is {shown(value)}")


def _no_secrets(inputs: Inputs) -> Verdict:
    data = at(inputs, "data")
    if not isinstance(data, Mapping):
        return HOLDS
    # The names alone, and never a value, in the reason: should it be a secret, it would be printed.
    telling = sorted(key for key in data if _SECRET_NAME.search(key) or _PRIVATE_KEY.search(str(data[key])))
    return Violated(f"data holds {', '.join(telling)}") if telling else HOLDS


def _pod_security(inputs: Inputs) -> Verdict:
    labels = at(inputs, "metadata.labels")
    level = labels[_ENFORCE] if isinstance(labels, Mapping) and _ENFORCE in labels else None
    return HOLDS if level in ("restricted", "baseline") else Violated(f"metadata.labels: {_ENFORCE} is {shown(level)}")


_RULES: tuple[Rule, ...] = (
    Rule(
        name="rbac-no-wildcards",
        title="Roles list what they allow",
        controls=(cis_kubernetes("5.1.3"), nsa("authorization")),
        severity=Severity.HIGH,
        remedy="List the apiGroups, resources and verbs that are needed.",
        types=_ROLES,
        check=_no_wildcards,
    ),
    Rule(
        name="rbac-no-escalation",
        title="Roles do not let their holders become somebody else",
        controls=(cis_kubernetes("5.1.8"),),
        severity=Severity.HIGH,
        remedy="Take bind, escalate and impersonate out of verbs.",
        types=_ROLES,
        check=_no_escalation,
    ),
    Rule(
        name="rbac-no-cluster-admin",
        title="Nobody is bound to cluster-admin",
        controls=(cis_kubernetes("5.1.1"),),
        severity=Severity.CRITICAL,
        remedy="Bind a role that lists what is needed.",
        types=_BINDINGS,
        check=_no_cluster_admin,
    ),
    Rule(
        name="rbac-known-subjects",
        title="No role is bound to strangers, or to the group that nothing can be denied to",
        controls=(cis_kubernetes("5.1.7"), nsa("anonymous-authentication")),
        severity=Severity.CRITICAL,
        remedy="Bind service accounts and groups of your own.",
        types=_BINDINGS,
        check=_known_subjects,
    ),
    Rule(
        name="service-account-no-token",
        title="Service accounts hand out no token unasked",
        controls=(cis_kubernetes("5.1.6"), nsa("service-account-tokens")),
        severity=Severity.MEDIUM,
        remedy="Set automountServiceAccountToken to false.",
        types=(SERVICE_ACCOUNT,),
        check=_no_token,
    ),
    Rule(
        name="config-map-no-secrets",
        title="ConfigMaps hold no secrets",
        controls=(cis_kubernetes("5.4.2"), nsa("secrets")),
        severity=Severity.HIGH,
        remedy="Keep it in a secret store, and let the pod read it from there or from a Secret.",
        types=(CONFIG_MAP,),
        check=_no_secrets,
    ),
    Rule(
        name="namespace-pod-security",
        title="Namespaces admit only pods that keep a Pod Security Standard",
        controls=(cis_kubernetes("5.2.1"), nsa("pod-security")),
        severity=Severity.HIGH,
        remedy=f"Label it {_ENFORCE}: restricted, or baseline where that cannot be.",
        types=(NAMESPACE,),
        check=_pod_security,
    ),
)

RULES = with_patches(_RULES)
