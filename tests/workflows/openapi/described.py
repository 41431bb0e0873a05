"""GitHub's API as GitHub describes it: whether a request may be sent so, and whether an answer looks so.

The simulated GitHub builds what its state decides; what else an answer must have is filled in from the description.
Not described, and so not checked: GraphQL.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from jsonschema.exceptions import best_match
from openapi_schema_validator import OAS30Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

EXTRACT = Path(__file__).with_name("github.json")
# Parts of a description that lead to a schema by way of alternatives; the filler takes the first.
_ALTERNATIVES = ("oneOf", "anyOf")
_EMPTY: Mapping[str, Any] = {"string": "", "integer": 0, "number": 0, "boolean": False, "array": [], "object": {}}
_FORMATS = {"date-time": "2026-05-04T09:30:00Z", "uri": "https://api.github.com/simulated", "email": "a@b.example"}


class NotAsDescribed(AssertionError):
    """A request or an answer that is not as GitHub describes it."""


@lru_cache
def description() -> dict[str, Any]:
    """The extract: paths and what they refer to."""
    loaded = json.loads(EXTRACT.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


@dataclass(frozen=True)
class Operation:
    """One method of one path, as GitHub describes it."""

    name: str
    body: Mapping[str, Any]

    def must_take(self, target: str, body: Any) -> None:
        """Raises NotAsDescribed for a query or a body that GitHub does not describe."""
        known = {one["name"]: one for one in map(_resolved, self.body.get("parameters", ())) if one["in"] == "query"}
        for name, values in parse_qs(urlsplit(target).query, keep_blank_values=True).items():
            if name not in known:
                raise NotAsDescribed(f"{self.name}: there is no query parameter {name!r}")
            kind = _resolved(known[name]["schema"])
            if "enum" in kind and values[0] not in kind["enum"]:
                raise NotAsDescribed(f"{self.name}: {name}={values[0]!r} is none of {kind['enum']}")
        request = self.body.get("requestBody")
        if request is None:
            if body:
                raise NotAsDescribed(f"{self.name} takes no body")
            return
        schema = request["content"]["application/json"]["schema"]
        unknown = set(body) - _properties(schema) if isinstance(body, dict) and _properties(schema) else set()
        if unknown:
            raise NotAsDescribed(f"{self.name}: the body has {sorted(unknown)}, which GitHub does not describe")
        if body or request.get("required"):
            self._must_match(schema, body, "the body")

    def completed(self, status: int, value: Any) -> Any:
        """The answer with what its schema requires beside what is given. Raises NotAsDescribed where that fails."""
        response = self.body["responses"].get(str(status))
        if response is None:
            raise NotAsDescribed(f"{self.name} never answers {status}; it answers {', '.join(self.body['responses'])}")
        content = _resolved(response).get("content", {}).get("application/json")
        if content is None:
            if value not in (None, b""):
                raise NotAsDescribed(f"{self.name} answers {status} without a body")
            return value
        filled = _filled(content["schema"], value)
        self._must_match(content["schema"], filled, f"the answer {status}")
        return filled

    def _must_match(self, schema: Mapping[str, Any], value: Any, what: str) -> None:
        error = best_match(_validator(json.dumps(schema)).iter_errors(value))
        if error is not None:
            place = "/".join(map(str, error.absolute_path)) or "its top"
            raise NotAsDescribed(f"{self.name}: {what} is not as described at {place}: {error.message[:300]}")


@lru_cache
def _validator(schema: str) -> OAS30Validator:
    """References in a description lead into the description."""
    return OAS30Validator(json.loads(schema.replace('"#/', '"urn:github#/')), registry=_registry())


@lru_cache
def _registry() -> Registry[Any]:
    whole = json.loads(json.dumps(description()).replace('"#/', '"urn:github#/'))
    return Registry().with_resource("urn:github", Resource.from_contents(whole, default_specification=DRAFT4))


@lru_cache
def operation(method: str, path: str) -> Operation:
    """The operation that a request means. Raises NotAsDescribed for one that GitHub, or the extract, does not have."""
    for template, methods in sorted(description()["paths"].items(), key=lambda one: one[0].count("{")):
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if method.lower() in methods and re.fullmatch(pattern, path):
            return Operation(f"{method} {template}", methods[method.lower()])
    raise NotAsDescribed(
        f"{method} {unquote(path)} is not in {EXTRACT.name}: add it to operations.txt and run renew.py"
    )


def _resolved(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """The value that a reference leads to."""
    while "$ref" in value:
        found: Any = description()
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value


def _properties(schema: Mapping[str, Any]) -> set[str]:
    """Every property that some alternative of the schema knows; none where anything may be given."""
    found = _resolved(schema)
    known = set(found.get("properties", ()))
    if found.get("additionalProperties"):
        return set()
    for key in (*_ALTERNATIVES, "allOf"):
        for one in found.get(key, ()):
            known |= _properties(one)
    return known


def _filled(schema: Mapping[str, Any], value: Any) -> Any:
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
    parts = [found, *(_resolved(one) for one in found.get("allOf", ()))]
    made = dict(value)
    for part in parts:
        for name, one in part.get("properties", {}).items():
            if name in made:
                made[name] = _filled(one, made[name])
            elif name in part.get("required", ()):
                made[name] = _empty(one)
    return made


def _fits(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether the value is of the schema's kind, and has nothing that the schema does not know."""
    found = _resolved(schema)
    kinds = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer"}
    if value is None:
        return bool(found.get("nullable"))
    kind = kinds.get(type(value), "")
    if found.get("type", kind) != kind:
        return False
    return not isinstance(value, dict) or not _properties(schema) or set(value) <= _properties(schema)


def _empty(schema: Mapping[str, Any]) -> Any:
    found = _resolved(schema)
    if found.get("nullable"):
        return None
    if "enum" in found:
        return found["enum"][0]
    for key in (*_ALTERNATIVES, "allOf"):
        if found.get(key):
            return _empty(found[key][0])
    kind = found.get("type", "object")
    if kind == "object":
        return _filled(found, {})
    return _FORMATS.get(found.get("format", ""), _EMPTY[kind])
