"""A rollback as JSON."""

from collections.abc import Mapping
from typing import Any

from gitops.flow.releases.rollback import Result


def as_document(found: Result) -> Mapping[str, Any]:
    """The JSON form."""
    return {
        "format": 1,
        "environment": found.environment,
        "outcome": found.outcome.value,
        "to": found.to,
        "from": found.taken,
        "branch": found.branch or None,
        "head": found.head or None,
        "pull_request": found.pull_request,
        "cannot_undo": [
            {"stack": one.stack.label, "urn": one.change.urn, "operation": one.change.operation.value}
            for one in found.losses.lost
        ],
        "applies_without_a_plan": [{"stack": one.stack, "commit": one.commit} for one in found.losses.untold],
        "body": found.body or None,
    }
