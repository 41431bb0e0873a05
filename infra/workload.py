"""A web service on Kubernetes that scales, survives node maintenance, and may do next to nothing."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.autoscaling import v2 as autoscaling
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking import v1 as networking
from pulumi_kubernetes.policy import v1 as policy

from infra.inputs import require
from infra.tags import labels, selector_labels

_FIXED_IMAGE = re.compile(r"[^\s@]+(:(?!latest$)[\w.-]+|(:[\w.-]+)?@sha256:[0-9a-f]{64})")
_UNPRIVILEGED_USER = 10001
_SERVICE_PORT = 80
_TARGET_CPU_PERCENT = 70
_CALM_SECONDS = 300
# A rollout that takes longer has failed; Pulumi and Kubernetes both wait ten minutes of their own accord.
_ROLLOUT_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class WorkloadArgs:
    """`cpu` and `memory` are for one pod, as Kubernetes quantities; `after` must stand before the first pod starts.

    The container listens on `port` and answers GET requests for `ready_path` and `alive_path`; `environment` is public.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    port: int
    ready_path: str
    alive_path: str
    min_replicas: int
    max_replicas: int
    cpu: pulumi.Input[str]
    memory: pulumi.Input[str]
    ingress_namespace: pulumi.Input[str]
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    after: Sequence[pulumi.Resource] = ()


