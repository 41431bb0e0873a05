"""Hosts without containers: how they start, who reaches them, and how a change comes to them."""

from dataclasses import replace
from typing import Any

import pytest

from infra.host_patching import Patching
from infra.host_script import HostFile, HostSetup
from infra.inputs import InputError
from infra.legacy_hosts import LegacyHosts, LegacyHostsArgs
from tests.infra.recording import Recorded, record

SETUP = HostSetup(
    packages={"nginx": "1.24.0-1.amzn2023.0.2"},
    files={"/etc/shop.conf": HostFile(content="colour = blue\n")},
    health_check=("true",),
)
ARGS = LegacyHostsArgs(
    name_prefix="shop-dev",
    region="eu-west-1",
    account_id="123456789012",
    vpc_id="vpc-1",
    subnet_ids=["subnet-1", "subnet-2"],
    image_id="ami-0123456789abcdef0",
    instance_type="t3.small",
    min_hosts=2,
    max_hosts=4,
    port=8080,
    health_path="/ready",
    setup=SETUP,
    patching=Patching(schedule="cron(0 3 ? * SUN *)", after_days=7),
    disk_key_arn="arn:disks",
    log_key_arn="arn:logs",
    certificate_arn="arn:certificate",
    from_cidrs=("10.0.0.0/16",),
    host_tags={"gitops:owner": "shop"},
)


def hosts(args: LegacyHostsArgs = ARGS) -> Recorded:
    return record(lambda: LegacyHosts("legacy", args))


def template(args: LegacyHostsArgs = ARGS) -> dict[str, Any]:
    return dict(hosts(args).only(":LaunchTemplate").inputs)


def host_tags(args: LegacyHostsArgs = ARGS) -> dict[str, str]:
    found = {one["resourceType"]: one["tags"] for one in template(args)["tagSpecifications"]}
    return dict(found["instance"])


def test_a_host_gives_credentials_to_sessions_only_and_has_no_public_address_and_no_key() -> None:
    made = template()
    options = made["metadataOptions"]
    assert (options["httpTokens"], options["httpPutResponseHopLimit"]) == ("required", 1)
    (interface,) = made["networkInterfaces"]
    assert interface["associatePublicIpAddress"] == "false"
    assert "keyName" not in made
    assert made["imageId"] == "ami-0123456789abcdef0"
    assert made["monitoring"] == {"enabled": True}


def test_disks_are_encrypted_with_the_given_key() -> None:
    recorded = hosts()
    (disk,) = recorded.only(":LaunchTemplate").inputs["blockDeviceMappings"]
    assert (disk["ebs"]["encrypted"], disk["ebs"]["kmsKeyId"], disk["ebs"]["volumeType"]) == (
        "true",
        "arn:disks",
        "gp3",
    )


def test_the_applications_port_is_open_to_the_load_balancer_only() -> None:
    recorded = hosts()
    (rule,) = [
        one for one in recorded.of(":SecurityGroupIngressRule") if one.inputs["securityGroupId"] == "legacy-hosts-id"
    ]
    assert rule.inputs["referencedSecurityGroupId"] == "legacy-balancer-clients-id"
    assert (rule.inputs["fromPort"], rule.inputs["toPort"]) == (8080, 8080)
    out = {one.name: one.inputs for one in recorded.of(":SecurityGroupEgressRule")}
    assert set(out) == {"legacy-hosts-balancer-to-hosts", "legacy-hosts-https"}
    assert out["legacy-hosts-https"]["toPort"] == 443


def test_a_changed_configuration_changes_the_template_and_nothing_else_of_it() -> None:
    changed = replace(ARGS, setup=replace(SETUP, files={"/etc/shop.conf": HostFile(content="colour = red\n")}))
    before, after = template(), template(changed)
    assert {key for key in before if before[key] != after[key]} == {"tagSpecifications"}
    assert host_tags()["gitops:configuration"] != host_tags(changed)["gitops:configuration"]


def test_a_host_carries_the_digest_that_its_setup_is_run_by() -> None:
    targets = hosts().named(":Association", "legacy-configuration").inputs["targets"]
    assert targets == [{"key": "tag:gitops:configuration", "values": [host_tags()["gitops:configuration"]]}]


