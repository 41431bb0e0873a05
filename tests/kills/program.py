"""A chain of things, as `wanted.json` beside it says: each takes the `arn` of the one it comes after."""

import json
from pathlib import Path

import pulumi

wanted = json.loads((Path(__file__).parent / "wanted.json").read_text())
made = {}


class Thing(pulumi.CustomResource):
    arn: pulumi.Output[str]

    def __init__(self, name, inputs, options):
        super().__init__("aws:ssm/parameter:Parameter", name, {"arn": None, **inputs}, options)


class Group(pulumi.ComponentResource):
    """What stands for some of them, with an output that follows theirs."""

    def __init__(self, name, members):
        super().__init__("simulated:index:Group", name)
        self.register_outputs({"last": members[-1].arn, "count": len(members)})


for one in wanted.get("things", []):
    inputs = {key: one[key] for key in ("name", "value", "tier")}
    if one.get("after"):
        inputs["after"] = made[one["after"]].arn
    waits = [made[name] for name in one.get("waits", [])]
    options = pulumi.ResourceOptions(depends_on=waits, ignore_changes=one.get("ignores"))
    made[one["key"]] = Thing(one["key"], inputs, options)
if made:
    Group("group", [made[name] for name in wanted["group"]])
pulumi.export("count", len(made))
