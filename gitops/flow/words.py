"""The words of a sentence: text of others made harmless, names and numbers as people read them; no markup.

Whatever comes from a program, a provider or a pull request passes `visible` first: a resource's name can hold
line breaks, terminal escapes or characters that reverse the reading direction.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime

from gitops.model import (
    ResourceChange,
)
from gitops.model.urn import Urn

DIGEST_LENGTH = 12
"""Shown characters of a digest or commit: 48 bits, enough to tell two apart and to find either in the ledger."""

# Categories of characters that steer instead of showing: control, format (zero width, bidirectional), surrogate,
# private use, unassigned, line and paragraph separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_SHORT_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
LINE_LIMIT = 400
"""Shown characters of one line of somebody else's message."""

_NAME_LIMIT = 160


def visible(text: str) -> str:
    """The text on one line, with every character that steers a terminal or a page shown as an escape.

    In a log of GitHub Actions, `##[` anywhere and `::` at the start of a line are commands to the runner
    (`ActionCommand.cs` of actions/runner); both are broken up.
    """
    shown = "".join(_escape(character) for character in text) if not text.isascii() or not text.isprintable() else text
    shown = shown.replace("##[", "#\\u0023[")
    return shown.replace("::", "\\u003a:", 1) if shown.lstrip().startswith("::") else shown


def _escape(character: str) -> str:
    if unicodedata.category(character) not in _INVISIBLE:
        return character
    code = ord(character)
    return _SHORT_ESCAPES.get(character) or (f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}")


def clip(text: str, limit: int = _NAME_LIMIT) -> str:
    """Visible text of at most about `limit` characters; a longer one says how long it is."""
    shown = visible(text[: limit + 1])  # never the whole: it may be megabytes long, and shown a thousand times
    if len(text) <= limit and len(shown) <= limit:
        return shown
    return f"{shown[:limit]}… ({len(text):,} characters)"


def short(digest: str) -> str:
    """The start of a digest or commit."""
    return visible(digest.removeprefix("sha256:")[:DIGEST_LENGTH])


def plural(count: int, noun: str) -> str:
    """`1 resource`, `2 resources`, `1,000 properties`."""
    if count != 1:
        noun = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun}"


def listed(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def first(items: Sequence[str], most: int) -> list[str]:
    """The first `most` of them; of more, how many are left out as the last."""
    left = len(items) - most
    return [*items[:most], *([f"{left:,} more"] if left > 0 else [])]


def minute(moment: datetime) -> str:
    """A time, as people read it."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def resource_type(token: str) -> str:
    """A type token as people write it: `aws:s3/bucket:Bucket` is `aws:s3:Bucket`; others stay as they are."""
    parts = token.split(":")
    if len(parts) == 3 and "/" in parts[1]:
        module, _, file = parts[1].rpartition("/")
        if file.lower() == parts[2].lower():
            token = f"{parts[0]}:{module}:{parts[2]}"
    return clip(token)


def resource(change: ResourceChange) -> str:
    """A resource by type and logical name."""
    return f"{resource_type(change.type)} {clip(change.name)}"


def resource_of(urn: str) -> str:
    """A resource by type and logical name when only its URN is known."""
    parsed = Urn.parse(urn)
    return f"{resource_type(parsed.type)} {clip(parsed.name)}" if parsed else clip(urn)


_BACKTICKS = re.compile(r"`+")


def code(text: str) -> str:
    """A code span that no backtick inside can close."""
    shown = clip(text) or " "
    fence = "`" * (longest_run(shown) + 1)
    # A span that starts or ends with a backtick or a space loses it to the fence unless it is padded.
    padding = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{padding}{shown}{padding}{fence}"


def longest_run(text: str) -> int:
    return max((len(run) for run in _BACKTICKS.findall(text)), default=0)
