"""A promotion: what one environment would get from the one before it, and the pull request that carries it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from gitops.config.gate import duration
from gitops.config.settings import Environment
from gitops.flow.releases import release
from gitops.flow.releases.release import Release
from gitops.model import AffectedStack, Commit
from gitops.views.markdown import blocks
from gitops.views.markdown.blocks import code
from gitops.views.wording import clip, listed, minute, plural, short

_STACKS_SHOWN = 20


class Outcome(StrEnum):
    """How looking for something to promote ended."""

    PROPOSED = "proposed"
    WOULD_PROPOSE = "would propose"
    UP_TO_DATE = "up to date"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Content:
    """What a promotion brings: commits, changed paths, and the stacks that they affect.

    `unlike` are paths that would not be as they are released, since the branch has changes of its own there.
    `takes_up` is the rollback whose pull request is taken back by it, 0 for none.
    """

    commits: tuple[Commit, ...]
    changed: tuple[str, ...]
    affected: tuple[AffectedStack, ...]
    unlike: tuple[str, ...] = ()
    takes_up: int = 0


@dataclass(frozen=True, slots=True)
class Promotion:
    """One environment's answer. `reasons` say why not, or what of the environment before waits still."""

    environment: str
    before: str
    outcome: Outcome
    release: str = ""
    branch: str = ""
    head: str = ""
    pull_request: int | None = None
    reasons: tuple[str, ...] = ()
    body: str = ""


def branch_of(environment: str) -> str:
    """The branch of an environment's promotions."""
    return f"gitops/promote/{environment}"


def title(environment: str, found: Release) -> str:
    """The pull request's title."""
    return f"Promote {short(found.commit)} from {found.environment} to {environment}"


def body(to: Environment, found: Release, content: Content, later: Sequence[str], now: datetime) -> str:
    """The pull request's text: what is promoted, the evidence for it, what is in it, and what it touches."""
    source = code(found.environment)
    lines = [
        f"Release {code(found.commit)} of {source} is promoted to {code(to.name)}.",
        "",
        f"**Evidence from {source}**: every stack of it was released at this commit.",
        "",
        *release.evidence(found),
        "",
        _soak(to, found, now),
        "",
    ]
    if later:
        lines += [f"Later in {source}, and not part of this: {'; '.join(map(code, later[:_STACKS_SHOWN]))}.", ""]
    if content.takes_up:
        lines += [
            f"This environment was rolled back by #{content.takes_up}. The promotion takes that back: afterwards it is "
            "exactly the release again, with what was rolled back and all that came later.",
            "",
        ]
    if content.unlike:
        lines += [
            f"**Not as released.** The branch {code(to.branch)} has changes of its own, so these files would differ "
            f"from what was verified in {source}:",
            "",
            *release.paths(content.unlike),
            "",
        ]
    affected = [f"{code(one.stack.label)} ({code(one.reasons[0].text)})" for one in content.affected[:_STACKS_SHOWN]]
    more = len(content.affected) - _STACKS_SHOWN
    affected += [plural(more, "more stack")] if more > 0 else []
    lines += [
        f"**What it touches**: {plural(len(content.changed), 'file')}, "
        + (f"which affect {listed(affected)}." if affected else "which affect no stack."),
        "",
        "The plan is in the comment that the preview writes below. It is this plan that an approval stands for.",
        "",
        *blocks.folded(plural(len(content.commits), "commit"), release.commits(content.commits)),
    ]
    return "\n".join(lines) + "\n"


def _soak(to: Environment, found: Release, now: datetime) -> str:
    """How long it has been released, and whether that is enough."""
    age = max(now - found.since, timedelta())
    so_far = f"**Soak**: released in all stacks since {minute(found.since)}, {_span(age)} when this was written"
    if to.gate.soak is None:
        return f"{so_far}. {code(to.name)} asks for none."
    until = found.since + timedelta(seconds=to.gate.soak)
    asked = f"{code(to.name)} asks for {duration(to.gate.soak)}"
    return f"{so_far}. {asked}: {'that is over' if now >= until else f'until {minute(until)}'}."


def _span(age: timedelta) -> str:
    """A time span, roughly."""
    minutes = int(age.total_seconds()) // 60
    if minutes < 60:
        return plural(minutes, "minute")
    return plural(minutes // 60, "hour") if minutes < 48 * 60 else f"{minutes // 1440:,} days"


def lines(found: Promotion) -> list[str]:
    """The terminal form."""
    name, before = clip(found.environment), clip(found.before)
    told = {
        Outcome.PROPOSED: f"{name}: pull request #{found.pull_request} promotes {short(found.release)} from {before}",
        Outcome.WOULD_PROPOSE: f"{name}: {short(found.release)} from {before} would be promoted",
        Outcome.UP_TO_DATE: f"{name}: has all that is released in {before}",
        Outcome.WAITING: f"{name}: nothing of {before} can be promoted yet",
    }[found.outcome]
    return [told, *(f"  {clip(one, 400)}" for one in found.reasons)]


def as_document(found: Sequence[Promotion]) -> Mapping[str, Any]:
    """The JSON form."""
    return {
        "format": 1,
        "environments": [
            {
                "environment": one.environment,
                "before": one.before,
                "outcome": one.outcome.value,
                "release": one.release or None,
                "branch": one.branch or None,
                "head": one.head or None,
                "pull_request": one.pull_request,
                "reasons": list(one.reasons),
                "body": one.body or None,
            }
            for one in found
        ],
    }
