"""The state of every control of an environment in a terminal: one a line, then what there is to do about each."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gitops.flow import words
from gitops.flow.compliance.controls import Compliance, Control, ControlState
from gitops.flow.words import clip, plural, short, visible
from gitops.views.terminal.lines import Lines

_STYLES = {
    ControlState.VIOLATED: "red",
    ControlState.NOT_EVALUATED: "yellow",
    ControlState.NEVER_RAN: "yellow",
    ControlState.EXEMPT: "cyan",
    ControlState.PASSED: "green",
    ControlState.NOT_APPLICABLE: "dim",
}
_TOLD = (ControlState.VIOLATED, ControlState.NOT_EVALUATED, ControlState.EXEMPT)
_SHOWN = 20
_COLUMNS = ("state", "level", "severity", "rule", "stands for")
_COUNTS = ("passed", "violated", "not evaluated", "exempt", "not applicable")


def view(found: Sequence[Compliance]) -> RenderableType:
    """Each environment, in promotion order."""
    parts: list[RenderableType] = []
    for one in found:
        parts += [Text(), *_environment(one)] if parts else _environment(one)
    return Group(*parts)


def _environment(one: Compliance) -> Iterator[RenderableType]:
    top = Lines()
    told = [plural(count, "control") + f" {state.value}" for state, count in one.counts.items() if count]
    grave = "bold red" if one.violated else "bold"
    top.add(f"{clip(one.environment)}: {words.listed(told) if told else 'no policy pack is named'}", grave)
    for stack, commit, packs in one.stacks:
        names = [f"{clip(pack.name)} {clip(pack.version)} (files {short(pack.digest)})" for pack in packs]
        top.add(
            f"  {clip(stack.label)} at {short(commit)}: {words.listed(names) if names else 'no pack'}", "dim", hang=4
        )
    yield top
    if one.controls:
        yield _table(one.controls)
    yield from filter(None, map(_findings, one.controls))


def _table(controls: Sequence[Control]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in _COLUMNS:
        table.add_column(column, overflow="fold")
    for column in _COUNTS:
        table.add_column(column, justify="right")
    for one in controls:
        counts = (getattr(one.tally, column.replace(" ", "_")) for column in _COUNTS)
        named = ", ".join(clip(control) for control in one.controls)
        cells = (one.state.value, one.level, one.rule.severity, f"{clip(one.rule.pack)}/{clip(one.rule.name)}", named)
        style = _STYLES[one.state] if one.state is not ControlState.VIOLATED or one.is_violated else "yellow"
        table.add_row(
            *(Text(cell) for cell in (*cells, *(f"{count:,}" if count else "" for count in counts))), style=style
        )
    return table


def _findings(one: Control) -> Lines | None:
    """What was found, and the remedy that the rule itself gives."""
    if one.state not in _TOLD or not one.findings:
        return None
    lines = Lines()
    lines.add()
    title = f": {clip(one.rule.title)}" if one.rule.title else ""
    lines.add(
        f"{one.state.value}, {one.level or 'no level'}: {clip(one.rule.pack)}/{clip(one.rule.name)}{title}", "bold"
    )
    for found in one.findings[:_SHOWN]:
        about = words.resource_of(found.finding.urn) if found.finding.urn else "the stack"
        level = "exempt" if found.exempt else found.finding.level.value
        lines.add(f"  {clip(found.stack.label)}  {about}  ({level})", hang=4)
        for line in found.finding.message.splitlines():
            lines.add(f"    │ {visible(line)}", hang=6)
    if len(one.findings) > _SHOWN:
        lines.add(f"  and {plural(len(one.findings) - _SHOWN, 'more finding')}; see --json")
    if one.rule.remedy:
        lines.add(f"  remedy: {visible(one.rule.remedy)}", "bold", hang=4)
    if one.rule.url:
        lines.add(f"  see {visible(one.rule.url)}", "dim", hang=4)
    return lines