class Workload(pulumi.ComponentResource):
    """A Deployment with its identity, configuration, Service, disruption budget, autoscaler and network policy.

    The number of pods belongs to the autoscaler; the Deployment does not state it, so that the two never fight.
    """

    deployment: pulumi.Output[str]
    service: pulumi.Output[str]
    image: pulumi.Output[str]
    url: pulumi.Output[str]

    def __init__(self, name: str, args: WorkloadArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:workload:Workload", name, None, opts)
        _validate(name, args)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        account = core.ServiceAccount(
            f"{name}-account", metadata=self._metadata(), automount_service_account_token=False, opts=self._child
        )
        config = core.ConfigMap(
            f"{name}-config", metadata=self._metadata(), data=dict(args.environment), opts=self._child
        )
        policy_in = self._allow_ingress()
        deployment = apps.Deployment(
            name,
            metadata=self._metadata(),
            spec=self._deployment(),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[account, config, policy_in, *args.after],
                custom_timeouts=pulumi.CustomTimeouts(create=f"{_ROLLOUT_SECONDS}s", update=f"{_ROLLOUT_SECONDS}s"),
            ),
        )
        service = self._service()
        self._disruption_budget()
        self._autoscaler(deployment)
        self.deployment = deployment.metadata.apply(lambda metadata: str(metadata.name))
        self.service = service.metadata.apply(lambda metadata: str(metadata.name))
        self.image = pulumi.Output.from_input(args.image)
        self.url = pulumi.Output.concat("http://", self.service, ".", args.namespace, ".svc")
        self.register_outputs(
            {"deployment": self.deployment, "service": self.service, "image": self.image, "url": self.url}
        )

    def _metadata(self) -> ObjectMetaArgs:
        return ObjectMetaArgs(name=self._name, namespace=self._args.namespace, labels=labels(self._name))

    def _selector(self) -> LabelSelectorArgs:
        return LabelSelectorArgs(match_labels=selector_labels(self._name))

    def _deployment(self) -> apps.DeploymentSpecArgs:
        # Environment variables are read at start only: the digest makes new settings roll the pods.
        digest = pulumi.Output.json_dumps(dict(self._args.environment), sort_keys=True).apply(_digest)
        return apps.DeploymentSpecArgs(
            # No replicas: they belong to the autoscaler.
            selector=self._selector(),
            revision_history_limit=5,
            progress_deadline_seconds=_ROLLOUT_SECONDS,
            strategy=apps.DeploymentStrategyArgs(
                type="RollingUpdate",
                rolling_update=apps.RollingUpdateDeploymentArgs(max_surge=1, max_unavailable=0),
            ),
            template=core.PodTemplateSpecArgs(
                metadata=ObjectMetaArgs(labels=labels(self._name), annotations={"gitops/config-digest": digest}),
                spec=self._pod(),
            ),
        )

    def _pod(self) -> core.PodSpecArgs:
        return core.PodSpecArgs(
            service_account_name=self._name,
            automount_service_account_token=False,
            enable_service_links=False,
            security_context=core.PodSecurityContextArgs(
                run_as_non_root=True,
                run_as_user=_UNPRIVILEGED_USER,
                run_as_group=_UNPRIVILEGED_USER,
                seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
            ),
            # Anyway: a cluster with one zone left should rather crowd it than refuse to start.
            topology_spread_constraints=[
                core.TopologySpreadConstraintArgs(
                    topology_key=key,
                    max_skew=1,
                    when_unsatisfiable="ScheduleAnyway",
                    label_selector=self._selector(),
                )
                for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
            ],
            containers=[self._container()],
            volumes=[core.VolumeArgs(name="tmp", empty_dir=core.EmptyDirVolumeSourceArgs(size_limit="16Mi"))],
        )

    def _container(self) -> core.ContainerArgs:
        args = self._args
        return core.ContainerArgs(
            name=self._name,
            image=args.image,
            ports=[core.ContainerPortArgs(name="http", container_port=args.port)],
            env_from=[core.EnvFromSourceArgs(config_map_ref=core.ConfigMapEnvSourceArgs(name=self._name))],
            # No CPU limit: it would slow the service down even on an idle node.
            resources=core.ResourceRequirementsArgs(
                requests={"cpu": args.cpu, "memory": args.memory}, limits={"memory": args.memory}
            ),
            readiness_probe=_probe(args.ready_path, period_seconds=5),
            liveness_probe=_probe(args.alive_path, period_seconds=10),
            security_context=core.SecurityContextArgs(
                allow_privilege_escalation=False,
                read_only_root_filesystem=True,
                capabilities=core.CapabilitiesArgs(drop=["ALL"]),
            ),
            volume_mounts=[core.VolumeMountArgs(name="tmp", mount_path="/tmp")],  # noqa: S108 - a volume of the pod's own
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

    def _disruption_budget(self) -> None:
        # By what may be missing, and not by what must stay: a lone pod then never blocks the drain of its node.
        policy.PodDisruptionBudget(
            f"{self._name}-disruption-budget",
            metadata=self._metadata(),
            spec=policy.PodDisruptionBudgetSpecArgs(
                max_unavailable=1, selector=self._selector(), unhealthy_pod_eviction_policy="AlwaysAllow"
            ),
            opts=self._child,
        )

    def _autoscaler(self, deployment: apps.Deployment) -> None:
        autoscaling.HorizontalPodAutoscaler(
            f"{self._name}-autoscaler",
            metadata=self._metadata(),
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
        return networking.NetworkPolicy(
            f"{self._name}-allow-ingress",
            metadata=self._metadata(),
            spec=networking.NetworkPolicySpecArgs(
                pod_selector=self._selector(),
                policy_types=["Ingress"],
                ingress=[
                    networking.NetworkPolicyIngressRuleArgs(
                        from_=[
                            networking.NetworkPolicyPeerArgs(
                                namespace_selector=LabelSelectorArgs(
                                    match_labels={"kubernetes.io/metadata.name": self._args.ingress_namespace}
                                )
                            )
                        ],
                        ports=[networking.NetworkPolicyPortArgs(port=self._args.port, protocol="TCP")],
                    )
                ],
            ),
            opts=self._child,
        )


def _probe(path: str, *, period_seconds: int) -> core.ProbeArgs:
    return core.ProbeArgs(
        http_get=core.HTTPGetActionArgs(path=path, port="http"), period_seconds=period_seconds, timeout_seconds=2
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _validate(name: str, args: WorkloadArgs) -> None:
    require(1 <= args.port <= 65535, f"{name}.port", "from 1 to 65535", args.port)
    require(args.min_replicas >= 1, f"{name}.min_replicas", "1 or more", args.min_replicas)
    require(
        args.max_replicas >= args.min_replicas,
        f"{name}.max_replicas",
        f"{args.min_replicas} (min_replicas) or more",
        args.max_replicas,
    )
    if isinstance(args.image, str):
        require(
            _FIXED_IMAGE.fullmatch(args.image) is not None,
            f"{name}.image",
            "an image with a tag other than latest, or a sha256 digest",
            args.image,
        )
