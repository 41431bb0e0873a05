"""What people read in a terminal: plans, refusals, verdicts, progress, errors, the ledger, the environments.

Values in, rich renderables out; `console` makes the console that prints them. Text from outside passes `visible`
or `clip`, so that it can neither steer the terminal nor, in a log of GitHub Actions, the runner.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from gitops.errors import EngineFailed, FreeText, GitOpsError, Refused, UsageError, Waiting
from gitops.flow import words
from gitops.flow.plans.downstream import hangs_on_unknown
from gitops.flow.words import clip, plural, short, visible
from gitops.model import (
    Downstream,
    EnvironmentStatus,
    Lease,
    Outcome,
    Plan,
    PolicyLevel,
    PreviewFailure,
    Record,
    RecordKind,
    ResourceStep,
    Review,
    Ticket,
    Verdict,
    by_weight,
    weight_of,
)
from gitops.views import wording
from gitops.views.markdown import downstream
from gitops.views.terminal.lines import Lines, add_change
from gitops.views.terminal.refusal import difference

__all__ = ["console", "difference", "error", "ledger", "plan", "progress", "review", "status", "verdict"]

_OUTCOME_STYLES = {Outcome.ALLOW: "bold green", Outcome.WAIT: "bold yellow", Outcome.REFUSE: "bold red"}
_OUTCOME_TITLES = {Outcome.ALLOW: "Allowed", Outcome.WAIT: "Waiting", Outcome.REFUSE: "Refused"}
_RECORD_STYLES = {
    RecordKind.APPLIED: "green",
    RecordKind.RELEASE: "bold green",
    RecordKind.APPLY_FAILED: "red",
    RecordKind.NOT_VERIFIED: "red",
    RecordKind.BREAK_GLASS: "bold red",
    RecordKind.REFUSED: "red",
    RecordKind.DESTROY_APPROVED: "bold yellow",
    RecordKind.REPAIRED: "yellow",
    RecordKind.APPLY_STARTED: "dim",
    RecordKind.SUPERSEDED: "dim",
    RecordKind.DESTROY_STARTED: "dim",
    RecordKind.DESTROYED: "yellow",
    RecordKind.DESTROY_FAILED: "red",
    RecordKind.ROLLBACK: "yellow",
}
_FINDING_STYLES = {
    PolicyLevel.MANDATORY: "bold red",
    PolicyLevel.ADVISORY: "yellow",
    PolicyLevel.NOT_EVALUATED: "bold yellow",
}
# Wide enough that nothing wraps: a line that begins with `::` would be a command to the runner of GitHub Actions.
_NO_WRAP = 100_000
_REASONS_SHOWN = 3


def console(stream: TextIO) -> Console:
    """A console on `stream`: colours and wrapping on a terminal, plain whole lines elsewhere; NO_COLOR is respected."""
    width = None if stream.isatty() else _NO_WRAP
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False)


def review(review: Review) -> RenderableType:
    """A whole preview: the verdict, every stack with something to look at, the quiet ones in a line."""
    plans = [s.result for s in review.ordered() if isinstance(s.result, Plan)]
    changes = [change for item in plans for change in item.changes]
    failed = len(review.stacks) - len(plans)
    headline = Lines()
    grave = failed or any(change.operation.destroys for change in changes)
    headline.add(wording.headline(clip(review.environment), changes, failed), "bold red" if grave else "bold")
    parts: list[RenderableType] = [headline]
    for item in review.ordered():
        reasons = Lines()
        for reason in item.affected.reasons[:_REASONS_SHOWN]:
            reasons.add(f"  affected, {reason.kind}: {clip(reason.text)}", "dim", hang=4)
        if len(item.affected.reasons) > _REASONS_SHOWN:
            more = plural(len(item.affected.reasons) - _REASONS_SHOWN, "more reason")
            reasons.add(f"  and {more}; see `gitops affected --verbose`", "dim")
        for pack in item.packs:
            reasons.add(f"  policy pack {clip(pack.path)} {wording.pack_fate(pack)}", "yellow", hang=4)
        if item.same_as is not None:
            reasons.add(f"  {wording.same_inputs(item.same_as)}", "dim", hang=4)
        if isinstance(item.result, PreviewFailure):
            parts += [Text(), _failure(clip(item.stack.label), item.result), reasons]
        elif not item.is_quiet:
            parts += [Text(), plan(item.result), reasons]
    parts += [_follows(one) for one in review.downstream]
    quiet = [clip(s.stack.label) for s in review.ordered() if s.is_quiet]
    footer = Lines()
    footer.add()
    for stack in review.undeclared:
        footer.add(f"Stack {clip(stack.label)} {wording.UNDECLARED}.", "yellow")
    if quiet:
        footer.add(f"Affected, but without changes: {words.listed(quiet)}.", "dim")
    if review.unaffected or not review.stacks:
        footer.add(f"Not affected: {plural(review.unaffected, 'stack')}.", "dim")
    return Group(*parts, footer)


def _follows(one: Downstream) -> Lines:
    """What follows in a stack that reads moved outputs: no plan, so it has no digest."""
    lines = Lines()
    lines.add()
    reads = words.listed([clip(stack.label) for stack in one.reads])
    grave = one.untold or any(change.operation.destroys for change in one.changes)
    head = f"{clip(one.stack.label)} will follow, since it reads {reads}: {downstream.summary(one)}"
    lines.add(head, "bold red" if grave else "bold", hang=2)
    for text in one.untold:
        for line in text.splitlines():
            lines.add(f"  │ {visible(line)}", hang=4)
    if text := downstream.unknown(one):
        lines.add(f"  {text}", "yellow", hang=4)
    for found in wording.findings(one.findings):
        lines.add(f"  policy, {downstream.finding(found)}", _FINDING_STYLES[found.level], hang=4)
    for change in by_weight(one.changes):
        add_change(lines, change, indent=4)
        if hangs_on_unknown(change):
            lines.add(f"        {downstream.MAY_BE_NONE}", "dim", hang=8)
    return lines


def _failure(label: str, failure: PreviewFailure) -> Lines:
    lines = Lines()
    lines.add(f"{label}: preview failed", "bold red")
    for text in (failure.message, *failure.diagnostics):
        for line in text.splitlines():
            lines.add(f"  │ {visible(line)}", hang=4)
    if failure.hint:
        lines.add(f"  Next: {visible(failure.hint)}", "bold", hang=4)
    return lines


def plan(plan: Plan) -> RenderableType:
    """One stack's plan: counts, digests, and every change with its properties, what destroys first."""
    lines = Lines()
    lines.add(f"{clip(plan.stack.label)}: {wording.tally(plan.changes) or 'no changes'}", "bold")
    digests = f"plan {short(plan.plan_digest)}  inputs {short(plan.input_digest)}  commit {short(plan.commit)}"
    lines.add("  ".join(("", digests, f"{plan.unchanged:,} unchanged", *wording.hidden(plan))), "dim", hang=4)
    for ran in wording.packs(plan):
        lines.add(f"  {ran}", "dim", hang=4)
    for fate, which in wording.drift(plan):
        lines.add(f"  {fate}: {which}", "yellow", hang=4)
    for finding in wording.findings(plan.findings):
        where = f" on {words.resource_of(finding.urn)}" if finding.urn else ""
        rule = f"{clip(finding.pack)}/{clip(finding.policy)}"
        lines.add(f"  policy, {finding.level}: {rule}{where}", _FINDING_STYLES[finding.level], hang=4)
        for line in finding.message.splitlines():
            lines.add(f"    │ {visible(line)}", hang=6)
    for warning in plan.warnings:
        for line in wording.warning(warning):
            lines.add(f"  warning: {line}", "yellow", hang=4)
    group = None
    for change in by_weight(plan.changes):
        if weight_of(change) is not group:
            group = weight_of(change)
            lines.add(f"  {wording.TITLES[group]}", "bold")
        add_change(lines, change, indent=4)
    return lines


