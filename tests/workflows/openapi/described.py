"""GitHub's API as GitHub describes it: whether a request may be sent so, and whether an answer looks so.

The simulated GitHub builds what its state decides; what else an answer must have is filled in from the description.
Objects take no more than what is described of them, on both sides: an adapter that sends an invented field is as wrong
as a simulator that answers with one. Not described, and so not checked: GraphQL.
"""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from openapi_schema_validator import OAS30Validator, oas30_format_checker
from referencing import Registry, Resource, Specification

EXTRACT = Path(__file__).with_name("github.json")
_HERE = "urn:github"
# Refusals that an operation does not describe one by one look like this everywhere.
_REFUSAL = "/components/schemas/basic-error"
_ALTERNATIVES = ("oneOf", "anyOf")
_EMPTY: Mapping[str, Any] = {"string": "", "integer": 0, "number": 0, "boolean": False, "array": [], "object": {}}
_FORMATS = {"date-time": "2026-05-04T09:30:00Z", "uri": "https://simulated.invalid/", "email": "a@b.example"}

Json = Mapping[str, Any]


# What GitHub answers with and does not describe. github.com/google/go-github has it in its `Environment`.
_UNDESCRIBED: Json = {"environment": {"can_admins_bypass": {"type": "boolean"}}}


class NotAsDescribed(AssertionError):
    """A request or an answer that is not as GitHub describes it; says which operation, and where."""


@dataclass(frozen=True)
class Operation:
    """One method of one path: what GitHub says of it, and where in the description."""

    name: str
    body: Json
    place: str

    def must_take(self, names: Mapping[str, str], query: Mapping[str, str], body: object) -> None:
        """Raises NotAsDescribed for what it does not take: in its path (`names`), its query or its body."""
        parameters = {}
        for index, one in enumerate(self.body.get("parameters", ())):
            place = _followed(f"{self.place}/parameters/{index}")
            parameters[_at(place)["in"], _at(place)["name"]] = place
            if _at(place)["in"] == "query" and one.get("required") and one["name"] not in query:
                raise NotAsDescribed(f"{self.name}: the query lacks {one['name']!r}")
        given = {("path", name): text for name, text in names.items()}
        given |= {("query", name): text for name, text in query.items()}
        for key, text in given.items():
            if key not in parameters:
                raise NotAsDescribed(f"{self.name}: the {key[0]} has {key[1]!r}, which GitHub does not describe")
            schema = _followed(f"{parameters[key]}/schema")
            self._must_match(schema, _read(text, _at(schema)), f"{key[1]} in the {key[0]}")
        taken = self.body.get("requestBody")
        if taken is None:
            if body:
                raise NotAsDescribed(f"{self.name} takes no body")
        elif body or taken.get("required"):
            self._must_match(f"{self.place}/requestBody/content/application~1json/schema", body, "the body")

    def completed(self, status: int, value: Any) -> Any:
        """The answer with what its schema requires beside what is given. Raises NotAsDescribed where that fails."""
        what = f"the answer {status}"
        if str(status) in self.body["responses"]:
            response = _followed(f"{self.place}/responses/{status}")
            if "content" not in _at(response):
                if value is not None:
                    raise NotAsDescribed(f"{self.name}: {what} has no body")
                return None
            schema = f"{response}/content/application~1json/schema"
        elif status >= 400:
            schema = _REFUSAL
        else:
            raise NotAsDescribed(f"{self.name} never answers {status}; it answers {', '.join(self.body['responses'])}")
        filled = _filled(_at(schema), value)
        self._must_match(schema, filled, what)
        return filled

    def _must_match(self, schema: str, value: object, what: str) -> None:
        errors = sorted(_validator(schema).iter_errors(value), key=lambda error: error.json_path)
        if errors:
            told = "; ".join(f"at {error.json_path}: {_short(error.message)}" for error in errors[:5])
            raise NotAsDescribed(f"{self.name}: {what} is not as described {told}")


@cache
def operation(name: str) -> Operation:
    """The operation of that name, `METHOD /path/{template}`. Raises NotAsDescribed where the extract has none."""
    method, _, path = name.partition(" ")
    found = _description()["paths"].get(path, {}).get(method.lower())
    if found is None:
        raise NotAsDescribed(f"{name} is not in {EXTRACT.name}: run `python -m tests.workflows.openapi.renew`")
    return Operation(name, found, f"/paths/{path.replace('/', '~1')}/{method.lower()}")


@cache
def _description() -> Json:
    described: Json = json.loads(EXTRACT.read_bytes())
    for schema, properties in _UNDESCRIBED.items():
        described["components"]["schemas"][schema]["properties"] |= properties
    _write_out_parts(described, described)
    _close(described)
    return described


