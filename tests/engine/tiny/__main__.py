"""A program that wants what `wanted.json` beside it says: things by name, and outputs.

`{"things": {"one": {"size": 12, "options": {"protect": true}}}, "outputs": {"size": "one.size"}}`; a value that is
`{"secret": "key"}` is that secret of the stack's config, one that is `{"of": "one.serial"}` another thing's output, and
an option that is `{"thing": "one"}` that thing. `requirements.txt`, where there is one, pins the provider's package.
"""

import json
from pathlib import Path

import pulumi

wanted = json.loads((Path(__file__).parent / "wanted.json").read_text())
config = pulumi.Config()
lock = Path(__file__).parent / "requirements.txt"
# As the package of a real provider does: it asks for the plugin of its own version.
pinned = {"version": lock.read_text().strip().partition("==")[2]} if lock.exists() else {}
made: dict[str, pulumi.CustomResource] = {}


class Thing(pulumi.CustomResource):
    serial: pulumi.Output[str]
    size: pulumi.Output[int]

    def __init__(self, name: str, inputs: dict, options: pulumi.ResourceOptions) -> None:
        super().__init__("things:index:Thing", name, {"serial": None, **inputs}, options)


def value(given):
    if isinstance(given, dict) and given.keys() == {"secret"}:
        return config.require_secret(given["secret"])
    if isinstance(given, dict) and given.keys() == {"of"}:
        name, _, output = given["of"].partition(".")
        return getattr(made[name], output)
    if isinstance(given, dict):
        return {key: value(child) for key, child in given.items()}
    return given


def option(key, given):
    if key == "custom_timeouts":
        return pulumi.CustomTimeouts(**given)
    if key == "aliases":
        return [pulumi.Alias(**alias) for alias in given]
    return made[given["thing"]] if isinstance(given, dict) and "thing" in given else value(given)


if wanted.get("broken"):
    raise RuntimeError("the program is broken on purpose")
for name, inputs in wanted.get("things", {}).items():
    options = {key: option(key, given) for key, given in inputs.pop("options", {}).items()}
    made[name] = Thing(name, value(inputs), pulumi.ResourceOptions(**pinned, **options))
for name, given in wanted.get("outputs", {}).items():
    pulumi.export(name, value(given))
