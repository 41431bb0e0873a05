"""The review comment: what a pull request would do, as Markdown for its reviewers.

Three questions, in this order: what is destroyed, what changes, and can this be trusted. The comment never exceeds
its limit and is never cut: it is planned as an index first, and gains detail in the order of what matters while there
is room (`gitops.views.markdown.layout`). Text from outside is always inside code (`gitops.views.markdown.blocks`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from gitops.flow import words
from gitops.model import (
    Downstream,
    Outcome,
    Plan,
    PolicyFinding,
    PolicyLevel,
    PreviewFailure,
    Reason,
    ResourceChange,
    Review,
    Stack,
    StackReview,
    Verdict,
    Weight,
    weight_of,
)
from gitops.views import wording
from gitops.views.markdown import blocks, downstream, layout
from gitops.views.markdown.layout import Section

COMMENT_LIMIT = 65_000
"""Bytes. GitHub refuses a body over 65,536 characters; the poster needs some for itself."""

STEP_SUMMARY_LIMIT = 1_000_000
"""Bytes. GitHub drops a step summary over 1 MiB."""

GATE_ANSWERS = {
    Outcome.ALLOW: ("Gate: open.", "The apply may run."),
    Outcome.WAIT: ("Gate: waiting.", "The apply may not run yet."),
    Outcome.REFUSE: ("Gate: refused.", "The apply may not run."),
}

_DESTROYED_SHOWN = 20
_NAMED_STACKS = 12
# What stands in a web address as it is; a parenthesis or a space would end the Markdown link.
_URL_CHARACTERS = ":/?#&=%+,;@~-._"


def marker(environment: str) -> str:
    """The first line of the comment, by which the next run finds it again."""
    return blocks.marker("preview", environment)


def render(review: Review, limit: int = COMMENT_LIMIT) -> str:
    """The whole comment, at most `limit` bytes of UTF-8 (at least 20,000 are needed for a faithful index)."""
    stacks = review.ordered()
    listed = [s for s in stacks if not s.is_quiet]
    top = [marker(review.environment), _title(review), "", _facts(review), *_alerts(stacks), *_gone(review.undeclared)]
    top += downstream.warning(review.downstream)
    top += _gate(review.verdict)
    quiet = _quiet(review)
    bottom = [*(["", quiet] if quiet else []), "", "---", *_next(review), ""]
    room = limit - layout.size(top) - layout.size(bottom)
    named = {s.stack for s in listed}
    again = {one.stack: one for one in review.downstream if one.stack in named}
    only_following = [one for one in review.downstream if one.stack not in named]
    index = _index(listed, room // 3) if len(listed) > 1 else []
    index += downstream.index(only_following)
    planned = [*(_section(s, again.get(s.stack)) for s in listed), *map(downstream.section, only_following)]
    sections = layout.arrange(planned, room - layout.size(index) - 500)
    left = len(planned) - len(sections)
    more = (
        ["", f"{words.plural(left, 'stack')} without a section here, for want of room.{_report(review)}"]
        if left
        else []
    )
    return "\n".join([*top, *index, *(line for section in sections for line in section), *more, *bottom])


def title(review: Review) -> str:
    """The verdict in one line of plain text."""
    failed = sum(isinstance(s.result, PreviewFailure) for s in review.stacks)
    return wording.headline(review.environment, _all_changes(review.stacks), failed)


def _all_changes(stacks: Iterable[StackReview]) -> list[ResourceChange]:
    return [change for s in stacks for change in s.changes]


def _findings_of(stacks: Iterable[StackReview]) -> list[PolicyFinding]:
    return [finding for s in stacks if isinstance(s.result, Plan) for finding in s.result.findings]


def _title(review: Review) -> str:
    failed = sum(isinstance(s.result, PreviewFailure) for s in review.stacks)
    return f"## {wording.headline(words.code(review.environment), _all_changes(review.stacks), failed)}"


def _facts(review: Review) -> str:
    changed = sum(bool(s.changes) for s in review.stacks)
    affected = words.plural(len(review.stacks), "affected stack")
    parts = [f"{affected}, {changed:,} with changes"]
    if review.unaffected:
        parts.append(f"{words.plural(review.unaffected, 'other stack')} not affected")
    parts.append(f"{words.code(words.short(review.base))} → {words.code(words.short(review.head))}")
    return " · ".join(parts)


def _alerts(stacks: tuple[StackReview, ...]) -> list[str]:
    lines: list[str] = []
    destroyed = [(s.stack, change) for s in stacks for change in s.changes if change.operation.destroys]
    if destroyed:
        lines += ["", "> [!CAUTION]"]
        for stack, change in destroyed[:_DESTROYED_SHOWN]:
            notes = wording.notes(change)
            where = f" in {words.code(stack.label)}" if len(stacks) > 1 else ""
            lines.append(f"> - **{change.operation}** {words.code(words.resource(change))}{where}: {_safe(notes)}")
        if len(destroyed) > _DESTROYED_SHOWN:
            rest = [change for _, change in destroyed[_DESTROYED_SHOWN:]]
            lines.append(f"> - and {len(rest):,} more: {wording.tally(rest)}")
    findings = _findings_of(stacks)
    violated = sum(finding.level is PolicyLevel.MANDATORY for finding in findings)
    unevaluated = sum(finding.level is PolicyLevel.NOT_EVALUATED for finding in findings)
    if violated:
        verb = "policy is" if violated == 1 else "policies are"
        lines += ["", "> [!CAUTION]", f"> {violated:,} mandatory {verb} violated: this cannot be applied as it is."]
    if unevaluated:
        noun = "policy" if unevaluated == 1 else "policies"
        lines += ["", "> [!WARNING]", f"> {unevaluated:,} {noun} could not be evaluated. Not evaluated is not passed."]
    packs = sorted({pack for s in stacks for pack in s.packs}, key=lambda one: (one.path, one.fate))
    if packs:
        lines += ["", "> [!WARNING]"]
        told = [f"> - Policy pack {words.code(one.path)} {wording.pack_fate(one)}." for one in packs[:_NAMED_STACKS]]
        lines += told + ([f"> - and {len(packs) - _NAMED_STACKS:,} more"] if len(packs) > _NAMED_STACKS else [])
    return lines


def _gone(stacks: tuple[Stack, ...]) -> list[str]:
    """The stacks that nobody declares any more, which no preview would mention."""
    lines = [f"> Stack {words.code(stack.label)} {wording.UNDECLARED}." for stack in stacks[:_NAMED_STACKS]]
    if len(stacks) > _NAMED_STACKS:
        lines.append(f"> So are {len(stacks) - _NAMED_STACKS:,} more stacks.")
    return ["", "> [!WARNING]", *lines] if lines else []


def _safe(text: str) -> str:
    """Words of ours that may carry a property's name: the whole in code when they carry anything but plain letters."""
    return text if all(c.isalnum() or c in " ,;:" for c in text.replace("`protect`", "")) else words.code(text)


