"""What `gitops doctor` found, in a terminal: what is missing and what could not be checked first, each with its fix."""

from collections import Counter
from collections.abc import Sequence

from rich.console import RenderableType

from gitops.flow.doctor.findings import Finding, State
from gitops.flow.words import clip, visible
from gitops.views.terminal.lines import Lines

_STYLES = {State.MISSING: "bold red", State.NOT_CHECKED: "bold yellow", State.ADVICE: "cyan", State.PASSED: "dim"}
_WIDTH = max(len(state.value) for state in State)


def view(findings: Sequence[Finding]) -> RenderableType:
    """Every finding, the gravest first; a count of each kind at the end."""
    lines = Lines()
    for state, style in _STYLES.items():
        # What is alike is said once: a token that may not read is the same trouble in every check.
        alike: dict[tuple[str, str], list[Finding]] = {}
        for one in findings:
            if one.state is state:
                alike.setdefault((one.text, one.fix), []).append(one)
        for (text, fix), group in alike.items():
            checks = ", ".join(dict.fromkeys(one.about.value for one in group))
            subjects = ", ".join(dict.fromkeys(clip(one.subject) for one in group))
            head = f"{state.value:{_WIDTH}}  {checks}: {subjects}: "
            lines.add(f"{head}{visible(text)}", style, hang=_WIDTH + 2)
            if fix:
                lines.add(f"{' ' * _WIDTH}  Fix: {visible(fix)}", hang=_WIDTH + 2)
    lines.add()
    lines.add(summary(findings), "bold")
    return lines


def summary(findings: Sequence[Finding]) -> str:
    """How many of each kind: `12 ok, 1 missing`."""
    counts = Counter(one.state for one in findings)
    return ", ".join(f"{counts[state]} {state.value}" for state in reversed(_STYLES) if counts[state])
