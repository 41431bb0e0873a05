"""The pull request that rolls back, as Markdown: what it returns to, takes back, and cannot undo."""

from gitops.flow.releases.release import Release
from gitops.flow.releases.rollback import Content, Losses, Lost, Result
from gitops.flow.words import code, minute, plural, resource_type, short
from gitops.model import Operation
from gitops.views.markdown import blocks, release
from gitops.views.markdown.blocks import html_code

_APPLIES_SHOWN = 20
_WORDS = {Operation.DELETE: "deleted", Operation.REPLACE: "replaced"}


def title(environment: str, to: Release) -> str:
    """The pull request's title."""
    return f"Roll back {environment} to {short(to.commit)}"


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
