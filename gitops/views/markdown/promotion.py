"""The pull request that carries a promotion, as Markdown: what is promoted, its evidence, and what it touches."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from gitops.config.durations import duration
from gitops.config.settings import Environment
from gitops.flow.releases.promotion import Content
from gitops.flow.releases.release import Release
from gitops.flow.words import code, listed, minute, plural, short
from gitops.views.markdown import blocks, release

_STACKS_SHOWN = 20


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
