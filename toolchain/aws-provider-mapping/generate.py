"""Derive mapping.json of the AWS provider from its Terraform schema and the published Python SDK.

usage: pulumi-resource-aws -describe > schema.json
       python generate.py schema.json ../aws-provider/mapping.json [NOTES]

The official provider's mapping is Go code of thousands of lines that cannot be fetched as a module. But its results are
all in pulumi_aws: which token each resource has, what its properties are called, which lists are flattened. Resources
are paired by name and by how many properties they share; NOTES lists every guess, for a reviewer to read.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import exceptions
import sdk

Json = dict[str, Any]

# The share of common properties that pairs a resource with a token: the less their names say, the more it takes.
ENOUGH_BY_NAME = 0.5
ENOUGH_BY_PART_OF_NAME = 0.75
ENOUGH_ALONE = 0.92
IGNORED = ("id", "timeouts")


@dataclass
class Mapper:
    """One run; `framework` names the resources of the Plugin Framework, which may lack an id."""

    framework: set[str]
    notes: list[str] = field(default_factory=list)

    def resources(self, schemas: Mapping[str, Json]) -> Json:
        definitions = sdk.resources()
        tokens = self.pair(schemas, definitions, exceptions.RESOURCE_TOKENS, lambda name: name)
        entries = {}
        for name, token in sorted(tokens.items()):
            types, arguments = sdk.resource_types(definitions[token]), sdk.arguments(definitions[token])
            fields = self.match(name, schemas[name], types, sdk.Outputs())
            for key, schema in schemas[name].items():
                self.complete(name, key, schema, fields, (types, arguments))
            entries[name] = self.entry(name, token, schemas[name], fields)
        return entries

    def functions(self, schemas: Mapping[str, Json]) -> Json:
        definitions = sdk.functions()
        tokens = self.pair(schemas, definitions, exceptions.FUNCTION_TOKENS, lambda name: name[len("get") :])
        entries = {}
        for name, token in sorted(tokens.items()):
            fields = self.match(name, schemas[name], sdk.function_types(definitions[token]), sdk.Outputs())
            entries[name] = {"tok": token, **({"fields": fields} if fields else {})}
        return entries

    def config(self, schema: Json) -> Json:
        from pulumi_aws.provider import ProviderArgs

        inputs = sdk.Inputs()
        fields = self.match("provider", schema, inputs.fields(ProviderArgs), inputs)
        for name, variables in exceptions.CONFIG_ENVIRONMENT.items():
            fields.setdefault(name, {})["env"] = variables
        return fields

    def pair(
        self,
        schemas: Mapping[str, Json],
        definitions: Mapping[str, sdk.Definition],
        fixed: Mapping[str, str],
        spoken: Callable[[str], str],
    ) -> dict[str, str]:
        """Terraform's name -> token: the best pairs first, each name and each token once."""
        pairs = {name: token for name, token in fixed.items() if name in schemas and token in definitions}
        candidates = []
        for name in schemas.keys() - pairs.keys() - exceptions.LEFT_OUT:
            for token, definition in definitions.items():
                score = rate(name, schemas[name], token, spoken(token.split(":")[2]), definition.names)
                if score:
                    candidates.append((-score, name, token))
        taken = set(pairs.values())
        for score, name, token in sorted(candidates):
            if name not in pairs and token not in taken:
                pairs[name] = token
                taken.add(token)
                if -score < 2:
                    self.notes.append(f"paired by likeness ({-score:.2f}): {name} -> {token}")
        self.notes += [f"without a token: {name}" for name in sorted(schemas.keys() - pairs.keys())]
        return pairs

    def match(self, resource: str, schema: Json, types: Mapping[str, Any], shapes: Any, path: str = "") -> Json:
        """What must be said about the fields of one object, by Terraform's name."""
        fields: Json = {}
        left, used = {}, set()
        for key, one in sorted(schema.items()):
            if not path and key in IGNORED:
                continue
            name = next((n for n in derived_names(resource, path + key, one) if n in types and n not in used), None)
            if name is None:
                left[key] = one
                continue
            used.add(name)
            if difference := self.describe(resource, key, one, (name, types[name]), shapes, path):
                fields[key] = difference
        free = set(types) - used
        for key, one in left.items():
            name = self.similar(resource, path, key, one, free)
            if name is None:
                self.notes.append(f"only in Terraform: {resource}.{path}{key} ({one['type']} {one['flags']})")
                continue
            free.discard(name)
            if difference := self.describe(resource, key, one, (name, types[name]), shapes, path):
                fields[key] = difference
        self.notes += [f"only in the SDK: {resource}.{path}{name}" for name in sorted(free)]
        return fields

    def similar(self, resource: str, path: str, key: str, schema: Json, free: set[str]) -> str | None:
        """A free name of the same words but for the ending, or at the top level one that ends alike."""
        wanted = letters(schema["pulumi"])
        for name in sorted(free):
            if same_but_for_number(letters(name), wanted):
                return name
        for name in [] if path else sorted(free):
            if letters(name).endswith(wanted) or wanted.endswith(letters(name)):
                self.notes.append(f"matched by ending: {resource}.{key} -> {name}")
                return name
        return None

    def describe(self, resource: str, key: str, schema: Json, named: tuple[str, Any], shapes: Any, path: str) -> Json:
        """What differs from the bridge's own choice for one field: its name, flattening, and what is inside."""
        name, type_ = named
        kind, inner = shapes.shape(type_)
        difference: Json = {}
        default = schema["pulumi"]
        if schema["type"] in ("List", "Set"):
            flat = kind != "list"
            if flat != (schema["max"] == 1):
                difference["one"] = flat
            default = schema["pulumiOne"] if flat else schema["pulumiMany"]
            if not flat:
                kind, inner = shapes.shape(inner)
        elif schema["type"] == "Map" and kind == "map":
            kind, inner = shapes.shape(inner)
        if name != default:
            difference["name"] = name
        nested = (schema.get("elem") or {}).get("fields")
        if nested is not None and kind != "object":
            self.notes.append(f"another shape: {resource}.{path}{key} is an object in Terraform, {kind} in the SDK")
        elif nested is not None:
            inside = self.match(resource, nested, shapes.fields(inner), shapes, f"{path}{key}.")
            if inside:
                difference |= {"fields": inside} if schema["type"] == "Map" else {"elem": {"fields": inside}}
        return difference

    def complete(self, resource: str, key: str, schema: Json, fields: Json, known: tuple[Json, Json]) -> None:
        """Add what only the arguments of a resource tell: documents, assets, made-up names, computed fields."""
        types, arguments = known
        wire = wire_name(schema, fields.get(key, {}))
        argument = arguments.get(wire)
        if argument is None:
            if wire in types and re.search("[OR]", schema["flags"]):
                fields.setdefault(key, {})["out"] = True
            return
        if "PolicyDocument" in argument.hint:
            fields.setdefault(key, {})["json"] = True
        if "pulumi.asset.Asset" in argument.hint or "pulumi.asset.FileAsset" in argument.hint:
            fields.setdefault(key, {})["asset"] = True
        if schema["type"] != "String":
            return
        name = self.made_up_name(resource, key, schema, argument)
        if name:
            fields.setdefault(key, {}).update(auto=name, name=wire)
        elif key == "name" and argument.required:
            fields.setdefault(key, {})["name"] = wire  # spelled out, or the bridge would make it up

    def made_up_name(self, resource: str, key: str, schema: Json, argument: sdk.Argument) -> Json | None:
        """How the official provider makes up a name: wherever Terraform requires one and the SDK does not."""
        special = exceptions.MADE_UP_NAMES.get((resource, key))
        if special is not None or "R" not in schema["flags"] or argument.required:
            return special
        if key == "name":
            return exceptions.made_up(512 if resource.startswith("aws_cloudwatch_log") else 255)
        self.notes.append(f"required in Terraform, optional in the SDK: {resource}.{key}")
        return exceptions.made_up(255) if re.search("name|identifier", key) else None

    def entry(self, name: str, token: str, schema: Json, fields: Json) -> Json:
        entry: Json = {"tok": token, **({"fields": fields} if fields else {})}
        if name in self.framework and "id" not in schema:
            entry["id"] = "arn" if "arn" in schema else "-"
            self.notes.append(f"has no id: {name}, {entry['id']} stands for it")
        return entry


