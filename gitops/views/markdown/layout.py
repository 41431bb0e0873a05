"""How much detail a report of many resources has room for: an index first, then detail in the order of what matters.

Nothing is ever cut: a stack, a resource or a property is shown whole, or it is counted in words.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from gitops.flow import words
from gitops.model import Operation, ResourceChange, Weight, weight_of
from gitops.views import properties, wording
from gitops.views.markdown import blocks
from gitops.views.properties import Mark
from gitops.views.wording import TITLES

_BODY_LINES = 100
_BODY_BYTES = 8_000
_FOLD_CREATES_OVER = 30
_TEXT_LINES = 40
# Fences, titles and the lines that count what was left out, for all the groups of one section.
_SECTION_OVERHEAD = 1_000
_SIGNS = {Mark.ADD: "+", Mark.DELETE: "-", Mark.CHANGE: "!", Mark.SAME: " "}
# What GitHub's `diff` highlighting colours: `-` red, `+` green, `!` amber.
_HEADS = {
    Operation.DELETE: "- delete ",
    Operation.REPLACE: "- replace",
    Operation.CREATE: "+ create ",
    Operation.IMPORT: "+ import ",
    Operation.UPDATE: "! update ",
    Operation.UNKNOWN: "! unknown operation on",
}


class Detail(IntEnum):
    """How much of one resource is shown."""

    COUNTED = 0
    NAMED = 1
    FULL = 2


@dataclass(slots=True)
class Entry:
    """One resource change as lines of a `diff` block: one that names it, and those with its properties."""

    change: ResourceChange
    head: str
    body: list[str]
    detail: Detail = Detail.COUNTED

    @property
    def weight(self) -> Weight:
        """The group it is listed in."""
        return weight_of(self.change)


@dataclass(slots=True)
class Section:
    """One stack: lines that are always there, and entries that are shown as there is room."""

    opening: list[str]
    closing: list[str]
    entries: list[Entry] = field(default_factory=list)


def entry(change: ResourceChange) -> Entry:
    """One resource change in lines, its properties bounded."""
    head = f"{_HEADS.get(change.operation, f'  {change.operation}')} {words.resource(change)}"
    notes = wording.notes(change)
    body = [_line(line) for line in properties.lines(change)]
    shown = body[:_BODY_LINES]
    while shown and size(shown) > _BODY_BYTES:
        shown.pop()
    if len(shown) < len(body):
        shown.append(f"      … {words.plural(len(body) - len(shown), 'more line')} in the full report")
    return Entry(change, f"{head}{': ' if notes else ''}{notes}", shown)


def _line(line: properties.Line) -> str:
    gutter = "│ " if line.in_text else ""
    forces = f"  {properties.FORCES}" if line.forces else ""
    return f"{_SIGNS[line.mark]}     {gutter}{line.text}{forces}"


def bounded(lines: Iterable[str]) -> list[str]:
    """The first lines in a block; taken lazily, since a provider's message may be endless."""
    shown = list(itertools.islice(lines, _TEXT_LINES + 1))
    if len(shown) > _TEXT_LINES:
        shown[_TEXT_LINES:] = ["… the rest is in the log of the run"]
    return blocks.fenced(shown)


def size(lines: Sequence[str]) -> int:
    """Bytes of the lines as UTF-8, line ends included."""
    return sum(len(line.encode("utf-8", "replace")) + 1 for line in lines)


def arrange(sections: Sequence[Section], room: int) -> list[list[str]]:
    """The lines of as many sections as fit into `room` bytes, in the given order; later ones are left out whole.

    Detail goes to what destroys first, then to unknown operations, changes, creates and bookkeeping, over all sections.
    """
    shown: list[Section] = []
    for section in sections:
        cost = size(section.opening) + size(section.closing) + _SECTION_OVERHEAD
        if cost > room:
            break
        room -= cost
        shown.append(section)
    for weight in Weight:
        entries = [item for section in shown for item in section.entries if item.weight is weight]
        room = _grant(entries, Detail.NAMED, room)
        room = _grant(entries, Detail.FULL, room)
    return [_render(section) for section in shown]


def _grant(entries: Sequence[Entry], detail: Detail, room: int) -> int:
    """Raise entries to `detail` in order until the room is used up; returns what is left."""
    for item in entries:
        if detail is Detail.NAMED:
            cost = size([item.head])
            if cost > room:
                return 0  # or lesser entries would take the place of graver ones
        else:
            cost = size(item.body)
            if item.detail is Detail.COUNTED or cost > room:
                continue
        item.detail = detail
        room -= cost
    return room


def _render(section: Section) -> list[str]:
    lines = list(section.opening)
    for weight in Weight:
        entries = [item for item in section.entries if item.weight is weight]
        if entries:
            lines += ["", *_group(weight, entries)]
    return [*lines, *section.closing]


def _group(weight: Weight, entries: Sequence[Entry]) -> list[str]:
    named = [item for item in entries if item.detail is not Detail.COUNTED]
    block = [line for item in named for line in (item.head, *(item.body if item.detail is Detail.FULL else ()))]
    content = blocks.fenced(block, "diff") if block else []
    without_detail = sum(1 for item in named if item.detail is Detail.NAMED and item.body)
    left_out = [item.change for item in entries if item.detail is Detail.COUNTED]
    if without_detail:
        content += ["", f"{words.plural(without_detail, 'resource')} above without properties, for want of room."]
    if left_out:
        content += ["", f"Not listed, for want of room: {_counted(left_out)}."]
    if weight is Weight.BOOKKEEPING:
        return blocks.folded(f"{TITLES[weight]}: {len(entries):,} ({wording.BOOKKEEPING_NOTE})", content)
    if weight is Weight.CREATES and len(block) > _FOLD_CREATES_OVER:
        return blocks.folded(f"{TITLES[weight]} {words.plural(len(entries), 'resource')}", content)
    return [f"**{TITLES[weight]}**", "", *content]


def _counted(changes: Sequence[ResourceChange]) -> str:
    types = Counter(words.resource_type(change.type) for change in changes).most_common(5)
    named = [f"{count:,} of type {words.code(name)}" for name, count in types]
    others = len(changes) - sum(count for _, count in types)
    return f"{wording.tally(changes)} ({', '.join([*named, *([f'{others:,} others'] if others else [])])})"
