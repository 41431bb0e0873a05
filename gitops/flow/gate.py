"""The gate: may this fresh plan be applied to its environment? Pure; every rule says what it looked at.

An approval is given to a commit of a pull request, and stands for the plan that the ledger had for that commit at
that time: what the approver could see. It counts for a fresh plan if both have the same plan digest: a rebase or an
unrelated merge keeps it, anything that would do something else does not. A value that is known only after the apply
has no place in a plan but the program that will compute it; a plan with such values keeps an approval only as long as
the program's files and config are those that were previewed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gitops.config import Environment
from gitops.flow.record import History
from gitops.flow.resume import departures
from gitops.flow.values import leaves
from gitops.model import Outcome, Plan, PolicyLevel, PullRequest, RuleResult, Stack, UnknownValue, Verdict


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the gate looks at. `approved` is the reviewed plan; `resumed` says that part of it is applied already."""

    pull_request: PullRequest | None
    approved: Plan | None
    approvers: tuple[str, ...]
    resumed: bool = False


def gather(fresh: Plan, pull_request: PullRequest | None, history: History, resumed: bool) -> Evidence:
    """Find the reviewed plan and those who approved it. Raises LedgerBroken when a plan record was altered."""
    if pull_request is None:
        return Evidence(None, None, (), resumed)
    approved = history.plan_for(fresh.stack, pull_request.head, pull_request.number)
    wanted = fresh.plan_digest if not resumed else approved.plan_digest if approved else ""
    approvers = {
        approval.by
        for approval in pull_request.approvals
        if approval.by != pull_request.author
        and (plan := history.plan_for(fresh.stack, approval.commit, pull_request.number, approval.at)) is not None
        and plan.plan_digest == wanted
        and (_says_all(plan) or _same_program(plan, fresh))
    }
    return Evidence(pull_request, approved, tuple(sorted(approvers)), resumed)


def _says_all(plan: Plan) -> bool:
    """Whether every value of the plan was known when it was previewed."""
    new = (leaf for change in plan.changes for p in change.properties for leaf in leaves(p.new))
    return not any(isinstance(leaf, UnknownValue) for leaf in new)


def _same_program(approved: Plan, fresh: Plan) -> bool:
    """Versions are left out: a provider's is part of the plan digest, and an interpreter's patch release no reason."""
    return (approved.inputs.files, approved.inputs.config) == (fresh.inputs.files, fresh.inputs.config)


def foresee(
    environment: Environment, stack: Stack, commit: str, asked: PullRequest | None, history: History
) -> Verdict:
    """What can be said before the program runs: without a reviewed plan and enough approvals of any plan, it need not.

    A preview runs the commit's program with the credentials of the apply, so nobody's unreviewed commit gets one.
    """
    approved = history.plan_for(stack, asked.head, asked.number) if asked else None
    givers = {
        approval.by
        for approval in (asked.approvals if asked else ())
        if asked
        and approval.by != asked.author
        and history.plan_for(stack, approval.commit, asked.number, approval.at) is not None
    }
    evidence = Evidence(asked, approved, tuple(sorted(givers)))
    return Verdict((_reviewed(stack, commit, evidence), _approvals(environment, evidence)))


def decide(environment: Environment, fresh: Plan, evidence: Evidence) -> Verdict:
    """Every rule's answer."""
    return Verdict(
        (
            _reviewed(fresh.stack, fresh.commit, evidence),
            _same_plan(fresh, evidence),
            _approvals(environment, evidence),
            _policy(fresh),
        )
    )


def _reviewed(stack: Stack, commit: str, evidence: Evidence) -> RuleResult:
    rule = "reviewed"
    request = evidence.pull_request
    if request is None:
        return RuleResult(
            rule, Outcome.REFUSE, f"no pull request became commit {commit[:12]} on the environment's branch"
        )
    if evidence.approved is None:
        return RuleResult(
            rule,
            Outcome.REFUSE,
            f"the ledger has no plan of {stack.label} for {request.head[:12]}, "
            f"the head of pull request #{request.number}",
        )
    return RuleResult(rule, Outcome.ALLOW, f"pull request #{request.number} was previewed at {request.head[:12]}")


def _same_plan(fresh: Plan, evidence: Evidence) -> RuleResult:
    rule = "same plan"
    approved = evidence.approved
    if approved is None:
        return RuleResult(rule, Outcome.REFUSE, "there is no reviewed plan to compare with")
    if approved.plan_digest == fresh.plan_digest:
        return RuleResult(rule, Outcome.ALLOW, f"plan digest {fresh.plan_digest[:12]} is the reviewed one")
    if evidence.resumed:
        left = departures(approved, fresh)
        if not left:
            return RuleResult(rule, Outcome.ALLOW, "it is the rest of the reviewed plan, whose apply was cut short")
        return RuleResult(rule, Outcome.REFUSE, f"it is not the rest of the reviewed plan: {left[0]}")
    return RuleResult(
        rule, Outcome.REFUSE, f"plan digest {fresh.plan_digest[:12]} is not the reviewed {approved.plan_digest[:12]}"
    )


def _approvals(environment: Environment, evidence: Evidence) -> RuleResult:
    rule = "approvals"
    needed = environment.approvals
    if needed == 0:
        return RuleResult(rule, Outcome.ALLOW, f"{environment.name} needs none")
    have = len(evidence.approvers)
    names = _listed(evidence.approvers)
    if have >= needed:
        return RuleResult(rule, Outcome.ALLOW, f"approved by {names}")
    got = f"{have} of {needed} ({names})" if have else f"0 of {needed}"
    return RuleResult(rule, Outcome.WAIT, f"{got} approvals of this plan; the author's own does not count")


def _policy(fresh: Plan) -> RuleResult:
    rule = "policy"
    blocking = [f for f in fresh.findings if f.level is not PolicyLevel.ADVISORY]
    if not blocking:
        return RuleResult(rule, Outcome.ALLOW, "no mandatory policy is violated, none was left unevaluated")
    first = blocking[0]
    return RuleResult(
        rule, Outcome.REFUSE, f"{len(blocking)} blocking findings, first {first.policy}: {first.level.value}"
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
