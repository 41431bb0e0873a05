"""The property differences of one resource as lines for people: minimal, marked, and without a single secret."""

import difflib
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gitops.flow.plans import values
from gitops.flow.words import clip, plural, visible
from gitops.model import (
    Operation,
    PropertyChange,
    PropertyKind,
    PropertyValue,
    ResourceChange,
    SecretValue,
    UnknownValue,
)

SECRET = "secret"  # noqa: S105 - the word that stands in for one
UNKNOWN = "(known after the apply)"
FORCES = "← forces the replacement"
HIDDEN = "value not shown"

TEXT_LINES_LIMIT = 60
"""Shown lines of one multi-line value; its remaining lines are counted."""

_PATH_LIMIT = 200
_VALUE_LIMIT = 120
_INLINE_LIMIT = 100
_CONTEXT = 24
# Aligning two sequences costs the product of their lengths; beyond this (a second or so) it is not worth it.
_ALIGNED_CELLS = 4_000_000


class Mark(StrEnum):
    """What happens to the thing in this line."""

    ADD = "+"
    DELETE = "-"
    CHANGE = "~"
    SAME = " "


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a difference. `in_text` lines belong to a multi-line value, and stand behind a gutter."""

    mark: Mark
    text: str
    in_text: bool = False
    forces: bool = False


def lines(change: ResourceChange) -> tuple[Line, ...]:
    """What happens to the resource's properties; those that force a replacement come first. A delete has none."""
    if change.operation is Operation.DELETE:
        return ()
    properties = sorted(change.properties, key=lambda item: (not item.replaces, item.path, item.kind))
    return tuple(line for item in properties for line in _property(item))


def inline(value: PropertyValue) -> str:
    """A value on one line: strings quoted, long ones clipped, secrets and unknowns as words."""
    if isinstance(value, SecretValue):
        return SECRET
    if isinstance(value, UnknownValue):
        return UNKNOWN
    if isinstance(value, str):
        return _quoted(value) if len(value) <= _VALUE_LIMIT else f"{_quoted(value[:_VALUE_LIMIT])}{_rest(value)}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{clip(key)}: {inline(child)}" for key, child in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(inline(child) for child in value) + "]"
    return visible(json.dumps(value))


def _property(item: PropertyChange) -> Iterator[Line]:
    if item.kind is PropertyKind.ADD:
        yield from _whole(Mark.ADD, item.path, item.new, item.replaces)
    elif item.kind is PropertyKind.DELETE:
        yield from _whole(Mark.DELETE, item.path, item.old, item.replaces)
    else:
        yield from _update(item)


def _update(item: PropertyChange) -> Iterator[Line]:
    leaves = list(difference(item.old, item.new, item.path))
    if not leaves:
        yield Line(
            Mark.CHANGE, f"{_path(item.path)}: same value, rated as changed by the provider", forces=item.replaces
        )
    for leaf in leaves:
        if leaf.kind is PropertyKind.ADD:
            yield from _whole(Mark.ADD, leaf.path, leaf.new, item.replaces)
        elif leaf.kind is PropertyKind.DELETE:
            yield from _whole(Mark.DELETE, leaf.path, leaf.old, item.replaces)
        else:
            yield from _leaf(leaf.path, leaf.old, leaf.new, item.replaces)


