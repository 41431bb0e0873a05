"""Rules over EKS clusters."""

from policy.checks import is_true, one_of, shown
from policy.controls import aws_guide, fsbp
from policy.rule import HOLDS, Inputs, Rule, Severity, Verdict, Violated
from policy.values import at, items

_CLUSTER = ("aws:eks/cluster:Cluster",)
# https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html
_LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")
_GUIDE = "https://docs.aws.amazon.com/eks/latest"


def _endpoint_closed(inputs: Inputs) -> Verdict:
    if at(inputs, "vpcConfig.endpointPublicAccess") is False:
        return HOLDS
    ranges = [str(one) for one in items(inputs, "vpcConfig.publicAccessCidrs")]
    if not ranges:
        return Violated("vpcConfig.publicAccessCidrs is not set, which lets the whole internet in")
    open_ = [one for one in ranges if one in ("0.0.0.0/0", "::/0")]
    return Violated(f"vpcConfig.publicAccessCidrs holds {shown(open_[0])}") if open_ else HOLDS


def _all_logs(inputs: Inputs) -> Verdict:
    on = [str(one) for one in items(inputs, "enabledClusterLogTypes")]
    off = [one for one in _LOGS if one not in on]
    return Violated(f"enabledClusterLogTypes lacks {', '.join(off)}") if off else HOLDS


def _secrets_encrypted(inputs: Inputs) -> Verdict:
    covered = [str(one) for one in items(inputs, "encryptionConfig.resources")]
    return HOLDS if "secrets" in covered else Violated("encryptionConfig.resources does not hold secrets")


RULES: tuple[Rule, ...] = (
    Rule(
        name="eks-endpoint-closed",
        title="The API of a cluster is not open to the whole internet",
        controls=(fsbp("EKS.1"),),
        severity=Severity.HIGH,
        remedy="Set vpcConfig.endpointPublicAccess to false, or list the ranges that may come in publicAccessCidrs.",
        types=_CLUSTER,
        check=_endpoint_closed,
    ),
    Rule(
        name="eks-endpoint-private",
        title="Nodes reach the API of their cluster within the VPC",
        controls=(aws_guide("cluster-endpoint", f"{_GUIDE}/userguide/cluster-endpoint.html"),),
        severity=Severity.MEDIUM,
        remedy="Set vpcConfig.endpointPrivateAccess to true.",
        types=_CLUSTER,
        check=is_true("vpcConfig.endpointPrivateAccess"),
    ),
    Rule(
        name="eks-logs-on",
        title="Clusters log everything that their control plane can",
        controls=(fsbp("EKS.8"),),
        severity=Severity.MEDIUM,
        remedy=f"Set enabledClusterLogTypes to {', '.join(_LOGS)}.",
        types=_CLUSTER,
        check=_all_logs,
    ),
    Rule(
        name="eks-secrets-encrypted",
        title="Secrets of a cluster are encrypted with KMS",
        controls=(fsbp("EKS.3"),),
        severity=Severity.MEDIUM,
        remedy="Set encryptionConfig with provider.keyArn and resources [secrets].",
        types=_CLUSTER,
        check=_secrets_encrypted,
    ),
    Rule(
        name="eks-access-by-api",
        title="Who may use a cluster is decided by access entries",
        controls=(aws_guide("access-entries", f"{_GUIDE}/userguide/access-entries.html"),),
        severity=Severity.MEDIUM,
        remedy="Set accessConfig.authenticationMode to API.",
        types=_CLUSTER,
        check=one_of("accessConfig.authenticationMode", ("API",)),
    ),
    Rule(
        name="eks-creator-no-admin",
        title="Whoever creates a cluster does not stay its administrator unseen",
        controls=(aws_guide("access-entries", f"{_GUIDE}/userguide/access-entries.html"),),
        severity=Severity.LOW,
        remedy="Set accessConfig.bootstrapClusterCreatorAdminPermissions to false, and write access entries.",
        types=_CLUSTER,
        check=one_of("accessConfig.bootstrapClusterCreatorAdminPermissions", (False,)),
    ),
)
