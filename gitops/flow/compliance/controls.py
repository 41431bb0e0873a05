"""The state of every control in an environment, from what a preview's policy packs told. Pure.

A rule is passed only where a pack says that it ran and passed: one that never ran, could not be run, or is exempt has
a state of its own. Packs judge what a program asks for, so a rule is not evaluated where live infrastructure differs.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gitops.model import (
    EngineRun,
    PolicyFinding,
    PolicyLevel,
    PolicyPack,
    PolicyRule,
    Stack,
)

# How a pack tells that a violation is exempt: under the rule's own name, after the rule's title (docs/policy.md).
_EXEMPT = re.compile(r"\A[^\n]*\n\[exempt until \d{4}-\d\d-\d\d by ")


class ControlState(StrEnum):
    """A rule's state in an environment, gravest first; one that holds in most places and is broken in one is broken."""

    VIOLATED = "violated"
    NOT_EVALUATED = "not evaluated"
    NEVER_RAN = "never ran"
    EXEMPT = "exempt"
    PASSED = "passed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Tally:
    """On how many resources a rule came to what; in how many stacks it never ran although it ran in others."""

    passed: int = 0
    violated: int = 0
    not_evaluated: int = 0
    exempt: int = 0
    not_applicable: int = 0
    never_ran: int = 0

    @property
    def state(self) -> ControlState:
        """The gravest of what was found; nothing at all is `NEVER_RAN`, and so is a stack whose packs lack the rule."""
        for state, count in (
            (ControlState.VIOLATED, self.violated),
            (ControlState.NOT_EVALUATED, self.not_evaluated),
            (ControlState.NEVER_RAN, self.never_ran),
            (ControlState.EXEMPT, self.exempt),
            (ControlState.PASSED, self.passed),
            (ControlState.NOT_APPLICABLE, self.not_applicable),
        ):
            if count:
                return state
        return ControlState.NEVER_RAN


@dataclass(frozen=True, slots=True)
class Look:
    """One stack as a preview found it: the commit, the run, what its packs say of their rules, the stack's file."""

    stack: Stack
    commit: str
    run: EngineRun
    rules: tuple[PolicyRule, ...]
    file: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A policy finding with the stack that it is about, and the file that holds the stack's values."""

    stack: Stack
    finding: PolicyFinding
    exempt: bool = False
    file: str = ""


@dataclass(frozen=True, slots=True)
class Control:
    """A rule in an environment. `level` is that of its violations, or where there are none the pack's own."""

    rule: PolicyRule
    level: str
    tally: Tally
    findings: tuple[Finding, ...] = ()

    @property
    def state(self) -> ControlState:
        """Its state."""
        return self.tally.state

    @property
    def is_violated(self) -> bool:
        """Whether it is mandatory, and violated."""
        return self.state is ControlState.VIOLATED and self.level == PolicyLevel.MANDATORY.value

    @property
    def controls(self) -> tuple[str, ...]:
        """What of a framework it stands for, then its tags."""
        named = f"{self.rule.framework} {self.rule.reference}".strip()
        return tuple(dict.fromkeys(one for one in (named, *self.rule.tags) if one))


@dataclass(frozen=True, slots=True)
class Compliance:
    """An environment: each stack with the commit that was looked at and its packs, and each control, gravest first."""

    environment: str
    stacks: tuple[tuple[Stack, str, tuple[PolicyPack, ...]], ...]
    controls: tuple[Control, ...]

    @property
    def violated(self) -> tuple[Control, ...]:
        """The mandatory controls that are violated."""
        return tuple(one for one in self.controls if one.is_violated)

    @property
    def counts(self) -> Mapping[ControlState, int]:
        """How many controls are in each state."""
        return {state: sum(one.state is state for one in self.controls) for state in ControlState}


