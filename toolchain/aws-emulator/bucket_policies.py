"""Bucket policies as far as moto 5.2.5 gets them wrong."""

import json
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket


def apply() -> None:
    """moto takes a denial whose condition it cannot check for one that holds: nobody reads a bucket that wants TLS."""

    def get_permission(self: Any, action: str, resource: str) -> Any:
        if self.policy is None:
            return PermissionResult.NEUTRAL
        document = json.loads(self.policy)
        unconditional = [one for one in document["Statement"] if "Condition" not in one]
        return IAMPolicy(json.dumps({**document, "Statement": unconditional})).is_action_permitted(action, resource)

    FakeBucket.get_permission = get_permission
