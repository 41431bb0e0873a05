"""Untrusted text in GitHub's Markdown: inside code, where it is neither markup nor a mention.

Only three ways lead text from outside into a comment: `words.code` in running text, `html_code` in tables and in
`<summary>` (where Markdown splits at pipes or is not read at all), and `fenced` for lines.
"""

import re
from collections.abc import Iterable, Sequence

from gitops.flow.words import clip, longest_run, plural, visible

# Characters of a table. GitHub refuses a text of more than 65,536, and there is more in it than a table.
_TABLE_LIMIT = 12_000
_PLAIN = re.compile(r"[A-Za-z0-9 /-]")


def marker(purpose: str, subject: object = "") -> str:
    """An invisible first line, by which the next run finds a text of ours again: one for each purpose and subject."""
    plain = "".join(char if char.isalnum() or char in "._-" else "_" for char in str(subject))
    return f"<!-- gitops:{purpose}{':' if plain else ''}{plain} -->"


def html_code(text: str) -> str:
    """`<code>` whose content is letters, digits and character references only, so no parser finds markup in it."""
    shown = "".join(char if _PLAIN.fullmatch(char) else f"&#{ord(char)};" for char in clip(text))
    return f"<code>{shown}</code>"


def fenced(lines: Iterable[str], language: str = "text") -> list[str]:
    """A code block whose fence is longer than any run of backticks inside; each item stays one line."""
    content = [visible(line) for line in lines]
    fence = "`" * max(3, 1 + max((longest_run(line) for line in content), default=0))
    return [f"{fence}{language}", *content, fence]


def folded(summary: str, content: list[str]) -> list[str]:
    """Content behind a click; `summary` is HTML, so anything untrusted in it must come from `html_code`."""
    return ["<details>", f"<summary>{summary}</summary>", "", *content, "", "</details>"]


def table(columns: Sequence[str], rows: Sequence[str], noun: str, limit: int = _TABLE_LIMIT) -> list[str]:
    """A table of as many rows as fit into so many characters; the others are counted."""
    shown, size = 0, 0
    while shown < len(rows) and size + len(rows[shown]) <= limit:
        size += len(rows[shown])
        shown += 1
    more = len(rows) - shown
    head = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return [*head, *rows[:shown], *(["", f"And {plural(more, f'more {noun}')}."] if more else [])]
