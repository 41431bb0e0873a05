"""Lines of text that hang where they wrap, and a resource change as such lines."""

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from gitops.flow import words
from gitops.model import ResourceChange, Weight, weight_of
from gitops.views import properties, wording
from gitops.views.properties import Mark

_WEIGHT_STYLES = {
    Weight.DESTROYS: "bold red",
    Weight.UNKNOWN: "bold magenta",
    Weight.CHANGES: "yellow",
    Weight.CREATES: "green",
    Weight.BOOKKEEPING: "dim",
}
MARK_STYLES = {Mark.ADD: "green", Mark.DELETE: "red", Mark.CHANGE: "yellow", Mark.SAME: "dim"}


class Lines:
    """Styled lines; one too long for the terminal continues `hang` columns in, at least two thirds of it usable."""

    def __init__(self) -> None:
        self._lines: list[tuple[Text, int]] = []

    def add(self, text: str = "", style: str = "", *, hang: int = 0) -> None:
        """Append one line."""
        self._lines.append((Text(text, style=style), hang))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for text, hang in self._lines:
            if text.cell_len <= options.max_width:
                yield text
                continue
            indent = min(hang, options.max_width // 3)
            first, *_ = text.wrap(console, options.max_width)
            yield first
            rest = text[len(first) :]
            rest.plain  # noqa: B018 - joins the text's parts, which `wrap` splits anew
            for line in rest.wrap(console, options.max_width - indent):
                yield Text(" " * indent).append_text(line)


def add_change(lines: Lines, change: ResourceChange, *, indent: int) -> None:
    """A resource change with its cause and its properties."""
    margin = " " * indent
    notes = wording.notes(change)
    mark = wording.MARKS[change.operation]
    head = f"{mark:<3} {change.operation} {words.resource(change)}{': ' if notes else ''}{notes}"
    lines.add(f"{margin}{head}", _WEIGHT_STYLES[weight_of(change)], hang=indent + 4)
    for line in properties.lines(change):
        add_property(lines, line, indent=indent + 4)


def add_property(lines: Lines, line: properties.Line, *, indent: int, label: str = "") -> None:
    """One line of a property difference, after an optional label."""
    gutter = "│ " if line.in_text else ""
    forces = f"  {properties.FORCES}" if line.forces else ""
    text = f"{' ' * indent}{label}{line.mark} {gutter}{line.text}{forces}"
    lines.add(text, MARK_STYLES[line.mark], hang=indent + len(label) + 4)


def add_moved(lines: Lines, name: str, before: str | None, after: str | None) -> None:
    """A thing with digests before and after (None: absent), by whether it is new, gone or another."""
    mark, style, word = ("~", "yellow", "differs")
    if before is None:
        mark, style, word = ("+", "green", "is new")
    elif after is None:
        mark, style, word = ("-", "red", "is gone")
    if before != after:
        lines.add(f"    {mark} {name} {word}", style, hang=6)
