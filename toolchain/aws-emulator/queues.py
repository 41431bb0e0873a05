"""Where moto 5.2.5 answers otherwise than AWS about queues: the provider then waits for what never comes."""

import json
from typing import Any

from moto.sqs.models import Queue

_REDRIVE_ALLOW = "RedriveAllowPolicy"


def apply() -> None:
    """Put the corrections in place; once per process, before the server starts."""
    set_attributes, attributes = Queue._set_attributes, Queue.attributes.fget

    def keep_policy(self: Any, given: dict[str, Any], now: float | None = None) -> None:
        """moto takes the policy away with each change of any other attribute."""
        before = getattr(self, "policy", None)
        set_attributes(self, given, now)
        if "Policy" not in given:
            self.policy = before

    def without_nothing(self: Any) -> dict[str, Any]:
        found: dict[str, Any] = attributes(self)
        if self.redrive_policy:
            # moto spaces it out, and the provider compares the text.
            found["RedrivePolicy"] = json.dumps(self.redrive_policy, separators=(",", ":"))
        return {name: value for name, value in found.items() if name != _REDRIVE_ALLOW or value}

    Queue._set_attributes = keep_policy
    # moto takes this attribute and then does not know it.
    Queue.redrive_allow_policy = None
    Queue.BASE_ATTRIBUTES = [*Queue.BASE_ATTRIBUTES, _REDRIVE_ALLOW]
    Queue.attributes = property(without_nothing)
