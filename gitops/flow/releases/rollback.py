"""A rollback: an environment's branch gets the files of an earlier release again, by a pull request. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gitops.errors import LedgerBroken, Refused
from gitops.flow.ledger.chain import History, Query
from gitops.flow.plans import plan as plans
from gitops.flow.releases import release
from gitops.flow.releases.release import Release
from gitops.model import Commit, Operation, Record, RecordKind, ResourceChange, Stack
from gitops.views.markdown import blocks
from gitops.views.markdown.blocks import code, html_code
from gitops.views.wording import clip, minute, plural, resource_type, short

_APPLIES_SHOWN = 20
_WORDS = {Operation.DELETE: "deleted", Operation.REPLACE: "replaced"}


class Outcome(StrEnum):
    """How a rollback ended."""

    PROPOSED = "proposed"
    WOULD_PROPOSE = "would propose"
    NOTHING = "nothing to do"


@dataclass(frozen=True, slots=True)
class Lost:
    """A resource that an apply since the target deleted or replaced: what it held does not come back."""

    stack: Stack
    change: ResourceChange
    applied: Record


@dataclass(frozen=True, slots=True)
class Losses:
    """What a rollback cannot undo, as far as the ledger tells; `untold` are applies without a plan on record."""

    lost: tuple[Lost, ...] = ()
    untold: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """What a rollback takes back: commits and paths; `kept` are workflows that stay as they are."""

    gone: tuple[Commit, ...]
    changed: tuple[str, ...]
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the request: to which release, from which commit of the branch."""

    environment: str
    outcome: Outcome
    to: str
    taken: str
    branch: str = ""
    head: str = ""
    pull_request: int | None = None
    body: str = ""
    losses: Losses = Losses()


def branch_of(environment: str) -> str:
    """The branch of an environment's rollbacks."""
    return f"gitops/rollback/{environment}"


def title(environment: str, to: Release) -> str:
    """The pull request's title."""
    return f"Roll back {environment} to {short(to.commit)}"


def losses(history: History, to: Release) -> Losses:
    """What applies since the release destroyed, read from the plans that they applied."""
    lost: list[Lost] = []
    untold: list[Record] = []
    for stack, since in sorted(to.records.items()):
        for applied in _applies(history, stack, since.sequence):
            found = _destroyed(history, stack, applied)
            if found is None:
                untold.append(applied)
            else:
                lost += [Lost(stack, change, applied) for change in found]
    return Losses(tuple(lost), tuple(untold))


def _applies(history: History, stack: Stack, after: int) -> list[Record]:
    """Each apply that began, however it ended; one that ended before it touched anything is none."""
    kinds = (RecordKind.APPLY_STARTED, RecordKind.APPLY_FAILED)
    found: list[Record] = []
    for record in history.select(Query(stack=stack.label, kinds=kinds, after=after), oldest_first=True):
        if record.kind is RecordKind.APPLY_STARTED:
            found.append(record)
        elif found and record.body.get("touched") is False:
            found.pop()
    return found


def _destroyed(history: History, stack: Stack, applied: Record) -> tuple[ResourceChange, ...] | None:
    """What the applied plan destroys; None where it is not on record, or cannot be read."""
    digest = applied.body.get("plan_digest")
    for record in history.select(Query(stack=stack.label, kinds=(RecordKind.PLAN,), until=applied.at)):
        body = record.body.get("plan")
        if isinstance(body, Mapping) and body.get("plan_digest") == digest:
            try:
                plan = plans.from_body(body)
            except (LedgerBroken, Refused):
                return None
            unknown = tuple(one for one in plan.changes if one.operation is Operation.UNKNOWN)
            return (*plan.destroys, *unknown)
    return None


def body(found: Result, to: Release, content: Content, by: str) -> str:
    """The pull request's text: what it returns to, what it takes back, what nobody can take back."""
    taken = code(short(found.taken))
    lines = [
        f"{code(by)} asked to roll {code(found.environment)} back from {taken} to its release {code(to.commit)}. One "
        "commit gives the branch the files of that release again; the history stays.",
        "",
        "It is previewed against what is live today, reviewed, approved and applied like any other change. The plan is "
        "in the comment that the preview writes below; it is this plan that an approval stands for.",
        "",
        "**The release it returns to**",
        "",
        *release.evidence(to),
        "",
        *_irreversible(found.losses),
        "",
        f"**What it takes back**: {plural(len(content.changed), 'file')}, {plural(len(content.gone), 'commit')}.",
        "",
        *release.commits(content.gone),
        "",
    ]
    if content.kept:
        lines += [
            "**What stays**: the pipeline's own workflows are not rolled back. They differ from the release here:",
            "",
            *release.paths(content.kept),
            "",
        ]
    return "\n".join(lines) + "\n"


def _irreversible(found: Losses) -> list[str]:
    lines: list[str] = []
    if found.lost:
        lines += [
            f"**What a rollback cannot undo**: {plural(len(found.lost), 'resource')} deleted or replaced since. If the "
            "release declares them they are made anew, empty; what they held does not come back.",
            "",
            *blocks.table(("stack", "what was done", "resource", "applied"), list(map(_row, found.lost)), "resource"),
        ]
    elif not found.untold:
        lines.append("**What a rollback cannot undo**: no plan that was applied since deletes or replaces anything.")
    for applied in found.untold[:_APPLIES_SHOWN]:
        lines += [
            "",
            f"The ledger has no readable plan of the apply of {code(short(applied.commit))} to {code(applied.stack)} "
            f"at {minute(applied.at)}: what it destroyed is not known here.",
        ]
    more = len(found.untold) - _APPLIES_SHOWN
    return [*lines, *(["", f"So it is with {plural(more, 'more apply')}."] if more > 0 else [])]


def _row(one: Lost) -> str:
    done = _WORDS.get(one.change.operation, "unknown operation")
    named = f"{html_code(resource_type(one.change.type))} {html_code(one.change.name)}"
    return f"| {html_code(one.stack.label)} | {done} | {named} | {minute(one.applied.at)} |"


def lines(found: Result) -> list[str]:
    """The terminal form."""
    name, to = clip(found.environment), short(found.to)
    if found.outcome is Outcome.NOTHING:
        return [f"{name}: its branch has the files of {to} already"]
    told = {
        Outcome.PROPOSED: f"{name}: pull request #{found.pull_request} rolls back to {to}",
        Outcome.WOULD_PROPOSE: f"{name}: would be rolled back to {to}",
    }[found.outcome]
    lost = found.losses
    notes = [f"  {plural(len(lost.lost), 'resource')} deleted or replaced since do not come back"] if lost.lost else []
    notes += [f"  {plural(len(lost.untold), 'apply')} without a plan on record"] if lost.untold else []
    return [told, *notes]


def as_document(found: Result) -> Mapping[str, Any]:
    """The JSON form."""
    return {
        "format": 1,
        "environment": found.environment,
        "outcome": found.outcome.value,
        "to": found.to,
        "from": found.taken,
        "branch": found.branch or None,
        "head": found.head or None,
        "pull_request": found.pull_request,
        "cannot_undo": [
            {"stack": one.stack.label, "urn": one.change.urn, "operation": one.change.operation.value}
            for one in found.losses.lost
        ],
        "applies_without_a_plan": [{"stack": one.stack, "commit": one.commit} for one in found.losses.untold],
        "body": found.body or None,
    }
