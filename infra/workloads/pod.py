"""How every pod runs: as nobody, with no rights, on a disk it cannot write, with what it asked for and no more."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking import v1 as networking
from pulumi_kubernetes.policy import v1 as policy

from infra.inputs import require
from infra.kubernetes_inputs import public, require_image, require_keys, require_label, require_memory, require_quantity
from infra.tags import labels, selector_labels
from infra.traffic import EgressRule, allow_egress, require_egress

FILES_FOLDER = "/etc/config"
SECRETS_FOLDER = "/etc/secrets"
_UNPRIVILEGED_USER = 10001
_OWNER_AND_GROUP_READ = 0o440
# What is not a C identifier never becomes a variable, and nobody says so.
# https://kubernetes.io/docs/tasks/configure-pod-container/configure-pod-configmap/
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FILE = re.compile(r"(?!\.\.)[A-Za-z0-9._-]{1,253}")


@dataclass(frozen=True, kw_only=True)
class PodArgs:
    """What every workload says about its pods. `cpu` and `memory` are for one pod, as Kubernetes quantities.

    `environment` (variables) and `files` (name to text, in /etc/config) are public; a change starts new pods.
    `secrets` (name to text) are files in /etc/secrets. A changed one appears there within about a minute, in the pods
    that run; for an application that reads them at start only, raise `secrets_version` in the same change.

    `role_arn` is the AWS role of the pods; `egress` is to hold where they find AWS. `after` must stand before the first
    pod starts. `arguments` replace those of the image, `command` its entrypoint.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    command: Sequence[pulumi.Input[str]] = ()
    arguments: Sequence[pulumi.Input[str]] = ()
    cpu: pulumi.Input[str] = "100m"
    memory: pulumi.Input[str] = "128Mi"
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    files: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secrets: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secrets_version: str = "1"
    role_arn: pulumi.Input[str] | None = None
    priority_class: pulumi.Input[str] | None = None
    egress: Sequence[EgressRule] = ()
    after: Sequence[pulumi.Resource] = ()


class Pods:
    """The objects that the pods of one workload share, made as children of `parent`, and the template that uses them.

    All have the workload's name. `needs` must stand before the first pod does.
    """

    needs: list[pulumi.Resource]

    def __init__(self, name: str, args: PodArgs, parent: pulumi.Resource) -> None:
        _validate(name, args)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=parent)
        self._environment = public(dict(args.environment), f"{name}.environment")
        self._files = public(dict(args.files), f"{name}.files")
        # Nothing instead of an empty map: the provider leaves that out, but not in a preview without a cluster, and the
        # apply would then differ from its plan.
        variables = self._environment if args.environment else None
        self.needs = [*args.after, self._account(), self._config_map("config", self.metadata(), variables)]
        if args.files:
            self.needs.append(self._config_map("files", self.metadata("files"), self._files))
        if args.secrets:
            self.needs.append(self._secret())
        if args.egress:
            self.needs.append(self._allow_egress())

    def metadata(self, suffix: str = "") -> ObjectMetaArgs:
        """Metadata of an object of the workload, named after it."""
        name = f"{self._name}-{suffix}" if suffix else self._name
        return ObjectMetaArgs(name=name, namespace=self._args.namespace, labels=labels(self._name))

    def selector(self) -> LabelSelectorArgs:
        """The selector of the workload's pods."""
        return LabelSelectorArgs(match_labels=selector_labels(self._name))

    def template(
        self,
        *,
        ports: Mapping[str, int] | None = None,
        probes: Mapping[str, core.ProbeArgs] | None = None,
        lifecycle: core.LifecycleArgs | None = None,
        restart_policy: str | None = None,
        annotations: Mapping[str, pulumi.Input[str]] | None = None,
    ) -> core.PodTemplateSpecArgs:
        """The template of pods with one container; `probes` by name: startup, readiness, liveness."""
        args = self._args
        found = probes or {}
        container = core.ContainerArgs(
            name=self._name,
            image=args.image,
            command=list(args.command) or None,
            args=list(args.arguments) or None,
            ports=[core.ContainerPortArgs(name=port, container_port=number) for port, number in (ports or {}).items()]
            or None,
            env_from=[core.EnvFromSourceArgs(config_map_ref=core.ConfigMapEnvSourceArgs(name=self._name))],
            resources=resources(args.cpu, args.memory),
            startup_probe=found.get("startup"),
            readiness_probe=found.get("readiness"),
            liveness_probe=found.get("liveness"),
            lifecycle=lifecycle,
            security_context=container_security(),
            volume_mounts=[scratch_mount(), *self._mounts()],
        )
        return core.PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=labels(self._name), annotations={**(annotations or {}), **self._versions()}),
            spec=core.PodSpecArgs(
                service_account_name=self._name,
                # Also with an AWS role: the token for AWS is another one, and EKS mounts it of its own accord.
                # https://docs.aws.amazon.com/eks/latest/userguide/pod-configuration.html
                automount_service_account_token=False,
                enable_service_links=False,
                priority_class_name=args.priority_class,
                restart_policy=restart_policy,
                security_context=pod_security(),
                topology_spread_constraints=spread(self.selector()),
                containers=[container],
                volumes=[scratch_volume(), *self._volumes()],
            ),
        )

    def _account(self) -> core.ServiceAccount:
        metadata = self.metadata()
        if self._args.role_arn is not None:
            metadata.annotations = {"eks.amazonaws.com/role-arn": self._args.role_arn}
        return core.ServiceAccount(
            f"{self._name}-account", metadata=metadata, automount_service_account_token=False, opts=self._child
        )

    def _config_map(
        self, suffix: str, metadata: ObjectMetaArgs, data: pulumi.Output[dict[str, pulumi.Input[str]]] | None
    ) -> core.ConfigMap:
        return core.ConfigMap(f"{self._name}-{suffix}", metadata=metadata, data=data, opts=self._child)

    def _secret(self) -> core.Secret:
        # `data` and not `string_data`: the API server keeps only the former, so that only it can be compared.
        return core.Secret(
            f"{self._name}-secrets",
            metadata=self.metadata(),
            type="Opaque",
            data={
                key: pulumi.Output.secret(value).apply(lambda text: base64.b64encode(text.encode()).decode())
                for key, value in self._args.secrets.items()
            },
            opts=self._child,
        )

    def _allow_egress(self) -> networking.NetworkPolicy:
        return networking.NetworkPolicy(
            f"{self._name}-allow-egress",
            metadata=self.metadata("egress"),
            spec=allow_egress(self.selector(), self._args.egress),
            opts=self._child,
        )

    def _versions(self) -> dict[str, pulumi.Input[str]]:
        """Annotations that start new pods, because variables and most files are read at start only.

        None is made from a secret. A plain digest would let anybody who reads the plan try short passwords against it,
        and a secret annotation would hide the whole template from whoever reviews it.
        """
        public_values = pulumi.Output.json_dumps(
            {"environment": self._environment, "files": self._files}, sort_keys=True
        )
        versions: dict[str, pulumi.Input[str]] = {"gitops/config-digest": public_values.apply(_digest)}
        if self._args.secrets:
            versions["gitops/secrets-version"] = self._args.secrets_version
        return versions

    def _mounts(self) -> list[core.VolumeMountArgs]:
        mounts = []
        if self._args.files:
            mounts.append(core.VolumeMountArgs(name="files", mount_path=FILES_FOLDER, read_only=True))
        if self._args.secrets:
            mounts.append(core.VolumeMountArgs(name="secrets", mount_path=SECRETS_FOLDER, read_only=True))
        return mounts

    def _volumes(self) -> list[core.VolumeArgs]:
        volumes = []
        if self._args.files:
            source = core.ConfigMapVolumeSourceArgs(name=f"{self._name}-files")
            volumes.append(core.VolumeArgs(name="files", config_map=source))
        if self._args.secrets:
            secret = core.SecretVolumeSourceArgs(secret_name=self._name, default_mode=_OWNER_AND_GROUP_READ)
            volumes.append(core.VolumeArgs(name="secrets", secret=secret))
        return volumes


