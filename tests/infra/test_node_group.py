"""Nodes: closed, encrypted, pinned, and as many as their autoscaler wants."""

from dataclasses import replace
from typing import Any

import pulumi
import pytest
from pulumi_aws import kms

from infra.inputs import InputError
from infra.node_group import Capacity, Machine, NodeGroup, NodeGroupArgs, SizeOwner, Taint, TaintEffect
from tests.infra.recording import Recorded, record
from tests.infra.seen_options import SeenOptions

ARGS = NodeGroupArgs(
    group_name="shop-dev-general",
    cluster_name="shop-dev",
    subnet_ids=["subnet-a", "subnet-b"],
    key_arn="arn:key",
    release_version="1.33.3-20250920",
    machine=Machine.ARM64,
    instance_types=("m7g.large", "m6g.large"),
    min_size=2,
    max_size=6,
)


def nodes(args: NodeGroupArgs = ARGS, opts: pulumi.ResourceOptions | None = None) -> Recorded:
    return record(lambda: NodeGroup("general", args, opts))


def group(args: NodeGroupArgs = ARGS) -> dict[str, Any]:
    return dict(nodes(args).only(":NodeGroup").inputs)


def template(args: NodeGroupArgs = ARGS) -> dict[str, Any]:
    return dict(nodes(args).only(":LaunchTemplate").inputs)


def test_pods_cannot_take_the_credentials_of_their_node() -> None:
    options = template()["metadataOptions"]
    assert (options["httpTokens"], options["httpPutResponseHopLimit"]) == ("required", 1)


def test_disks_are_encrypted_with_the_given_key() -> None:
    (disk,) = template(replace(ARGS, disk_gib=80))["blockDeviceMappings"]
    assert disk["deviceName"] == "/dev/xvda"
    assert (disk["ebs"]["encrypted"], disk["ebs"]["kmsKeyId"]) == ("true", "arn:key")
    assert (disk["ebs"]["volumeType"], disk["ebs"]["volumeSize"]) == ("gp3", 80)


def test_nobody_logs_in_with_a_key() -> None:
    assert "keyName" not in template()
    assert "remoteAccess" not in group()


def test_instances_are_monitored_and_carry_tags_of_their_own() -> None:
    made = template()
    assert made["monitoring"] == {"enabled": True}
    tags = {one["resourceType"]: one["tags"]["gitops:resource"] for one in made["tagSpecifications"]}
    assert tags == {"instance": "general-node", "volume": "general-node"}


def test_the_group_follows_its_template() -> None:
    assert group()["launchTemplate"]["id"] == "general-template-id"


def test_how_many_there_are_belongs_to_the_autoscaler() -> None:
    seen = SeenOptions()
    recorded = nodes(opts=seen.opts)
    assert recorded.only(":NodeGroup").inputs["scalingConfig"] == {"minSize": 2, "maxSize": 6, "desiredSize": 2}
    assert seen.of["aws:eks/nodeGroup:NodeGroup::general"].ignore_changes == ["scalingConfig.desiredSize"]


def test_without_an_autoscaler_the_minimum_is_what_there_is() -> None:
    seen = SeenOptions()
    recorded = nodes(replace(ARGS, size_owner=SizeOwner.PROGRAM, min_size=3), seen.opts)
    assert recorded.only(":NodeGroup").inputs["scalingConfig"]["desiredSize"] == 3
    assert not seen.of["aws:eks/nodeGroup:NodeGroup::general"].ignore_changes


def test_nodes_are_never_all_taken_away_for_a_replacement() -> None:
    seen = SeenOptions()
    nodes(opts=seen.opts)
    assert seen.of["aws:eks/nodeGroup:NodeGroup::general"].delete_before_replace is False


def test_the_image_is_pinned_and_with_it_the_kubernetes_version() -> None:
    made = group()
    assert (made["version"], made["releaseVersion"]) == ("1.33", "1.33.3-20250920")


@pytest.mark.parametrize(
    ("machine", "image"), [(Machine.ARM64, "AL2023_ARM_64_STANDARD"), (Machine.X86_64, "AL2023_x86_64_STANDARD")]
)
def test_the_image_is_amazon_linux_for_the_machine(machine: Machine, image: str) -> None:
    assert group(replace(ARGS, machine=machine))["amiType"] == image


def test_capacity_is_on_demand_unless_spot_is_asked_for() -> None:
    assert group()["capacityType"] == "ON_DEMAND"
    assert group(replace(ARGS, capacity=Capacity.SPOT))["capacityType"] == "SPOT"


def test_labels_and_taints_reach_the_nodes() -> None:
    taint = Taint(key="only", value="batch", effect=TaintEffect.NO_SCHEDULE)
    made = group(replace(ARGS, labels={"pool": "batch"}, taints=(taint,)))
    assert made["labels"] == {"pool": "batch"}
    assert made["taints"] == [{"key": "only", "value": "batch", "effect": "NO_SCHEDULE"}]


def test_nodes_are_replaced_a_few_at_a_time_and_repaired() -> None:
    made = group(replace(ARGS, max_unavailable=2))
    assert made["updateConfig"] == {"maxUnavailable": 2}
    assert made["nodeRepairConfig"] == {"enabled": True}


def test_a_node_may_join_pull_and_be_managed_and_nothing_else() -> None:
    recorded = nodes(replace(ARGS, permissions_boundary="arn:boundary", partition="aws-cn"))
    policies = {one.inputs["policyArn"] for one in recorded.of(":RolePolicyAttachment")}
    assert policies == {
        f"arn:aws-cn:iam::aws:policy/{name}"
        for name in ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly", "AmazonSSMManagedInstanceCore")
    }
    role = recorded.only(":Role").inputs
    assert (role["name"], role["permissionsBoundary"]) == ("shop-dev-general-node", "arn:boundary")


def test_a_node_starts_after_its_rights_and_whatever_it_needs() -> None:
    def program() -> None:
        first = kms.Key("network-addon")
        NodeGroup("general", replace(ARGS, after=[first]))

    made = record(program).only(":NodeGroup")
    assert sum("RolePolicyAttachment" in urn for urn in made.depends_on) == 3
    assert any("network-addon" in urn for urn in made.depends_on)


def test_names_are_chosen_and_tags_say_whose_it_is() -> None:
    recorded = nodes()
    assert recorded.only(":NodeGroup").inputs["nodeGroupName"] == "shop-dev-general"
    assert recorded.only(":LaunchTemplate").inputs["name"] == "shop-dev-general"
    for one in recorded.of(":NodeGroup") + recorded.of(":LaunchTemplate") + recorded.of(":Role"):
        assert one.inputs["tags"]["gitops:resource"] == one.name


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (replace(ARGS, group_name="general_nodes"), "general.group_name"),
        (replace(ARGS, group_name="x" * 59), "general.group_name"),
        (replace(ARGS, release_version="1.33"), "general.release_version"),
        (replace(ARGS, instance_types=()), "general.instance_types"),
        (replace(ARGS, min_size=-1), "general.min_size"),
        (replace(ARGS, min_size=3, max_size=2), "general.max_size"),
        (replace(ARGS, min_size=0, max_size=0), "general.max_size"),
        (replace(ARGS, max_unavailable=0), "general.max_unavailable"),
        (replace(ARGS, disk_gib=19), "general.disk_gib"),
    ],
)
def test_what_cannot_work_is_refused_by_name(args: NodeGroupArgs, named: str) -> None:
    with pytest.raises(InputError, match=rf"^{named} must be"):
        nodes(args)
