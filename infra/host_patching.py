"""Security patches for a group of hosts: which ones, when, how many hosts at once, and what is on them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import pulumi
from pulumi_aws import cloudwatch, ssm

from infra.inputs import require
from infra.log_retention import require_retention
from infra.tags import resource_tags

# Without the space that it has elsewhere: a key with one cannot be read from a host's metadata.
# https://docs.aws.amazon.com/systems-manager/latest/userguide/patch-manager-tag-a-patch-group.html
PATCH_GROUP_TAG = "PatchGroup"

_SCHEDULE = re.compile(r"cron\(\S+( \S+){5,6}\)|rate\([1-9]\d* (minutes?|hours?|days?)\)")
_LONGEST_PATCH_DELAY = 360
_INVENTORY_SCHEDULE = "rate(12 hours)"


class OperatingSystem(StrEnum):
    """What the image has, as Patch Manager spells it: those with dnf and with a severity for each patch."""

    AMAZON_LINUX_2023 = "AMAZON_LINUX_2023"
    RED_HAT = "REDHAT_ENTERPRISE_LINUX"


class Reboot(StrEnum):
    """Whether patches may restart a host: only then does a new kernel run."""

    IF_NEEDED = "RebootIfNeeded"
    NEVER = "NoReboot"


@dataclass(frozen=True, kw_only=True)
class Patching:
    """`schedule` is a cron or rate expression of SSM's, in UTC; `hours` how long the window is open.

    `after_days` is how old a patch must be. With fewer days in one environment than in the next, each patch has run in
    the first before it comes to the second, whatever the schedules are.
    """

    schedule: str
    after_days: int
    hours: int = 3
    operating_system: OperatingSystem = OperatingSystem.AMAZON_LINUX_2023
    reboot: Reboot = Reboot.IF_NEEDED


@dataclass(frozen=True, kw_only=True)
class HostPatchingArgs:
    """`group_name` is the hosts', and their value of the tag PatchGroup; patches leave packages in `pinned` alone.

    `log_key_arn` encrypts the output of the patching, and CloudWatch Logs must be allowed to use it.
    """

    group_name: str
    patching: Patching
    pinned: Sequence[str]
    log_key_arn: pulumi.Input[str]
    log_days: int


class HostPatching(pulumi.ComponentResource):
    """A patch baseline of important security patches, a window in which they are installed, host by host, an inventory.

    Packages that the hosts' configuration pins are not patched: the next repair would take the patch back. They move by
    pull request.
    """

    baseline_id: pulumi.Output[str]
    window_id: pulumi.Output[str]
    log_group_name: str

    def __init__(self, name: str, args: HostPatchingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:hostPatching:HostPatching", name, None, opts)
        _validate(name, args)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self.log_group_name = patch_log_group(args.group_name)
        self.baseline_id = self._baseline()
        self.window_id = self._window()
        self._inventory()
        self.register_outputs(
            {"baselineId": self.baseline_id, "windowId": self.window_id, "logGroupName": self.log_group_name}
        )

    def _baseline(self) -> pulumi.Output[str]:
        args = self._args
        baseline = ssm.PatchBaseline(
            self._name,
            name=args.group_name,
            description=f"Important security patches, {args.patching.after_days} days after their release",
            operating_system=args.patching.operating_system.value,
            approval_rules=[
                ssm.PatchBaselineApprovalRuleArgs(
                    approve_after_days=args.patching.after_days,
                    compliance_level="HIGH",
                    enable_non_security=False,
                    patch_filters=[
                        ssm.PatchBaselineApprovalRulePatchFilterArgs(key="CLASSIFICATION", values=["Security"]),
                        ssm.PatchBaselineApprovalRulePatchFilterArgs(key="SEVERITY", values=["Critical", "Important"]),
                    ],
                )
            ],
            approved_patches_compliance_level="HIGH",
            # Also not as what another patch depends on.
            rejected_patches=sorted(args.pinned),
            rejected_patches_action="BLOCK",
            tags=resource_tags(self._name),
            opts=self._child,
        )
        ssm.PatchGroup(f"{self._name}-group", baseline_id=baseline.id, patch_group=args.group_name, opts=self._child)
        return baseline.id

    def _window(self) -> pulumi.Output[str]:
        args = self._args
        group = cloudwatch.LogGroup(
            f"{self._name}-log",
            name=self.log_group_name,
            retention_in_days=args.log_days,
            kms_key_id=args.log_key_arn,
            tags=resource_tags(f"{self._name}-log"),
            opts=self._child,
        )
        window = ssm.MaintenanceWindow(
            f"{self._name}-window",
            name=f"{args.group_name}-patching",
            description=f"Installs security patches on {args.group_name}",
            schedule=args.patching.schedule,
            schedule_timezone="UTC",
            duration=args.patching.hours,
            # No host is begun with in the last hour: it may restart.
            cutoff=1,
            allow_unassociated_targets=False,
            tags=resource_tags(f"{self._name}-window"),
            opts=self._child,
        )
        target = ssm.MaintenanceWindowTarget(
            f"{self._name}-target",
            window_id=window.id,
            name=args.group_name,
            description=f"Hosts of {args.group_name}",
            resource_type="INSTANCE",
            targets=[ssm.MaintenanceWindowTargetTargetArgs(key=f"tag:{PATCH_GROUP_TAG}", values=[args.group_name])],
            opts=self._child,
        )
        # Without a role of its own, it is run with the one that SSM keeps in every account.
        ssm.MaintenanceWindowTask(
            f"{self._name}-task",
            window_id=window.id,
            name=f"{args.group_name}-patching",
            description="Installs what the patch baseline approves",
            task_type="RUN_COMMAND",
            task_arn="AWS-RunPatchBaseline",
            priority=1,
            max_concurrency="1",
            max_errors="0",
            cutoff_behavior="CONTINUE_TASK",
            targets=[ssm.MaintenanceWindowTaskTargetArgs(key="WindowTargetIds", values=[target.id])],
            task_invocation_parameters=ssm.MaintenanceWindowTaskTaskInvocationParametersArgs(
                run_command_parameters=ssm.MaintenanceWindowTaskTaskInvocationParametersRunCommandParametersArgs(
                    comment=f"Security patches of {args.group_name}",
                    timeout_seconds=600,
                    cloudwatch_config=ssm.MaintenanceWindowTaskTaskInvocationParametersRunCommandParametersCloudwatchConfigArgs(
                        cloudwatch_log_group_name=group.name, cloudwatch_output_enabled=True
                    ),
                    parameters=[
                        ssm.MaintenanceWindowTaskTaskInvocationParametersRunCommandParametersParameterArgs(
                            name="Operation", values=["Install"]
                        ),
                        ssm.MaintenanceWindowTaskTaskInvocationParametersRunCommandParametersParameterArgs(
                            name="RebootOption", values=[args.patching.reboot.value]
                        ),
                    ],
                )
            ),
            opts=self._child,
        )
        return window.id

    def _inventory(self) -> None:
        ssm.Association(
            f"{self._name}-inventory",
            association_name=f"{self._args.group_name}-inventory",
            name="AWS-GatherSoftwareInventory",
            targets=[ssm.AssociationTargetArgs(key=f"tag:{PATCH_GROUP_TAG}", values=[self._args.group_name])],
            schedule_expression=_INVENTORY_SCHEDULE,
            parameters={"applications": "Enabled", "networkConfig": "Enabled", "services": "Enabled"},
            tags=resource_tags(f"{self._name}-inventory"),
            opts=self._child,
        )


def patch_log_group(group_name: str) -> str:
    """Where a host writes the output of its patching."""
    return f"/{group_name}/patching"


def _validate(name: str, args: HostPatchingArgs) -> None:
    patching = args.patching
    require(
        _SCHEDULE.fullmatch(patching.schedule) is not None,
        f"{name}.patching.schedule",
        "an expression of SSM's such as cron(0 3 ? * SUN *)",
        patching.schedule,
    )
    require(
        0 <= patching.after_days <= _LONGEST_PATCH_DELAY,
        f"{name}.patching.after_days",
        f"from 0 to {_LONGEST_PATCH_DELAY}",
        patching.after_days,
    )
    require(2 <= patching.hours <= 24, f"{name}.patching.hours", "from 2 to 24", patching.hours)
    require_retention(args.log_days, f"{name}.log_days")
