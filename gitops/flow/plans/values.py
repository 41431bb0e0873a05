"""Property values of ours: their parts, their digests, their packed form, and leaf-by-leaf differences."""

import dataclasses
import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum
from typing import Any

import rfc8785

from gitops.model import PropertyChange, PropertyKind, PropertyValue, SecretValue, UnknownValue

_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")
_LARGEST_EXACT = 2**53 - 1
MAX_DEPTH = 100
"""Levels that a value may be nested; beyond, Python's own stack would decide what can be compared."""


def too_deep(document: Any) -> bool:
    """Whether plain JSON is nested more than `MAX_DEPTH` levels."""
    level = [document]
    for _ in range(MAX_DEPTH + 1):
        children = [one.values() if isinstance(one, Mapping) else one for one in level]
        level = [child for some in children for child in some if isinstance(child, (Mapping, list))]
        if not level:
            return False
    return True


def leaves(value: PropertyValue) -> Iterator[PropertyValue]:
    """Every leaf of a value."""
    if isinstance(value, dict):
        for child in value.values():
            yield from leaves(child)
    elif isinstance(value, list):
        for child in value:
            yield from leaves(child)
    else:
        yield value


def parts(value: PropertyValue, path: str) -> Iterator[tuple[str, PropertyValue]]:
    """The value at `path`, and everything inside of it, each with its path."""
    yield path, value
    if isinstance(value, dict):
        for key, child in value.items():
            yield from parts(child, join(path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from parts(child, join(path, index))


def unknown_paths(value: PropertyValue, path: str = "") -> Iterator[str]:
    """The path of every value that is unknown until the apply, below `path`."""
    if isinstance(value, UnknownValue):
        yield path
    elif isinstance(value, dict):
        for key in sorted(value):
            yield from unknown_paths(value[key], join(path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from unknown_paths(child, join(path, index))


def difference(old: PropertyValue, new: PropertyValue, path: str = "") -> Iterator[PropertyChange]:
    """How two objects differ, leaf by leaf in path order; items of lists are compared by their place."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            below = join(path, key)
            if key not in new:
                yield PropertyChange(below, PropertyKind.DELETE, old=old[key])
            elif key not in old:
                yield PropertyChange(below, PropertyKind.ADD, new=new[key])
            else:
                yield from difference(old[key], new[key], below)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            below = join(path, index)
            if index >= len(new):
                yield PropertyChange(below, PropertyKind.DELETE, old=old[index])
            elif index >= len(old):
                yield PropertyChange(below, PropertyKind.ADD, new=new[index])
            else:
                yield from difference(old[index], new[index], below)
    elif type(old) is not type(new) or old != new:
        yield PropertyChange(path, PropertyKind.UPDATE, old=old, new=new)


def top_level(path: str) -> str:
    """The first part of a property path: `spec` of `spec.ports[0]`."""
    match = re.match(r'\["((?:[^"\\]|\\.)*)"\]|[^.\[]+', path)
    return (match.group(1) or match.group(0)) if match else path


def pack(value: Any) -> Any:
    """A value of ours as plain JSON, secrets as {"$secret": digest}, unknowns as {"$unknown": true}.

    `gitops.model.preview.unpack` is the inverse.
    """
    if isinstance(value, SecretValue):
        return {"$secret": value.digest}
    if isinstance(value, UnknownValue):
        return {"$unknown": True}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: pack(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): pack(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [pack(child) for child in value]
    return value


def digest(value: Any) -> str:
    """SHA-256, in hexadecimal, of the value's canonical JSON (RFC 8785): the same on any machine, in any key order."""
    return hashlib.sha256(rfc8785.dumps(_exact(pack(value)))).hexdigest()


def _exact(value: Any) -> Any:
    """RFC 8785 numbers are doubles; an integer beyond their exact range enters as text."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) > _LARGEST_EXACT:
        return {"$integer": str(value)}
    if isinstance(value, dict):
        return {key: _exact(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_exact(child) for child in value]
    return value


def join(path: str, key: str | int) -> str:
    """The path of a key or an index below a path: `spec.ports[0]`, `data["443"]`. The only place that writes one.

    A review shows paths in this form, so one that is copied from there into a rule in CEL matches.
    """
    if isinstance(key, int):
        return f"{path}[{key}]"
    if _PLAIN_KEY.fullmatch(key):
        return f"{path}.{key}" if path else key
    quoted = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'{path}["{quoted}"]'
