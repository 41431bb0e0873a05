"""The state of every control as JSON, as docs/commands.md describes it."""

from collections.abc import Sequence
from typing import Any

from gitops.flow.compliance.controls import Compliance, Control
from gitops.flow.plans import values


def as_document(found: Sequence[Compliance]) -> dict[str, Any]:
    """The JSON form, as docs/commands.md describes it."""
    return {
        "format": 1,
        "environments": [
            {
                "name": one.environment,
                "stacks": [
                    {"stack": stack.label, "commit": commit, "packs": values.pack(packs)}
                    for stack, commit, packs in one.stacks
                ],
                "controls_by_state": {state.value: count for state, count in one.counts.items()},
                "controls": [_control(control) for control in one.controls],
            }
            for one in found
        ],
    }


def _control(one: Control) -> dict[str, Any]:
    return {
        **values.pack(one.rule),
        "level": one.level,
        "state": one.state.value,
        "controls": list(one.controls),
        "resources": values.pack(one.tally),
        "findings": [
            {
                "stack": found.stack.label,
                "urn": found.finding.urn,
                "level": found.finding.level.value,
                "exempt": found.exempt,
                "message": found.finding.message,
            }
            for found in one.findings
        ],
    }
