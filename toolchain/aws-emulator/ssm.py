"""The operations of Systems Manager that moto 5.2.5 lacks or gets wrong: associations, patching, maintenance windows.

An association is at once carried out with success on no host, a window never opens: only what is declared is kept.
"""

import uuid
from datetime import UTC, datetime
from typing import Any

import moto.ssm.models
from moto.core.responses import ActionResult
from moto.ssm.exceptions import (
    BaselineDoesNotExistException,
    DoesNotExistException,
    InvalidDocument,
    InvalidResourceId,
    SSMException,
)
from moto.ssm.models import FakePatchBaseline, SimpleSystemManagerBackend
from moto.ssm.responses import SimpleSystemManagerResponse

Json = dict[str, Any]

# AWS's own documents, which are in every account; moto knows none of them.
_OWN_DOCUMENTS = ("AWS-", "Amazon")
_ASSOCIATION_ARGUMENTS = (
    "ApplyOnlyAtCronInterval",
    "AssociationName",
    "AutomationTargetParameterName",
    "CalendarNames",
    "ComplianceSeverity",
    "DocumentVersion",
    "MaxConcurrency",
    "MaxErrors",
    "OutputLocation",
    "Parameters",
    "ScheduleExpression",
    "SyncCompliance",
    "Targets",
)
# moto's attributes by the names that AWS's updates have.
_BASELINE_ARGUMENTS = {
    "ApprovalRules": "approval_rules",
    "ApprovedPatches": "approved_patches",
    "ApprovedPatchesComplianceLevel": "approved_patches_compliance_level",
    "ApprovedPatchesEnableNonSecurity": "approved_patches_enable_non_security",
    "Description": "description",
    "GlobalFilters": "global_filters",
    "Name": "name",
    "RejectedPatches": "rejected_patches",
    "RejectedPatchesAction": "rejected_patches_action",
    "Sources": "sources",
}
_WINDOW_ARGUMENTS = {
    "AllowUnassociatedTargets": "allow_unassociated_targets",
    "Cutoff": "cutoff",
    "Description": "description",
    "Duration": "duration",
    "Enabled": "enabled",
    "EndDate": "end_date",
    "Name": "name",
    "Schedule": "schedule",
    "ScheduleOffset": "schedule_offset",
    "ScheduleTimezone": "schedule_timezone",
    "StartDate": "start_date",
}
_TARGET_ARGUMENTS = {
    "Description": "description",
    "Name": "name",
    "OwnerInformation": "owner_information",
    "Targets": "targets",
}
_TASK_ARGUMENTS = {
    "CutoffBehavior": "cutoff_behavior",
    "Description": "description",
    "LoggingInfo": "logging_info",
    "MaxConcurrency": "max_concurrency",
    "MaxErrors": "max_errors",
    "Name": "name",
    "Priority": "priority",
    "ServiceRoleArn": "service_role_arn",
    "Targets": "targets",
    "TaskArn": "task_arn",
    "TaskInvocationParameters": "task_invocation_parameters",
    "TaskParameters": "task_parameters",
}
_OPERATIONS: dict[str, Any] = {}


def apply() -> None:
    """Put operations and corrections in place; once per process, before the server starts."""
    for name, operation in _OPERATIONS.items():
        setattr(SimpleSystemManagerResponse, name, operation)
    _let_baselines_and_associations_have_tags()
    _keep_documents_in_use()
    # moto finds nothing by a filter; the ids that the provider filters by occur once.
    moto.ssm.models._maintenance_window_target_filter_match = _target_matches


def _operation(function: Any) -> Any:
    _OPERATIONS[function.__name__] = function
    return function


def _kept(backend: Any, kind: str) -> Json:
    """What this module remembers, kept with moto's own so that a reset clears both."""
    kept: Json = vars(backend).setdefault(f"emulator_{kind}", {})
    return kept


def _let_baselines_and_associations_have_tags() -> None:
    """moto says that the id of a patch baseline is invalid, and does not know associations."""
    validate = SimpleSystemManagerBackend._validate_resource_type_and_id

    def _validate_resource_type_and_id(self: Any, resource_type: str, resource_id: str) -> str:
        known = {"PatchBaseline": self.baselines, "Association": _kept(self, "associations")}
        if resource_type not in known:
            return str(validate(self, resource_type, resource_id))
        if resource_id not in known[resource_type]:
            raise InvalidResourceId()
        return resource_id

    SimpleSystemManagerBackend._validate_resource_type_and_id = _validate_resource_type_and_id