def _write_out_parts(node: object, whole: Json) -> None:
    """Put what a part of a composed schema refers to in its place: elsewhere it may stand alone, and be closed."""
    if isinstance(node, list):
        for one in node:
            _write_out_parts(one, whole)
    elif isinstance(node, dict):
        if isinstance(node.get("allOf"), list):
            node["allOf"] = [_copy(one, whole) for one in node["allOf"]]
        for one in node.values():
            _write_out_parts(one, whole)


def _copy(part: Json, whole: Json) -> Json:
    if "$ref" not in part:
        return part
    found: Any = whole
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return deepcopy(dict(found))


def _close(node: object, *, is_part: bool = False) -> None:
    """Let no object schema below take more than its properties; the parts of a composed one know only theirs."""
    if not isinstance(node, dict):
        return
    if isinstance(node.get("properties"), dict) and not is_part and "allOf" not in node:
        node.setdefault("additionalProperties", False)
    if node.get("nullable") is True:
        # In OpenAPI 3.0 this speaks of `type` only; GitHub means it beside alternatives and values as well.
        if "enum" in node and None not in node["enum"]:
            node["enum"].append(None)
        for key in _ALTERNATIVES:
            if key in node and "type" not in node:
                node[key].append({"enum": [None]})
    for key, value in node.items():
        composed = key == "allOf" or (key in _ALTERNATIVES and "properties" in node)
        for one in value if isinstance(value, list) else value.values() if key == "properties" else [value]:
            _close(one, is_part=composed)


@cache
def _validator(place: str) -> Any:
    whole = Resource(contents=_description(), specification=Specification.OPAQUE)
    # The braces of a path's template have no place in the fragment of an address.
    fragment = place.replace("{", "%7B").replace("}", "%7D")
    registry = Registry().with_resource(_HERE, whole)
    return OAS30Validator({"$ref": f"{_HERE}#{fragment}"}, registry=registry, format_checker=oas30_format_checker)


def _at(place: str) -> Json:
    """What stands at a place of the description, such as /paths/~1user/get."""
    found: Any = _description()
    for part in place.split("/")[1:]:
        found = found[int(part)] if isinstance(found, list) else found[part.replace("~1", "/")]
    return dict(found)


def _followed(place: str) -> str:
    """Where the description has what a place refers to; the place itself where it refers to nothing."""
    while "$ref" in _at(place):
        place = _at(place)["$ref"].removeprefix("#")
    return place


def _resolved(schema: Json) -> Json:
    while "$ref" in schema:
        schema = _at(schema["$ref"].removeprefix("#"))
    return schema


def _read(text: str, schema: Json) -> object:
    """The text as what the schema says it is; one that is no such thing stays text, and does not match."""
    kinds = {schema.get("type"), *(one.get("type") for one in schema.get("oneOf", ()))}
    if "integer" in kinds and text.isdigit():
        return int(text)
    return {"true": True, "false": False}.get(text, text) if "boolean" in kinds else text


def _filled(schema: Json, value: Any) -> Any:
    """The value with every required property that it lacks, as empty as the schema allows."""
    found = _resolved(schema)
    for key in _ALTERNATIVES:
        if key in found:
            fitting = [one for one in found[key] if _fits(one, value)]
            return _filled(fitting[0], value) if fitting else value
    if isinstance(value, list) and "items" in found:
        return [_filled(found["items"], one) for one in value]
    if not isinstance(value, dict):
        return value
    made = dict(value)
    for part in (found, *map(_resolved, found.get("allOf", ()))):
        for name, one in part.get("properties", {}).items():
            if name in made:
                made[name] = _filled(one, made[name])
            elif name in part.get("required", ()):
                made[name] = _empty(one)
    return made


def _fits(schema: Json, value: object) -> bool:
    """Whether the value is of the schema's kind, and has nothing that the schema does not know."""
    found = _resolved(schema)
    kinds = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer"}
    if value is None:
        return bool(found.get("nullable"))
    if found.get("type", kinds.get(type(value))) != kinds.get(type(value)):
        return False
    return not isinstance(value, dict) or set(value) <= set(found.get("properties", value))


def _empty(schema: Json) -> Any:
    found = _resolved(schema)
    if found.get("nullable"):
        return None
    if "enum" in found:
        return found["enum"][0]
    for key in (*_ALTERNATIVES, "allOf"):
        if found.get(key):
            return _empty(found[key][0])
    kind = found.get("type", "object")
    return _filled(found, {}) if kind == "object" else _FORMATS.get(found.get("format", ""), _EMPTY[kind])


def _short(message: str) -> str:
    return message if len(message) < 300 else f"{message[:140]} … {message[-140:]}"
