"""The report of a review: one HTML file that needs nothing else, with all that the comment has no room for.

It loads nothing and runs nothing: there is no script, and a Content-Security-Policy forbids everything but its own
style sheet, which it names by hash. Whatever a template prints passes `wording.visible`, and is escaped.

The file stays below `LIMIT` bytes whatever comes: each part has room of its own, what destroys comes first, and what
has no room is counted in words.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gitops import __version__
from gitops.flow import words
from gitops.model import (
    Operation,
    Outcome,
    Plan,
    PolicyFinding,
    PolicyLevel,
    PreviewFailure,
    Record,
    ResourceChange,
    Review,
    Stack,
    StackReview,
    Weight,
    weight_of,
)
from gitops.views import properties, wording
from gitops.views.html import drawing
from gitops.views.html.history import events
from gitops.views.markdown import downstream, review_comment
from gitops.views.properties import Mark

__all__ = ["HISTORY", "LIMIT", "render", "templates"]

LIMIT = 5_000_000
"""Bytes of the whole file. A phone opens it, and a mail server takes it."""

HISTORY = 20
"""How many of a stack's newest records are shown."""

_TOP, _FRAMES, _CHANGES, _GRAPHS = 500_000, 1_000_000, 2_800_000, 500_000
_LEAST_FRAME = 6_000
_AROUND = 80  # bytes around a resource
_BODY_LINES, _TEXT_LINES = 400, 60
_OPEN_UP_TO = 30
_MARK_CLASSES = {Mark.ADD: "add", Mark.DELETE: "del", Mark.CHANGE: "chg", Mark.SAME: "same"}
_FOLDED = (Weight.CREATES, Weight.BOOKKEEPING)

_NOTHING = Markup()

Item = TypeVar("Item")


@dataclass(slots=True)
class _Entry:
    """One resource change: its line, and its properties where there is room (`has_more`: there are some)."""

    change: ResourceChange
    anchor: str
    head: Markup = _NOTHING
    body: Markup = _NOTHING
    has_more: bool = False
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class _Some:
    """As many pieces as had room, and how many had none."""

    shown: Sequence[Any]
    left: int = 0


@dataclass(slots=True)
class _Group:
    """The changes of one weight."""

    weight: Weight
    entries: list[_Entry]

    @property
    def named(self) -> list[_Entry]:
        return [one for one in self.entries if one.head]

    @property
    def without_properties(self) -> int:
        return sum(one.has_more and not one.body for one in self.named)

    @property
    def left_out(self) -> str:
        """What is only counted; empty when all are named."""
        return wording.tally(one.change for one in self.entries if not one.head)

    @property
    def is_folded(self) -> bool:
        return self.weight is Weight.BOOKKEEPING or (self.weight is Weight.CREATES and len(self.entries) > _OPEN_UP_TO)


@dataclass(slots=True)
class _Section:
    """One stack; `anchor` is empty for one that is only in the index."""

    review: StackReview
    anchor: str
    groups: list[_Group] = field(default_factory=list)
    frame: Mapping[str, Any] = field(default_factory=dict)
    graph: Markup = _NOTHING
    graph_note: str = ""

    @property
    def entries(self) -> list[_Entry]:
        return [entry for group in self.groups for entry in group.entries]

    @property
    def counts(self) -> Counter[Weight]:
        """How many changes there are of each weight."""
        return Counter({group.weight: len(group.entries) for group in self.groups})


def render(review: Review, histories: Mapping[Stack, Sequence[Record]]) -> str:
    """The whole file. `histories` are each stack's records, newest first; more than `HISTORY` are not shown."""
    listed = [one for one in review.ordered() if not one.is_quiet]
    sections = [_Section(one, f"s{number}") for number, one in enumerate(listed, 1)]
    for section in sections:
        section.groups = _groups(section)
    shown = _framed(sections, histories)
    _detail(shown)
    _draw(shown)
    style = _asset("report.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        templates()
        .get_template("report.html")
        .render(
            review=review,
            style=Markup(style),  # noqa: S704 - our own file
            policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
            version=__version__,
            sections=shown,
            without_section=len(sections) - len(shown),
            **_top(review, sections, {section.anchor for section in shown}),
        )
    )


