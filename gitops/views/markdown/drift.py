"""The issue about an environment's live drift, as Markdown: what differs, and the two ways out."""

from collections.abc import Sequence

from gitops.flow import words
from gitops.flow.drift.classification import Look, Report, State
from gitops.flow.plans.values import top_level
from gitops.flow.words import code, short
from gitops.model import Operation, ResourceChange
from gitops.views.markdown import blocks
from gitops.views.markdown.blocks import html_code

_STACKS_SHOWN = 20
_TABLE_LIMIT = 45_000
_PROPERTIES_SHOWN = 8


def marker(environment: str) -> str:
    """The first line of the environment's issue, by which the next run finds it again."""
    return blocks.marker("drift", environment)


def title(environment: str) -> str:
    """The issue's title."""
    return f"Live drift in {words.clip(environment)}"


def issue(found: Report) -> str | None:
    """The issue's text while anything has drifted; None once all is as released.

    Values are left out: whoever may read issues need not be allowed to see them.
    """
    drifted, unknown = found.of(State.DRIFTED), found.of(State.UNKNOWN)
    if not drifted:
        return None
    lines = [
        marker(found.environment),
        f"Live infrastructure of {code(found.environment)} differs from what is released there, and no change in Git "
        "says why.",
        "",
    ]
    rows = [row for look in drifted for row in _rows(look)]
    lines += [*blocks.table(("stack", "resource", "live", "properties"), rows, "resource", _TABLE_LIMIT), ""]
    if unknown:
        names = _some([code(one.stack.label) for one in unknown])
        lines += [f"Not known of {names}: the preview failed.", ""]
    stacks = _some([code(f"Pulumi.{one.stack.name}.yaml") for one in drifted])
    lines += [
        "**Two ways out**",
        "",
        f"- *Revert it*: open a pull request into {code(found.branch)} that affects the stack; a comment in {stacks} "
        "is enough. Its plan shows the drift being taken back, and an approval stands for exactly that. `gitops up` "
        "alone does nothing here, since that commit is applied already.",
        f"- *Adopt it*: change the program in a pull request into {code(found.branch)} until its plan leaves these "
        "resources alone.",
        "",
        f"`gitops drift --environment {_word(found.environment)}` shows the values. This text follows what the next "
        "look finds; the issue is closed once nothing differs.",
    ]
    return "\n".join(lines) + "\n"


_WHAT_HAPPENED = {
    Operation.CREATE: "is gone; an apply would create it",
    Operation.DELETE: "is not declared; an apply would delete it",
    Operation.REPLACE: "differs; an apply would replace it",
    Operation.UPDATE: "differs; an apply would update it",
}


def _rows(look: Look) -> list[str]:
    stack = f"{html_code(look.stack.label)} at {html_code(short(look.commit))}"
    return [
        f"| {stack} | {html_code(words.resource_type(one.type))} {html_code(one.name)} "
        f"| {_WHAT_HAPPENED.get(one.operation, 'differs')} | {_properties(one)} |"
        for one in look.drifted
    ]


def _some(names: Sequence[str]) -> str:
    return words.listed(words.first(names, _STACKS_SHOWN))


def _properties(change: ResourceChange) -> str:
    if change.operation in (Operation.CREATE, Operation.DELETE):
        return ""
    paths = list(dict.fromkeys(top_level(one.path) for one in change.properties))
    return ", ".join(words.first([html_code(path) for path in paths], _PROPERTIES_SHOWN))


def _word(text: str) -> str:
    """A name as gitops.yaml allows it, which needs no quoting."""
    return "".join(c for c in text if c.isalnum() or c in "._/-")
