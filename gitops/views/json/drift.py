"""Drift as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from gitops.flow.drift.classification import Report
from gitops.flow.plans import values


def as_document(found: Sequence[Report]) -> Mapping[str, Any]:
    """The JSON form."""
    return {
        "format": 1,
        "environments": [
            {
                "name": one.environment,
                "branch": one.branch,
                "branch_head": one.tip,
                "stacks": [
                    {
                        "stack": look.stack.label,
                        "state": look.state.value,
                        "release": look.release or None,
                        "applied": look.applied or None,
                        "pending": look.pending,
                        "drift": values.pack(look.drifted),
                        "noise": look.noise,
                        "ended": [one.urn for one in look.ended],
                        "problem": look.problem or None,
                    }
                    for look in one.looks
                ],
            }
            for one in found
        ],
    }