def verdict(verdict: Verdict) -> RenderableType:
    """A gate's answer with every rule that led to it."""
    lines = Lines()
    lines.add(f"Gate: {_OUTCOME_TITLES[verdict.outcome].lower()}", _OUTCOME_STYLES[verdict.outcome])
    for rule in verdict.rules:
        style = _OUTCOME_STYLES[rule.outcome].removeprefix("bold ")
        lines.add(f"  {rule.outcome:<7} {clip(rule.rule)}: {visible(rule.reason)}", style, hang=10)
    return lines


def progress(label: str, step: ResourceStep) -> Text:
    """One line of a running apply."""
    word, style = ("failed", "bold red") if step.failed else ("done", "green") if step.done else ("…", "dim")
    text = Text(f"  {clip(label)}  {visible(step.operation):<8} {words.resource_of(step.urn)}  ")
    return text.append(word, style)


def error(error: GitOpsError) -> RenderableType:
    """What went wrong or was refused, the engine's own words, and what to do next."""
    title, style = "Failed", "bold red"
    if isinstance(error, Refused):
        title = "Refused"
    elif isinstance(error, Waiting):
        title, style = "Waiting", "bold yellow"
    elif isinstance(error, UsageError):
        title = "Usage"
    first, *rest = error.message.splitlines() or [""]
    lines = Lines()
    lines.add(f"{title}: {visible(first)}", style, hang=2)
    for line in rest:
        lines.add(f"  {visible(line)}", hang=4)
    if isinstance(error, EngineFailed):
        for detail in error.details:
            lines.add(f"  {visible(detail)}", hang=4)
        _add_free_text(lines, error.text)
    if error.hint:
        lines.add(f"  Next: {visible(error.hint)}", hang=4)
    return lines


