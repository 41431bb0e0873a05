"""A web service on Kubernetes that scales, survives node maintenance, and may do next to nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.autoscaling import v2 as autoscaling
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking import v1 as networking

from infra.inputs import require
from infra.kubernetes_inputs import require_host, require_label, require_path, require_port
from infra.tags import labels, selector_labels
from infra.traffic import allow_ingress, ingress_rule, namespace_peer
from infra.workloads.pod import PodArgs, Pods, disruption_budget

_SERVICE_PORT = 80
_TARGET_CPU_PERCENT = 70
_CALM_SECONDS = 300
# A rollout that takes longer has failed; Pulumi and Kubernetes both wait ten minutes of their own accord.
_ROLLOUT_SECONDS = 300
_START_PERIOD_SECONDS = 2
# A pod that ends is still sent requests until every node and load balancer has heard of it.
# https://kubernetes.io/docs/tutorials/services/pods-and-endpoint-termination-flow/
_DRAIN_SECONDS = 5


@dataclass(frozen=True, kw_only=True)
class WebServiceArgs(PodArgs):
    """A web service listens on `port` and answers GET requests for `ready_path` and `alive_path`.

    `host` is the name it is published under, None for one that is called from within the cluster only. It is reached
    from `ingress_namespace`, where the controller of `ingress_class` runs, and from the namespaces in `callers`.
    `tls_secret` is the name of a Secret of type kubernetes.io/tls in `namespace`. A container that has not come alive
    within `start_seconds` is started anew. Prometheus in `metrics_namespace` reads GET /metrics on `metrics_port`.
    """

    port: int
    host: pulumi.Input[str] | None
    ready_path: str = "/readyz"
    alive_path: str = "/healthz"
    start_seconds: int = 60
    min_replicas: int = 2
    max_replicas: int = 6
    ingress_class: pulumi.Input[str] = "traefik"
    ingress_namespace: pulumi.Input[str] = "traefik"
    tls_secret: pulumi.Input[str] | None = None
    callers: Sequence[pulumi.Input[str]] = ()
    metrics_port: int | None = None
    metrics_namespace: pulumi.Input[str] = "monitoring"


class WebService(pulumi.ComponentResource):
    """A Deployment with its identity, configuration, Service, Ingress, disruption budget, autoscaler and policies.

    The number of pods belongs to the autoscaler; the Deployment does not state it, so that the two never fight. `url`
    is for callers inside of the cluster; `public_url` is None without a host.
    """

    deployment: pulumi.Output[str]
    service: pulumi.Output[str]
    image: pulumi.Output[str]
    url: pulumi.Output[str]
    public_url: pulumi.Output[str] | None

    def __init__(self, name: str, args: WebServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:workloads/webService:WebService", name, None, opts)
        _validate(name, args)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self._pods = Pods(name, args, self)
        deployment = apps.Deployment(
            name,
            metadata=self._pods.metadata(),
            spec=self._deployment(),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*self._pods.needs, self._allow_ingress()],
                custom_timeouts=pulumi.CustomTimeouts(create=f"{_ROLLOUT_SECONDS}s", update=f"{_ROLLOUT_SECONDS}s"),
            ),
        )
        service = self._service()
        disruption_budget(name, self._pods.metadata(), self._child)
        self._autoscaler(deployment)
        self.deployment = deployment.metadata.apply(lambda metadata: str(metadata.name))
        self.service = service.metadata.apply(lambda metadata: str(metadata.name))
        self.image = pulumi.Output.from_input(args.image)
        self.url = pulumi.Output.concat("http://", self.service, ".", args.namespace, ".svc")
        self.public_url = None
        if args.host is not None:
            self._ingress(args.host, after=[deployment, service])
            self.public_url = pulumi.Output.concat("https://" if args.tls_secret else "http://", args.host)
        self.register_outputs(
            {
                "deployment": self.deployment,
                "service": self.service,
                "image": self.image,
                "url": self.url,
                "publicUrl": self.public_url,
            }
        )

    def _deployment(self) -> apps.DeploymentSpecArgs:
        args = self._args
        ports = {"http": args.port}
        scraped: dict[str, pulumi.Input[str]] = {}
        if args.metrics_port is not None:
            scraped = {
                "prometheus.io/scrape": "true",
                "prometheus.io/port": str(args.metrics_port),
                "prometheus.io/path": "/metrics",
            }
            if args.metrics_port != args.port:
                ports["metrics"] = args.metrics_port
        return apps.DeploymentSpecArgs(
            # No replicas: they belong to the autoscaler.
            selector=self._pods.selector(),
            revision_history_limit=5,
            progress_deadline_seconds=_ROLLOUT_SECONDS,
            strategy=apps.DeploymentStrategyArgs(
                type="RollingUpdate",
                rolling_update=apps.RollingUpdateDeploymentArgs(max_surge=1, max_unavailable=0),
            ),
            template=self._pods.template(
                ports=ports,
                probes={
                    "startup": _probe(
                        args.alive_path,
                        period_seconds=_START_PERIOD_SECONDS,
                        failures=-(-args.start_seconds // _START_PERIOD_SECONDS),
                    ),
                    "readiness": _probe(args.ready_path, period_seconds=5),
                    "liveness": _probe(args.alive_path, period_seconds=10),
                },
                lifecycle=core.LifecycleArgs(
                    pre_stop=core.LifecycleHandlerArgs(sleep=core.SleepActionArgs(seconds=_DRAIN_SECONDS))
                ),
                annotations=scraped,
            ),
        )

    def _service(self) -> core.Service:
        return core.Service(
            f"{self._name}-service",
            metadata=ObjectMetaArgs(
                name=self._name,
                namespace=self._args.namespace,
                labels=labels(self._name),
                # The Deployment waits for ready pods already, behind the same selector; here it takes ten seconds more.
                annotations={"pulumi.com/skipAwait": "true"},
            ),
            spec=core.ServiceSpecArgs(
                type="ClusterIP",
                selector=selector_labels(self._name),
                ports=[core.ServicePortArgs(name="http", port=_SERVICE_PORT, target_port="http")],
            ),
            opts=self._child,
        )

    def _ingress(self, host: pulumi.Input[str], *, after: list[pulumi.Resource]) -> None:
        backend = networking.IngressBackendArgs(
            service=networking.IngressServiceBackendArgs(
                name=self._name, port=networking.ServiceBackendPortArgs(name="http")
            )
        )
        path = networking.HTTPIngressPathArgs(path="/", path_type="Prefix", backend=backend)
        tls = None
        if self._args.tls_secret is not None:
            tls = [networking.IngressTLSArgs(hosts=[host], secret_name=self._args.tls_secret)]
        networking.Ingress(
            f"{self._name}-ingress",
            metadata=self._pods.metadata(),
            spec=networking.IngressSpecArgs(
                ingress_class_name=self._args.ingress_class,
                rules=[
                    networking.IngressRuleArgs(host=host, http=networking.HTTPIngressRuleValueArgs(paths=[path])),
                ],
                tls=tls,
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )

    def _autoscaler(self, deployment: apps.Deployment) -> None:
        autoscaling.HorizontalPodAutoscaler(
            f"{self._name}-autoscaler",
            metadata=self._pods.metadata(),
            spec=autoscaling.HorizontalPodAutoscalerSpecArgs(
                scale_target_ref=autoscaling.CrossVersionObjectReferenceArgs(
                    api_version="apps/v1", kind="Deployment", name=self._name
                ),
                min_replicas=self._args.min_replicas,
                max_replicas=self._args.max_replicas,
                metrics=[
                    autoscaling.MetricSpecArgs(
                        type="Resource",
                        resource=autoscaling.ResourceMetricSourceArgs(
                            name="cpu",
                            target=autoscaling.MetricTargetArgs(
                                type="Utilization", average_utilization=_TARGET_CPU_PERCENT
                            ),
                        ),
                    )
                ],
                behavior=autoscaling.HorizontalPodAutoscalerBehaviorArgs(
                    scale_down=autoscaling.HPAScalingRulesArgs(stabilization_window_seconds=_CALM_SECONDS)
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[deployment]),
        )

    def _allow_ingress(self) -> networking.NetworkPolicy:
        args = self._args
        callers = [*args.callers, *([] if args.host is None else [args.ingress_namespace])]
        rules = [ingress_rule([namespace_peer(namespace) for namespace in callers], [args.port])]
        if args.metrics_port is not None:
            rules.append(ingress_rule([namespace_peer(args.metrics_namespace)], [args.metrics_port]))
        return networking.NetworkPolicy(
            f"{self._name}-allow-ingress",
            metadata=self._pods.metadata(),
            spec=allow_ingress(self._pods.selector(), rules),
            opts=self._child,
        )


def _probe(path: str, *, period_seconds: int, failures: int | None = None) -> core.ProbeArgs:
    return core.ProbeArgs(
        http_get=core.HTTPGetActionArgs(path=path, port="http"),
        period_seconds=period_seconds,
        timeout_seconds=2,
        failure_threshold=failures,
    )


def _validate(name: str, args: WebServiceArgs) -> None:
    require_port(args.port, f"{name}.port")
    require_path(args.ready_path, f"{name}.ready_path")
    require_path(args.alive_path, f"{name}.alive_path")
    require(1 <= args.start_seconds <= _ROLLOUT_SECONDS, f"{name}.start_seconds", "from 1 to 300", args.start_seconds)
    require(args.min_replicas >= 1, f"{name}.min_replicas", "1 or more", args.min_replicas)
    require(
        args.max_replicas >= args.min_replicas,
        f"{name}.max_replicas",
        f"{args.min_replicas} (min_replicas) or more",
        args.max_replicas,
    )
    # A rule without anybody in it lets everybody in.
    require(
        args.host is not None or bool(args.callers),
        f"{name}.callers",
        "at least one namespace where there is no host, because nobody could reach the service",
        list(args.callers),
    )
    if args.host is not None:
        require_host(args.host, f"{name}.host")
    require(args.tls_secret is None or args.host is not None, f"{name}.host", "given with tls_secret", args.host)
    for field, value in (("ingress_namespace", args.ingress_namespace), ("metrics_namespace", args.metrics_namespace)):
        require_label(value, f"{name}.{field}")
    for caller in args.callers:
        require_label(caller, f"{name}.callers")
    if args.metrics_port is not None:
        require_port(args.metrics_port, f"{name}.metrics_port")
