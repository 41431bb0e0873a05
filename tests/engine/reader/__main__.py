"""A program that makes a thing of what it reads of another stack, as `wanted.json` beside it says.

`{"reads": {"size": "size"}, "outputs": {"serial": "serial"}}`: inputs of the thing by outputs of the other stack, and
outputs of this stack by outputs of the thing.
"""

import json
from pathlib import Path

import pulumi

wanted = json.loads((Path(__file__).parent / "wanted.json").read_text())
upstream = pulumi.StackReference(f"organization/UPSTREAM/{pulumi.get_stack()}")


class Thing(pulumi.CustomResource):
    serial: pulumi.Output[str]
    size: pulumi.Output[int]
    kind: pulumi.Output[str]

    def __init__(self, name: str, inputs: dict) -> None:
        outputs = {"serial": None, "size": None, "kind": None}
        super().__init__("things:index:Thing", name, {**outputs, **inputs}, pulumi.ResourceOptions(version="1.0.0"))


thing = Thing("reader", {name: upstream.require_output(output) for name, output in wanted["reads"].items()})
for name, output in wanted["outputs"].items():
    pulumi.export(name, getattr(thing, output))
