"""The rules as policies of a stock Pulumi policy pack: the one place that meets the engine."""

import re
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyComplianceFramework,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy import Severity as PulumiSeverity
from pulumi_policy.proxy import UnknownValueError

from policy.exemptions import Exemption, Exemptions
from policy.levels import Level, Levels
from policy.rule import NotApplicable as NotApplicableVerdict
from policy.rule import Resource, Rule, Severity, Stack, StackRule, Unknown, Verdict, Violated
from policy.values import UNKNOWN

_EXEMPT = "[exempt until "
_OPEN = "can't run policy"
_DURING = "during preview"
# Colour codes, the terminal's own and the engine's `<{%bold%}>`: taken out later, they would join what they part.
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|<\{%[^%]*%\}>")
_ENFORCEMENT = {
    Level.MANDATORY: EnforcementLevel.MANDATORY,
    Level.ADVISORY: EnforcementLevel.ADVISORY,
    Level.DISABLED: EnforcementLevel.DISABLED,
}
_SEVERITY = {
    Severity.LOW: PulumiSeverity.LOW,
    Severity.MEDIUM: PulumiSeverity.MEDIUM,
    Severity.HIGH: PulumiSeverity.HIGH,
    Severity.CRITICAL: PulumiSeverity.CRITICAL,
}


class NotEvaluated(UnknownValueError):
    """A rule cannot be judged before the apply: the SDK makes an advisory finding of it, and adds the rule's name."""

    def __init__(self, missing: str) -> None:
        super(UnknownValueError, self).__init__()
        self.message = f"{missing} is not known yet"


Seen = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Pack:
    """All policies of the pack. Until an environment is chosen, they have the strictest levels there are."""

    policies: list[Policy]
    rules: Sequence[Rule | StackRule]
    levels: Levels
    seen: Seen = field(default_factory=dict)

    def note(self, urn: str, inputs: Mapping[str, Any]) -> None:
        """Keep what a resource was asked to be, for the rules over the whole stack.

        Those get the outputs only, which are empty in a preview whose provider is not configured yet: a cluster that
        the same run creates cannot be asked what a namespace in it would look like.
        """
        self.seen[urn] = plain(inputs)

    def choose(self, environment: str) -> None:
        """Give each policy its level in this environment."""
        by_name = {policy.name: policy for policy in self.policies}
        for rule in self.rules:
            by_name[rule.name].enforcement_level = _level(rule, self.levels, environment)


def assemble(rules: Sequence[Rule | StackRule], levels: Levels, exemptions: Exemptions) -> Pack:
    """The policies for these rules, in their order."""
    seen: Seen = {}
    policies: list[Policy] = []
    for rule in rules:
        if isinstance(rule, Rule):
            policies.append(ResourceValidationPolicy(validate=_validate(rule, exemptions), **_about(rule, levels)))
        else:
            judge = _validate_stack(rule, exemptions, seen)
            policies.append(StackValidationPolicy(validate=judge, **_about(rule, levels)))
    return Pack(policies, rules, levels, seen)


def violation(rule: Rule | StackRule, reason: str, expired: Exemption | None = None) -> str:
    """The line that tells of a violation: `[<severity>] <reason>. Remedy: <remedy> (<controls>)`."""
    lapsed = f" (exempt until {expired.expires}, expired)" if expired else ""
    ids = ", ".join(f"{one.framework} {one.id}" for one in rule.controls)
    return _line(f"[{rule.severity.value}] {reason}{lapsed}. Remedy: {rule.remedy} ({ids})")


def exempted(rule: Rule | StackRule, verdict: Violated | Unknown, exemption: Exemption) -> str:
    """The line that tells of a violation that is exempt; it does not change from day to day."""
    found = verdict.reason if isinstance(verdict, Violated) else f"{verdict.property} is not known yet"
    until = f"{_EXEMPT}{exemption.expires} by {exemption.owner}: {exemption.reason}]"
    return _line(f"{until} {violation(rule, found)}")


def unjudged(rule: StackRule, resource: Resource, verdict: Unknown) -> str:
    """The line that tells that a rule over a stack cannot be judged for one resource, in the SDK's own words."""
    return f"{_OPEN} '{rule.name}' {_DURING}: {verdict.property} is not known yet, for {resource.name}"


def is_remark(message: str) -> bool:
    """Whether a finding stops nothing, whatever the rule's level: it is exempt, or nobody can say yet.

    `message` is what the SDK makes of a report: the rule's description, a line break, and what was reported.
    """
    return message.partition("\n")[2].startswith((_EXEMPT, _OPEN))


def _line(text: str) -> str:
    """The text in one line, and without the words by which a finding is told that was not evaluated.

    A reason may quote what a program says, such as an image: nothing there makes a violation look like less.
    """
    line = " ".join(_COLOUR.sub("", text).split())
    return line.replace(_DURING, _DURING.replace(" ", "_")).replace(_OPEN, _OPEN.replace(" ", "_"))


