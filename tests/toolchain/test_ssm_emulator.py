"""Systems Manager and Auto Scaling in the simulated AWS, asked with the real client library."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.toolchain.emulator import client

DOCUMENT = json.dumps(
    {
        "schemaVersion": "2.2",
        "description": "nothing",
        "mainSteps": [{"action": "aws:runShellScript", "name": "one", "inputs": {"runCommand": ["true"]}}],
    }
)
TARGETS = [{"Key": "tag:role", "Values": ["web"]}]


@pytest.fixture
def ssm(endpoint: str) -> Any:
    return client(endpoint, "ssm")


@pytest.fixture
def document(ssm: Any) -> Iterator[str]:
    ssm.create_document(Name="setup", Content=DOCUMENT, DocumentType="Command")
    yield "setup"
    ssm.delete_document(Name="setup")


def tags(ssm: Any, kind: str, identity: str) -> dict[str, str]:
    found = ssm.list_tags_for_resource(ResourceType=kind, ResourceId=identity)["TagList"]
    return {tag["Key"]: tag["Value"] for tag in found}


# Associations


def test_an_association_is_described_as_it_was_asked_for_until_it_is_deleted(ssm: Any, document: str) -> None:
    made = ssm.create_association(
        Name=document,
        AssociationName="web",
        Targets=TARGETS,
        ScheduleExpression="rate(30 minutes)",
        MaxErrors="0",
        Tags=[{"Key": "team", "Value": "shop"}],
    )["AssociationDescription"]
    whose = {"AssociationId": made["AssociationId"]}
    found = ssm.describe_association(**whose)["AssociationDescription"]
    assert (found["Name"], found["Targets"], found["MaxErrors"]) == (document, TARGETS, "0")
    assert (found["DocumentVersion"], found["Overview"]["Status"]) == ("$DEFAULT", "Success")
    assert tags(ssm, "Association", made["AssociationId"]) == {"team": "shop"}
    ssm.delete_association(**whose)
    with pytest.raises(ssm.exceptions.AssociationDoesNotExist):
        ssm.describe_association(**whose)


def test_an_update_of_an_association_forgets_what_it_leaves_out(ssm: Any, document: str) -> None:
    made = ssm.create_association(Name=document, Targets=TARGETS, MaxErrors="0", ScheduleExpression="rate(1 day)")
    whose = {"AssociationId": made["AssociationDescription"]["AssociationId"]}
    ssm.update_association(**whose, Targets=TARGETS, ScheduleExpression="rate(2 days)")
    found = ssm.describe_association(**whose)["AssociationDescription"]
    assert (found["ScheduleExpression"], found["AssociationVersion"]) == ("rate(2 days)", "2")
    assert "MaxErrors" not in found
    ssm.delete_association(**whose)


def test_an_association_needs_a_document_that_is_there_or_awss_own(ssm: Any) -> None:
    with pytest.raises(ssm.exceptions.InvalidDocument):
        ssm.create_association(Name="missing", Targets=TARGETS)
    own = ssm.create_association(Name="AWS-GatherSoftwareInventory", Targets=TARGETS)["AssociationDescription"]
    ssm.delete_association(AssociationId=own["AssociationId"])


def test_a_document_stays_as_long_as_an_association_names_it(ssm: Any, document: str) -> None:
    made = ssm.create_association(Name=document, Targets=TARGETS)["AssociationDescription"]
    with pytest.raises(ssm.exceptions.AssociatedInstances):
        ssm.delete_document(Name=document)
    assert made["AssociationId"] in {one["AssociationId"] for one in ssm.list_associations()["Associations"]}
    ssm.delete_association(AssociationId=made["AssociationId"])


# Patch baselines


def test_a_patch_baseline_is_described_updated_and_tagged(ssm: Any) -> None:
    baseline = ssm.create_patch_baseline(
        Name="shop",
        OperatingSystem="AMAZON_LINUX_2023",
        RejectedPatches=["nginx"],
        Tags=[{"Key": "team", "Value": "shop"}],
    )["BaselineId"]
    ssm.update_patch_baseline(BaselineId=baseline, RejectedPatches=["jq"], Description="security")
    found = ssm.get_patch_baseline(BaselineId=baseline)
    assert (found["Name"], found["RejectedPatches"], found["Description"]) == ("shop", ["jq"], "security")
    assert tags(ssm, "PatchBaseline", baseline) == {"team": "shop"}
    ssm.delete_patch_baseline(BaselineId=baseline)
    with pytest.raises(ssm.exceptions.DoesNotExistException):
        ssm.get_patch_baseline(BaselineId=baseline)


def test_a_patch_group_has_one_baseline_for_a_system_and_can_have_another_afterwards(ssm: Any) -> None:
    first, second = (
        ssm.create_patch_baseline(Name=name, OperatingSystem="AMAZON_LINUX_2023")["BaselineId"]
        for name in ("first", "second")
    )
    ssm.register_patch_baseline_for_patch_group(BaselineId=first, PatchGroup="web")
    with pytest.raises(ssm.exceptions.AlreadyExistsException):
        ssm.register_patch_baseline_for_patch_group(BaselineId=second, PatchGroup="web")
    with pytest.raises(ssm.exceptions.ResourceInUseException):
        ssm.delete_patch_baseline(BaselineId=first)
    ssm.deregister_patch_baseline_for_patch_group(BaselineId=first, PatchGroup="web")
    ssm.register_patch_baseline_for_patch_group(BaselineId=second, PatchGroup="web")
    (mapping,) = ssm.describe_patch_groups()["Mappings"]
    assert (mapping["PatchGroup"], mapping["BaselineIdentity"]["BaselineId"]) == ("web", second)
    ssm.deregister_patch_baseline_for_patch_group(BaselineId=second, PatchGroup="web")
    for baseline in (first, second):
        ssm.delete_patch_baseline(BaselineId=baseline)


# Maintenance windows


def test_a_maintenance_window_with_target_and_task_is_described_and_updated(ssm: Any) -> None:
    window = ssm.create_maintenance_window(
        Name="patching", Schedule="cron(0 3 ? * SUN *)", Duration=3, Cutoff=1, AllowUnassociatedTargets=False
    )["WindowId"]
    here = {"WindowId": window}
    targets = [
        ssm.register_target_with_maintenance_window(**here, ResourceType="INSTANCE", Targets=TARGETS)["WindowTargetId"]
        for _ in range(2)
    ]
    one = [{"Key": "WindowTargetId", "Values": [targets[1]]}]
    (found,) = ssm.describe_maintenance_window_targets(**here, Filters=one)["Targets"]
    assert found["WindowTargetId"] == targets[1]
    task = ssm.register_task_with_maintenance_window(
        **here, TaskArn="AWS-RunPatchBaseline", TaskType="RUN_COMMAND", MaxConcurrency="1", MaxErrors="0"
    )["WindowTaskId"]
    ssm.update_maintenance_window(**here, Schedule="cron(0 4 ? * SUN *)", Enabled=False)
    ssm.update_maintenance_window_target(**here, WindowTargetId=targets[1], Name="web")
    ssm.update_maintenance_window_task(**here, WindowTaskId=task, MaxConcurrency="2")
    changed = ssm.get_maintenance_window(**here)
    assert (changed["Schedule"], changed["Enabled"], changed["Duration"]) == ("cron(0 4 ? * SUN *)", False, 3)
    (found,) = ssm.describe_maintenance_window_targets(**here, Filters=one)["Targets"]
    assert found["Name"] == "web"
    shown = ssm.get_maintenance_window_task(**here, WindowTaskId=task)
    assert (shown["MaxConcurrency"], shown["MaxErrors"]) == ("2", "0")
    assert shown["ServiceRoleArn"].endswith("AWSServiceRoleForAmazonSSM")
    ssm.deregister_task_from_maintenance_window(**here, WindowTaskId=task)
    with pytest.raises(ssm.exceptions.DoesNotExistException):
        ssm.get_maintenance_window_task(**here, WindowTaskId=task)


# Hosts


@pytest.fixture
def group(endpoint: str) -> Iterator[str]:
    ec2, scaling = client(endpoint, "ec2"), client(endpoint, "autoscaling")
    template = ec2.create_launch_template(
        LaunchTemplateName="hosts", LaunchTemplateData=_launch("blue"), VersionDescription="first"
    )["LaunchTemplate"]["LaunchTemplateId"]
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="hosts",
        MinSize=2,
        MaxSize=2,
        AvailabilityZones=["eu-west-1a"],
        LaunchTemplate={"LaunchTemplateId": template, "Version": "1"},
        DefaultInstanceWarmup=60,
    )
    yield template
    scaling.delete_auto_scaling_group(AutoScalingGroupName="hosts", ForceDelete=True)
    ec2.delete_launch_template(LaunchTemplateId=template)


def _launch(colour: str) -> dict[str, Any]:
    marked = {"ResourceType": "instance", "Tags": [{"Key": "colour", "Value": colour}]}
    return {"ImageId": "ami-12c6146b", "InstanceType": "t3.small", "TagSpecifications": [marked]}


def _colours(endpoint: str) -> dict[str, str]:
    described = client(endpoint, "autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=["hosts"])
    ids = [host["InstanceId"] for host in described["AutoScalingGroups"][0]["Instances"]]
    found = client(endpoint, "ec2").describe_instances(InstanceIds=ids)["Reservations"]
    hosts = [host for reservation in found for host in reservation["Instances"]]
    return {host["InstanceId"]: tag["Value"] for host in hosts for tag in host["Tags"] if tag["Key"] == "colour"}


def test_an_exchange_starts_hosts_from_the_groups_version_of_the_template(endpoint: str, group: str) -> None:
    ec2, scaling = client(endpoint, "ec2"), client(endpoint, "autoscaling")
    before = _colours(endpoint)
    ec2.create_launch_template_version(LaunchTemplateId=group, LaunchTemplateData={**_launch("red"), "UserData": ""})
    scaling.update_auto_scaling_group(
        AutoScalingGroupName="hosts", LaunchTemplate={"LaunchTemplateId": group, "Version": "2"}
    )
    assert _colours(endpoint) == before
    started = scaling.start_instance_refresh(AutoScalingGroupName="hosts", Preferences={"SkipMatching": True})
    after = _colours(endpoint)
    assert (list(before.values()), list(after.values())) == (["blue"] * 2, ["red"] * 2)
    assert not set(before) & set(after)
    (refresh,) = scaling.describe_instance_refreshes(AutoScalingGroupName="hosts")["InstanceRefreshes"]
    assert (refresh["InstanceRefreshId"], refresh["Status"]) == (started["InstanceRefreshId"], "Successful")


@pytest.mark.usefixtures("group")
def test_an_exchange_leaves_hosts_alone_that_match(endpoint: str) -> None:
    before = _colours(endpoint)
    client(endpoint, "autoscaling").start_instance_refresh(
        AutoScalingGroupName="hosts", Preferences={"SkipMatching": True}
    )
    assert _colours(endpoint) == before


@pytest.mark.usefixtures("group")
def test_there_is_never_an_exchange_to_cancel(endpoint: str) -> None:
    with pytest.raises(ClientError, match="ActiveInstanceRefreshNotFound"):
        client(endpoint, "autoscaling").cancel_instance_refresh(AutoScalingGroupName="hosts")


@pytest.mark.usefixtures("group")
def test_the_warm_up_of_a_group_is_remembered(endpoint: str) -> None:
    scaling = client(endpoint, "autoscaling")

    def warm_up() -> int:
        (found,) = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["hosts"])["AutoScalingGroups"]
        return int(found["DefaultInstanceWarmup"])

    assert warm_up() == 60
    scaling.update_auto_scaling_group(AutoScalingGroupName="hosts", DefaultInstanceWarmup=90)
    assert warm_up() == 90


def test_a_rule_between_security_groups_is_described(endpoint: str) -> None:
    ec2 = client(endpoint, "ec2")
    one, other = (ec2.create_security_group(GroupName=name, Description=name)["GroupId"] for name in ("one", "other"))
    pair = {"GroupId": other, "Description": "from the other"}
    permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [pair]}
    ec2.authorize_security_group_ingress(GroupId=one, IpPermissions=[permission])
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [one]}])["SecurityGroupRules"]
    (rule,) = [rule for rule in found if not rule["IsEgress"]]
    assert rule["Description"] == "from the other"