def free_text(label: str, text: FreeText) -> RenderableType:
    """What Pulumi wrote about a stack, where only a terminal may have it."""
    lines = Lines()
    lines.add(f"{clip(label)}:")
    _add_free_text(lines, text)
    return lines


def _add_free_text(lines: Lines, text: FreeText) -> None:
    if text.lines:
        lines.add("  Pulumi says, known secrets replaced:")
    for line in text.lines:
        lines.add(f"  │ {visible(line)}", hang=4)
    if text.left_out:
        lines.add(f"  {words.plural(text.left_out, 'line')} not shown: they could hold a secret.", "dim", hang=4)


def ledger(records: Sequence[Record]) -> RenderableType:
    """The ledger, oldest first, one record a line."""
    if not records:
        return Text("The ledger is empty: nothing was previewed or applied yet.")
    table = _table("#", "when (UTC)", "what", "environment", "stack", "commit", "by")
    for record in records:
        cells = (f"{record.sequence}", _time(record.at), record.kind, clip(record.environment), clip(record.stack))
        style = _RECORD_STYLES.get(record.kind, "")
        table.add_row(*_cells((*cells, short(record.commit), clip(record.by))), style=style)
    return table


def status(rows: Iterable[EnvironmentStatus]) -> RenderableType:
    """Each environment: what its branch holds, what is released, the last apply, leases, and what is pending."""
    table = _table("environment", "branch", "at", "released", "last apply", "lease", "pending")
    for row in rows:
        last = row.last_apply
        applied = f"{_time(last.at)} {last.outcome} by {clip(last.by)}" if last else "never"
        branch_head = short(row.branch_head) if row.branch_head else "no such branch"
        released = short(row.released) if row.released else "nothing"
        cells = (clip(row.environment), clip(row.branch), branch_head, released, applied)
        line = "\n".join((*map(_lease, row.leases), *map(_ticket, row.waiting)))
        table.add_row(*_cells((*cells, line or "free", _pending(row))))
    return table


def _lease(lease: Lease) -> str:
    holder = lease.holder
    who = f"{clip(holder.name)} on {clip(holder.host)} ({clip(holder.purpose)})"
    return f"{clip(lease.stack)}: {who} until {_time(lease.expires_at)}"


def _ticket(ticket: Ticket) -> str:
    holder = ticket.holder
    who = f"{clip(holder.name)} on {clip(holder.host)} ({clip(holder.purpose)})"
    return f"{clip(ticket.stack)}: waited for by {who} for {short(ticket.commit)} since {_time(ticket.since)}"


def _pending(row: EnvironmentStatus) -> str:
    if not row.pending_commits:
        return "nothing"
    return f"{plural(len(row.pending_commits), 'commit')}, {plural(len(row.pending_files), 'file')}"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _cells(texts: Iterable[str]) -> list[Text]:
    return [Text(text) for text in texts]
