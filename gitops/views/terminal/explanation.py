"""The gate explained: for each stack every rule, what it looked at, what it found, and what to do next."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType

from gitops.flow.gate.case import Case
from gitops.flow.plans import values
from gitops.flow.words import clip, short, visible
from gitops.model import Outcome, RuleResult, Stack, Verdict
from gitops.views.terminal.lines import Lines

STYLES = {Outcome.ALLOW: "green", Outcome.WAIT: "yellow", Outcome.REFUSE: "red"}
TITLES = {Outcome.ALLOW: "allowed", Outcome.WAIT: "waiting", Outcome.REFUSE: "refused"}
_INPUT_LIMIT = 200


def view(
    environment: str,
    commit: str,
    verdicts: Mapping[Stack, tuple[Verdict, Case]],
    applied: Sequence[Stack] = (),
) -> RenderableType:
    """The gate of an environment on each of its stacks that have something to apply; `applied` are to be verified."""
    lines = Lines()
    lines.add(f"The gate of {clip(environment)} on commit {short(commit)}", "bold")
    if not verdicts and not applied:
        lines.add("  There is nothing to apply: every stack is released at this commit or at a later one.")
    for stack in applied:
        lines.add(
            f"  {clip(stack.label)}: this commit is applied, and not verified: `gitops up` verifies it, and applies "
            "nothing",
            "yellow",
            hang=4,
        )
    for stack, (verdict, case) in verdicts.items():
        plan = f", plan {short(case.approved.plan_digest)}" if case.approved else ""
        lines.add()
        lines.add(f"{clip(stack.label)}: {TITLES[verdict.outcome]}{plan}", f"bold {STYLES[verdict.outcome]}", hang=2)
        for rule in verdict.rules:
            _rule(lines, rule)
    return lines


def _rule(lines: Lines, rule: RuleResult) -> None:
    lines.add(f"  {rule.outcome:<7} {clip(rule.rule)}: {visible(rule.reason)}", STYLES[rule.outcome], hang=10)
    looked_at = "; ".join(f"{name} {_input(value)}" for name, value in rule.inputs.items())
    if looked_at:
        lines.add(f"          looked at {looked_at}", "dim", hang=12)
    if rule.remedy and rule.outcome is not Outcome.ALLOW:
        lines.add(f"          next: {visible(rule.remedy)}", "bold", hang=12)


def _input(value: Any) -> str:
    """A value as a person would write it: text bare, anything else as JSON."""
    packed = values.pack(value)
    return clip(packed if isinstance(packed, str) else json.dumps(packed, ensure_ascii=False), _INPUT_LIMIT)
