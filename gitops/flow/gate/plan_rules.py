"""The rules that look at nothing but a plan, one function each. Pure.

What is unknown counts against the change: an operation without a name may destroy.
"""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from gitops.config.gate import Gate, Protect
from gitops.flow.plans.plan import unknowns
from gitops.flow.words import listed, plural, resource, resource_of
from gitops.model import (
    Operation,
    Outcome,
    Plan,
    PolicyFinding,
    PolicyLevel,
    PolicyPack,
    ResourceChange,
    RuleResult,
)

_SHOWN = 20
_KEEP_PACK = (
    "Keep its files in this change: gitops.yaml stops naming it first, and its files go in the next pull request."
)


def policy(gate: Gate, plan: Plan, packs: Sequence[PolicyPack] = ()) -> RuleResult:
    """Every pack took part, no policy is violated that must not be, and none was left unevaluated where that counts.

    `packs` are those that gitops.yaml names; one whose files differ from the plan's is told, and its words count.
    """
    rule = "policy"
    ran = {one.path: one for one in plan.packs}
    missing = [one.path for one in packs if one.path not in ran]
    levels = {PolicyLevel.MANDATORY, gate.policy}
    violated = [one for one in plan.findings if one.level in levels]
    open_ = [one for one in plan.findings if one.level is PolicyLevel.NOT_EVALUATED]
    inputs: dict[str, Any] = {
        "level": gate.policy.value,
        "not_evaluated": gate.not_evaluated.value,
        "packs": dict(plan.policy_packs),
        "violated": [_finding(one) for one in violated[:_SHOWN]],
        "unevaluated": [_finding(one) for one in open_[:_SHOWN]],
    }
    if plan.packs:
        inputs["digests"] = {one.path: one.digest for one in plan.packs}
        inputs["evaluations"] = sum(one.passed + one.failed for one in plan.evaluated)
    if missing:
        inputs["missing"] = missing
        reason = f"the policy {'pack' if len(missing) == 1 else 'packs'} {listed(missing)} took no part in this plan"
        return RuleResult(rule, Outcome.REFUSE, reason, inputs, _KEEP_PACK)
    if violated:
        reason = f"{plural(len(violated), 'violation')}, first {_finding(violated[0])}"
        return RuleResult(rule, Outcome.REFUSE, reason, inputs, "Change the program so that it keeps the policy.")
    if open_ and gate.not_evaluated is not Outcome.ALLOW:
        reason = f"{plural(len(open_), 'policy')} could not be evaluated, first {_finding(open_[0])}"
        return RuleResult(rule, gate.not_evaluated, reason, inputs, "See why it could not be evaluated.")
    if not (plan.policy_packs or plan.packs or plan.findings):
        return RuleResult(rule, Outcome.ALLOW, "no policy pack took part", inputs)
    left = f", {len(open_)} left unevaluated, which is allowed here" if open_ else ", none was left unevaluated"
    others = [one.path for one in packs if ran[one.path].digest != one.digest]
    changed = f"; not as released: pack {listed(others)}" if others else ""
    return RuleResult(rule, Outcome.ALLOW, f"no {gate.policy.value} policy is violated{left}{changed}", inputs)


def destroys(budget: int, plan: Plan) -> RuleResult:
    """No more resources than that will be gone afterwards, deleted or replaced."""
    return _budget("destroys", budget, [one for one in plan.changes if may_destroy(one)], "deleted or replaced")


def replaces(budget: int, plan: Plan) -> RuleResult:
    """No more resources than that are replaced."""
    kinds = (Operation.REPLACE, Operation.UNKNOWN)
    return _budget("replaces", budget, [one for one in plan.changes if one.operation in kinds], "replaced")


def protect(wanted: Protect, plan: Plan) -> RuleResult:
    """Nothing that a pattern matches is deleted or replaced."""
    rule = "protect"
    hit = [
        one
        for one in plan.changes
        if may_destroy(one) and (_matches(one.type, wanted.types) or _matches(one.urn, wanted.urns))
    ]
    inputs = {"types": wanted.types, "urns": wanted.urns, "destroyed": [one.urn for one in hit[:_SHOWN]]}
    if not hit:
        return RuleResult(rule, Outcome.ALLOW, "nothing that is protected here is deleted or replaced", inputs)
    return RuleResult(
        rule,
        Outcome.REFUSE,
        f"{_some(hit)}: protected here from being deleted or replaced",
        inputs,
        "Keep it, or change `gate.protect` in a pull request before this one.",
    )


def known(patterns: Sequence[str], plan: Plan) -> RuleResult:
    """No change of such a type has a value that only the apply will show."""
    rule = "known values"
    types = {one.urn: one.type for one in plan.changes}
    hit = [(urn, path) for urn, path in unknowns(plan) if _matches(types[urn], patterns)]
    hit += [(one.urn, "everything") for one in plan.changes if one.operation is Operation.UNKNOWN]
    inputs = {"types": tuple(patterns), "unknown": [f"{urn} {path}" for urn, path in hit[:_SHOWN]]}
    if not hit:
        return RuleResult(rule, Outcome.ALLOW, "every value of such types is known", inputs)
    (urn, path), more = hit[0], f" and {len(hit) - 1} more" if len(hit) > 1 else ""
    return RuleResult(
        rule,
        Outcome.REFUSE,
        f"{path} of {resource_of(urn)}{more} is known only after the apply",
        inputs,
        "Apply what it depends on in a pull request before this one.",
    )


def _matches(text: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def may_destroy(change: ResourceChange) -> bool:
    """Whether something that exists now may be gone afterwards."""
    return change.operation.destroys or change.operation is Operation.UNKNOWN


def _budget(rule: str, budget: int, hit: Sequence[ResourceChange], what: str) -> RuleResult:
    inputs = {"limit": budget, "found": len(hit), "urns": [one.urn for one in hit[:_SHOWN]]}
    if len(hit) <= budget:
        return RuleResult(rule, Outcome.ALLOW, f"{len(hit)} to be {what}, at most {budget} may be", inputs)
    reason = f"{len(hit)} to be {what}, at most {budget} may be: {_some(hit)}"
    remedy = f"Make the change smaller, or raise `gate.{rule}` in a pull request before this one."
    return RuleResult(rule, Outcome.REFUSE, reason, inputs, remedy)


def _some(changes: Sequence[ResourceChange]) -> str:
    shown = [f"{one.operation.value} {resource(one)}" for one in changes[:3]]
    return listed(shown) if len(changes) <= 3 else f"{', '.join(shown)} and {len(changes) - 3} more"


def _finding(finding: PolicyFinding) -> str:
    return f"{finding.policy} ({finding.level.value})"
