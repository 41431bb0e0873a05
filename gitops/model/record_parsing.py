"""A record's body from plain JSON. In: the kind and the JSON. Out: an instance of the kind's class."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from gitops.model.plan import PlanOnRecord
from gitops.model.preview import unpack
from gitops.model.record_bodies import DESCRIPTIONS, Body, Planned, RecordKind, ShownOn


@dataclass(frozen=True, slots=True)
class _ShownOn:
    shown_on: ShownOn


def parsed(kind: RecordKind, content: object) -> Body:
    """The body of a record of this kind, from plain JSON. Fields that its class does not have are left.

    Raises msgspec.ValidationError, naming the field.
    """
    classes = _classes()[kind]
    keys = content.keys() if isinstance(content, Mapping) else frozenset[str]()
    chosen = next((described for described, required in classes if required <= keys), classes[-1][0])
    # A plan's values stay packed: whoever reads the whole plan unpacks them.
    return msgspec.convert(content if chosen is Planned else unpack(content), chosen, dec_hook=_decoded)


def shown_on(kind: RecordKind, content: object) -> int | None:
    """The pull request that a record names as the one that shows its plan, without reading the rest of its body.

    None for a kind that names none. Raises msgspec.ValidationError.
    """
    return msgspec.convert(content, _ShownOn).shown_on if kind in _shown() else None


@cache
def _shown() -> frozenset[RecordKind]:
    return frozenset(
        description.kind for described, description in DESCRIPTIONS.items() if "shown_on" in _fields(described)
    )


@cache
def _classes() -> dict[RecordKind, list[tuple[type[Body], frozenset[str]]]]:
    """The classes of each kind, each with the fields that have to be there."""
    classes: dict[RecordKind, list[tuple[type[Body], frozenset[str]]]] = {}
    for described, description in DESCRIPTIONS.items():
        required = frozenset(name for name, is_required in _fields(described).items() if is_required)
        classes.setdefault(description.kind, []).append((described, required))
    return classes


def _fields(described: type[Body]) -> dict[str, bool]:
    """The names of the class's fields, and whether each has to be there."""
    return {field.name: field.default is dataclasses.MISSING for field in dataclasses.fields(described)}


def _decoded(wanted: type, content: Any) -> Any:
    if wanted is not PlanOnRecord:
        raise NotImplementedError(wanted)
    try:
        return PlanOnRecord(content)
    except msgspec.ValidationError as error:
        # msgspec says where in the body it was for any other error than its own.
        raise ValueError(str(error)) from None
