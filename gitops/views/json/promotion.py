"""Promotions as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from gitops.flow.releases.promotion import Promotion


def as_document(found: Sequence[Promotion]) -> Mapping[str, Any]:
    """The JSON form."""
    return {
        "format": 1,
        "environments": [
            {
                "environment": one.environment,
                "before": one.before,
                "outcome": one.outcome.value,
                "release": one.release or None,
                "branch": one.branch or None,
                "head": one.head or None,
                "pull_request": one.pull_request,
                "reasons": list(one.reasons),
                "body": one.body or None,
            }
            for one in found
        ],
    }
