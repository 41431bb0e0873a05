"""Records environments of the checkout that is the current folder, and prints them as JSON.

For a checkout that is not the one the tests run in: a process of its own imports that one's modules. On standard input:
`{"stacks": […], "config": {…}}`, where `config` holds full keys that are added to the stack's own. What a stack exports
comes as the inputs of a resource of its own, because that is what the engine makes of it.
"""

import importlib
import json
import sys
from typing import Any

from tests.infra.configuration import as_engine_sends
from tests.infra.recording import PROJECT, Recorded, record


def as_json(stack: str, recorded: Recorded) -> list[dict[str, Any]]:
    """What is compared, resource by resource."""
    root = {
        "type": "pulumi:pulumi:Stack",
        "name": f"{PROJECT}-{stack}",
        "protect": False,
        "inputs": dict(recorded.outputs),
    }
    return [
        root,
        *({"type": one.type, "name": one.name, "protect": one.protect, "inputs": one.inputs} for one in recorded.all),
    ]


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    recorded = {
        stack: record(
            importlib.import_module(f"stacks.{stack}").build,
            stack=stack,
            config={**as_engine_sends(stack), **asked["config"]},
        )
        for stack in asked["stacks"]
    }
    json.dump({stack: as_json(stack, one) for stack, one in recorded.items()}, sys.stdout)
