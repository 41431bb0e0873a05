"""The gate's rules, one function each: a case in, a result out that says what it looked at. Pure.

What is unknown counts against the change: an operation without a name may destroy, a commit without an account may be
the approver's, a path that nobody knows may match every pattern.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from gitops.config.durations import duration
from gitops.config.gate import Expression, FreeRule, Gate, Protect
from gitops.config.settings import Environment
from gitops.flow.gate import expressions, windows
from gitops.flow.gate.approvals import Voice, counted, matching, people
from gitops.flow.gate.expressions import Answer, Facts
from gitops.flow.plans.deviations import departures
from gitops.flow.plans.plan import unknowns
from gitops.flow.words import listed, minute, plural, resource, resource_of, short
from gitops.model import (
    Operation,
    Outcome,
    Plan,
    PolicyFinding,
    PolicyLevel,
    PolicyPack,
    PullRequest,
    ResourceChange,
    RuleResult,
    Stack,
)

_SHOWN = 20
_KEEP_PACK = (
    "Keep its files in this change: gitops.yaml stops naming it first, and its files go in the next pull request."
)
_PREVIEW_AGAIN = "Preview the change again, and have that plan approved."


@dataclass(frozen=True, slots=True)
class Case:
    """What the rules look at; `plan` is the fresh plan or, before there is one, the reviewed plan. See `Situation`."""

    stack: Stack
    commit: str
    request: PullRequest | None
    approved: Plan | None
    plan: Plan | None
    voices: tuple[Voice, ...]
    destroy_voices: tuple[Voice, ...]
    strangers: tuple[str, ...]
    files: tuple[str, ...] | None
    teams: Mapping[str, frozenset[str]]
    soaking: Mapping[str, datetime]
    now: datetime
    resumed: bool
    returns_to: str = ""


def reviewed(case: Case) -> RuleResult:
    """The commit came by a pull request whose head was previewed for this stack, and shown there."""
    rule, request = "reviewed", case.request
    if request is None:
        return RuleResult(
            rule,
            Outcome.REFUSE,
            f"no pull request became commit {short(case.commit)} on the environment's branch",
            {"commit": case.commit},
            "Revert it, and bring it back by pull request.",
        )
    inputs = {"pull_request": request.number, "head": request.head}
    if case.approved is None:
        return RuleResult(
            rule,
            Outcome.REFUSE,
            f"the ledger has no plan of {case.stack.label} for {short(request.head)}, "
            f"the head of pull request #{request.number}",
            inputs,
            f"Run `gitops preview --pull-request {request.number}`, and have that plan approved.",
        )
    reason = f"pull request #{request.number} was previewed at {short(request.head)}"
    return RuleResult(rule, Outcome.ALLOW, reason, {**inputs, "plan": case.approved.plan_digest})


def to_be_compared(case: Case) -> RuleResult:
    """Before the fresh plan: which one it will be compared with."""
    if case.approved is None:
        return same_plan(case)
    digest = case.approved.plan_digest
    reason = f"the plan at the apply will be compared with the reviewed {short(digest)}"
    return RuleResult("same plan", Outcome.ALLOW, reason, {"reviewed": digest})


def same_plan(case: Case) -> RuleResult:
    """The fresh plan is the reviewed one, or the rest of it where an apply was cut short."""
    rule, approved, fresh = "same plan", case.approved, case.plan
    if approved is None or fresh is None:
        return RuleResult(rule, Outcome.REFUSE, "there is no reviewed plan to compare with", {}, _PREVIEW_AGAIN)
    inputs = {"reviewed": approved.plan_digest, "now": fresh.plan_digest}
    if approved.plan_digest == fresh.plan_digest:
        return RuleResult(rule, Outcome.ALLOW, f"plan digest {short(fresh.plan_digest)} is the reviewed one", inputs)
    if case.resumed:
        left = departures(approved, fresh)
        if not left:
            reason = "it is the rest of the reviewed plan, whose apply was cut short"
            return RuleResult(rule, Outcome.ALLOW, reason, inputs)
        reason = f"it is not the rest of the reviewed plan: {left[0]}"
        return RuleResult(rule, Outcome.REFUSE, reason, {**inputs, "departures": left[:_SHOWN]}, _PREVIEW_AGAIN)
    reason = f"plan digest {short(fresh.plan_digest)} is not the reviewed {short(approved.plan_digest)}"
    return RuleResult(rule, Outcome.REFUSE, reason, inputs, _PREVIEW_AGAIN)


def approvals(environment: Environment, case: Case) -> RuleResult:
    """Enough people other than those who made the change approved this plan, lately enough; or none need to."""
    rule, wanted = "approvals", environment.approvals
    inputs: dict[str, Any] = {"needed": wanted.count}
    if wanted.count == 0:
        return RuleResult(rule, Outcome.ALLOW, f"{environment.name} needs none", inputs)
    auto = _auto_approved(environment.gate.auto_approve, case)
    if auto and auto.holds:
        return RuleResult(rule, Outcome.ALLOW, "not needed: auto_approve is true", {**inputs, "auto_approve": True})
    approvers, void = counted(wanted, case.voices, case.now)
    needed = wanted.count + len(case.strangers)
    inputs |= {"needed": needed, "counted": approvers, "not_counted": void}
    if case.strangers:
        inputs["strangers"] = case.strangers
    if wanted.expire is not None:
        inputs["expire"] = duration(wanted.expire)
    if len(approvers) >= needed:
        return RuleResult(rule, Outcome.ALLOW, f"approved by {listed(approvers)}", inputs)
    got = f"{len(approvers)} of {needed}" + (f" ({listed(approvers)})" if approvers else "")
    why = [f"{got} approvals of this plan", *(f"{name} does not count: {reason}" for name, reason in void.items())]
    if case.strangers:
        why.append(
            f"{len(case.strangers)} more than {wanted.count} because of commits by {listed(case.strangers)}, "
            "who may be one of the approvers: no account goes with that address"
        )
    if auto and auto.problem:
        why.append(f"auto_approve does not count: {auto.problem}")
    remedy = "Somebody who neither opened nor contributed to the pull request approves it as it is now."
    return RuleResult(rule, Outcome.WAIT, "; ".join(why), inputs, remedy)


def owners(environment: Environment, case: Case) -> Iterator[RuleResult]:
    """For each pattern that a changed path matches, one of its owners approved this plan."""
    wanted = environment.approvals
    auto = _auto_approved(environment.gate.auto_approve, case) if wanted.owners else None
    approvers, _ = counted(wanted, case.voices, case.now)
    for one in wanted.owners:
        rule, paths = f"owners of {one.pattern}", matching(one.pattern, case.files)
        inputs: dict[str, Any] = {"paths": paths[:_SHOWN], "owners": one.people}
        if not paths:
            yield RuleResult(rule, Outcome.ALLOW, "no changed path matches", inputs)
            continue
        if auto and auto.holds:
            reason = "not needed: auto_approve is true"
            yield RuleResult(rule, Outcome.ALLOW, reason, {**inputs, "auto_approve": True})
            continue
        allowed = people(one, case.teams)
        who = [name for name in approvers if name.casefold() in allowed]
        inputs["counted"] = who
        about = f"{paths[0]}" + (f" and {plural(len(paths) - 1, 'more path')}" if len(paths) > 1 else "")
        if len(who) > len(case.strangers):
            yield RuleResult(rule, Outcome.ALLOW, f"{about}: approved by {listed(who)}", inputs)
        else:
            remedy = f"One of {listed(one.people)} approves the pull request as it is now."
            reason = f"{about}: no owner's approval counts (owners: {listed(one.people)})"
            yield RuleResult(rule, Outcome.WAIT, reason, inputs, remedy)


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


def window(gate: Gate, case: Case) -> RuleResult:
    """Now is inside a change window."""
    rule, now = "change window", case.now
    inputs: dict[str, Any] = {"now": now, "windows": [str(one) for one in gate.windows]}
    if windows.is_open(gate.windows, now):
        return RuleResult(rule, Outcome.ALLOW, "open", inputs)
    opens = windows.next_opening(gate.windows, now)
    inputs["opens"] = opens
    when = f"opens {opens:%a %Y-%m-%d %H:%M} UTC" if opens else "does not open within two weeks"
    return RuleResult(rule, Outcome.WAIT, f"closed, {when}", inputs, "Run `gitops up` again then.")


def soak(wanted: int, before: str, case: Case) -> RuleResult:
    """What is promoted has been released in the environment before for so long, in all of its stacks.

    A rollback returns to what has come through this already.
    """
    rule, head = "soak", short(case.request.head) if case.request else short(case.commit)
    if case.returns_to:
        reason = f"{head} has the files of {short(case.returns_to)}, which was released here"
        return RuleResult(rule, Outcome.ALLOW, reason, {"soak": duration(wanted), "returns_to": case.returns_to})
    since = case.soaking.get(before)
    inputs: dict[str, Any] = {"soak": duration(wanted), "environment": before, "released": since, "now": case.now}
    if since is None:
        remedy = f"Release it in {before} first."
        return RuleResult(rule, Outcome.WAIT, f"{head} is not released in {before}", inputs, remedy)
    until = since + timedelta(seconds=wanted)
    if case.now >= until:
        return RuleResult(rule, Outcome.ALLOW, f"{head} is released in {before} since {minute(since)}", inputs)
    reason = f"{head} is released in {before} since {minute(since)}, and soaks until {minute(until)}"
    return RuleResult(rule, Outcome.WAIT, reason, {**inputs, "until": until}, "Run `gitops up` again then.")


def plan_age(wanted: int, case: Case) -> RuleResult:
    """The reviewed plan is no older than that."""
    rule = "plan age"
    if case.approved is None:
        return RuleResult(rule, Outcome.REFUSE, "there is no reviewed plan", {}, _PREVIEW_AGAIN)
    made = case.approved.created_at
    inputs = {"plan_age": duration(wanted), "previewed": made, "now": case.now}
    if case.now - made <= timedelta(seconds=wanted):
        return RuleResult(rule, Outcome.ALLOW, f"the reviewed plan is of {minute(made)}", inputs)
    reason = f"the reviewed plan is of {minute(made)}, older than {duration(wanted)}"
    return RuleResult(rule, Outcome.REFUSE, reason, inputs, _PREVIEW_AGAIN)


def free(rule: FreeRule, plan: Plan, case: Case) -> RuleResult:
    """A rule of the environment's own: its expression is true. One without an answer refuses, whatever `then` says."""
    found = expressions.answer(rule.unless.text, _facts(plan, case))
    inputs = {"unless": rule.unless.text, "answer": found.problem or found.holds}
    if found.holds:
        return RuleResult(rule.name, Outcome.ALLOW, "holds", inputs)
    if found.problem:
        reason = f"cannot be decided: {found.problem}"
        return RuleResult(rule.name, Outcome.REFUSE, reason, inputs, "Mend the expression in gitops.yaml.")
    return RuleResult(rule.name, rule.then, rule.because or "its expression is not true", inputs)


def _auto_approved(expression: Expression | None, case: Case) -> Answer | None:
    """Whether the reviewed plan, as a whole, needs nobody; None where the environment has no such expression."""
    plan = case.approved if case.resumed else case.plan
    if expression is None or plan is None:
        return None
    return expressions.answer(expression.text, _facts(plan, case))


def _facts(plan: Plan, case: Case) -> Facts:
    return Facts(plan, case.request, case.files, case.now)


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