def _level(rule: Rule | StackRule, levels: Levels, environment: str | None) -> EnforcementLevel:
    return _ENFORCEMENT[levels.of(rule.name, rule.severity, environment)]


def _about(rule: Rule | StackRule, levels: Levels) -> dict[str, Any]:
    """What the catalogue tells of a rule. Of its controls the first is the framework; `tags` has them all."""
    first = rule.controls[0]
    return {
        "name": rule.name,
        "description": f"{rule.title}.",
        "display_name": rule.title,
        "enforcement_level": _level(rule, levels, None),
        "severity": _SEVERITY[rule.severity],
        "framework": PolicyComplianceFramework(
            name=first.framework, version=first.version, reference=first.id, specification=first.url
        ),
        "tags": [str(control) for control in rule.controls],
        "remediation_steps": rule.remedy,
        "url": first.url,
    }


def _validate(rule: Rule, exemptions: Exemptions) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type not in rule.types:
            args.not_applicable()
        verdict = _unbroken(rule, args.urn, lambda: rule.judge(plain(args.props)))
        if isinstance(verdict, NotApplicableVerdict):
            args.not_applicable()
        line = _told(rule, args.urn, verdict, exemptions)
        if line:
            report(line, None)
        elif isinstance(verdict, Unknown):
            raise NotEvaluated(verdict.property)

    return validate


def _validate_stack(
    rule: StackRule, exemptions: Exemptions, seen: Seen
) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        verdicts = _verdicts(rule, whole(args, seen))
        if all(isinstance(verdict, NotApplicableVerdict) for _, verdict in verdicts):
            args.not_applicable()
        for resource, verdict in verdicts:
            line = _told(rule, resource.urn, verdict, exemptions)
            if not line and isinstance(verdict, Unknown):
                line = unjudged(rule, resource, verdict)
            if line:
                report(line, resource.urn)

    return validate


def _told(rule: Rule | StackRule, urn: str, verdict: Verdict, exemptions: Exemptions) -> str:
    """The line on a violation, or on whatever is exempt; empty for what holds or is simply not known yet."""
    exemption = exemptions.valid(rule.name, urn)
    if exemption and isinstance(verdict, Violated | Unknown):
        return exempted(rule, verdict, exemption)
    return violation(rule, verdict.reason, exemptions.expired(rule.name, urn)) if isinstance(verdict, Violated) else ""


def _verdicts(rule: StackRule, stack: Stack) -> list[tuple[Resource, Verdict]]:
    """The verdicts on all resources that a rule looks at, in an order that is the same in each run."""
    subjects = sorted(stack.of(*rule.types), key=lambda one: one.urn)
    return [(one, _unbroken(rule, one.urn, lambda one=one: rule.judge(one, stack))) for one in subjects]  # type: ignore[misc] # bound early


def _unbroken(rule: Rule | StackRule, urn: str, judge: Callable[[], Verdict]) -> Verdict:
    try:
        return judge()
    except Exception as error:  # noqa: BLE001 - whatever a rule does wrong fails the run; it is raised again
        # Neither the exception's own text nor the exception itself, which would be printed: it may hold a secret.
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        told = f"the rule {rule.name} broke on {urn} with {type(error).__name__} at {place}; correct the rule"
        raise RuntimeError(told) from None


def whole(args: StackValidationArgs, seen: Seen) -> Stack:
    """The stack that the engine hands over, as rules see it: by outputs, and by inputs what those do not tell."""
    return Stack(
        tuple(
            Resource(
                urn=one.urn,
                type=one.resource_type,
                outputs=_filled(plain(one.props), seen.get(one.urn, {})),
                sources={
                    name: frozenset(source.urn for source in sources)
                    for name, sources in one.property_dependencies.items()
                },
            )
            for one in args.resources
        )
    )


def _filled(outputs: Any, inputs: Any) -> Any:
    """The outputs, with the input wherever one is missing or not known."""
    if outputs is UNKNOWN or outputs is None:
        return inputs if inputs is not None else outputs
    if isinstance(outputs, dict) and isinstance(inputs, dict):
        return {
            key: _filled(outputs[key], inputs.get(key)) if key in outputs else inputs[key] for key in outputs | inputs
        }
    return outputs


def plain(value: Any) -> Any:
    """The SDK's view of inputs as plain values, with `UNKNOWN` for each that is not known yet."""
    if isinstance(value, Mapping):
        return {key: _known(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_known(value, index) for index in range(len(value))]
    return value


def _known(values: Any, key: Any) -> Any:
    try:
        return plain(values[key])
    except UnknownValueError:
        return UNKNOWN