def _keep_documents_in_use() -> None:
    """AWS deletes no document that an association names, nor a baseline that a patch group has."""
    delete_document = SimpleSystemManagerBackend.delete_document
    delete_baseline = SimpleSystemManagerBackend.delete_patch_baseline

    def delete_unused_document(self: Any, name: str, *args: Any, **kwargs: Any) -> None:
        if any(association["Name"] == name for association in _kept(self, "associations").values()):
            raise SSMException("AssociatedInstances", f"Document {name} is used by an association.")
        delete_document(self, name, *args, **kwargs)

    def delete_unused_baseline(self: Any, baseline_id: str) -> None:
        if baseline_id in _kept(self, "patch_groups").values():
            raise SSMException("ResourceInUseException", f"Patch baseline {baseline_id} has patch groups.")
        if baseline_id in self.baselines:
            delete_baseline(self, baseline_id)

    SimpleSystemManagerBackend.delete_document = delete_unused_document
    SimpleSystemManagerBackend.delete_patch_baseline = delete_unused_baseline


# Associations


@_operation
def create_association(self: Any) -> ActionResult:
    name = self._get_param("Name")
    if not name.startswith(_OWN_DOCUMENTS) and name not in self.ssm_backend._documents:
        raise InvalidDocument(f"Document {name} does not exist.")
    association = {
        "AssociationId": str(uuid.uuid4()),
        "Name": name,
        "DocumentVersion": "$DEFAULT",
        "ApplyOnlyAtCronInterval": False,
        "Date": datetime.now(UTC),
        "Overview": {"Status": "Success", "DetailedStatus": "Success"},
    }
    _kept(self.ssm_backend, "associations")[association["AssociationId"]] = association
    tags = {tag["Key"]: tag["Value"] for tag in self._get_param("Tags") or []}
    self.ssm_backend.add_tags_to_resource("Association", association["AssociationId"], tags)
    return _associated(self, association)


@_operation
def update_association(self: Any) -> ActionResult:
    """Whatever an update leaves out is gone afterwards, as with AWS."""
    association = _association(self)
    for argument in set(_ASSOCIATION_ARGUMENTS) & set(association):
        del association[argument]
    association |= {"DocumentVersion": "$DEFAULT", "ApplyOnlyAtCronInterval": False}
    return _associated(self, association)


def _associated(self: Any, association: Json) -> ActionResult:
    given = {argument: self._get_param(argument) for argument in _ASSOCIATION_ARGUMENTS}
    association |= {argument: value for argument, value in given.items() if value is not None}
    version = int(association.get("AssociationVersion", 0)) + 1
    association |= {"AssociationVersion": str(version), "LastUpdateAssociationDate": datetime.now(UTC)}
    return ActionResult({"AssociationDescription": association})


@_operation
def describe_association(self: Any) -> ActionResult:
    return ActionResult({"AssociationDescription": _association(self)})


@_operation
def list_associations(self: Any) -> ActionResult:
    return ActionResult({"Associations": list(_kept(self.ssm_backend, "associations").values())})


@_operation
def delete_association(self: Any) -> ActionResult:
    del _kept(self.ssm_backend, "associations")[_association(self)["AssociationId"]]
    return ActionResult({})


def _association(self: Any) -> Json:
    found: Json | None = _kept(self.ssm_backend, "associations").get(self._get_param("AssociationId"))
    if found is None:
        raise SSMException("AssociationDoesNotExist", "The specified association does not exist.")
    return found


# Patch baselines and groups


@_operation
def get_patch_baseline(self: Any) -> ActionResult:
    baseline = _baseline(self)
    shown = baseline.to_json()
    groups = _kept(self.ssm_backend, "patch_groups").items()
    return ActionResult(
        {
            **shown,
            "Name": shown["BaselineName"],
            "Description": shown["BaselineDescription"],
            "PatchGroups": [name for (name, _), baseline_id in groups if baseline_id == baseline.id],
        }
    )


@_operation
def update_patch_baseline(self: Any) -> ActionResult:
    _update(self, _baseline(self), _BASELINE_ARGUMENTS)
    return get_patch_baseline(self)