@dataclass
class _Heap:
    """What was gathered about one rule, over all stacks."""

    rule: PolicyRule
    counted: dict[ControlState, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def control(self) -> Control:
        levels = {one.finding.level for one in self.findings if not one.exempt}
        level = next((one.value for one in (PolicyLevel.MANDATORY, PolicyLevel.ADVISORY) if one in levels), "")
        numbers = {state.name.lower(): number for state, number in self.counted.items()}
        found = sorted(self.findings, key=lambda one: (one.stack, one.finding.urn, one.finding.message))
        return Control(self.rule, level or self.rule.level, Tally(**numbers), tuple(found))


def assess(environment: str, looks: Sequence[Look]) -> Compliance:
    """Gather what was found in an environment's stacks, by rule."""
    heaps: dict[tuple[str, str], _Heap] = {}
    for look in looks:
        _gather(look, heaps)
    for (pack, _), heap in heaps.items():
        without = sum(pack not in {one.name for one in look.run.packs} for look in looks)
        if without:
            heap.counted[ControlState.NEVER_RAN] = without
    states = tuple(ControlState)
    controls = sorted(
        (heap.control() for heap in heaps.values()),
        key=lambda one: (states.index(one.state), not one.is_violated, one.rule.pack, one.rule.name),
    )
    stacks = sorted((look.stack, look.commit, look.run.packs) for look in looks)
    return Compliance(environment, tuple(stacks), tuple(controls))


def _gather(look: Look, heaps: dict[tuple[str, str], _Heap]) -> None:
    findings: dict[tuple[str, str], list[Finding]] = {}
    for one in look.run.findings:
        found = Finding(look.stack, one, _EXEMPT.search(one.message) is not None, look.file)
        findings.setdefault((one.pack, one.policy), []).append(found)
    named = {(one.pack, name) for one in look.run.evaluations for name in (*one.passed, *one.failed)}
    # A pack may speak of rules that it does not list; they count all the same.
    listed = {(rule.pack, rule.name): rule for rule in look.rules}
    for key in sorted(listed.keys() | named | findings.keys()):
        rule = listed.get(key, PolicyRule(*key))
        heap = heaps.setdefault(key, _Heap(rule))
        if rule.level == PolicyLevel.MANDATORY.value:
            heap.rule = rule  # of several stacks, the strictest
        heap.findings += findings.get(key, [])
        for state in _states(heap.rule, look.run, findings.get(key, [])):
            heap.counted[state] = heap.counted.get(state, 0) + 1


def _states(rule: PolicyRule, run: EngineRun, findings: Sequence[Finding]) -> Iterable[ControlState]:
    """What the rule came to on each resource that its pack looked at, and on each that it has something to say of."""
    # A pack judged what the program asks for, and not what is live there.
    unlike_live = {one.urn for one in run.drift} | {one.urn for one in run.changes}
    told: dict[str, list[Finding]] = {}
    for one in findings:
        told.setdefault(one.finding.urn, []).append(one)
    seen: set[str] = set()
    for evaluation in run.evaluations:
        if evaluation.pack != rule.pack:
            continue
        ran = rule.name in evaluation.passed or rule.name in evaluation.failed
        # The stack as a whole is looked at by other rules than single resources, and a rule that is switched off looks
        # at nothing; any other rule that is in neither list said that it does not apply.
        is_others = (rule.scope == "stack") is bool(evaluation.urn)
        if not ran and (is_others or rule.level == "disabled"):
            continue
        seen.add(evaluation.urn)
        if about := told.get(evaluation.urn, []):
            yield _gravest(about)
        elif rule.name in evaluation.failed:
            # A rule over the whole stack names the resources; one that gives no reason at all is violated all the same.
            if evaluation.urn or not told:
                yield ControlState.VIOLATED
        elif rule.name in evaluation.passed:
            differs = evaluation.urn in unlike_live if rule.scope != "stack" else bool(unlike_live)
            yield ControlState.NOT_EVALUATED if differs else ControlState.PASSED
        elif not ran:
            yield ControlState.NOT_APPLICABLE
    yield from (_gravest(about) for urn, about in told.items() if urn not in seen)


def _gravest(findings: Sequence[Finding]) -> ControlState:
    levels = {ControlState.EXEMPT if one.exempt else one.finding.level for one in findings}
    if levels & {PolicyLevel.MANDATORY, PolicyLevel.ADVISORY}:
        return ControlState.VIOLATED
    return ControlState.NOT_EVALUATED if PolicyLevel.NOT_EVALUATED in levels else ControlState.EXEMPT