def _top(review: Review, sections: Sequence[_Section], shown: set[str]) -> dict[str, Any]:
    """What stands above the stacks, bounded."""
    changes = [change for section in sections for change in section.review.changes]
    results = [section.review.result for section in sections]
    findings = [finding for one in results if isinstance(one, Plan) for finding in one.findings]
    failed = sum(isinstance(one, PreviewFailure) for one in results)
    destroyed = [(section, entry) for section in sections for entry in section.entries if _destroys(entry)]
    packs = {pack for section in sections for pack in section.review.packs}
    quiet = [one.stack.label for one in review.ordered() if one.is_quiet]
    levels = [finding.level for finding in findings]
    violated, unevaluated = levels.count(PolicyLevel.MANDATORY), levels.count(PolicyLevel.NOT_EVALUATED)
    refused = review.verdict is not None and review.verdict.outcome is Outcome.REFUSE
    tone = "stop" if failed or violated or refused else "care" if destroyed or unevaluated else "go"
    rules = review.verdict.rules if review.verdict else ()
    return {
        "headline": wording.headline(words.clip(review.environment), changes, failed),
        "tone": tone if changes or tone == "stop" else "calm",
        "next_step": review_comment.next_step(review),
        "gate": review_comment.GATE_ANSWERS[review.verdict.outcome] if review.verdict else None,
        "rules": _some("rule", rules, _TOP // 20),
        "violated": violated,
        "unevaluated": unevaluated,
        "changed_stacks": sum(bool(section.review.changes) for section in sections),
        "packs": _some("pack", sorted(packs, key=lambda one: (one.path, one.fate)), _TOP // 20),
        "downstream": _some("following", review.downstream, _TOP // 10),
        "undeclared": _some("undeclared", review.undeclared, _TOP // 20),
        "quiet": _some("quiet", quiet, _TOP // 20),
        "destroyed_count": len(destroyed),
        "destroyed": _some(
            "destroyed", [(*one, one[0].anchor in shown, len(sections) > 1) for one in destroyed], _TOP // 3
        ),
        "index": _some("row", [(one, one.anchor in shown) for one in sections] if len(sections) > 1 else [], _TOP // 3),
    }


def _destroys(entry: _Entry) -> bool:
    return entry.change.operation.destroys


def _groups(section: _Section) -> list[_Group]:
    groups: dict[Weight, _Group] = {}
    for number, change in enumerate(section.review.changes, 1):
        weight = weight_of(change)
        entry = _Entry(change, f"{section.anchor}-{number}")
        groups.setdefault(weight, _Group(weight, [])).entries.append(entry)
    return list(groups.values())


def _framed(sections: Sequence[_Section], histories: Mapping[Stack, Sequence[Record]]) -> list[_Section]:
    """The sections that have room, the first ones first, each with all but its changes and its graph."""
    room = _FRAMES
    each = max(_LEAST_FRAME, _FRAMES // max(1, len(sections)))
    for number, section in enumerate(sections):
        section.frame = _frame(section.review, histories.get(section.review.stack, ()), each)
        room -= len(_piece("section", section).encode())
        if room < 0:
            return list(sections[:number])
    return list(sections)


def _frame(review: StackReview, records: Sequence[Record], room: int) -> dict[str, Any]:
    """What is told of a stack beside its changes and its graph, each part bounded."""
    plan = review.result
    past = events(islice(records, HISTORY))
    frame: dict[str, Any] = {
        "reasons": _some("reason", review.affected.reasons, room // 10),
        "history": _some("event", past, room // 5),
        "drift": (),
        "findings": _Some(()),
        "warnings": _Some(()),
        "failure": _Some(()),
    }
    if isinstance(plan, Plan):
        warnings = [list(islice(wording.warning(one), _TEXT_LINES)) for one in plan.warnings]
        frame["findings"] = _some("finding", wording.findings(plan.findings), room // 3)
        frame["warnings"] = _some("warning", warnings, room // 10)
        frame["drift"] = tuple(wording.drift(plan))
    else:
        lines = [line for text in (plan.message, *plan.diagnostics) for line in text.splitlines() or [""]]
        frame["failure"] = _some("line", [words.clip(line, words.LINE_LIMIT) for line in lines], room // 3)
    return frame


def _detail(sections: Sequence[_Section]) -> None:
    """Name the changes of all stacks, then show their properties, what destroys first, while there is room."""
    ordered = [
        entry
        for weight in Weight
        for section in sections
        for group in section.groups
        if group.weight is weight
        for entry in group.entries
    ]
    few = sum(weight_of(entry.change) not in _FOLDED for entry in ordered) <= _OPEN_UP_TO
    room = _CHANGES
    for entry in ordered:
        head = _piece("change_head", entry.change)
        room -= len(head.encode()) + _AROUND
        if room < 0:
            return
        entry.head = head
        entry.has_more = entry.change.operation is not Operation.DELETE and bool(entry.change.properties)
    for entry in ordered:
        if entry.has_more:
            body = _body(entry.change)
            room -= len(body.encode())
            if room < 0:
                return
            entry.body, entry.is_open = body, few and weight_of(entry.change) not in _FOLDED


def _body(change: ResourceChange) -> Markup:
    lines = properties.lines(change)
    shown = [(_MARK_CLASSES[line.mark], line) for line in lines[:_BODY_LINES]]
    return _piece("change_body", (shown, len(lines) - len(shown)))


def _draw(sections: Sequence[_Section]) -> None:
    """Draw the graphs, while there is room."""
    room = _GRAPHS
    for section in sections:
        if not section.review.changes:
            continue
        drawn = drawing.draw(section.review.graph, section.review.changes)
        anchors = {one.change.urn: one.anchor for one in reversed(section.entries) if one.head}
        if drawn is None:
            if not section.review.graph.resources:
                section.graph_note = _SPARED if section.review.same_as else _UNKNOWN
            continue
        graph = _piece("graph", (section, drawn, anchors))
        if len(graph.encode()) > room:
            section.graph_note = "It is left out, for want of room."
            continue
        section.graph = graph
        room -= len(graph.encode())


_SPARED = "No preview ran for this review, and records keep no graph. A preview with --fresh shows it."
_UNKNOWN = "It is not known here how the resources depend on each other."


def _some(macro: str, items: Sequence[Item], room: int) -> _Some:
    """The first items as pieces, as many as fit into `room` bytes."""
    shown: list[Markup] = []
    for item in items:
        piece = _piece(macro, item)
        room -= len(piece.encode())
        if room < 0:
            break
        shown.append(piece)
    return _Some(shown, len(items) - len(shown))


def _piece(macro: str, item: object) -> Markup:
    made: Markup = _macro(macro)(item)
    return made


@cache
def _macro(name: str) -> Callable[[object], Markup]:
    macro: Callable[[object], Markup] = getattr(templates().get_template("pieces.html").module, name)
    return macro


@cache
def _asset(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


_FOLDER = Path(__file__).parent / "templates"


@cache
def templates() -> Environment:
    """The templates, in which nothing is printed unescaped or invisibly."""
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.globals |= {
        "wording": wording,
        "words": words,
        "properties": properties,
        "fit_head": _fit_head,
        "fit_tail": _fit_tail,
        "is_plan": lambda result: isinstance(result, Plan),
        "finding_lines": _finding_lines,
        "name_of": _name_of,
        "path": _path,
        "Weight": Weight,
        "following_title": downstream.TITLE,
        "following_note": downstream.NO_PLAN,
        "following_summary": downstream.summary,
        "following_lines": downstream.gravest,
        "BOX_WIDTH": drawing.WIDTH,
        "BOX_HEIGHT": drawing.HEIGHT,
    }
    return made


def _shown(value: object) -> object:
    """What a template prints: our own markup as it is, everything else with nothing invisible in it."""
    return value if isinstance(value, Markup) else words.visible(str(value))


def _finding_lines(finding: PolicyFinding) -> list[str]:
    lines = finding.message.splitlines()
    more = [f"… {words.plural(len(lines) - _TEXT_LINES, 'more line')}"] if len(lines) > _TEXT_LINES else []
    return [*(words.clip(line, words.LINE_LIMIT) for line in lines[:_TEXT_LINES]), *more]


def _name_of(box: drawing.Box) -> tuple[str, str]:
    """Logical name and type of a resource in the graph."""
    token, _, name = words.resource_of(box.urn).partition(" ")
    return name, token


def _path(points: Sequence[tuple[int, int]]) -> str:
    """An arrow's way as SVG has it: straight through the columns that it passes, curved between them."""
    steps = [f"M{points[0][0]} {points[0][1]}"]
    for (left, above), (right, below) in pairwise(points):
        middle = (left + right) // 2
        straight = above == below
        steps.append(f"H{right}" if straight else f"C{middle} {above} {middle} {below} {right} {below}")
    return "".join(steps)


def _fit_head(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _fit_tail(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"…{text[1 - limit :]}"