def difference(old: PropertyValue, new: PropertyValue, path: str) -> Iterator[PropertyChange]:
    """The smallest differing parts. Unlike `values.difference`, which digests rest on, lists are aligned by equal
    items, so that one inserted item is one difference."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            below = values.join(path, key)
            if key not in new:
                yield PropertyChange(below, PropertyKind.DELETE, old=old[key])
            elif key not in old:
                yield PropertyChange(below, PropertyKind.ADD, new=new[key])
            else:
                yield from difference(old[key], new[key], below)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _list_difference(old, new, path)
    elif not _same(old, new):
        yield PropertyChange(path, PropertyKind.UPDATE, old=old, new=new)


def _list_difference(old: list[PropertyValue], new: list[PropertyValue], path: str) -> Iterator[PropertyChange]:
    matcher = difflib.SequenceMatcher(None, [_key(item) for item in old], [_key(item) for item in new], autojunk=False)
    steps = matcher.get_opcodes() if len(old) * len(new) <= _ALIGNED_CELLS else [("replace", 0, len(old), 0, len(new))]
    for operation, left, left_end, right, right_end in steps:
        if operation == "equal":
            continue
        pairs = min(left_end - left, right_end - right)
        for offset in range(pairs):
            yield from difference(old[left + offset], new[right + offset], values.join(path, right + offset))
        for index in range(left + pairs, left_end):
            yield PropertyChange(values.join(path, index), PropertyKind.DELETE, old=old[index])
        for index in range(right + pairs, right_end):
            yield PropertyChange(values.join(path, index), PropertyKind.ADD, new=new[index])


def _key(item: PropertyValue) -> str:
    return json.dumps(values.pack(item), sort_keys=True, ensure_ascii=False)


def _same(old: PropertyValue, new: PropertyValue) -> bool:
    if isinstance(old, bool) != isinstance(new, bool):
        return False
    if isinstance(old, SecretValue) and isinstance(new, SecretValue):
        return bool(old.digest) and old.digest == new.digest
    return bool(old == new)


def _leaf(path: str, old: PropertyValue, new: PropertyValue, forces: bool) -> Iterator[Line]:
    """One value that became another."""
    hidden = _hidden(old, new)
    if hidden:
        yield Line(Mark.CHANGE, f"{_path(path)}: {hidden}", forces=forces)
        return
    if isinstance(old, str) and isinstance(new, str):
        documents = _document(old), _document(new)
        if None not in documents:
            inner = PropertyChange(f"{path} (JSON)", PropertyKind.UPDATE, documents[0], documents[1], forces)
            if any(difference(inner.old, inner.new, "")):
                yield from _update(inner)
            else:
                yield Line(Mark.CHANGE, f"{_path(path)}: the same JSON, written differently", forces=forces)
            return
        if "\n" in old or "\n" in new:
            yield from _text_difference(path, old, new, forces)
            return
        if max(len(old), len(new)) > _VALUE_LIMIT:
            shown_old, shown_new = _windows(old, new)
            yield Line(Mark.DELETE, f"{_path(path)}: {shown_old}", forces=forces)
            yield Line(Mark.ADD, f"{_path(path)}: {shown_new}")
            return
    before, after = _short_inline(old), _short_inline(new)
    if len(before) + len(after) <= _INLINE_LIMIT:
        yield Line(Mark.CHANGE, f"{_path(path)}: {before} → {after}", forces=forces)
    else:
        yield Line(Mark.DELETE, f"{_path(path)}: {before}", forces=forces)
        yield Line(Mark.ADD, f"{_path(path)}: {after}")


def _hidden(old: PropertyValue, new: PropertyValue) -> str:
    """What to say where a secret is involved: its plain neighbour may well be the same value, so neither is shown."""
    if isinstance(old, SecretValue) and isinstance(new, SecretValue):
        return "secret changed" if old.digest and new.digest else "secret, may have changed"
    if any(isinstance(leaf, SecretValue) for leaf in values.leaves(new)):
        return f"becomes secret ({HIDDEN})"
    if any(isinstance(leaf, SecretValue) for leaf in values.leaves(old)):
        return f"is no longer secret ({HIDDEN})"
    return ""


def _whole(mark: Mark, path: str, value: PropertyValue, forces: bool) -> Iterator[Line]:
    """A value that comes or goes as a whole; a large one leaf by leaf."""
    if isinstance(value, str):
        document = _document(value)
        if document:
            path, value = f"{path} (JSON)", document
        elif "\n" in value:
            texts = value.removesuffix("\n").split("\n")
            yield Line(mark, f"{_path(path)}: text of {plural(len(texts), 'line')}", forces=forces)
            yield from _text((mark, text) for text in texts)
            return
    one_line = inline(value)
    multi_line = any(isinstance(leaf, str) and "\n" in leaf for leaf in values.leaves(value))
    if not isinstance(value, dict | list) or not value or (len(one_line) <= _INLINE_LIMIT and not multi_line):
        yield Line(mark, f"{_path(path)}: {one_line}", forces=forces)
        return
    children: Iterable[tuple[str | int, PropertyValue]] = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in children:
        yield from _whole(mark, values.join(path, key), child, forces)


def _text_difference(path: str, old: str, new: str, forces: bool) -> Iterator[Line]:
    before, after = (text.removesuffix("\n").split("\n") for text in (old, new))
    only_end = ", only line breaks at its end differ" if old.rstrip("\n") == new.rstrip("\n") else ""
    sizes = f"text of {plural(len(before), 'line')} → {plural(len(after), 'line')}{only_end}"
    yield Line(Mark.CHANGE, f"{_path(path)}: {sizes}", forces=forces)
    if only_end or len(before) * len(after) > _ALIGNED_CELLS:
        return
    marks = {"+": Mark.ADD, "-": Mark.DELETE, " ": Mark.SAME}
    # Without the two lines of file names and the position of the first hunk; later positions become a gap.
    unified = itertools.islice(difflib.unified_diff(before, after, n=2, lineterm=""), 3, None)
    yield from _text((marks.get(line[0], Mark.SAME), line[1:] if line[0] in marks else "⋯") for line in unified)


def _text(marked: Iterable[tuple[Mark, str]]) -> Iterator[Line]:
    shown = iter(marked)
    for mark, text in itertools.islice(shown, TEXT_LINES_LIMIT):
        yield Line(mark, clip(text, _PATH_LIMIT), in_text=True)
    rest = sum(1 for _ in shown)
    if rest:
        yield Line(Mark.SAME, f"… {plural(rest, 'more line')}", in_text=True)


def _windows(old: str, new: str) -> tuple[str, str]:
    """Two long strings around the part in which they differ."""
    prefix = next((i for i, (left, right) in enumerate(zip(old, new, strict=False)) if left != right), len(old))
    prefix = min(prefix, len(new))
    rest = min(len(old), len(new)) - prefix
    suffix = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
    start = max(0, prefix - _CONTEXT)

    def window(text: str) -> str:
        end = min(len(text), len(text) - suffix + _CONTEXT, start + 2 * _CONTEXT + _VALUE_LIMIT)
        lead, tail = "…" if start else "", _rest(text) if end < len(text) or start else ""
        return f"{lead}{_quoted(text[start:end])}{tail}"

    return window(old), window(new)


def _document(text: str) -> dict[str, Any] | list[Any] | None:
    """The object or array that a string holds as JSON, such as an IAM policy; None for anything else.

    An object that names a key twice is None: parsed, it would hide one of the two. So is one nested beyond what a
    property may be.
    """
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        document = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict | list) and not values.too_deep(document) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key occurs twice")
    return dict(pairs)


def _short_inline(value: PropertyValue) -> str:
    text = inline(value)
    return text if len(text) <= 2 * _VALUE_LIMIT else f"{text[: 2 * _VALUE_LIMIT]}{_rest(text)}"


def _path(path: str) -> str:
    return clip(path, _PATH_LIMIT)


def _quoted(text: str) -> str:
    return visible(json.dumps(text, ensure_ascii=False))


def _rest(text: str) -> str:
    return f"… ({plural(len(text), 'character')})"
