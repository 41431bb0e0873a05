"""`gitops affected`: which stacks a change can alter, and why."""

import json
from collections.abc import Sequence

import click

from gitops.context import Context
from gitops.model import AffectedStack
from gitops.operations.affected import Affected, find_affected

JSON_FORMAT = 1


@click.command("affected", short_help="Print the stacks that a change affects, and why.")
@click.option(
    "--base", metavar="COMMIT", help="What to compare with. Default: where HEAD left the remote's default branch."
)
@click.option("--head", metavar="COMMIT", default="HEAD", show_default=True, help="The commit with the change.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: format, base, head, affected, note.")
@click.option("--verbose", "-v", is_flag=True, help="Print every reason, not only the first.")
@click.pass_obj
def command(context: Context, /, base: str | None, head: str, as_json: bool, verbose: bool) -> None:
    """Print the stacks that a change affects, each with its reasons.

    A change is the difference between two commits. A stack is affected when the change touches its values, its
    module, anything its program imports or names, what all stacks share, or a stack whose outputs it reads. A path
    that no rule explains affects every stack around it. Documents and tests affect none.

    \b
    gitops affected --base origin/main
    """
    found = find_affected(context.repository, base, head)
    if as_json:
        click.echo(json.dumps(as_document(found), ensure_ascii=True, indent=2))
    else:
        click.echo("\n".join(lines(found, verbose=verbose)))


def as_document(found: Affected) -> dict[str, object]:
    """The JSON form. Paths that are not UTF-8 carry their bytes as U+DC80 to U+DCFF, as Python's os.fsdecode does."""
    return {
        "format": JSON_FORMAT,
        "base": found.change.base,
        "head": found.change.head,
        "note": found.unreadable_base,
        "affected": [
            {
                "stack": one.stack.label,
                "project": one.stack.project,
                "name": one.stack.name,
                "folder": one.stack.folder,
                "reasons": [{"kind": r.kind.value, "path": r.path, "text": r.text} for r in one.reasons],
            }
            for one in found.stacks
        ],
    }


def lines(found: Affected, *, verbose: bool = False) -> list[str]:
    """The terminal form: one line a stack, or one a reason when `verbose`."""
    note = [f"note: before the change, {found.unreadable_base}; so every stack counts"] if found.unreadable_base else []
    if not found.stacks:
        return [*note, "no stack is affected"]
    width = max(len(one.stack.label) for one in found.stacks)
    body = [
        f"{label.ljust(width)}  {_printable(text)}"
        for one in found.stacks
        for label, text in zip(_labels(one, verbose), _texts(one, verbose), strict=True)
    ]
    return [*note, *body]


def _texts(one: AffectedStack, verbose: bool) -> Sequence[str]:
    if verbose:
        return [f"{reason.kind.value}: {reason.text}" for reason in one.reasons]
    more = len(one.reasons) - 1
    first = one.reasons[0]
    return [f"{first.kind.value}: {first.text}" + (f" (+{more} more)" if more else "")]


def _labels(one: AffectedStack, verbose: bool) -> Sequence[str]:
    return [one.stack.label, *[""] * (len(one.reasons) - 1)] if verbose else [one.stack.label]


def _printable(text: str) -> str:
    """A file name can hold anything; on a terminal it must stay one line of harmless characters."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
