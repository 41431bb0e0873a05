"""CODEOWNERS: who owns a path, by the rules of GitHub's documentation: the last pattern that matches decides."""

import re
from collections.abc import Iterable

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where GitHub looks, and in this order: the first that exists counts."""

_OWNER = re.compile(r"@[\w.-]+(?:/[\w.-]+)?|[^@\s]+@[^@\s]+")
_WILDCARDS = {"**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def unowned(text: str, paths: Iterable[str]) -> tuple[str, ...]:
    """Those of the paths that nobody owns."""
    rules = [(_expression(pattern), owners) for pattern, owners in _lines(text)]
    return tuple(path for path in paths if not _owners(rules, path))


def _owners(rules: list[tuple[re.Pattern[str], tuple[str, ...]]], path: str) -> tuple[str, ...]:
    return next((owners for pattern, owners in reversed(rules) if pattern.fullmatch(path)), ())


def _lines(text: str) -> Iterable[tuple[str, tuple[str, ...]]]:
    for line in text.splitlines():
        # A blank in a pattern is written with a backslash before it; a remark goes to the end of the line.
        words = [word.replace("\\ ", " ") for word in re.findall(r"(?:\\.|\S)+", re.sub(r"(^|\s)#.*", "", line))]
        # GitHub skips a line with anything it does not know, so that line gives no owner.
        if words and all(_OWNER.fullmatch(word) for word in words[1:]) and not words[0].startswith("!"):
            yield words[0], tuple(words[1:])


def _expression(pattern: str) -> re.Pattern[str]:
    body = pattern.strip("/")
    # A slash anywhere but at the end binds the pattern to the root, as in .gitignore.
    start = "" if "/" in pattern.rstrip("/") else "(?:.*/)?"
    parts = re.split(r"(\*\*/|/\*\*|\*\*|\*|\?)", body)
    middle = "".join(_WILDCARDS.get(part) or re.escape(part) for part in parts)
    if pattern.endswith("/"):
        return re.compile(f"{start}{middle}/.*", re.DOTALL)
    # `docs/*` means the files in docs and none below.
    below = "" if body.endswith("/*") else "(?:/.*)?"
    return re.compile(f"{start}{middle}{below}", re.DOTALL)
