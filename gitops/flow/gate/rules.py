"""The gate's rules, one function each: a case in, a result out that says what it looked at. Pure.

`results` says which of them an environment asks for. Those that look at nothing but the plan are in `plan_rules.py`.

What is unknown counts against the change: a commit without an account may be the approver's, a path that nobody knows
may match every pattern.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from gitops.config.durations import duration
from gitops.config.gate import Expression, FreeRule, Gate
from gitops.config.settings import Environment
from gitops.flow.gate import expressions, plan_rules, windows
from gitops.flow.gate.approvals import counted, matching, people
from gitops.flow.gate.case import Case
from gitops.flow.gate.destroys import excused
from gitops.flow.gate.expressions import Answer
from gitops.flow.plans.deviations import departures
from gitops.flow.words import listed, minute, plural, short
from gitops.model import Outcome, Plan, PolicyPack, RuleResult

_SHOWN = 20
_PREVIEW_AGAIN = "Preview the change again, and have that plan approved."


@dataclass(frozen=True, slots=True)
class RuleSet:
    """An environment's rules as one commit has them, and the environment before, that changes are promoted from.

    `packs` are the policy packs that the same commit names, as it has them.
    """

    environment: Environment
    before: Environment | None = None
    origin: str = ""
    packs: tuple[PolicyPack, ...] = ()


def results(one: RuleSet, case: Case) -> Iterator[RuleResult]:
    """The results of all rules of a set, in the order that people read them; a new rule gets its line here."""
    gate = one.environment.gate
    yield approvals(one.environment, case)
    yield from owners(one.environment, case)
    if gate.windows:
        yield window(gate, case)
    if gate.soak is not None:
        yield soak(gate.soak, one.before.name if one.before else "", case)
    if gate.plan_age is not None:
        yield plan_age(gate.plan_age, case)
    yield from _of_plan(one, case)


def _of_plan(one: RuleSet, case: Case) -> Iterator[RuleResult]:
    """The rules that look at a plan; where there is none, `reviewed` has refused already."""
    gate, plan = one.environment.gate, case.plan
    if plan is None:
        return
    yield plan_rules.policy(gate, plan, one.packs)
    for result in _over_destroys(gate, plan):
        yield excused(result, one.environment.approvals, case)
    if gate.known:
        yield plan_rules.known(gate.known, plan)
    for wanted in gate.rules:
        yield free(wanted, case)


def _over_destroys(gate: Gate, plan: Plan) -> Iterator[RuleResult]:
    """The rules over what will be gone, which somebody may approve for one plan."""
    if gate.destroys is not None:
        yield plan_rules.destroys(gate.destroys, plan)
    if gate.replaces is not None:
        yield plan_rules.replaces(gate.replaces, plan)
    if gate.protect.types or gate.protect.urns:
        yield plan_rules.protect(gate.protect, plan)


def reviewed(case: Case) -> RuleResult:
    """The commit came by a pull request whose head was previewed for this stack, and shown there."""
    rule, request = "reviewed", case.pull_request
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
    rule, head = "soak", short(case.pull_request.head) if case.pull_request else short(case.commit)
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


def free(rule: FreeRule, case: Case) -> RuleResult:
    """A rule of the environment's own: its expression is true. One without an answer refuses, whatever `then` says."""
    found = expressions.answer(rule.unless.text, case)
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
    return expressions.answer(expression.text, replace(case, plan=plan))
