"""What pull requests that carry a release tell of it, as Markdown; foreign text goes through `blocks`."""

from collections.abc import Sequence

from gitops.flow.releases.release import Release
from gitops.flow.words import code, minute, plural, short
from gitops.model import Commit, Record
from gitops.model.record_bodies import Released, Unchanged
from gitops.views.markdown import blocks
from gitops.views.markdown.blocks import html_code

_COMMITS_SHOWN = 30
_PATHS_SHOWN = 30
_CHECKS_SHOWN = 10


def evidence(release: Release) -> list[str]:
    """A table of how each stack came to the release."""
    rows = [
        f"| {html_code(stack.label)} | {minute(record.at)} | {html_code(record.by)} | {_checks(record)} |"
        for stack, record in sorted(release.records.items())
    ]
    return blocks.table(("stack", "released", "by", "checks"), rows, "stack")


def _checks(record: Record) -> str:
    body = record.read()
    if isinstance(body, Unchanged):
        return f"nothing since {html_code(short(body.unchanged_since))}, its release before, affects it"
    checks = body.checks if isinstance(body, Released) else ()
    told = [
        f"{'✓' if check.passed else '✗'} {html_code(check.name)} {html_code(check.detail)}"
        for check in checks[:_CHECKS_SHOWN]
    ]
    more = [f"and {len(checks) - _CHECKS_SHOWN} more"] if len(checks) > _CHECKS_SHOWN else []
    return "<br>".join([*told, *more]) or "none on record"


def commits(found: Sequence[Commit]) -> list[str]:
    """The commits as a list, the newest first; the rest is counted."""
    lines = [f"- {code(short(one.id))} {code(one.subject)} by {code(one.author)}" for one in found[:_COMMITS_SHOWN]]
    return [*lines, *_more(len(found) - _COMMITS_SHOWN, "commit")]


def paths(found: Sequence[str]) -> list[str]:
    """Paths as a list; the rest is counted."""
    return [*(f"- {code(path)}" for path in found[:_PATHS_SHOWN]), *_more(len(found) - _PATHS_SHOWN, "file")]


def _more(count: int, noun: str) -> list[str]:
    return [f"- and {plural(count, f'more {noun}')}"] if count > 0 else []
