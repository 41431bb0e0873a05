"""Which pods go first when a cluster is full."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.scheduling import v1 as scheduling

from infra.kubernetes_inputs import require_label
from infra.tags import labels

# Pods without a class have 0, and go before none that has one. Below -10, the cluster autoscaler would not even add a
# node: https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md
_CRITICAL, _STANDARD, _BATCH = 100_000, 10_000, 100


@dataclass(frozen=True, kw_only=True)
class PriorityClassesArgs:
    """`name_prefix` starts the names, which are the whole cluster's."""

    name_prefix: str


class PriorityClasses(pulumi.ComponentResource):
    """Three classes: `critical` and `standard` push out what is below them, `batch` waits for its turn.

    None is the cluster's default, because several environments may share a cluster and it has one default only.
    """

    critical: pulumi.Output[str]
    standard: pulumi.Output[str]
    batch: pulumi.Output[str]

    def __init__(self, name: str, args: PriorityClassesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:addons/priorityClasses:PriorityClasses", name, None, opts)
        require_label(args.name_prefix, f"{name}.name_prefix")
        self._name = name
        self._args = args
        self.critical = self._class("critical", _CRITICAL, "What others cannot work without, such as the ingress")
        self.standard = self._class("standard", _STANDARD, "What somebody waits for")
        self.batch = self._class("batch", _BATCH, "What can wait", preempts=False)
        self.register_outputs({"critical": self.critical, "standard": self.standard, "batch": self.batch})

    def _class(self, level: str, value: int, description: str, *, preempts: bool = True) -> pulumi.Output[str]:
        made = scheduling.PriorityClass(
            f"{self._name}-{level}",
            metadata=ObjectMetaArgs(name=f"{self._args.name_prefix}-{level}", labels=labels(self._name)),
            value=value,
            description=description,
            # No global_default: the provider leaves out a false one, but not in a preview without a cluster. The apply
            # would then differ from its plan.
            preemption_policy="PreemptLowerPriority" if preempts else "Never",
            opts=pulumi.ResourceOptions(parent=self),
        )
        return made.metadata.apply(lambda metadata: str(metadata.name))
