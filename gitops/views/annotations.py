"""Remarks beside the lines of a change: what changes a stack, what would be destroyed, which rule is violated. Pure.

The engine does not tell where a resource is declared. A resource's name usually stands in one place of the program, as
a literal: then that line is meant. Where it stands nowhere or twice, the remark goes to the change that is the reason.
"""

import ast
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gitops.flow import words
from gitops.model import Annotation, AnnotationLevel, Plan, PolicyFinding, PolicyLevel, Review, StackReview
from gitops.model.urn import name_in
from gitops.views import wording

MOST = 200
"""Remarks on one change; more would hide the lines they stand beside."""

_LEVELS = {PolicyLevel.MANDATORY: AnnotationLevel.FAILURE, PolicyLevel.NOT_EVALUATED: AnnotationLevel.WARNING}


@dataclass(frozen=True, slots=True)
class Place:
    """Lines of a file, the first is 1."""

    path: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Places:
    """Where things stand: `changed` has the first lines that the change touches in each file, `named` each literal."""

    changed: Mapping[str, Place]
    named: Mapping[str, Place]

    def of_resource(self, urn: str) -> Place | None:
        """The one line that has the resource's name."""
        return self.named.get(name_in(urn))

    def of_reason(self, review: StackReview) -> Place | None:
        """The first of the changed lines that are a reason for the stack."""
        return next((self.changed[one.path] for one in review.affected.reasons if one.path in self.changed), None)


def literals(sources: Iterable[tuple[str, bytes]]) -> Mapping[str, Place]:
    """Each string that stands in exactly one place of these Python files → that place."""
    found: dict[str, Place | None] = {}
    for path, source in sources:
        try:
            with warnings.catch_warnings(action="ignore"):
                tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                place = Place(path, node.lineno, node.end_lineno or node.lineno)
                found[node.value] = None if node.value in found else place
    return {text: place for text, place in found.items() if place is not None}


def annotations(review: Review, places: Places) -> tuple[Annotation, ...]:
    """The remarks on a review, the gravest first; at most `MOST`."""
    order = list(AnnotationLevel)
    made = [one for stack in review.ordered() for one in _of_stack(stack, places)]
    return tuple(sorted(dict.fromkeys(made), key=lambda one: -order.index(one.level))[:MOST])


def _of_stack(review: StackReview, places: Places) -> Iterator[Annotation]:
    label, plan, reason = review.stack.label, review.result, places.of_reason(review)
    if not isinstance(plan, Plan):
        if reason:
            yield _remark(reason, AnnotationLevel.FAILURE, f"{label}: preview failed", plan.message)
        return
    for finding in plan.findings:
        place = places.of_resource(finding.urn) or reason
        if place:
            level = _LEVELS.get(finding.level, AnnotationLevel.WARNING)
            yield _remark(place, level, f"{label}: {finding.pack}/{finding.policy}", _finding(finding))
    for change in review.changes:
        place = places.of_resource(change.urn) or reason
        if change.operation.destroys and place:
            notes = wording.notes(change)
            text = f"{change.operation} {words.resource(change)}{': ' if notes else ''}{notes}"
            yield _remark(place, AnnotationLevel.WARNING, f"{label}: {change.operation}", text)
    if plan.changes and reason:
        yield _remark(reason, AnnotationLevel.NOTICE, label, f"{label}: {wording.tally(plan.changes)}")


def _finding(finding: PolicyFinding) -> str:
    where = f"{words.resource_of(finding.urn)}\n" if finding.urn else ""
    return f"{finding.level}: {where}{finding.message}"


def _remark(place: Place, level: AnnotationLevel, title: str, message: str) -> Annotation:
    text = "\n".join(words.clip(line, words.LINE_LIMIT) for line in message.splitlines()[:20])
    return Annotation(place.path, place.first, level, words.clip(title), text, place.last)
