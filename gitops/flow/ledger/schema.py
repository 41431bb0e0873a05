"""The ledger record as JSON Schema, made from the types that read and write it.

Out: the schema, and the words that the source of a class has under its fields. Fields may be added within a format, so
unknown ones are allowed everywhere.
"""

import ast
import inspect
import json
import textwrap
from itertools import pairwise
from typing import Any

import msgspec

from gitops import errors, model
from gitops.model import Plan, PlanOnRecord, Record, RecordKind
from gitops.model.record_bodies import DESCRIPTIONS

ID = "https://gitops-pulumi.invalid/schemas/ledger-record.json"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TEMPLATE = "#/$defs/{name}"


def schema() -> dict[str, Any]:
    """The whole schema; each kind of record has a body of one of its classes."""
    types = [Record, Plan, *DESCRIPTIONS]
    _, described = msgspec.json.schema_components(types, ref_template=_TEMPLATE, schema_hook=_hooked)
    _describe(described)
    components = _tidied(described)
    record = components.pop("Record")
    record["properties"] |= {
        "sequence": {"type": "integer", "minimum": 1, "description": "Its number; the first is 1."},
        "body": {"type": "object", "description": "What it tells; its fields depend on the kind."},
        "previous": {
            "type": "string",
            "pattern": "^([0-9a-f]{64})?$",
            "description": "SHA-256 of the record before it as canonical JSON (RFC 8785); empty for the first.",
        },
        "stack": {
            "type": "string",
            "pattern": "^([^/]+/[^/]+)?$",
            "description": "project/name; empty for a command, which is about a pull request.",
        },
    }
    kinds = [
        {
            "if": {"properties": {"kind": {"const": kind.value}}},
            "then": {"properties": {"body": _any_of(kind)}},
        }
        for kind in RecordKind
    ]
    required = [*record["required"], "body", "format"]
    return {"$schema": DRAFT, "$id": ID, **record, "required": required, "allOf": kinds, "$defs": components}


def text() -> str:
    """The schema as its file has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def words_of(described: type) -> dict[str, str]:
    """The strings under the fields of a dataclass, by field, each in one line."""
    [tree] = ast.parse(textwrap.dedent(inspect.getsource(described))).body
    words_by_field: dict[str, str] = {}
    for before, after in pairwise(tree.body if isinstance(tree, ast.ClassDef) else []):
        match before, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                words_by_field[name] = " ".join(words.split())
    return words_by_field


def _describe(components: dict[str, Any]) -> None:
    """Add the words under the fields to the components, where their classes have some."""
    bodies = {described.__name__: described for described in DESCRIPTIONS}
    for name, component in components.items():
        described = bodies.get(name) or getattr(model, name, None) or getattr(errors, name)
        for field, words in words_of(described).items():
            about = component["properties"][field]
            about["description"] = " ".join(filter(None, (words, about.get("description"))))


def _hooked(wanted: type) -> dict[str, Any]:
    """The schema of a type that is not msgspec's own."""
    if wanted is PlanOnRecord:
        return {"$ref": _TEMPLATE.format(name=Plan.__name__)}
    return {"type": "object"}


def _any_of(kind: RecordKind) -> dict[str, Any]:
    names = [described.__name__ for described, description in DESCRIPTIONS.items() if description.kind is kind]
    references = [{"$ref": _TEMPLATE.format(name=name)} for name in names]
    return references[0] if len(references) == 1 else {"anyOf": references}


def _tidied(value: Any) -> Any:
    """Without line breaks in descriptions, and with the format of times."""
    if isinstance(value, list):
        return [_tidied(one) for one in value]
    if not isinstance(value, dict):
        return value
    tidied = {key: _tidied(one) for key, one in sorted(value.items())}
    if isinstance(tidied.get("description"), str):
        tidied["description"] = " ".join(tidied["description"].split())
    for name in ("at", "created_at"):
        if isinstance(tidied.get(name), dict) and tidied[name].get("type") == "string":
            tidied[name]["format"] = "date-time"
    return tidied