def rate(name: str, schema: Json, token: str, spoken: str, properties: set[str]) -> float:
    """How well a token fits a Terraform name: 2 to 3 by name, 1 to 2 by part of it, below by properties; 0: not."""
    wanted, module = letters(name.removeprefix("aws_")), letters(token.split(":")[1].split("/", maxsplit=1)[0])
    offered = letters(spoken)
    likeness = similarity(schema, properties)
    if wanted in (module + offered, offered) and likeness >= ENOUGH_BY_NAME:
        return 2 + likeness + (0.01 if wanted == module + offered else 0)
    if (wanted.endswith(offered) or offered.endswith(wanted)) and likeness >= ENOUGH_BY_PART_OF_NAME:
        return 1 + likeness
    return likeness if likeness >= ENOUGH_ALONE else 0


def similarity(schema: Json, properties: Iterable[str]) -> float:
    """The share of properties that both have, singular and plural being the same."""
    ours = {letters(one["pulumi"]).rstrip("s") for key, one in schema.items() if key not in IGNORED}
    theirs = {letters(name).rstrip("s") for name in properties}
    return len(ours & theirs) / max(1, len(ours | theirs))


def derived_names(resource: str, path: str, schema: Json) -> list[str]:
    """The names that Pulumi may have for a field, the likeliest first."""
    fixed = exceptions.PROPERTY_NAMES.get((resource, path))
    if fixed:
        return [fixed]
    many = [schema["pulumiMany"], schema["pulumiOne"]] if schema["type"] in ("List", "Set") else []
    return [schema["pulumi"], *many]


def wire_name(schema: Json, difference: Json) -> str:
    """The name a field has in the end."""
    flattened = {None: "pulumi", True: "pulumiOne", False: "pulumiMany"}[difference.get("one")]
    return str(difference.get("name") or schema[flattened])


def letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def same_but_for_number(name: str, wanted: str) -> bool:
    singular = re.sub("ies$", "y", name) == re.sub("ies$", "y", wanted)
    return singular or name.rstrip("s") == wanted.rstrip("s") or name == wanted + "es"


def main(schema: Path, target: Path, notes: Path | None) -> None:
    described = json.loads(schema.read_text())
    mapper = Mapper(set(described["pf"]))
    mapping = {
        "resources": mapper.resources(described["resources"]),
        "dataSources": mapper.functions(described["dataSources"]),
        "config": mapper.config(described["config"]),
    }
    target.write_text(json.dumps(mapping, indent=1, sort_keys=True))
    if notes:
        notes.write_text("\n".join(mapper.notes) + "\n")
    print(f"{len(mapping['resources'])} resources, {len(mapping['dataSources'])} functions, {len(mapper.notes)} notes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
