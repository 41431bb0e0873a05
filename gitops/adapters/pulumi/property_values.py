"""Property values as the engine writes them: its secrets and unknowns, read into ours. Pure.

Pulumi marks a secret as an object with the signature key below, and a value that is unknown until the apply as a
fixed UUID (`sdk/go/common/resource/plugin/rpc.go`, `sdk/go/common/resource/sig`).
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from gitops.errors import EngineFailed
from gitops.flow.plans.values import MAX_DEPTH
from gitops.model import PropertyValue, SecretValue, UnknownValue

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


def is_secret(value: Any) -> bool:
    """Whether a raw JSON value is one of the engine's secrets."""
    return isinstance(value, Mapping) and value.get(SIGNATURE_KEY) == SECRET_SIGNATURE


def ciphertexts(value: Any, key: str = "ciphertext") -> Iterator[str]:
    """Every ciphertext inside a raw JSON value; by the key `plaintext` the JSON of each secret that is decrypted."""
    left = [value]
    while left:
        one = left.pop()
        if is_secret(one):
            text = one.get(key)
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
