"""The sticky comment about a pull request's own stack: what was made, until when, and how to get rid of it. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from gitops.flow import words
from gitops.model import Gone, NotRaised, Raised, SecretValue
from gitops.views.markdown import blocks

MARKER = blocks.marker("review-stack")
_SHOWN = 30
_LINES = 20


def render(told: Raised | NotRaised | Gone) -> str:
    """The whole comment."""
    body = {Raised: _raised, NotRaised: _not_raised, Gone: _gone}[type(told)](told)  # type: ignore[operator] # by type
    return "\n".join([MARKER, *body, ""])


def _raised(told: Raised) -> list[str]:
    return [
        f"## Review stack {words.code(told.stack)} is up",
        "",
        f"{words.code(words.short(told.head))}, merged into {words.code(told.base)}, since "
        f"{words.minute(told.at)}: {told.done}.",
        *_outputs(told.outputs),
        "",
        f"It is destroyed when this pull request is closed, when the label {words.code(told.label)} is taken off, "
        f"and at {words.minute(told.expires)} unless it is brought up again before, as every push does. "
        "Data in it goes with it.",
    ]


def _outputs(outputs: Mapping[str, Any]) -> list[str]:
    """The outputs as a table; a secret one is named and not shown."""
    if not outputs:
        return []
    rows = [f"| {blocks.html_code(name)} | {_value(value)} |" for name, value in sorted(outputs.items())]
    left = len(rows) - _SHOWN
    more = ["", f"and {words.plural(left, 'more output')}"] if left > 0 else []
    return ["", "| output | value |", "|---|---|", *rows[:_SHOWN], *more]


def _value(value: Any) -> str:
    if _holds_secret(value):
        return "secret"
    return blocks.html_code(value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False))


def _holds_secret(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_secret, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_holds_secret, value))
    return isinstance(value, SecretValue)


def _not_raised(told: NotRaised) -> list[str]:
    lines = [line for text in told.messages for line in text.splitlines()]
    shown = [words.clip(line, words.LINE_LIMIT) for line in lines[:_LINES]]
    return [
        f"## Review stack {words.code(told.stack)} is not up",
        "",
        f"{words.code(words.short(told.head))} could not be brought up. What exists by now stays until the next "
        "push, or until the stack is destroyed.",
        "",
        *blocks.fenced(shown + (["… the rest is in the log of the run"] if len(lines) > _LINES else [])),
        *(["", f"Next: {words.code(told.hint)}"] if told.hint else []),
    ]


def _gone(told: Gone) -> list[str]:
    return [
        f"## Review stack {words.code(told.stack)} is gone",
        "",
        f"Destroyed at {words.minute(told.at)}: {words.code(told.why)}.",
        "",
        f"For another one, push, or take the label {words.code(told.label)} off and put it on again.",
    ]