def _gate(verdict: Verdict | None) -> list[str]:
    if verdict is None:
        return []
    rules = [f"{rule.outcome:<7} {words.clip(rule.rule)}: {words.clip(rule.reason, 400)}" for rule in verdict.rules]
    answer, meaning = GATE_ANSWERS[verdict.outcome]
    return ["", f"**{answer}** {meaning}", "", *blocks.fenced(rules)]


def _index(stacks: list[StackReview], room: int) -> list[str]:
    lines = ["", "| stack | destroyed | changed | created | plan |", "|---|---:|---:|---:|---|"]
    room -= layout.size(lines) + 200
    for position, stack in enumerate(stacks):
        row = _index_row(stack)
        room -= layout.size([row])
        if room < 0:
            rest = _all_changes(stacks[position:])
            return [*lines, "", f"and {words.plural(len(stacks) - position, 'more stack')}: {wording.tally(rest)}"]
        lines.append(row)
    return lines


def _index_row(review: StackReview) -> str:
    stack = blocks.html_code(review.stack.label)
    if isinstance(review.result, PreviewFailure):
        return f"| {stack} | | | | **preview failed** |"
    weights = Counter(weight_of(change) for change in review.changes)
    destroyed = weights[Weight.DESTROYS]
    changed = weights[Weight.CHANGES] + weights[Weight.UNKNOWN]
    cells = [f"**{destroyed:,}**" if destroyed else "", f"{changed:,}" if changed else ""]
    cells.append(f"{weights[Weight.CREATES]:,}" if weights[Weight.CREATES] else "")
    return f"| {stack} | {' | '.join(cells)} | {blocks.html_code(words.short(review.result.plan_digest))} |"


