"""What the delivery may do to hosts: declare things with its own tags, and command nothing."""

import json

import pytest

from infra.delivery_policies import boundary_policy, preview_policy
from tests.infra.delivery import ACCOUNT, OWN_ROLE, SCOPE, may_apply, may_ever, may_preview
from tests.infra.iam import allowed

SSM = "arn:aws:ssm:eu-west-1:123456789012"
SCRIPT = "arn:aws:ssm:eu-west-1::document/AWS-RunShellScript"


def tags(kind: str, stack: str = "dev", project: str = "infrastructure") -> dict[str, str]:
    """The circumstances of a request that brings tags (`Request`), or is about something that has them (`Resource`)."""
    return {f"aws__{kind}Tag/gitops__stack": stack, f"aws__{kind}Tag/gitops__project": project}


def test_an_apply_makes_for_hosts_what_carries_its_stack_s_tags_and_nothing_else() -> None:
    for action, resource in (
        ("ssm:CreateAssociation", f"{SSM}:association/1"),
        ("ssm:CreatePatchBaseline", "*"),
        ("ssm:CreateMaintenanceWindow", "*"),
    ):
        assert may_apply(action, resource, **tags("Request"))
        assert not may_apply(action, resource)
        assert not may_apply(action, resource, **tags("Request", stack="prod"))
        assert not may_apply(action, resource, **tags("Request", project="bootstrap"))


def test_an_association_runs_the_documents_that_the_program_uses() -> None:
    for action in ("ssm:CreateAssociation", "ssm:UpdateAssociation"):
        assert may_apply(action, SCRIPT)
        assert may_apply(action, "arn:aws:ssm:eu-west-1::document/AWS-GatherSoftwareInventory")
        assert not may_apply(action, "arn:aws:ssm:eu-west-1::document/AWS-RunRemoteScript", **tags("Request"))
        assert not may_apply(action, f"{SSM}:document/own", **tags("Request"))
        # The way without tags: an association with one host, by its id.
        assert not may_apply(action, "arn:aws:ec2:eu-west-1:123456789012:instance/i-1", **tags("Request"))


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("ssm:UpdateAssociation", "association"),
        ("ssm:DeleteAssociation", "association"),
        ("ssm:UpdatePatchBaseline", "patchbaseline"),
        ("ssm:DeletePatchBaseline", "patchbaseline"),
        ("ssm:RegisterPatchBaselineForPatchGroup", "patchbaseline"),
        ("ssm:DeregisterPatchBaselineForPatchGroup", "patchbaseline"),
        ("ssm:UpdateMaintenanceWindow", "maintenancewindow"),
        ("ssm:DeleteMaintenanceWindow", "maintenancewindow"),
        ("ssm:RegisterTargetWithMaintenanceWindow", "maintenancewindow"),
        ("ssm:RegisterTaskWithMaintenanceWindow", "maintenancewindow"),
        ("ssm:UpdateMaintenanceWindowTask", "maintenancewindow"),
        ("ssm:DeregisterTaskFromMaintenanceWindow", "maintenancewindow"),
        ("ssm:RemoveTagsFromResource", "association"),
    ],
)
def test_an_apply_changes_for_hosts_what_has_its_stack_s_tags_and_nothing_else(action: str, kind: str) -> None:
    resource = f"{SSM}:{kind}/1"
    assert may_apply(action, resource, **tags("Resource"))
    assert not may_apply(action, resource)
    assert not may_apply(action, resource, **tags("Resource", stack="prod"))
    assert not may_apply(action, resource, **tags("Resource", stack="prod"), **tags("Request"))


def test_a_window_s_targets_and_tasks_have_no_tags_and_follow_their_window() -> None:
    assert may_apply("ssm:UpdateMaintenanceWindowTarget", f"{SSM}:windowtarget/1")
    assert may_apply("ssm:DeregisterTaskFromMaintenanceWindow", f"{SSM}:windowtask/1")
    assert not may_apply("ssm:DeleteMaintenanceWindow", f"{SSM}:windowtask/1")


def test_what_another_stack_has_made_cannot_be_adopted_by_new_tags() -> None:
    resource = f"{SSM}:association/1"
    assert may_apply("ssm:AddTagsToResource", resource, **tags("Request"))
    assert may_apply("ssm:AddTagsToResource", resource, **tags("Resource"))
    assert not may_apply("ssm:AddTagsToResource", resource, **tags("Request"), **tags("Resource", stack="prod"))
    assert not may_apply("ssm:AddTagsToResource", resource, **tags("Request", stack="prod"), **tags("Resource"))
    assert not may_apply("ssm:AddTagsToResource", f"{SSM}:managed-instance/mi-1", **tags("Request"))


def test_an_apply_exchanges_hosts_and_gives_them_their_role() -> None:
    assert may_apply("autoscaling:StartInstanceRefresh")
    assert may_apply("iam:PassRole", OWN_ROLE, iam__PassedToService="ec2.amazonaws.com")
    for service in ("autoscaling", "ssm"):
        linked = f"{ACCOUNT}:role/aws-service-role/{service}.amazonaws.com/AWSServiceRole"
        assert may_apply("iam:CreateServiceLinkedRole", linked, iam__AWSServiceName=f"{service}.amazonaws.com")


@pytest.mark.parametrize(
    "action",
    [
        "ssm:SendCommand", "ssm:StartSession", "ssm:ResumeSession", "ssm:StartAssociationsOnce",
        "ssm:StartAutomationExecution", "ssm:CreateDocument", "ssm:UpdateDocument",
        "ec2-instance-connect:SendSSHPublicKey", "ec2-instance-connect:OpenTunnel",
    ],
)  # fmt: skip
def test_nobody_here_runs_a_command_on_a_machine_whatever_else_allows_it(action: str) -> None:
    for tagged in ({}, tags("Resource"), tags("Request")):
        assert not may_apply(action, **tagged)
        assert not may_preview(action, **tagged)
    for policy in (boundary_policy(SCOPE), preview_policy(SCOPE)):
        generous = json.loads(policy)
        generous["Statement"].append({"Effect": "Allow", "Action": "*", "Resource": "*"})
        assert not allowed([json.dumps(generous)], action)


def test_a_host_reports_to_systems_manager_and_no_role_but_the_applying_one_declares_anything_there() -> None:
    for action in ("ssm:UpdateAssociationStatus", "ssm:UpdateInstanceAssociationStatus", "ssm:PutInventory"):
        assert may_ever(action)
    for action in ("ssm:CreateAssociation", "ssm:CreateMaintenanceWindow", "ssm:UpdateAssociation"):
        assert not may_ever(action, f"{SSM}:association/1", **tags("Request"), **tags("Resource"))
        assert not may_preview(action, f"{SSM}:association/1", **tags("Request"), **tags("Resource"))
