"""Auto Scaling groups and their templates, where moto 5.2.5 says less than AWS does.

The exchange of a group's hosts, which moto does not have, is finished at once.
"""

import uuid
from datetime import UTC, datetime
from typing import Any

from moto.autoscaling.exceptions import AutoscalingClientError
from moto.autoscaling.models import FakeAutoScalingGroup
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult
from moto.core.types import Base64EncodedString
from moto.ec2.models.launch_templates import LaunchTemplateVersion
from moto.ec2.utils import parse_user_data

Json = dict[str, Any]


def apply() -> None:
    """Put the operations in place; once per process, before the server starts."""
    _remember_the_version_that_a_host_was_started_from()
    _remember_the_warm_up()
    _start_hosts_from_later_versions()
    for operation in (start_instance_refresh, describe_instance_refreshes, cancel_instance_refresh):
        setattr(AutoScalingResponse, operation.__name__, operation)


def _remember_the_version_that_a_host_was_started_from() -> None:
    start = FakeAutoScalingGroup.replace_autoscaling_group_instances

    def replace_autoscaling_group_instances(self: Any, count_needed: int, propagated_tags: dict[str, str]) -> None:
        before = {state.instance.id for state in self.instance_states}
        start(self, count_needed, propagated_tags)
        for state in self.instance_states:
            if state.instance.id not in before:
                state.template_version = self.launch_template_version

    FakeAutoScalingGroup.replace_autoscaling_group_instances = replace_autoscaling_group_instances


def _remember_the_warm_up() -> None:
    for name in ("create_auto_scaling_group", "update_auto_scaling_group"):
        setattr(AutoScalingResponse, name, _with_warm_up(getattr(AutoScalingResponse, name)))


def _with_warm_up(operation: Any) -> Any:
    def with_warm_up(self: Any) -> Any:
        result = operation(self)
        seconds = self._get_int_param("DefaultInstanceWarmup")
        if seconds is not None:
            _group(self).default_instance_warmup = seconds
        return result

    return with_warm_up


def _start_hosts_from_later_versions() -> None:
    """moto can start a host from the first version of a template only: it reads the user data of no other."""

    def user_data(self: Any) -> Base64EncodedString | None:
        given = self.data.get("UserData")
        return given if isinstance(given, Base64EncodedString) else parse_user_data(given)

    LaunchTemplateVersion.user_data = property(user_data)


def start_instance_refresh(self: Any) -> ActionResult:
    """Ends each host, and lets moto start one from the group's template instead."""
    group = _group(self)
    preferences: Json = self._get_param("Preferences") or {}
    wanted = group.launch_template_version
    old = [
        state.instance.id
        for state in group.instance_states
        if not preferences.get("SkipMatching") or getattr(state, "template_version", None) != wanted
    ]
    for host in old:
        self.autoscaling_backend.terminate_instance(host, False)
    self.autoscaling_backend.update_attached_target_groups(group.name)
    now = datetime.now(UTC)
    refresh = {
        "InstanceRefreshId": str(uuid.uuid4()),
        "AutoScalingGroupName": group.name,
        "Status": "Successful",
        "StatusReason": f"{len(old)} hosts exchanged (simulated)",
        "StartTime": now,
        "EndTime": now,
        "PercentageComplete": 100,
        "InstancesToUpdate": 0,
        "Preferences": preferences,
    }
    _refreshes(group).insert(0, refresh)
    return ActionResult({"InstanceRefreshId": refresh["InstanceRefreshId"]})


def describe_instance_refreshes(self: Any) -> ActionResult:
    wanted = self._get_param("InstanceRefreshIds")
    found = [one for one in _refreshes(_group(self)) if not wanted or one["InstanceRefreshId"] in wanted]
    return ActionResult({"InstanceRefreshes": found})


def cancel_instance_refresh(self: Any) -> ActionResult:
    text = f"No in progress or pending Instance Refresh found for Auto Scaling group {_group(self).name}"
    raise AutoscalingClientError("ActiveInstanceRefreshNotFound", text)


def _group(self: Any) -> Any:
    name = self._get_param("AutoScalingGroupName")
    if name not in self.autoscaling_backend.autoscaling_groups:
        raise AutoscalingClientError("ValidationError", f"AutoScalingGroup name not found - {name}")
    return self.autoscaling_backend.autoscaling_groups[name]


def _refreshes(group: Any) -> list[Json]:
    kept: list[Json] = vars(group).setdefault("emulator_refreshes", [])
    return kept
