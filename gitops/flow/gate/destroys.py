"""What a plan destroys, approved by a comment: it lets exactly that plan past the rules that would refuse it. Pure.

The ledger's record only points at the comment. Who gave it, when, and what it says is asked of the code host, so that
a record that somebody else appended approves nothing, and taking the comment back takes the approval back.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gitops.config.gate import Approvals
from gitops.flow.chatops import Command, Verb, parse
from gitops.flow.gate import approvals
from gitops.flow.gate.case import Case, Remarks
from gitops.flow.words import listed, short
from gitops.model import Comment, History, Outcome, Plan, Query, Record, RecordKind, RuleResult, Stack
from gitops.model.record_bodies import DestroyApproved


def given(history: History, stack: Stack, number: int) -> Iterator[tuple[int, Record]]:
    """The records of such approvals for a stack's plans on a pull request, each with its comment's id."""
    wanted = Query(stack=stack.label, kinds=(RecordKind.DESTROY_APPROVED,), shown_on=number)
    for record in history.select(wanted):
        yield record.read_as(DestroyApproved).comment, record


def void(comment: Comment | None, record: Record, shown: Plan | None, remarks: Remarks) -> str:
    """Why the comment approves nothing, whatever the plan; empty if it does.

    `shown` is the plan that its author could see.
    """
    if comment is None or not comment.by:
        return "the comment is gone"
    if comment.edited:
        return "edited the comment"
    if not comment.by_person:
        return "is not a person"
    if comment.by.casefold() != record.by.casefold():
        return "did not write the comment"
    if comment.by not in remarks.writers:
        return "may not write to the repository"
    if shown is None:
        return "approved before a plan was shown"
    asked = parse(comment.body)
    if not isinstance(asked, Command) or asked.verb is not Verb.APPROVE_DESTROY:
        return "the comment says something else"
    if not shown.plan_digest.startswith(asked.argument):
        return f"approved another plan, {short(asked.argument)}"
    if record.read_as(DestroyApproved).plan_digest != shown.plan_digest:
        return f"could not see that plan, but {short(shown.plan_digest)}"
    return ""


def excused(result: RuleResult, wanted: Approvals, case: Case) -> RuleResult:
    """The result of a rule over what a plan destroys; a refusal is lifted where enough people approved exactly that."""
    if result.outcome is Outcome.ALLOW or case.plan is None:
        return result
    approvers, others = approvals.counted(wanted, case.destroy_voices, case.now)
    missing = _missing(approvers, wanted, case)
    inputs = {**result.inputs, "destroys_approved_by": approvers, "not_counted": others}
    if not missing:
        reason = f"{result.reason}; approved by {listed(approvers)} for this plan"
        return RuleResult(result.rule, Outcome.ALLOW, reason, inputs)
    reasons = [result.reason, *(f"{name} does not count: {why}" for name, why in others.items())]
    if approvers:
        reasons.append(f"approved by {listed(approvers)}, and not yet by {listed(missing)}")
    command = Command(Verb.APPROVE_DESTROY, short(case.plan.plan_digest))
    remedy = f"{result.remedy} Or have {listed(missing)} approve it on the pull request: `{command}`."
    return replace(result, reason="; ".join(reasons), inputs=inputs, remedy=remedy)


def _missing(approvers: Sequence[str], wanted: Approvals, case: Case) -> list[str]:
    """Whose approval is wanted still, in words. Whoever has no account may be one of the approvers."""
    strangers = len(case.pull_request.strangers) if case.pull_request else 0
    missing = []
    for one in wanted.owners:
        allowed = approvals.people(one, case.teams)
        who = [name for name in approvers if name.casefold() in allowed]
        if approvals.matching(one.pattern, case.files) and len(who) <= strangers:
            missing.append(f"an owner of {one.pattern} ({listed(one.people)})")
    if not missing and len(approvers) <= strangers:
        missing.append("somebody who neither opened nor contributed to it")
    return missing
