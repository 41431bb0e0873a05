"""The gate: may this plan be applied to its environment? Pure; every rule says what it looked at.

An approval is given to a commit of a pull request, and stands for the plan that the ledger had for that commit at
that time: what the approver could see. It counts for a fresh plan if both have the same plan digest: a rebase or an
unrelated merge keeps it, anything that would do something else does not. A value that is known only after the apply
has no place in a plan but the program that will compute it; a plan with such values keeps an approval only as long as
the program's files and config are those that were previewed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from gitops.flow.gate import destroys, rules
from gitops.flow.gate.approvals import Voice
from gitops.flow.gate.case import Case
from gitops.flow.gate.rules import RuleSet
from gitops.flow.ledger.history import latest_plan, plan_for
from gitops.flow.plans.plan import unknowns
from gitops.flow.words import short
from gitops.model import (
    Approval,
    Comment,
    History,
    Inputs,
    Outcome,
    Plan,
    PullRequest,
    Record,
    RuleResult,
    Verdict,
)


def gather(fresh: Plan | None, case: Case, history: History) -> Case:
    """The case with its plan, the reviewed plan, and who approved it; without a fresh plan, as if it were the reviewed.

    Raises LedgerBroken when a plan record was altered.
    """
    request, stack = case.pull_request, case.stack
    if request is None:
        return replace(case, plan=fresh)
    approved = plan_for(history, stack, request.head, request.number)
    wanted = approved if fresh is None or case.resumed else fresh
    origin = fresh.inputs if fresh else case.program or (approved.inputs if approved else None)

    def void(approval: Approval) -> str:
        return barred(approval.by, request, vouched=case.vouched) or _other_plan(
            plan_for(history, stack, approval.commit, request.number, approval.at), wanted, origin
        )

    def heard(comment: Comment | None, record: Record) -> Voice:
        if comment is None:
            return Voice(record.by, record.at, destroys.void(comment, record, None, case.remarks))
        # Nothing of the record is believed but which comment it points at.
        shown = latest_plan(history, stack, request.number, comment.at)
        why = destroys.void(comment, record, shown, case.remarks) or barred(comment.by, request)
        return Voice(comment.by or record.by, comment.at, why or _other_plan(shown, wanted, origin))

    voices = (Voice(approval.by, approval.at, void(approval)) for approval in request.approvals)
    given = destroys.given(history, stack, request.number)
    destroy_voices = (heard(case.remarks.comments.get(comment), record) for comment, record in given)
    return replace(
        case,
        plan=fresh or approved,
        approved=approved,
        voices=tuple(voices),
        destroy_voices=tuple(destroy_voices),
    )


@dataclass(frozen=True, slots=True)
class Stop:
    """What keeps stacks from being applied: the strictest outcome of all, the stacks that have it, and why."""

    outcome: Outcome
    stacks: tuple[str, ...]
    reasons: str


def stop(verdicts: Iterable[tuple[str, Verdict]]) -> Stop | None:
    """What the verdicts of several stacks, each with its label, come to; None where all of them allow."""
    told = tuple(verdicts)
    outcome = Verdict(tuple(rule for _, verdict in told for rule in verdict.rules)).outcome
    if outcome is Outcome.ALLOW:
        return None
    stopped = [(label, verdict) for label, verdict in told if verdict.outcome is outcome]
    reasons = [
        f"{label}: {rule.reason}" for label, verdict in stopped for rule in verdict.rules if rule.outcome is outcome
    ]
    return Stop(outcome, tuple(label for label, _ in stopped), "; ".join(reasons))


def barred(by: str, request: PullRequest, *, vouched: bool = False) -> str:
    """Why this person's approval of this pull request never counts; empty if it does."""
    if by.casefold() == request.author.casefold():
        return "opened the pull request"
    if not vouched and by.casefold() in {one.casefold() for one in request.contributors}:
        return "contributed to the pull request"
    return ""


def _other_plan(seen: Plan | None, wanted: Plan | None, origin: Inputs | None) -> str:
    """Why an approval of the plan that its giver saw does not count for the one that is wanted."""
    if seen is None:
        return "approved before a plan was shown"
    if wanted is None or seen.plan_digest != wanted.plan_digest:
        return f"approved another plan, {short(seen.plan_digest)}"
    # Versions are left out: a provider's is part of the plan digest, and an interpreter's patch release no reason.
    if unknowns(seen) and (origin is None or (seen.inputs.files, seen.inputs.config) != (origin.files, origin.config)):
        return "approved another program, and the plan has values that only the program knows"
    return ""


def foresee(sets: Sequence[RuleSet], case: Case) -> Verdict:
    """What can be said before the program runs: what the gate would say if the fresh plan were the reviewed one.

    The case was gathered without a fresh plan. A preview runs the commit's program with the credentials of the apply,
    so nobody's unreviewed commit gets one; and nobody waits for one to learn that a window is closed.
    """
    return Verdict((rules.reviewed(case), rules.to_be_compared(case), *_environments(sets, case)))


def by_people(verdict: Verdict) -> Verdict:
    """The part of a verdict that says whether people saw the change and agreed; nobody's program runs without that."""
    return Verdict(tuple(one for one in verdict.rules if one.rule.startswith(("reviewed", "approvals", "owners of "))))


def decide(sets: Sequence[RuleSet], case: Case) -> Verdict:
    """Every rule's answer; the case was gathered with the fresh plan."""
    return Verdict((rules.reviewed(case), rules.same_plan(case), *_environments(sets, case)))


def _environments(sets: Sequence[RuleSet], case: Case) -> Iterator[RuleResult]:
    """The results of every set; what two sets agree on is said once, what they do not is told apart."""
    told: dict[str, list[RuleResult]] = {}
    for one in sets:
        for result in rules.results(one, case):
            before = told.setdefault(result.rule, [])
            if result not in before:
                before.append(result)
                yield replace(result, rule=f"{result.rule} ({one.origin})") if one.origin else result