def _section(review: StackReview, again: Downstream | None) -> Section:
    label = words.code(review.stack.label)
    plan = review.result if isinstance(review.result, Plan) else None
    later = downstream.beside(again, plan) if again else []
    if isinstance(review.result, PreviewFailure):
        opening = ["", f"### {label}: preview failed", *_failure(review.result), *later]
        return Section(opening, _why(review.affected.reasons))
    plan = review.result
    opening = ["", f"### {label}: {wording.tally(plan.changes) or 'no changes'}"]
    opening += [*_drift(plan), *_findings(plan), *later]
    digests = [words.code(words.short(digest)) for digest in (plan.plan_digest, plan.input_digest)]
    facts = [f"plan {digests[0]}", f"inputs {digests[1]}", f"{plan.unchanged:,} unchanged", *wording.hidden(plan)]
    facts += [words.code(ran) for ran in wording.packs(plan)]
    facts += [wording.same_inputs(review.same_as)] if review.same_as else []
    footer = f"<sub>{' · '.join(facts)}</sub>"
    closing = [*_why(review.affected.reasons), "", footer]
    return Section(opening, closing, [layout.entry(change) for change in review.changes])


def _failure(failure: PreviewFailure) -> list[str]:
    texts = (failure.message, *failure.diagnostics)
    lines = (words.clip(line, words.LINE_LIMIT) for text in texts for line in text.splitlines() or [""])
    return ["", *layout.bounded(lines), *(["", f"Next: {words.code(failure.hint)}"] if failure.hint else [])]


def _drift(plan: Plan) -> list[str]:
    return [line for fate, which in wording.drift(plan) for line in ("", f"{fate}: {words.code(which)}.")]


def _findings(plan: Plan) -> list[str]:
    shown: list[str] = []
    if plan.findings:
        lines = (line for finding in wording.findings(plan.findings) for line in _finding(finding))
        shown += ["", "**Policy**", "", *layout.bounded(lines)]
    if plan.warnings:
        lines = (line for warning in plan.warnings for line in wording.warning(warning))
        shown += ["", *blocks.folded(f"Warnings of the engine: {len(plan.warnings):,}", layout.bounded(lines))]
    return shown


def _finding(finding: PolicyFinding) -> Iterator[str]:
    where = f"  {words.resource_of(finding.urn)}" if finding.urn else ""
    yield f"{finding.level}: {words.clip(finding.pack)}/{words.clip(finding.policy)}{where}"
    for line in finding.message.splitlines():
        yield f"    {words.clip(line, words.LINE_LIMIT)}"


def _why(reasons: tuple[Reason, ...]) -> list[str]:
    """Why the stack is affected: one reason in a sentence, more of them folded."""
    if len(reasons) == 1:
        return ["", f"Affected, {reasons[0].kind}: {words.code(reasons[0].text)}."]
    lines = (f"{reason.kind}: {words.clip(reason.text)}" for reason in reasons)
    return ["", *blocks.folded(f"Affected for {len(reasons):,} reasons", layout.bounded(lines))] if reasons else []


def _quiet(review: Review) -> str:
    """The stacks that need no attention, in one line."""
    quiet = [words.code(s.stack.label) for s in review.ordered() if s.is_quiet]
    if not quiet:
        return "" if review.stacks else "No stack is affected."
    return f"Affected, but without changes: {words.listed(words.first(quiet, _NAMED_STACKS))}."


def next_step(review: Review) -> str:
    """What happens next, in a sentence or two without markup."""
    if any(isinstance(s.result, PreviewFailure) for s in review.stacks):
        return "Nothing of this can be applied while a preview fails. Fix the cause and push: this comment is replaced."
    if any(finding.level is PolicyLevel.MANDATORY for finding in _findings_of(review.stacks)):
        return "Nothing of this can be applied while a mandatory policy is violated. Fix it and push."
    if not _all_changes(review.stacks):
        return "Merging changes no infrastructure."
    these = "this plan" if len(review.stacks) == 1 else "these plans"
    return (
        f"Once approved, merging applies exactly {these}. If the state, the program or a provider moves before "
        "that so that a plan becomes another, the apply is refused and nothing is touched."
    )


def _next(review: Review) -> list[str]:
    return ["", f"**What happens next.** {next_step(review)}{_report(review)}"]


def _report(review: Review) -> str:
    return f" [The full report]({quote(review.report_url, safe=_URL_CHARACTERS)})." if review.report_url else ""
