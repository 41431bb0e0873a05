"""Property values as the engine gives them: reading secrets and unknowns, digests, and leaf-by-leaf differences.

Pulumi marks a secret as an object with the signature key below, and a value that is unknown until the
apply as a fixed UUID (`sdk/go/common/resource/plugin/rpc.go`, `sdk/go/common/resource/sig`).
"""

import dataclasses
import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum
from typing import Any

import rfc8785

from gitops.errors import EngineFailed
from gitops.model import PropertyChange, PropertyKind, PropertyValue, SecretValue, UnknownValue

SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a public marker, not a secret
UNKNOWN_SENTINELS = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # string, and unknowns of no particular type
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)
# Keys of ours in packed values. A program's own key of that form gets one more "$", so that it cannot pass for ours.
_OUR_KEY = re.compile(r"\$+(secret|unknown|integer)")
_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")
_LARGEST_EXACT = 2**53 - 1
MAX_DEPTH = 100
"""Levels that a value may be nested; beyond, Python's own stack would decide what can be compared."""


def is_secret(value: Any) -> bool:
    """Whether a raw JSON value is one of the engine's secrets."""
    return isinstance(value, Mapping) and value.get(SIGNATURE_KEY) == SECRET_SIGNATURE


def ciphertexts(value: Any) -> Iterator[str]:
    """Every ciphertext inside a raw JSON value."""
    left = [value]
    while left:
        one = left.pop()
        if is_secret(one):
            text = one.get("ciphertext")
            if isinstance(text, str):
                yield text
        elif isinstance(one, Mapping):
            left += one.values()
        elif isinstance(one, list):
            left += one


def read(value: Any, digests: Mapping[str, str], depth: int = 0) -> PropertyValue:
    """A raw JSON value with secrets and unknowns as typed leaves; a secret without a digest is SecretValue("").

    Raises EngineFailed for one that is nested more than `MAX_DEPTH` levels.
    """
    if depth > MAX_DEPTH:
        raise EngineFailed(
            f"Could not compare a property: its value is nested more than {MAX_DEPTH} levels.",
            hint="Pass such a document as one string, for example with `json.dumps`.",
        )
    if is_secret(value):
        return SecretValue(digests.get(str(value.get("ciphertext")), ""))
    if isinstance(value, Mapping):
        return {_not_ours(str(key)): read(child, digests, depth + 1) for key, child in value.items()}
    if isinstance(value, list):
        return [read(child, digests, depth + 1) for child in value]
    if isinstance(value, str):
        if value in UNKNOWN_SENTINELS:
            return UnknownValue()
        if not value.isascii():
            _must_be_text(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise EngineFailed(f"Could not compare a property: {value} is no number that JSON has.")
    return value


def _must_be_text(value: str) -> None:
    """Raises EngineFailed for half of a surrogate pair, which no UTF-8 can hold."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise EngineFailed("Could not compare a property: its text is not valid Unicode.") from None


def too_deep(document: Any) -> bool:
    """Whether plain JSON is nested more than `MAX_DEPTH` levels."""
    level = [document]
    for _ in range(MAX_DEPTH + 1):
        children = [one.values() if isinstance(one, Mapping) else one for one in level]
        level = [child for some in children for child in some if isinstance(child, (Mapping, list))]
        if not level:
            return False
    return True


def _not_ours(key: str) -> str:
    return f"${key}" if _OUR_KEY.fullmatch(key) else key


def fill_secrets(value: PropertyValue, *sources: PropertyValue) -> PropertyValue:
    """Give each undigested secret in `value` the digest found at the same place in the first source that has one."""
    if isinstance(value, SecretValue) and not value.digest:
        return next((s for s in sources if isinstance(s, SecretValue) and s.digest), value)
    if isinstance(value, dict):
        return {
            key: fill_secrets(child, *(s[key] for s in sources if isinstance(s, dict) and key in s))
            for key, child in value.items()
        }
    if isinstance(value, list):
        return [
            fill_secrets(child, *(s[i] for s in sources if isinstance(s, list) and i < len(s)))
            for i, child in enumerate(value)
        ]
    return value


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
            yield from parts(child, f"{path}[{index}]")


def unknown_paths(value: PropertyValue, path: str = "") -> Iterator[str]:
    """The path of every value that is unknown until the apply, below `path`."""
    if isinstance(value, UnknownValue):
        yield path
    elif isinstance(value, dict):
        for key in sorted(value):
            yield from unknown_paths(value[key], join(path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from unknown_paths(child, f"{path}[{index}]")


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
            below = f"{path}[{index}]"
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
    """A value of ours as plain JSON, secrets as {"$secret": digest}, unknowns as {"$unknown": true}; see `unpack`."""
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


def unpack(value: Any) -> PropertyValue:
    """The inverse of `pack` for property values."""
    if isinstance(value, Mapping):
        if value.keys() == {"$secret"}:
            return SecretValue(str(value["$secret"]))
        if value == {"$unknown": True}:
            return UnknownValue()
        return {str(key): unpack(child) for key, child in value.items()}
    if isinstance(value, list):
        return [unpack(child) for child in value]
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


def join(path: str, key: str) -> str:
    """The path of a key below a path."""
    if _PLAIN_KEY.fullmatch(key):
        return f"{path}.{key}" if path else key
    quoted = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'{path}["{quoted}"]'
