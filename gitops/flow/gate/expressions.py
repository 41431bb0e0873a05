"""Rules of one's own in CEL (https://cel.dev), over a plan as a document. Pure; fails closed.

An expression must come to true or false. One that cannot be read, names what does not exist, comes to anything else,
or costs more than `BUDGET` steps has no answer, and the rule it belongs to does not pass. Unlike in plain CEL, a name
that does not exist is never excused by the other side of `||` or by `has()`. Costs are counted in steps and not in
seconds, so that the answer is the same on every machine.

Secrets are not in the document. To read a secret or a value that is unknown until the apply has no answer either, so
that neither can pass for harmless; ask `secret` and `unknown` first.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gitops.flow import words
from gitops.flow.gate.case import Case, in_cel
from gitops.flow.plans import values
from gitops.model import (
    Inputs,
    Operation,
    Plan,
    PolicyFinding,
    PolicyLevel,
    PropertyChange,
    PropertyKind,
    PropertyValue,
    PullRequest,
    ResourceChange,
    SecretValue,
    Stack,
    StartState,
    UnknownValue,
)
from gitops.model.urn import Urn

if TYPE_CHECKING:  # importing cel-python takes 0.2 s
    from gitops.flow.gate.cel import Program

BUDGET = 1_000_000
"""Steps of one evaluation; see docs/gate.md for what that is in seconds."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether an expression is true; `problem` says why it has no answer, and then it is not."""

    holds: bool
    problem: str = ""


def answer(text: str, case: Case) -> Answer:
    """What the expression comes to; of a plan with an operation that nobody knows, nothing can be said."""
    from gitops.flow.gate.cel import ExpressionFailed

    if case.plan is None:
        return Answer(False, "there is no plan")
    unheard = [change for change in case.plan.changes if change.operation is Operation.UNKNOWN]
    if unheard:
        return Answer(False, f"this release does not know what is done to {words.resource(unheard[0])}")
    try:
        return Answer(_compiled(text).evaluate(_document(case), BUDGET))
    except ExpressionFailed as error:
        return Answer(False, str(error))


def problem(text: str) -> str:
    """What is wrong with an expression whatever the plan: its syntax, or a name that no plan has. Empty if nothing."""
    from gitops.flow.gate.cel import ExpressionFailed, UnknownName

    try:
        program = _compiled(text)
    except ExpressionFailed as error:
        return str(error)
    try:
        program.evaluate(_document(_SAMPLE), BUDGET)
    except UnknownName as error:
        return str(error)
    except ExpressionFailed:
        return ""
    return ""


@lru_cache(maxsize=64)
def _compiled(text: str) -> "Program":
    from gitops.flow.gate.cel import Program

    return Program(text)


def _document(case: Case) -> dict[str, Any]:
    """The variables of expressions: the fields of the case that have a name in CEL."""
    objects = {"plan": _plan(case.plan), "pull_request": _pull_request(case.pull_request)}
    variables: dict[str, Any] = {}
    for name, mark in in_cel().items():
        variable, _, member = mark.name.partition(".")
        if member:
            objects[variable][member] = _fact(getattr(case, name), mark.unknown)
        elif variable not in objects:
            variables[variable] = _fact(getattr(case, name), mark.unknown)
    return {**{name: _fields(name, **members) for name, members in objects.items()}, **variables}


def _fact(value: Any, unknown: str) -> Any:
    """A fact as CEL has it. One that is not known raises no error before an expression reads it."""
    from celpy.celtypes import TimestampType

    from gitops.flow.gate.cel import unreadable, value_of

    if value is None:
        return unreadable(unknown)
    return TimestampType(value) if isinstance(value, datetime) else value_of(value)


def _plan(plan: Plan | None) -> dict[str, Any]:
    if plan is None:
        return {}
    counts = Counter(change.operation for change in plan.changes)
    return {
        "stack": plan.stack.name,
        "project": plan.stack.project,
        "environment": plan.environment,
        "creates": counts[Operation.CREATE],
        "updates": counts[Operation.UPDATE],
        "replaces": counts[Operation.REPLACE],
        "deletes": counts[Operation.DELETE],
        "imports": counts[Operation.IMPORT],
        "unchanged": plan.unchanged,
        "changes": lambda: _list(map(_change, plan.changes)),
        "findings": lambda: _list(map(_finding, plan.findings)),
    }


