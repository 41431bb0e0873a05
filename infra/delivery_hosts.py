"""What the delivery of one environment may do to hosts: declare things for them, and command nothing.

An association, or a task of a maintenance window, is a script that root runs on hosts. So these can be made and changed
only with the tags of the environment's stacks. Which hosts they have as targets, IAM does not check:
https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-state-manager-iam.html
Whoever merges for one environment can therefore reach the hosts of another one in the same account, in a way that the
review shows. Where that is too much, environments need accounts of their own.
"""

from collections.abc import Sequence

from infra.delivery_scope import DeliveryScope, Statement, allow

HOST_READS = (
    "ssm:Describe*", "ssm:GetDocument", "ssm:GetMaintenanceWindow*", "ssm:GetPatchBaseline*", "ssm:List*",
)  # fmt: skip
_ASSOCIATE = ("ssm:CreateAssociation", "ssm:DeleteAssociation", "ssm:UpdateAssociation")
_DOCUMENTS = ("AWS-GatherSoftwareInventory", "AWS-RunShellScript")
_WINDOW = ("ssm:Deregister*FromMaintenanceWindow", "ssm:Register*WithMaintenanceWindow", "ssm:UpdateMaintenanceWindow*")
_CHANGES = (
    "ssm:DeleteAssociation", "ssm:UpdateAssociation", "ssm:DeleteMaintenanceWindow", *_WINDOW,
    "ssm:DeletePatchBaseline", "ssm:*PatchBaselineForPatchGroup", "ssm:UpdatePatchBaseline",
    "ssm:RemoveTagsFromResource",
)  # fmt: skip
# Commands and shells at once, which no review has seen.
COMMANDS = (
    "ec2-instance-connect:*", "ec2:CreateReplaceRootVolumeTask", "ec2:ModifyInstanceAttribute", "ssm:CreateDocument",
    "ssm:ResumeSession", "ssm:SendCommand", "ssm:StartAssociationsOnce", "ssm:StartAutomationExecution",
    "ssm:StartChangeRequestExecution", "ssm:StartSession", "ssm:UpdateDocument*",
)  # fmt: skip
HOST_WRITES = (
    "ssm:AddTagsToResource", "ssm:CreateAssociation", "ssm:CreateMaintenanceWindow", "ssm:CreatePatchBaseline",
    *_CHANGES,
)  # fmt: skip


def own_hosts(scope: DeliveryScope) -> Sequence[Statement]:
    """What is declared for hosts: made with the stack's tags, and changed where it has them.

    A request can be about two things, and both have to be allowed: an association and its document, a window and its
    target. Only the first of each has tags.
    """
    windows, parts = scope.systems_manager("maintenancewindow"), scope.systems_manager("windowtarget", "windowtask")
    associations, baselines = scope.systems_manager("association"), scope.systems_manager("patchbaseline")
    documents = [f"arn:{scope.partition}:ssm:{scope.region}:*:document/{name}" for name in _DOCUMENTS]
    made = {"StringEquals": scope.tagged("aws:RequestTag")}
    kept = {**scope.tagged("aws:RequestTag"), **scope.tagged("aws:ResourceTag")}
    return (
        {**allow("Associate", ("ssm:CreateAssociation",), associations), "Condition": made},
        allow("Documents", _ASSOCIATE, documents),
        # Both are about nothing that is there already, so they can be allowed for everything only.
        {**allow("Patching", ("ssm:CreateMaintenanceWindow", "ssm:CreatePatchBaseline"), "*"), "Condition": made},
        allow("WindowParts", _WINDOW, parts),
        {
            **allow("Hosts", _CHANGES, [*associations, *windows, *baselines]),
            "Condition": {"StringEquals": scope.tagged("aws:ResourceTag")},
        },
        # To make something with tags takes this as well, and it has none yet. So what somebody else has made without
        # these tags could be adopted; what another stack has made could not.
        {
            **allow(
                "Tags",
                ("ssm:AddTagsToResource",),
                [*associations, *windows, *baselines, *scope.systems_manager("parameter")],
            ),
            "Condition": {"StringEqualsIfExists": kept},
        },
        allow("ParameterTags", ("ssm:RemoveTagsFromResource",), scope.systems_manager("parameter")),
    )
