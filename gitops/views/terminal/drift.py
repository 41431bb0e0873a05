"""Drift in a terminal: a line for each stack, and below it what differs."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from gitops.flow import words
from gitops.flow.drift.classification import Look, Report, State
from gitops.flow.words import clip, plural, short, visible
from gitops.model import ResourceChange, by_weight
from gitops.views import wording
from gitops.views.terminal.lines import Lines, add_change

_STYLES = {
    State.UNKNOWN: "bold red",
    State.DRIFTED: "bold red",
    State.CUT_SHORT: "yellow",
    State.NOT_VERIFIED: "yellow",
    State.NEVER_RELEASED: "yellow",
    State.AS_RELEASED: "green",
}


def view(found: Sequence[Report]) -> RenderableType:
    """Each environment, in promotion order."""
    parts: list[RenderableType] = []
    for one in found:
        parts += [Text(), *_environment(one)] if parts else _environment(one)
    return Group(*parts)


def differences(label: str, changes: Sequence[ResourceChange]) -> RenderableType:
    """What is live and not as it was applied to a stack."""
    lines = Lines()
    lines.add(f"  {clip(label)}: what is live differs from what was applied", _STYLES[State.DRIFTED], hang=4)
    for change in by_weight(changes):
        add_change(lines, change, indent=4)
    return lines


def _environment(found: Report) -> Iterator[RenderableType]:
    lines = Lines()
    lines.add(f"{clip(found.environment)}: {_headline(found)}", "bold")
    for look in found.looks:
        _add(lines, look, found)
    yield lines


def _headline(found: Report) -> str:
    counts = [(state, len(found.of(state))) for state in State]
    told = [f"{plural(count, 'stack')} {state.value}" for state, count in counts if count]
    pending = sum(one.pending for one in found.looks)
    told += [f"{plural(pending, 'stack')} with changes that are merged and not applied"] if pending else []
    return "; ".join(told) or "no stack"


def _add(lines: Lines, look: Look, found: Report) -> None:
    at = f" at {short(look.commit)}" if look.commit else ""
    lines.add(f"  {clip(look.stack.label)}: {look.state.value}{at}", _STYLES[look.state], hang=4)
    for line in look.problem.splitlines():
        lines.add(f"    │ {visible(line)}", hang=6)
    if look.cut_short:
        kind, commit = look.cut_short.kind.value, short(look.cut_short.commit)
        lines.add(f"    {kind}: the apply of {commit} did not end well, so what differs is its own work", hang=6)
    for change in look.drifted:
        add_change(lines, change, indent=4)
    if look.applied:
        text = f"    {short(look.applied)} is applied and not verified: `gitops up` verifies it, and applies nothing"
        lines.add(text, "yellow", hang=6)
    if look.ended:
        names = words.listed([clip(one.name) for one in look.ended])
        lines.add(f"    ended and gone, as its time to live says: {names}", "dim", hang=6)
    if look.noise:
        lines.add(f"    {plural(look.noise, 'change')} of bookkeeping: {wording.BOOKKEEPING_NOTE}", "dim", hang=6)
    if look.pending:
        lines.add(f"    merged and not applied: {short(found.tip)} affects it, beyond its release", "yellow", hang=6)
