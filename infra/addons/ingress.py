"""The way in from outside: Traefik, behind a load balancer, for the namespaces that it is told of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
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
    allow_dns,
    allow_egress,
    allow_ingress,
    api_server,
    deny_all,
    ingress_rule,
    namespace_peer,
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

# The only name under which Traefik looks for classes of its own.
# https://doc.traefik.io/traefik/reference/install-configuration/providers/kubernetes/kubernetes-ingress/
_CONTROLLER = "traefik.io/ingress-controller"
_HTTP, _HTTPS, _HEALTH, _METRICS = 8000, 8443, 8080, 9100
_ROLLOUT_SECONDS = 300
# While a load balancer still sends to a pod that ends, it goes on answering.
_DRAIN_SECONDS = 30
_CERTIFICATE_FOLDER = "/etc/traefik/certificate"
_FILE_FOLDER = "/etc/traefik/dynamic"
_DEFAULT_CERTIFICATE = f"""\
tls:
  stores:
    default:
      defaultCertificate:
        certFile: {_CERTIFICATE_FOLDER}/tls.crt
        keyFile: {_CERTIFICATE_FOLDER}/tls.key
"""


@dataclass(frozen=True, kw_only=True)
class IngressArgs:
    """`name_prefix` starts every name that is the whole cluster's, the namespace and the ingress class among them.

    `namespaces` are served, and no others: only there are Ingresses, Services and Secrets read. They must exist, so
    name in `after` what makes them. `sources` are the IPv4 ranges that may connect. `annotations` go to the Service and
    tell the cloud which load balancer to make. `plain_http` True answers on port 80 instead of redirecting to 443.

    An Ingress names its own certificate, in a Secret of its namespace; `default_certificate` is a Secret in the
    namespace of the ingress (`<name_prefix>-<name>`), for hosts without one. `api_cidr` is where the API server is.
    """

    name_prefix: str
    image: pulumi.Input[str]
    namespaces: Sequence[str]
    sources: Sequence[str]
    annotations: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    load_balancer_class: str | None = None
    plain_http: bool = False
    default_certificate: pulumi.Input[str] | None = None
    replicas: int = 2
    cpu: pulumi.Input[str] = "100m"
    memory: pulumi.Input[str] = "128Mi"
    priority_class: pulumi.Input[str] | None = None
    metrics_namespace: pulumi.Input[str] | None = None
    api_cidr: str = "0.0.0.0/0"
    after: Sequence[pulumi.Resource] = ()


class Ingress(pulumi.ComponentResource):
    """Traefik with an ingress class of its own, which reads the namespaces it serves and nothing else in the cluster.

    `address` is where the load balancer is: a host name, or an IP address where it has no name.
    """

    class_name: pulumi.Output[str]
    namespace: pulumi.Output[str]
    address: pulumi.Output[str]

    def __init__(self, name: str, args: IngressArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:addons/ingress:Ingress", name, None, opts)
        _validate(name, args)
        self._name = name
        self._args = args
        self._full_name = f"{args.name_prefix}-{name}"
        self._child = pulumi.ResourceOptions(parent=self)
        self.namespace, account = home(name, self._full_name, self._child)
        ingress_class = self._class()
        self.class_name = ingress_class.metadata.apply(lambda metadata: str(metadata.name))
        service = self._service()
        needs = [account, ingress_class, *self._rights(), *self._policies(), *self._certificate_config()]
        self._deployment(needs)
        disruption_budget(name, self._metadata(), self._child)
        self.address = service.status.apply(_address)
        self.register_outputs({"className": self.class_name, "namespace": self.namespace, "address": self.address})

    def _metadata(self, suffix: str = "") -> ObjectMetaArgs:
        name = f"{self._name}-{suffix}" if suffix else self._name
        return ObjectMetaArgs(name=name, namespace=self.namespace, labels=labels(self._name))

    def _cluster_metadata(self, suffix: str = "") -> ObjectMetaArgs:
        name = f"{self._full_name}-{suffix}" if suffix else self._full_name
        return ObjectMetaArgs(name=name, labels=labels(self._name))

    def _selector(self) -> LabelSelectorArgs:
        return LabelSelectorArgs(match_labels=selector_labels(self._name))

    def _class(self) -> networking.IngressClass:
        return networking.IngressClass(
            f"{self._name}-class",
            metadata=self._cluster_metadata(),
            spec=networking.IngressClassSpecArgs(controller=_CONTROLLER),
            opts=self._child,
        )

    def _service(self) -> core.Service:
        metadata = self._metadata()
        metadata.annotations = dict(self._args.annotations)
        return core.Service(
            f"{self._name}-service",
            metadata=metadata,
            spec=core.ServiceSpecArgs(
                type="LoadBalancer",
                load_balancer_class=self._args.load_balancer_class,
                load_balancer_source_ranges=list(self._args.sources),
                # Local: the address of the client gets through, and nodes without a pod get no traffic.
                external_traffic_policy="Local",
                selector=selector_labels(self._name),
                ports=[
                    core.ServicePortArgs(name="http", port=80, target_port="http"),
                    core.ServicePortArgs(name="https", port=443, target_port="https"),
                ],
            ),
            opts=self._child,
        )

    def _rights(self) -> list[pulumi.Resource]:
        """What Traefik's provider for Ingresses reads: classes and nodes anywhere, the rest where it serves.

        https://doc.traefik.io/traefik/reference/dynamic-configuration/kubernetes-crd-rbac.yml, of which the custom
        resources are left out, and split by scope. Its own namespace is among the served ones for the address, which it
        writes into the status of each Ingress.
        """
        everywhere = rbac.ClusterRole(
            f"{self._name}-cluster-role",
            metadata=self._cluster_metadata(),
            rules=[
                _read("", "nodes"),
                _read("networking.k8s.io", "ingressclasses"),
            ],
            opts=self._child,
        )
        served = rbac.ClusterRole(
            f"{self._name}-served-role",
            metadata=self._cluster_metadata("served"),
            rules=[
                _read("", "services", "secrets"),
                _read("discovery.k8s.io", "endpointslices"),
                _read("networking.k8s.io", "ingresses"),
                rbac.PolicyRuleArgs(api_groups=["networking.k8s.io"], resources=["ingresses/status"], verbs=["update"]),
            ],
            opts=self._child,
        )
        subjects = [rbac.SubjectArgs(kind="ServiceAccount", name=self._name, namespace=self.namespace)]
        bindings: list[pulumi.Resource] = [
            rbac.ClusterRoleBinding(
                f"{self._name}-cluster-binding",
                metadata=self._cluster_metadata(),
                role_ref=_role(self._full_name),
                subjects=subjects,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[everywhere]),
            )
        ]
        where: dict[str, pulumi.Input[str]] = {"own": self.namespace, **{one: one for one in self._args.namespaces}}
        for logical, namespace in where.items():
            bindings.append(
                rbac.RoleBinding(
                    f"{self._name}-binding-{logical}",
                    metadata=ObjectMetaArgs(name=self._full_name, namespace=namespace, labels=labels(self._name)),
                    role_ref=_role(f"{self._full_name}-served"),
                    subjects=subjects,
                    opts=pulumi.ResourceOptions(parent=self, depends_on=[served, *self._args.after]),
                )
            )
        return bindings

    def _policies(self) -> list[pulumi.Resource]:
        args = self._args
        # From anybody: `sources` are held to by the load balancer, behind which connections may come from its own
        # addresses. The kubelet's probes come from the node and are always let through.
        incoming = [ingress_rule([], [_HTTP, _HTTPS])]
        if args.metrics_namespace is not None:
            incoming.append(ingress_rule([namespace_peer(args.metrics_namespace)], [_METRICS]))
        specs = {
            "deny-all": deny_all(),
            "allow-dns": allow_dns(),
            "allow-ingress": allow_ingress(self._selector(), incoming),
            "allow-egress": allow_egress(self._selector(), [api_server(args.api_cidr)], args.namespaces),
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

    def _certificate_config(self) -> list[pulumi.Resource]:
        if self._args.default_certificate is None:
            return []
        return [
            core.ConfigMap(
                f"{self._name}-config",
                metadata=self._metadata(),
                data={"certificate.yaml": _DEFAULT_CERTIFICATE},
                opts=self._child,
            )
        ]

    def _deployment(self, needs: Sequence[pulumi.Resource]) -> None:
        container = core.ContainerArgs(
            name="traefik",
            image=self._args.image,
            args=self._arguments(),
            ports=[
                core.ContainerPortArgs(name="http", container_port=_HTTP),
                core.ContainerPortArgs(name="https", container_port=_HTTPS),
                core.ContainerPortArgs(name="health", container_port=_HEALTH),
                core.ContainerPortArgs(name="metrics", container_port=_METRICS),
            ],
            resources=resources(self._args.cpu, self._args.memory),
            readiness_probe=_probe(period_seconds=5),
            liveness_probe=_probe(period_seconds=10),
            security_context=container_security(),
            volume_mounts=[scratch_mount(), *self._certificate_mounts()],
        )
        apps.Deployment(
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
                        termination_grace_period_seconds=_DRAIN_SECONDS * 2,
                        security_context=pod_security(),
                        topology_spread_constraints=spread(self._selector()),
                        containers=[container],
                        volumes=[scratch_volume(), *self._certificate_volumes()],
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
            "--global.checknewversion=false",
            "--global.sendanonymoususage=false",
            "--log.format=json",
            "--accesslog=true",
            "--accesslog.format=json",
            f"--entrypoints.web.address=:{_HTTP}/tcp",
            f"--entrypoints.web.transport.lifecycle.requestacceptgracetimeout={_DRAIN_SECONDS}s",
            f"--entrypoints.websecure.address=:{_HTTPS}/tcp",
            f"--entrypoints.websecure.transport.lifecycle.requestacceptgracetimeout={_DRAIN_SECONDS}s",
            "--entrypoints.websecure.http.tls=true",
            f"--entrypoints.health.address=:{_HEALTH}/tcp",
            "--ping=true",
            "--ping.entrypoint=health",
            f"--entrypoints.metrics.address=:{_METRICS}/tcp",
            "--metrics.prometheus=true",
            "--metrics.prometheus.entrypoint=metrics",
            "--providers.kubernetesingress=true",
            f"--providers.kubernetesingress.ingressclass={self._full_name}",
            f"--providers.kubernetesingress.namespaces={','.join([self._full_name, *self._args.namespaces])}",
            f"--providers.kubernetesingress.ingressendpoint.publishedservice={self._full_name}/{self._name}",
        ]
        if not self._args.plain_http:
            # To the port that the load balancer has, which is not the one of the pod.
            arguments += [
                "--entrypoints.web.http.redirections.entrypoint.to=:443",
                "--entrypoints.web.http.redirections.entrypoint.scheme=https",
            ]
        if self._args.default_certificate is not None:
            arguments.append(f"--providers.file.filename={_FILE_FOLDER}/certificate.yaml")
        return arguments

    def _certificate_mounts(self) -> list[core.VolumeMountArgs]:
        if self._args.default_certificate is None:
            return []
        return [
            core.VolumeMountArgs(name="certificate", mount_path=_CERTIFICATE_FOLDER, read_only=True),
            core.VolumeMountArgs(name="config", mount_path=_FILE_FOLDER, read_only=True),
        ]

    def _certificate_volumes(self) -> list[core.VolumeArgs]:
        certificate = self._args.default_certificate
        if certificate is None:
            return []
        return [
            core.VolumeArgs(name="certificate", secret=core.SecretVolumeSourceArgs(secret_name=certificate)),
            core.VolumeArgs(name="config", config_map=core.ConfigMapVolumeSourceArgs(name=self._name)),
        ]


def _read(group: str, *kinds: str) -> rbac.PolicyRuleArgs:
    return rbac.PolicyRuleArgs(api_groups=[group], resources=list(kinds), verbs=["get", "list", "watch"])


def _role(name: str) -> rbac.RoleRefArgs:
    return rbac.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name=name)


def _probe(*, period_seconds: int) -> core.ProbeArgs:
    return core.ProbeArgs(
        http_get=core.HTTPGetActionArgs(path="/ping", port="health"), period_seconds=period_seconds, timeout_seconds=2
    )


def _address(status: core.outputs.ServiceStatus | None) -> str:
    """Where the load balancer is; empty as long as nobody knows."""
    found = status.load_balancer.ingress if status and status.load_balancer else None
    return str(found[0].hostname or found[0].ip or "") if found else ""


def _validate(name: str, args: IngressArgs) -> None:
    require_label(args.name_prefix, f"{name}.name_prefix")
    require_label(f"{args.name_prefix}-{name}", f"{name}.name_prefix with the component's name")
    require_image(args.image, f"{name}.image")
    require_quantity(args.cpu, f"{name}.cpu")
    require_memory(args.memory, f"{name}.memory")
    require(args.replicas >= 1, f"{name}.replicas", "1 or more", args.replicas)
    require(
        bool(args.namespaces) and len(set(args.namespaces)) == len(args.namespaces),
        f"{name}.namespaces",
        "one or more different namespaces",
        list(args.namespaces),
    )
    for namespace in args.namespaces:
        require_label(namespace, f"{name}.namespaces")
    require(bool(args.sources), f"{name}.sources", "at least one IPv4 range; 0.0.0.0/0 is everybody", args.sources)
    for source in args.sources:
        require_cidr(source, f"{name}.sources")
    require_cidr(args.api_cidr, f"{name}.api_cidr")
