"""What follows downstream as Markdown: a list that is always there, and a section for each stack as there is room."""

from collections.abc import Iterable, Iterator, Sequence

from gitops.flow import words
from gitops.flow.plans import compare, downstream
from gitops.flow.plans.downstream import unknown_values
from gitops.model import Downstream, Plan, PolicyFinding, PolicyLevel, ResourceChange, by_weight, weight_of
from gitops.views import wording
from gitops.views.markdown import layout
from gitops.views.markdown.layout import Section

TITLE = "Downstream stacks that will follow"
NO_PLAN = (
    "They read outputs that this change moves. This is what they would do with the new ones: no plan, approved by "
    "nobody, and previewed again once those outputs are there"
)
MAY_BE_NONE = "may come out as no change: hangs on values that are unknown until then"
_NAMED = 12
_READS_NAMED = 3
_DIFFERENCE_BYTES = 4_000


def summary(one: Downstream) -> str:
    """What follows in one stack, in a few words."""
    if one.untold:
        return "cannot be told"
    violated = sum(finding.level is PolicyLevel.MANDATORY for finding in one.findings)
    parts = [wording.tally(one.changes) or "no changes"]
    if hanging := sum(map(downstream.hangs_on_unknown, one.changes)):
        parts.append(f"{hanging:,} of them may come out as no change")
    parts += [f"{words.plural(unknown_values(one), 'value')} unknown until then"] if unknown_values(one) else []
    parts += [f"{words.plural(violated, 'violation')} of mandatory policies"] if violated else []
    return "; ".join(parts)


def difference(plan: Plan, one: Downstream) -> Iterator[str]:
    """How what follows differs from the stack's own plan, the gravest first; nothing where both do the same."""
    appeared, vanished, altered = compare.changes(downstream.without_references(plan.changes), one.changes)
    found = [(change, "also") for change in appeared]
    found += [(after, "otherwise") for _, after in altered]
    found += [(change, "not any more") for change in vanished]
    for change, word in sorted(found, key=lambda pair: (weight_of(pair[0]), pair[0].urn, pair[1])):
        yield f"{word}: {_named(change)}"
        yield from () if word == "not any more" else layout.entry(change).body


def gravest(one: Downstream) -> list[str]:
    """Its changes a line each, the gravest first; of many, the first."""
    changes = by_weight(one.changes)
    lines = [_named(change) for change in changes[:_NAMED]]
    return lines + ([f"and {wording.tally(changes[_NAMED:])}"] if len(changes) > _NAMED else [])


def warning(found: Iterable[Downstream]) -> list[str]:
    """What a reviewer must not miss of it: stacks in which something is destroyed, or of which nothing can be told."""
    lines = []
    for one in found:
        destroyed = [change for change in one.changes if change.operation.destroys]
        if one.untold:
            lines.append(f"> - {words.code(one.stack.label)}: it cannot be told what follows.")
        elif destroyed:
            hanging = sum(map(downstream.hangs_on_unknown, destroyed))
            perhaps = f" ({hanging:,} of them may come out as no change)" if hanging else ""
            lines.append(f"> - {words.code(one.stack.label)}: {wording.tally(destroyed)}{perhaps}")
    if len(lines) > _NAMED:
        lines[_NAMED:] = [f"> - and {words.plural(len(lines) - _NAMED, 'more stack')}"]
    return ["", "> [!WARNING]", "> Downstream, once this is applied:", *lines] if lines else []


def index(found: Sequence[Downstream]) -> list[str]:
    """The stacks that follow, a line each; of many, the first."""
    if not found:
        return []
    lines = ["", f"**{TITLE}.** {NO_PLAN}.", ""]
    for one in found[:_NAMED]:
        lines.append(f"- {words.code(one.stack.label)}, which reads {_reads(one)}: {_grave(one)}")
    if rest := found[_NAMED:]:
        changes = wording.tally(change for one in rest for change in one.changes)
        lines.append(f"- and {words.plural(len(rest), 'more stack')}: {changes or 'no changes'}")
    return lines


def section(one: Downstream) -> Section:
    """One stack that follows, for the layout."""
    opening = ["", f"### {words.code(one.stack.label)} will follow: {_grave(one)}", *_told(one)]
    entries = [layout.entry(change) for change in by_weight(one.changes)]
    for entry in entries:
        if downstream.hangs_on_unknown(entry.change):
            entry.head += f" ({MAY_BE_NONE})"
    return Section(opening, [], entries)


def beside(one: Downstream, plan: Plan | None) -> list[str]:
    """What is said of it in the section of the stack's own plan; None: its own preview failed."""
    lines = ["", f"**Will be looked at again** after {_reads(one)} was applied: {_grave(one)}.", *_told(one)]
    if one.untold:
        return lines
    if plan is None:
        return [*lines, "", *layout.bounded(map(_named, by_weight(one.changes)))] if one.changes else lines
    differences = list(difference(plan, one))
    if not differences:
        return [*lines[:2], "By then its plan is the same."]
    return [
        *lines,
        "",
        "By then, unlike in the plan here:",
        "",
        *layout.bounded(_within(differences, _DIFFERENCE_BYTES)),
    ]


def unknown(one: Downstream) -> str:
    """Which outputs are unknown until then, and what that means for the rest; empty where all are known."""
    if not one.unknown:
        return ""
    names = [words.clip(name) for name in one.unknown]
    return f"Unknown until then: {words.listed(words.first(names, _NAMED))}"


def _within(lines: Iterable[str], room: int) -> Iterator[str]:
    """The first lines, as many as have room: what is said beside a plan must not take the plan's own place."""
    for line in lines:
        room -= layout.size([line])
        if room < 0:
            yield "… the rest is in the log of the run"
            return
        yield line


def _told(one: Downstream) -> list[str]:
    lines: list[str] = []
    if one.untold:
        texts = (line for text in one.untold for line in text.splitlines() or [""])
        lines += ["", *layout.bounded(words.clip(line, words.LINE_LIMIT) for line in texts)]
    if text := unknown(one):
        lines += ["", *layout.bounded([text])]
    if one.findings:
        lines += ["", "**Policy**", "", *layout.bounded(map(finding, wording.findings(one.findings)))]
    return lines


def finding(found: PolicyFinding) -> str:
    """A policy's finding in a line."""
    where = f"  {words.resource_of(found.urn)}" if found.urn else ""
    rule = f"{words.clip(found.pack)}/{words.clip(found.policy)}"
    return f"{found.level}: {rule}{where}: {words.clip(found.message, words.LINE_LIMIT)}"


def _named(change: ResourceChange) -> str:
    hanging = f" ({MAY_BE_NONE})" if downstream.hangs_on_unknown(change) else ""
    return f"{change.operation} {words.resource(change)}{hanging}"


def _reads(one: Downstream) -> str:
    return words.listed(words.first([words.code(stack.label) for stack in one.reads], _READS_NAMED))


def _grave(one: Downstream) -> str:
    grave = one.untold or any(change.operation.destroys for change in one.changes)
    return f"**{summary(one)}**" if grave else summary(one)