def _baseline(self: Any) -> FakePatchBaseline:
    found: FakePatchBaseline | None = self.ssm_backend.baselines.get(self._get_param("BaselineId"))
    if found is None:
        raise BaselineDoesNotExistException
    return found


@_operation
def register_patch_baseline_for_patch_group(self: Any) -> ActionResult:
    """moto keeps a group's baseline for ever, so that the next one is refused."""
    baseline, group = _baseline(self), self._get_param("PatchGroup")
    groups = _kept(self.ssm_backend, "patch_groups")
    if groups.setdefault((group, baseline.operating_system), baseline.id) != baseline.id:
        text = f"Patch group {group} already has a baseline for {baseline.operating_system}."
        raise SSMException("AlreadyExistsException", text)
    return ActionResult({"BaselineId": baseline.id, "PatchGroup": group})


@_operation
def deregister_patch_baseline_for_patch_group(self: Any) -> ActionResult:
    baseline_id, group = self._get_param("BaselineId"), self._get_param("PatchGroup")
    groups = _kept(self.ssm_backend, "patch_groups")
    for key in [key for key, value in groups.items() if key[0] == group and value == baseline_id]:
        del groups[key]
    return ActionResult({"BaselineId": baseline_id, "PatchGroup": group})


@_operation
def describe_patch_groups(self: Any) -> ActionResult:
    baselines = self.ssm_backend.baselines
    return ActionResult(
        {
            "Mappings": [
                {"PatchGroup": group, "BaselineIdentity": baselines[baseline_id].to_json()}
                for (group, _), baseline_id in _kept(self.ssm_backend, "patch_groups").items()
            ]
        }
    )


# Maintenance windows


@_operation
def get_maintenance_window(self: Any) -> ActionResult:
    return _window_shown(self.ssm_backend.get_maintenance_window(self._get_param("WindowId")))


@_operation
def update_maintenance_window(self: Any) -> ActionResult:
    window = self.ssm_backend.get_maintenance_window(self._get_param("WindowId"))
    _update(self, window, _WINDOW_ARGUMENTS)
    return _window_shown(window)


def _window_shown(window: Any) -> ActionResult:
    """moto takes each window for one that is enabled and admits registered targets only."""
    unassociated = getattr(window, "allow_unassociated_targets", False)
    enabled = getattr(window, "enabled", True)
    return ActionResult({**window.to_json(), "AllowUnassociatedTargets": unassociated, "Enabled": enabled})


@_operation
def update_maintenance_window_target(self: Any) -> ActionResult:
    target = _part(self, "targets", "WindowTargetId")
    _update(self, target, _TARGET_ARGUMENTS)
    return ActionResult(target.to_json())


@_operation
def get_maintenance_window_task(self: Any) -> ActionResult:
    return _task_shown(self, _part(self, "tasks", "WindowTaskId"))


@_operation
def update_maintenance_window_task(self: Any) -> ActionResult:
    task = _part(self, "tasks", "WindowTaskId")
    _update(self, task, _TASK_ARGUMENTS)
    return _task_shown(self, task)


def _task_shown(self: Any, task: Any) -> ActionResult:
    """Without a role of its own, a task has the one that SSM keeps in every account."""
    role = f"arn:aws:iam::{self.current_account}:role/aws-service-role/ssm.amazonaws.com/AWSServiceRoleForAmazonSSM"
    shown = {**task.to_json(), "CutoffBehavior": task.cutoff_behavior}
    return ActionResult({**shown, "ServiceRoleArn": task.service_role_arn or role})


def _part(self: Any, collection: str, identity: str) -> Any:
    window = self.ssm_backend.get_maintenance_window(self._get_param("WindowId"))
    found = getattr(window, collection).get(self._get_param(identity))
    if found is None:
        raise DoesNotExistException(self._get_param(identity))
    return found


def _target_matches(filters: list[Json] | None, target: Any) -> bool:
    found = {"WindowTargetId": target.window_target_id, "OwnerInformation": target.owner_information}
    return all(found.get(one["Key"]) in one["Values"] for one in filters or [])


def _update(self: Any, kept: Any, arguments: dict[str, str]) -> None:
    for argument, attribute in arguments.items():
        value = self._get_param(argument)
        if value is not None:
            setattr(kept, attribute, value)
