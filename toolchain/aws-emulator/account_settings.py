"""Settings of an account that moto 5.2.5 does not keep: who hears of a budget, and defaults of EC2."""

import json
from typing import Any

from moto.budgets.models import BudgetsBackend
from moto.budgets.responses import BudgetsResponse
from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

# Account, region and setting → its value. EC2 keeps each setting for a region.
_ec2: dict[tuple[str, str, str], Any] = {}


def apply() -> None:
    """Add the operations; once per process, before the server starts."""
    BudgetsResponse.describe_subscribers_for_notification = _subscribers
    BudgetsResponse.update_budget = _update_budget
    BudgetsResponse.list_tags_for_resource = _list_tags
    BudgetsResponse.tag_resource = _tag
    BudgetsResponse.untag_resource = _untag
    create = BudgetsResponse.create_budget

    def create_budget(self: Any) -> str:
        answer: str = create(self)
        name = self._get_param("Budget")["BudgetName"]
        _tags(self)[name] = {tag["Key"]: tag["Value"] for tag in self._get_param("ResourceTags") or []}
        return answer

    BudgetsResponse.create_budget = create_budget
    EC2Response.enable_snapshot_block_public_access = _block_snapshots
    EC2Response.disable_snapshot_block_public_access = _unblock_snapshots
    EC2Response.get_snapshot_block_public_access_state = _snapshot_state
    EC2Response.modify_instance_metadata_defaults = _modify_metadata_defaults
    EC2Response.get_instance_metadata_defaults = _metadata_defaults


def _subscribers(self: Any) -> str:
    budget = self.backend.budgets[self._get_param("AccountId")][self._get_param("BudgetName")]
    wanted = self._get_param("Notification")
    found = [one.subscribers for one in budget.notifications if wanted.items() <= one.details.items()]
    return json.dumps({"Subscribers": found[0] if found else []})


def _update_budget(self: Any) -> str:
    new = self._get_param("NewBudget")
    backend: BudgetsBackend = self.backend
    kept = backend.budgets[self._get_param("AccountId")][new["BudgetName"]].budget
    # Replaces everything but what AWS computes.
    computed = {key: kept[key] for key in ("LastUpdatedTime", "CalculatedSpend", "TimePeriod") if key in kept}
    kept.clear()
    kept.update({**computed, **new})
    return json.dumps({})


def _tags(self: Any) -> dict[str, dict[str, str]]:
    """Budget → its tags, kept on the backend so that a reset of moto forgets them too."""
    if not hasattr(self.backend, "tags_by_budget"):
        self.backend.tags_by_budget = {}
    tags: dict[str, dict[str, str]] = self.backend.tags_by_budget
    return tags


def _budget_of(self: Any) -> str:
    # arn:aws:budgets::ACCOUNT:budget/NAME
    return str(self._get_param("ResourceARN").split("/", 1)[1])


def _list_tags(self: Any) -> str:
    tags = _tags(self).get(_budget_of(self), {})
    return json.dumps({"ResourceTags": [{"Key": key, "Value": value} for key, value in tags.items()]})


def _tag(self: Any) -> str:
    new = {tag["Key"]: tag["Value"] for tag in self._get_param("ResourceTags")}
    _tags(self).setdefault(_budget_of(self), {}).update(new)
    return json.dumps({})


def _untag(self: Any) -> str:
    for key in self._get_param("ResourceTagKeys"):
        _tags(self).get(_budget_of(self), {}).pop(key, None)
    return json.dumps({})


def _place(self: Any, setting: str) -> tuple[str, str, str]:
    return (self.current_account, self.region, setting)


def _block_snapshots(self: Any) -> ActionResult:
    _ec2[_place(self, "snapshots")] = self._get_param("State")
    return ActionResult({"State": self._get_param("State")})


def _unblock_snapshots(self: Any) -> ActionResult:
    _ec2.pop(_place(self, "snapshots"), None)
    return ActionResult({"State": "unblocked"})


def _snapshot_state(self: Any) -> ActionResult:
    return ActionResult({"State": _ec2.get(_place(self, "snapshots"), "unblocked")})


def _modify_metadata_defaults(self: Any) -> ActionResult:
    settings = _ec2.setdefault(_place(self, "metadata"), {})
    for key in ("HttpTokens", "HttpPutResponseHopLimit", "HttpEndpoint", "InstanceMetadataTags"):
        value = self._get_param(key)
        # Both mean: back to what each instance would have anyway.
        if value in ("no-preference", -1, "-1"):
            settings.pop(key, None)
        elif value is not None:
            settings[key] = int(value) if key == "HttpPutResponseHopLimit" else value
    return ActionResult({"Return": True})


def _metadata_defaults(self: Any) -> ActionResult:
    return ActionResult({"AccountLevel": dict(_ec2.get(_place(self, "metadata"), {}))})
