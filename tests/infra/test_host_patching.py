"""Security patches: which, when, and how many hosts at once."""

from dataclasses import replace
from typing import Any

import pytest

from infra.host_patching import HostPatching, HostPatchingArgs, OperatingSystem, Patching, Reboot
from infra.inputs import InputError
from tests.infra.recording import Recorded, record

PATCHING = Patching(schedule="cron(0 3 ? * SUN *)", after_days=7)
ARGS = HostPatchingArgs(
    group_name="shop-dev-legacy", patching=PATCHING, pinned=("nginx", "jq"), log_key_arn="arn:key", log_days=30
)


def patching(args: HostPatchingArgs = ARGS) -> Recorded:
    return record(lambda: HostPatching("patching", args))


def test_security_patches_are_approved_at_a_given_age() -> None:
    baseline = patching().only(":PatchBaseline").inputs
    (rule,) = baseline["approvalRules"]
    assert rule["approveAfterDays"] == 7
    assert rule["enableNonSecurity"] is False
    assert {one["key"]: one["values"] for one in rule["patchFilters"]} == {
        "CLASSIFICATION": ["Security"],
        "SEVERITY": ["Critical", "Important"],
    }
    assert baseline["operatingSystem"] == "AMAZON_LINUX_2023"


def test_packages_that_the_configuration_pins_are_left_alone() -> None:
    baseline = patching().only(":PatchBaseline").inputs
    assert (baseline["rejectedPatches"], baseline["rejectedPatchesAction"]) == (["jq", "nginx"], "BLOCK")


def test_the_operating_system_can_be_another() -> None:
    args = replace(ARGS, patching=replace(PATCHING, operating_system=OperatingSystem.RED_HAT))
    assert patching(args).only(":PatchBaseline").inputs["operatingSystem"] == "REDHAT_ENTERPRISE_LINUX"


def test_hosts_are_patched_one_by_one_in_their_window() -> None:
    recorded = patching()
    window = recorded.only(":MaintenanceWindow").inputs
    assert (window["schedule"], window["scheduleTimezone"]) == ("cron(0 3 ? * SUN *)", "UTC")
    assert (window["duration"], window["cutoff"], window["allowUnassociatedTargets"]) == (3, 1, False)
    task = recorded.only(":MaintenanceWindowTask").inputs
    assert (task["taskArn"], task["maxConcurrency"], task["maxErrors"]) == ("AWS-RunPatchBaseline", "1", "0")
    assert task["targets"] == [{"key": "WindowTargetIds", "values": ["patching-target-id"]}]


@pytest.mark.parametrize("reboot", list(Reboot))
def test_whether_hosts_restart_is_said(reboot: Reboot) -> None:
    task = patching(replace(ARGS, patching=replace(PATCHING, reboot=reboot))).only(":MaintenanceWindowTask").inputs
    parameters = task["taskInvocationParameters"]["runCommandParameters"]["parameters"]
    assert {one["name"]: one["values"] for one in parameters} == {"Operation": ["Install"], "RebootOption": [reboot]}


def test_window_group_and_inventory_are_for_the_same_hosts() -> None:
    recorded = patching()
    tag = [{"key": "tag:PatchGroup", "values": ["shop-dev-legacy"]}]
    assert recorded.only(":MaintenanceWindowTarget").inputs["targets"] == tag
    assert recorded.only(":Association").inputs["targets"] == tag
    assert recorded.only(":PatchGroup").inputs["patchGroup"] == "shop-dev-legacy"
    assert recorded.only(":PatchGroup").inputs["baselineId"] == "patching-id"


def test_output_is_encrypted_and_kept_for_a_while() -> None:
    recorded = patching()
    group = recorded.only(":LogGroup").inputs
    assert (group["name"], group["kmsKeyId"], group["retentionInDays"]) == ("/shop-dev-legacy/patching", "arn:key", 30)
    task = recorded.only(":MaintenanceWindowTask").inputs["taskInvocationParameters"]["runCommandParameters"]
    assert task["cloudwatchConfig"]["cloudwatchLogGroupName"] == "/shop-dev-legacy/patching"


def test_what_can_be_tagged_is() -> None:
    tagged = [one for one in patching().created() if "tags" in one.inputs]
    assert {one.inputs["tags"]["gitops:resource"] for one in tagged} == {one.name for one in tagged}
    assert len(tagged) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schedule": "sunday"}, "patching.patching.schedule must be an expression"),
        ({"after_days": -1}, "patching.patching.after_days must be from 0 to 360"),
        ({"after_days": 361}, "patching.patching.after_days must be from 0 to 360"),
        ({"hours": 1}, "patching.patching.hours must be from 2 to 24"),
        ({"hours": 25}, "patching.patching.hours must be from 2 to 24"),
    ],
)
def test_what_ssm_does_not_take_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        patching(replace(ARGS, patching=replace(PATCHING, **change)))


def test_a_retention_that_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match="log_days must be a number of days"):
        patching(replace(ARGS, log_days=31))