def _pull_request(request: PullRequest | None) -> dict[str, Any]:
    return {
        "number": request.number if request else 0,
        "title": request.title if request else "",
        "author": request.author if request else "",
    }


def _change(change: ResourceChange) -> Any:
    return _fields(
        "a change",
        urn=change.urn,
        name=change.name,
        type=change.type,
        operation=change.operation.value,
        provider=change.provider,
        protected=change.protected,
        properties=lambda: _list(_property(one) for whole in change.properties for one in leaf_changes(whole)),
    )


def _property(change: PropertyChange) -> Any:
    from gitops.flow.gate.cel import unreadable

    secret = any(isinstance(value, SecretValue) for value in (change.old, change.new))
    unknown = isinstance(change.new, UnknownValue)

    def shown(value: PropertyValue) -> Any:
        if secret:
            return unreadable(f"{change.path} is a secret")
        if isinstance(value, UnknownValue):
            return unreadable(f"{change.path} is unknown until the apply")
        return value

    return _fields(
        "a property",
        path=change.path,
        kind=change.kind.value,
        old=shown(change.old),
        new=shown(change.new),
        secret=secret,
        unknown=unknown,
        replaces=change.replaces,
    )


def _finding(finding: PolicyFinding) -> Any:
    return _fields(
        "a finding",
        pack=finding.pack,
        policy=finding.policy,
        level=finding.level.value,
        message=finding.message,
        urn=finding.urn,
    )


def leaf_changes(change: PropertyChange) -> Iterator[PropertyChange]:
    """The property leaf by leaf, whatever the operation: a create has whole objects, an update their leaves."""
    old = {} if change.kind is PropertyKind.ADD else dict(_leaves(change.old, change.path))
    new = {} if change.kind is PropertyKind.DELETE else dict(_leaves(change.new, change.path))
    for path in sorted(old.keys() | new.keys()):
        kind = PropertyKind.ADD if path not in old else PropertyKind.UPDATE if path in new else PropertyKind.DELETE
        yield PropertyChange(path, kind, old.get(path), new.get(path), change.replaces)


def _leaves(value: PropertyValue, path: str) -> Iterator[tuple[str, PropertyValue]]:
    """Each leaf with its path; an empty object or list is one."""
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from _leaves(child, values.join(path, key))
    elif isinstance(value, list) and value:
        for index, child in enumerate(value):
            yield from _leaves(child, values.join(path, index))
    else:
        yield path, value


def _fields(what: str, **members: Any) -> Any:
    from gitops.flow.gate.cel import Fields, value_of

    return Fields(what, {name: value_of(value) for name, value in members.items()})


def _list(items: Iterable[Any]) -> Any:
    from celpy.celtypes import ListType

    return ListType(items)


_SAMPLE = Case(
    stack=Stack("shop", "dev"),
    commit="0" * 40,
    plan=Plan(
        stack=Stack("shop", "dev"),
        environment="dev",
        commit="0" * 40,
        changes=tuple(
            ResourceChange(
                str(Urn("dev", "shop", (), "aws:s3/bucket:Bucket", operation)),
                "aws:s3/bucket:Bucket",
                operation,
                "aws 7.21.0",
                (PropertyChange("bucket", PropertyKind.UPDATE, "old", "new"),),
            )
            for operation in Operation
        ),
        unchanged=1,
        start=StartState("", {}),
        inputs=Inputs({}, "", {}),
        findings=(PolicyFinding("pack", "policy", PolicyLevel.ADVISORY, "message"),),
        warnings=(),
        plan_digest="",
        input_digest="",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    ),
    pull_request=PullRequest(1, "title", "author", "main", "0" * 40),
    files=("__main__.py",),
    now=datetime(2026, 1, 1, tzinfo=UTC),
)
