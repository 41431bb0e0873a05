"""What autoscalers and `kubectl top` ask: metrics-server, for clusters that have none."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiregistration import v1 as apiregistration
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking import v1 as networking
from pulumi_kubernetes.rbac import v1 as rbac

from infra.addons.home import home
from infra.inputs import require
from infra.kubernetes_inputs import require_image, require_label, require_memory, require_quantity
from infra.tags import labels, selector_labels
from infra.traffic import (
    EgressRule,
    allow_dns,
    allow_egress,
    allow_ingress,
    api_server,
    deny_all,
    ingress_rule,
    require_cidr,
)
from infra.workloads.pod import (
    container_security,
    disruption_budget,
    pod_security,
    resources,
    scratch_mount,
    scratch_volume,
    spread,
)

_GROUP, _VERSION = "metrics.k8s.io", "v1beta1"
_PORT, _SERVICE_PORT, _KUBELET_PORT = 10250, 443, 10250
_CERTIFICATE_FOLDER = "/etc/metrics-server/certificate"
_RESOLUTION_SECONDS = 15
_ROLLOUT_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class ServingCertificate:
    """With what metrics-server proves who it is: a Secret of type kubernetes.io/tls in its namespace, and its signer.

    The certificate is for `<name>.<namespace>.svc`; `ca_bundle` is the signer's, PEM in base64.
    """

    secret: pulumi.Input[str]
    ca_bundle: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class MetricsServerArgs:
    """`name_prefix` starts every name that is the whole cluster's; `node_cidr` is where the kubelets are.

    Without `certificate`, `unverified` must be True: the API server then believes whoever answers for the Service.
    """

    name_prefix: str
    image: pulumi.Input[str]
    node_cidr: str
    certificate: ServingCertificate | None = None
    unverified: bool = False
    replicas: int = 2
    cpu: pulumi.Input[str] = "100m"
    memory: pulumi.Input[str] = "200Mi"
    priority_class: pulumi.Input[str] = "system-cluster-critical"
    api_cidr: str = "0.0.0.0/0"


class MetricsServer(pulumi.ComponentResource):
    """metrics-server and the API that it serves, `metrics.k8s.io`. One for a cluster.

    While no pod of it is ready, the API server cannot list its groups in full, and deletes no namespace. So the API
    comes last and goes first.
    """

    namespace: pulumi.Output[str]
    api_service: pulumi.Output[str]

    def __init__(self, name: str, args: MetricsServerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:addons/metrics:MetricsServer", name, None, opts)
        _validate(name, args)
        self._name = name
        self._args = args
        self._full_name = f"{args.name_prefix}-{name}"
        self._child = pulumi.ResourceOptions(parent=self)
        self.namespace, account = home(name, self._full_name, self._child)
        service = core.Service(
            f"{name}-service",
            metadata=ObjectMetaArgs(
                name=name,
                namespace=self.namespace,
                labels=labels(name),
                # The Deployment waits for ready pods already, behind the same selector.
                annotations={"pulumi.com/skipAwait": "true"},
            ),
            spec=core.ServiceSpecArgs(
                selector=selector_labels(name),
                ports=[core.ServicePortArgs(name="https", port=_SERVICE_PORT, target_port="https")],
            ),
            opts=self._child,
        )
        deployment = self._deployment([account, *self._rights(), *self._policies()])
        disruption_budget(name, self._metadata(), self._child)
        self.api_service = self._api(after=[service, deployment])
        self.register_outputs({"namespace": self.namespace, "apiService": self.api_service})

    def _metadata(self) -> ObjectMetaArgs:
        return ObjectMetaArgs(name=self._name, namespace=self.namespace, labels=labels(self._name))

    def _selector(self) -> LabelSelectorArgs:
        return LabelSelectorArgs(match_labels=selector_labels(self._name))

    def _cluster_metadata(self, suffix: str, extra: dict[str, str] | None = None) -> ObjectMetaArgs:
        return ObjectMetaArgs(name=f"{self._full_name}-{suffix}", labels={**labels(self._name), **(extra or {})})

    def _rights(self) -> list[pulumi.Resource]:
        """What it reads, who may read what it serves, and how it asks who is asking.

        https://github.com/kubernetes-sigs/metrics-server/tree/master/manifests/base has the rights it needs, and
        https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/ those of every such server.
        """
        reads = rbac.ClusterRole(
            f"{self._name}-role",
            metadata=self._cluster_metadata("reads"),
            rules=[
                rbac.PolicyRuleArgs(api_groups=[""], resources=["nodes/metrics"], verbs=["get"]),
                rbac.PolicyRuleArgs(api_groups=[""], resources=["pods", "nodes"], verbs=["get", "list", "watch"]),
            ],
            opts=self._child,
        )
        rbac.ClusterRole(
            f"{self._name}-readers",
            # Into `view`, and from there into `edit` and `admin`.
            metadata=self._cluster_metadata("is-read", {"rbac.authorization.k8s.io/aggregate-to-view": "true"}),
            rules=[
                rbac.PolicyRuleArgs(api_groups=[_GROUP], resources=["pods", "nodes"], verbs=["get", "list", "watch"])
            ],
            opts=self._child,
        )
        subjects = [rbac.SubjectArgs(kind="ServiceAccount", name=self._name, namespace=self.namespace)]
        bindings: list[pulumi.Resource] = [
            rbac.ClusterRoleBinding(
                f"{self._name}-{suffix}",
                metadata=self._cluster_metadata(suffix),
                role_ref=_role("ClusterRole", role),
                subjects=subjects,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[reads]),
            )
            for suffix, role in (
                ("reads", f"{self._full_name}-reads"),
                ("asks-who-is-asking", "system:auth-delegator"),
            )
        ]
        bindings.append(
            rbac.RoleBinding(
                f"{self._name}-trusts-the-api-server",
                metadata=ObjectMetaArgs(
                    name=f"{self._full_name}-trusts-the-api-server", namespace="kube-system", labels=labels(self._name)
                ),
                role_ref=_role("Role", "extension-apiserver-authentication-reader"),
                subjects=subjects,
                opts=self._child,
            )
        )
        return bindings

    def _policies(self) -> list[pulumi.Resource]:
        args = self._args
        kubelets = EgressRule(purpose="kubelets", cidr=args.node_cidr, ports=(_KUBELET_PORT,))
        specs = {
            "deny-all": deny_all(),
            "allow-dns": allow_dns(),
            # From anybody: no policy knows the address of the API server, and whoever asks has to say who they are.
            "allow-ingress": allow_ingress(self._selector(), [ingress_rule([], [_PORT])]),
            "allow-egress": allow_egress(self._selector(), [kubelets, api_server(args.api_cidr)]),
        }
        return [
            networking.NetworkPolicy(
                f"{self._name}-{name}",
                metadata=ObjectMetaArgs(name=name, namespace=self.namespace, labels=labels(self._name)),
                spec=spec,
                opts=self._child,
            )
            for name, spec in specs.items()
        ]

    def _deployment(self, needs: Sequence[pulumi.Resource]) -> apps.Deployment:
        mounts, volumes = [scratch_mount()], [scratch_volume()]
        if self._args.certificate is not None:
            secret = core.SecretVolumeSourceArgs(secret_name=self._args.certificate.secret)
            mounts.append(
                core.VolumeMountArgs(name="certificate", mount_path=_CERTIFICATE_FOLDER, read_only=True),
            )
            volumes.append(core.VolumeArgs(name="certificate", secret=secret))
        container = core.ContainerArgs(
            name="metrics-server",
            image=self._args.image,
            args=self._arguments(),
            ports=[core.ContainerPortArgs(name="https", container_port=_PORT)],
            resources=resources(self._args.cpu, self._args.memory),
            readiness_probe=_probe("/readyz"),
            liveness_probe=_probe("/livez"),
            security_context=container_security(),
            volume_mounts=mounts,
        )
        return apps.Deployment(
            self._name,
            metadata=self._metadata(),
            spec=apps.DeploymentSpecArgs(
                replicas=self._args.replicas,
                selector=self._selector(),
                revision_history_limit=5,
                progress_deadline_seconds=_ROLLOUT_SECONDS,
                strategy=apps.DeploymentStrategyArgs(
                    type="RollingUpdate",
                    rolling_update=apps.RollingUpdateDeploymentArgs(max_surge=1, max_unavailable=0),
                ),
                template=core.PodTemplateSpecArgs(
                    metadata=ObjectMetaArgs(labels=labels(self._name)),
                    spec=core.PodSpecArgs(
                        service_account_name=self._name,
                        # It talks to the API server; nothing else in this namespace does.
                        automount_service_account_token=True,
                        enable_service_links=False,
                        priority_class_name=self._args.priority_class,
                        security_context=pod_security(),
                        topology_spread_constraints=spread(self._selector()),
                        containers=[container],
                        volumes=volumes,
                    ),
                ),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=list(needs),
                custom_timeouts=pulumi.CustomTimeouts(create=f"{_ROLLOUT_SECONDS}s", update=f"{_ROLLOUT_SECONDS}s"),
            ),
        )

    def _arguments(self) -> list[pulumi.Input[str]]:
        arguments: list[pulumi.Input[str]] = [
            f"--secure-port={_PORT}",
            "--kubelet-preferred-address-types=InternalIP,Hostname",
            "--kubelet-use-node-status-port",
            f"--metric-resolution={_RESOLUTION_SECONDS}s",
        ]
        if self._args.certificate is None:
            # It signs a certificate for itself, which nobody can check.
            return [*arguments, "--cert-dir=/tmp"]
        return [
            *arguments,
            f"--tls-cert-file={_CERTIFICATE_FOLDER}/tls.crt",
            f"--tls-private-key-file={_CERTIFICATE_FOLDER}/tls.key",
        ]

    def _api(self, *, after: Sequence[pulumi.Resource]) -> pulumi.Output[str]:
        certificate = self._args.certificate
        made = apiregistration.APIService(
            f"{self._name}-api",
            metadata=ObjectMetaArgs(name=f"{_VERSION}.{_GROUP}", labels=labels(self._name)),
            spec=apiregistration.APIServiceSpecArgs(
                group=_GROUP,
                version=_VERSION,
                group_priority_minimum=100,
                version_priority=100,
                service=apiregistration.ServiceReferenceArgs(
                    name=self._name, namespace=self.namespace, port=_SERVICE_PORT
                ),
                ca_bundle=certificate.ca_bundle if certificate else None,
                insecure_skip_tls_verify=None if certificate else True,
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(after)),
        )
        return made.metadata.apply(lambda metadata: str(metadata.name))


def _probe(path: str) -> core.ProbeArgs:
    return core.ProbeArgs(
        http_get=core.HTTPGetActionArgs(path=path, port="https", scheme="HTTPS"),
        # It is ready when it has read the kubelets once.
        initial_delay_seconds=_RESOLUTION_SECONDS,
        period_seconds=10,
        timeout_seconds=2,
    )


def _role(kind: str, name: str) -> rbac.RoleRefArgs:
    return rbac.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind=kind, name=name)


def _validate(name: str, args: MetricsServerArgs) -> None:
    require_label(f"{args.name_prefix}-{name}", f"{name}.name_prefix with the component's name")
    require_image(args.image, f"{name}.image")
    require_quantity(args.cpu, f"{name}.cpu")
    require_memory(args.memory, f"{name}.memory")
    require(args.replicas >= 1, f"{name}.replicas", "1 or more", args.replicas)
    require_cidr(args.node_cidr, f"{name}.node_cidr")
    require_cidr(args.api_cidr, f"{name}.api_cidr")
    require(
        (args.certificate is None) == args.unverified,
        f"{name}.unverified",
        "True where there is no certificate, and False where there is one",
        args.unverified,
    )