def pod_security() -> core.PodSecurityContextArgs:
    """What the `restricted` pod security standard asks of a pod, with a user of our own choice."""
    return core.PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=_UNPRIVILEGED_USER,
        run_as_group=_UNPRIVILEGED_USER,
        fs_group=_UNPRIVILEGED_USER,
        seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
    )


def container_security() -> core.SecurityContextArgs:
    """What the `restricted` pod security standard asks of a container, and a disk that cannot be written."""
    return core.SecurityContextArgs(
        allow_privilege_escalation=False,
        read_only_root_filesystem=True,
        capabilities=core.CapabilitiesArgs(drop=["ALL"]),
    )


def resources(cpu: pulumi.Input[str], memory: pulumi.Input[str]) -> core.ResourceRequirementsArgs:
    """What a container gets. No CPU limit: it would slow it down even on an idle node."""
    return core.ResourceRequirementsArgs(requests={"cpu": cpu, "memory": memory}, limits={"memory": memory})


def spread(selector: LabelSelectorArgs) -> list[core.TopologySpreadConstraintArgs]:
    """Pods apart, by zone and by node. Anyway: a cluster with one zone left should rather crowd it than not start."""
    return [
        core.TopologySpreadConstraintArgs(
            topology_key=key, max_skew=1, when_unsatisfiable="ScheduleAnyway", label_selector=selector
        )
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]


def disruption_budget(name: str, metadata: ObjectMetaArgs, opts: pulumi.ResourceOptions) -> None:
    """Let one pod of the workload be missing at a time.

    By what may be missing, and not by what must stay: a lone pod then never blocks the drain of its node.
    """
    policy.PodDisruptionBudget(
        f"{name}-disruption-budget",
        metadata=metadata,
        spec=policy.PodDisruptionBudgetSpecArgs(
            max_unavailable=1,
            selector=LabelSelectorArgs(match_labels=selector_labels(name)),
            unhealthy_pod_eviction_policy="AlwaysAllow",
        ),
        opts=opts,
    )


def scratch_volume() -> core.VolumeArgs:
    """The one place where a container may write."""
    return core.VolumeArgs(name="tmp", empty_dir=core.EmptyDirVolumeSourceArgs(size_limit="16Mi"))


def scratch_mount() -> core.VolumeMountArgs:
    """Where `scratch_volume` is found."""
    return core.VolumeMountArgs(name="tmp", mount_path="/tmp")  # noqa: S108 - a volume of the pod's own


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _validate(name: str, args: PodArgs) -> None:
    require_label(name, f"{name} (the component's name)")
    require_label(args.namespace, f"{name}.namespace")
    require_image(args.image, f"{name}.image")
    require_quantity(args.cpu, f"{name}.cpu")
    require_memory(args.memory, f"{name}.memory")
    require_keys(args.environment, _VARIABLE, f"{name}.environment", "names of variables, of letters, digits and _")
    for field_name, values in (("files", args.files), ("secrets", args.secrets)):
        require_keys(values, _FILE, f"{name}.{field_name}", "names of files, of letters, digits, ., _ and -")
    require(args.secrets_version != "", f"{name}.secrets_version", "not empty", args.secrets_version)
    require_egress(args.egress, f"{name}.egress")