def test_hosts_and_disks_have_the_tags_that_they_are_found_and_billed_by() -> None:
    tags = host_tags()
    assert (tags["PatchGroup"], tags["gitops:owner"]) == ("shop-dev-legacy", "shop")
    assert tags["gitops:resource"] == "legacy-host"
    disk = {one["resourceType"]: one["tags"] for one in template()["tagSpecifications"]}["volume"]
    assert (disk["gitops:resource"], disk["gitops:owner"]) == ("legacy-disk", "shop")


def test_a_new_template_is_rolled_out_host_by_host() -> None:
    group = hosts().only("autoscaling/group:Group").inputs
    refresh = group["instanceRefresh"]
    assert refresh["strategy"] == "Rolling"
    assert refresh["preferences"] == {
        "minHealthyPercentage": 100,
        "maxHealthyPercentage": 110,
        "skipMatching": True,
        "autoRollback": False,
    }


@pytest.mark.parametrize(("least", "most"), [(100, 110), (95, 105), (90, 100), (50, 100)])
def test_an_exchange_has_room_to_start(least: int, most: int) -> None:
    group = hosts(replace(ARGS, min_healthy_percent=least)).only("autoscaling/group:Group").inputs
    assert group["instanceRefresh"]["preferences"]["maxHealthyPercentage"] == most


def test_a_host_takes_requests_only_once_its_setup_has_succeeded() -> None:
    recorded = hosts()
    group = recorded.only("autoscaling/group:Group")
    (hook,) = group.inputs["initialLifecycleHooks"]
    assert (hook["name"], hook["defaultResult"], hook["heartbeatTimeout"]) == ("configured", "ABANDON", 1800)
    assert (group.inputs["healthCheckType"], group.inputs["minElbCapacity"]) == ("ELB", 2)
    for needed in (
        "Association::legacy-configuration",
        "RolePolicy::legacy-role-policy",
    ):
        assert any(urn.endswith(needed) for urn in group.depends_on), needed


def test_hosts_scale_by_load_where_they_may() -> None:
    policy = hosts().only("autoscaling/policy:Policy").inputs
    assert policy["policyType"] == "TargetTrackingScaling"
    assert hosts(replace(ARGS, max_hosts=2)).of("autoscaling/policy:Policy") == []


def test_pinned_packages_are_not_patched() -> None:
    assert hosts().only(":PatchBaseline").inputs["rejectedPatches"] == ["nginx"]


def test_names_are_chosen() -> None:
    recorded = hosts()
    named = ("autoscaling/group:Group", ":LaunchTemplate", ":LoadBalancer", "iam/role:Role", ":InstanceProfile")
    assert {recorded.only(kind).inputs["name"] for kind in named} == {"shop-dev-legacy"}


def test_options_reach_the_parts() -> None:
    args = replace(ARGS, permissions_boundary_arn="arn:boundary", disposable=True, repair_schedule="rate(1 day)")
    recorded = hosts(args)
    assert recorded.only("iam/role:Role").inputs["permissionsBoundary"] == "arn:boundary"
    assert recorded.only(":LoadBalancer").inputs["enableDeletionProtection"] is False
    association = recorded.named(":Association", "legacy-configuration").inputs
    assert association["scheduleExpression"] == "rate(1 day)"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": "latest"}, "legacy.image_id must be the id of one image"),
        ({"image_id": "resolve:ssm:/aws/service/ami"}, "legacy.image_id must be the id of one image"),
        ({"min_hosts": 0}, "legacy.min_hosts must be 1 or more"),
        ({"max_hosts": 1}, "legacy.max_hosts must be at least the 2 of min_hosts"),
        ({"disk_gib": 0}, "legacy.disk_gib must be 1 or more"),
        ({"start_seconds": 60}, "legacy.start_seconds must be from 300 to 7200"),
        ({"start_seconds": 7201}, "legacy.start_seconds must be from 300 to 7200"),
        ({"min_healthy_percent": 101}, "legacy.min_healthy_percent must be from 0 to 100"),
        ({"certificate_arn": None}, "legacy-balancer.certificate_arn must be given"),
        ({"setup": HostSetup()}, "legacy-configuration.setup.health_check must be"),
    ],
)
def test_what_would_not_hold_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        hosts(replace(ARGS, **change))
