"""The gate between a plan and its apply."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gitops.config.gate import Approvals
from gitops.config.settings import Environment
from gitops.errors import LedgerBroken
from gitops.flow.gate import judgement
from gitops.flow.gate.case import Case
from gitops.flow.gate.rules import RuleSet
from gitops.flow.ledger import chain as records
from gitops.model import (
    Approval,
    History,
    Inputs,
    Operation,
    Outcome,
    Plan,
    PolicyFinding,
    PolicyLevel,
    PullRequest,
    Record,
    RecordKind,
    RuleResult,
    Stack,
    UnknownValue,
    Verdict,
)
from tests.support.plans import DEV, HEAD, NOW, add, change, inputs, plan, start, update
from tests.support.records import record_of

BUCKET = "aws:s3/bucket:Bucket"
OLDER = "2" * 40
MINUTE = timedelta(minutes=1)
DEV_ENVIRONMENT = Environment("dev", "main", ("dev",), approvals=Approvals(1))
SCALE = change(Operation.UPDATE, BUCKET, "web", update("size", 12, 20))
PLAN = plan(SCALE, state=start({"web": "at 12"}))
MOVED = plan(change(Operation.UPDATE, BUCKET, "web", update("size", 31, 20)), state=start({"web": "at 31"}))


def recorded(one: Plan, commit: str = HEAD, minutes: int = 0) -> Record:
    """The record of a plan, made some minutes after NOW."""
    body = {"plan": records.values.pack(replace(one, commit=commit)), "shown_on": 7}
    return record_of(RecordKind.PLAN, records.Author("ada", "dev"), DEV, commit, NOW + minutes * MINUTE, body)


def approved(by: str = "bob", commit: str = HEAD, minutes: int = 5) -> Approval:
    """An approval, given some minutes after NOW."""
    return Approval(by, commit, NOW + minutes * MINUTE)


def request(*approvals: Approval) -> PullRequest:
    """Ada's pull request, merged."""
    return PullRequest(7, "Scale", "ada", "main", HEAD, approvals, merged_as="c" * 40)


def decided(
    fresh: Plan, pull_request: PullRequest | None, *history: Record, resumed: bool = False, **more: Any
) -> Verdict:
    """The gate's verdict."""
    facts = Case(DEV, "c" * 40, pull_request, NOW + 10 * MINUTE, resumed=resumed)
    case = judgement.gather(fresh, facts, History(history))
    return judgement.decide((RuleSet(replace(DEV_ENVIRONMENT, **more)),), case)


def outcomes(verdict: Verdict) -> dict[str, str]:
    """Rule → outcome, of those that do not allow."""
    return {rule.rule: rule.outcome.value for rule in verdict.rules if rule.outcome is not Outcome.ALLOW}


def test_a_reviewed_and_approved_plan_is_allowed() -> None:
    verdict = decided(PLAN, request(approved()), recorded(PLAN))
    assert verdict.outcome is Outcome.ALLOW
    assert [rule.rule for rule in verdict.rules] == ["reviewed", "same plan", "approvals", "policy"]


REFUSED = {
    "no pull request": (None, (recorded(PLAN),), {"reviewed", "same plan"}),
    "no plan": (request(approved()), (), {"reviewed", "same plan"}),
    "a plan of another commit only": (request(approved()), (recorded(PLAN, OLDER),), {"reviewed", "same plan"}),
    "another plan": (request(approved()), (recorded(MOVED),), {"same plan"}),
    "a newer review of another plan": (
        request(approved()),
        (recorded(PLAN), recorded(MOVED, minutes=9)),
        {"same plan"},
    ),
}


@pytest.mark.parametrize(("pull_request", "history", "rules"), REFUSED.values(), ids=REFUSED.keys())
def test_what_was_not_reviewed_is_refused(
    pull_request: PullRequest | None, history: tuple[Record, ...], rules: set[str]
) -> None:
    verdict = decided(PLAN, pull_request, *history)
    assert verdict.outcome is Outcome.REFUSE
    assert {rule for rule, outcome in outcomes(verdict).items() if outcome == "refuse"} == rules


APPROVALS: dict[str, tuple[tuple[Approval, ...], tuple[Record, ...], int, bool]] = {
    "none": ((), (), 1, False),
    "none needed": ((), (), 0, True),
    "the author's own": ((approved("ada"),), (), 1, False),
    "one of two": ((approved(),), (), 2, False),
    "two of two": ((approved(), approved("eve")), (), 2, True),
    "one person twice": ((approved(), approved()), (), 2, False),
    "one of two is the author": ((approved(), approved("ada")), (), 2, False),
    "at an older head with the same plan": ((approved(commit=OLDER),), (recorded(PLAN, OLDER),), 1, True),
    "at an older head with another plan": ((approved(commit=OLDER),), (recorded(MOVED, OLDER),), 1, False),
    "at an older head without a plan": ((approved(commit=OLDER),), (), 1, False),
    "before there was a plan": ((approved(minutes=-5),), (), 1, False),
    "at the moment of the plan": ((approved(minutes=0),), (), 1, True),
    "of the plan before this one": ((approved(minutes=-5),), (recorded(MOVED, minutes=-9),), 1, False),
    "after the state moved there and back": ((approved(),), (recorded(MOVED, minutes=-3),), 1, True),
}


@pytest.mark.parametrize(("approvals", "before", "needed", "enough"), APPROVALS.values(), ids=APPROVALS.keys())
def test_approvals_count_for_the_plan_their_giver_could_see(
    approvals: tuple[Approval, ...], before: tuple[Record, ...], needed: int, enough: bool
) -> None:
    verdict = decided(PLAN, request(*approvals), *before, recorded(PLAN), approvals=Approvals(needed))
    assert outcomes(verdict) == ({} if enough else {"approvals": "wait"})
    assert verdict.outcome is (Outcome.ALLOW if enough else Outcome.WAIT)


def test_an_approval_of_the_former_plan_does_not_count_for_its_successor() -> None:
    verdict = decided(MOVED, request(approved(minutes=5)), recorded(PLAN), recorded(MOVED, minutes=9))
    assert outcomes(verdict) == {"approvals": "wait"}


@pytest.mark.parametrize(
    ("level", "allowed"),
    [(PolicyLevel.ADVISORY, True), (PolicyLevel.MANDATORY, False), (PolicyLevel.NOT_EVALUATED, False)],
)
def test_a_blocking_finding_refuses_what_everybody_approved(level: PolicyLevel, allowed: bool) -> None:
    found = plan(SCALE, state=start({"web": "at 12"}), findings=(PolicyFinding("house", "small", level, "too large"),))
    verdict = decided(found, request(approved()), recorded(found))
    assert outcomes(verdict) == ({} if allowed else {"policy": "refuse"})


def test_a_refusal_outweighs_a_missing_approval() -> None:
    assert decided(PLAN, request(), recorded(MOVED)).outcome is Outcome.REFUSE


def test_the_rest_of_an_approved_plan_is_allowed_when_its_apply_was_cut_short() -> None:
    rest = plan(state=start({"web": "at 12", SCALE.urn: "at 20"}))
    assert decided(rest, request(approved()), recorded(PLAN), resumed=True).outcome is Outcome.ALLOW
    assert decided(rest, request(approved()), recorded(PLAN), resumed=False).outcome is Outcome.REFUSE


def test_the_rest_of_a_plan_needs_the_approvals_of_the_whole() -> None:
    rest = plan(state=start({"web": "at 12", SCALE.urn: "at 20"}))
    assert outcomes(decided(rest, request(), recorded(PLAN), resumed=True)) == {"approvals": "wait"}


def test_more_than_the_rest_is_refused_with_what_it_is() -> None:
    more = plan(SCALE, change(Operation.DELETE, BUCKET, "logs"), state=start({"web": "at 12"}))
    verdict = decided(more, request(approved()), recorded(PLAN), resumed=True)
    assert verdict.outcome is Outcome.REFUSE
    assert any("delete logs was not planned" in rule.reason for rule in verdict.rules)


def test_an_altered_plan_record_stops_everything() -> None:
    record = recorded(PLAN)
    record.body["plan"]["changes"][0]["properties"][0]["new"] = 99
    with pytest.raises(LedgerBroken, match="altered after it was recorded"):
        decided(PLAN, request(approved()), record)


@pytest.mark.parametrize(("known", "outcome"), [(True, Outcome.ALLOW), (False, Outcome.WAIT)], ids=["known", "unknown"])
def test_an_approval_of_another_program_counts_only_for_values_that_the_plan_shows(
    known: bool, outcome: Outcome
) -> None:
    policy = add("policy", "deny" if known else UnknownValue())
    scale = change(Operation.UPDATE, BUCKET, "web", policy)
    before = plan(scale, origin=inputs({"__main__.py": "denies"}))
    fresh = plan(scale, origin=inputs({"__main__.py": "allows"}))
    assert before.plan_digest == fresh.plan_digest
    history = (recorded(before, OLDER), recorded(fresh, HEAD, 6))
    assert decided(fresh, request(approved(commit=OLDER)), *history).outcome is outcome
    assert decided(fresh, request(approved(minutes=8)), *history).outcome is Outcome.ALLOW


# --- what keeps an approval, and what does not ------------------------------------------------------
# Bob approved PLAN at the head OLDER; now the pull request's head is HEAD, previewed anew.

REVIEW = (recorded(PLAN, OLDER), approved(commit=OLDER))
PROD = Stack("shop", "prod")
KEPT = {
    "a rebase": plan(SCALE, state=start({"web": "at 12"}), origin=inputs({"__main__.py": "f0", "docs.md": "f1"})),
    "a merge commit": PLAN,
    "an unrelated merge": plan(
        SCALE, state=start({"web": "at 12"}), origin=inputs({"__main__.py": "f0", "b.py": "f2"})
    ),
}
LOST = {
    "a revert": plan(state=start({"web": "at 12"})),
    "a force push with another content": plan(
        change(Operation.UPDATE, BUCKET, "web", update("size", 12, 99)), state=start({"web": "at 12"})
    ),
    "a state that moved": MOVED,
    "a finding more": plan(
        SCALE,
        state=start({"web": "at 12"}),
        findings=(PolicyFinding("house", "small", PolicyLevel.ADVISORY, "too large"),),
    ),
}


@pytest.mark.parametrize("now", KEPT.values(), ids=KEPT.keys())
def test_what_leaves_the_plan_as_it_was_keeps_the_approval(now: Plan) -> None:
    seen, given = REVIEW
    assert now.plan_digest == PLAN.plan_digest
    assert decided(now, request(given), seen, recorded(now, HEAD, 8)).outcome is Outcome.ALLOW


@pytest.mark.parametrize("now", LOST.values(), ids=LOST.keys())
def test_what_changes_the_plan_loses_the_approval(now: Plan) -> None:
    seen, given = REVIEW
    verdict = decided(now, request(given), seen, recorded(now, HEAD, 8))
    assert outcomes(verdict) == {"approvals": "wait"}
    assert any("bob does not count: approved another plan" in rule.reason for rule in verdict.rules)


def test_an_approval_of_another_stacks_plan_does_not_count() -> None:
    other = replace(PLAN, stack=PROD)
    body = {"plan": records.values.pack(replace(other, commit=OLDER)), "shown_on": 7}
    seen = record_of(RecordKind.PLAN, records.Author("ada", "prod"), PROD, OLDER, NOW, body)
    verdict = decided(PLAN, request(approved(commit=OLDER)), seen, recorded(PLAN, HEAD, 8))
    assert outcomes(verdict) == {"approvals": "wait"}
    assert any("bob does not count: approved before a plan was shown" in rule.reason for rule in verdict.rules)


def test_an_approval_of_another_pull_requests_plan_does_not_count() -> None:
    seen, given = REVIEW
    elsewhere = replace(seen, body={**seen.body, "shown_on": 8})
    verdict = decided(PLAN, request(given), elsewhere, recorded(PLAN, HEAD, 8))
    assert outcomes(verdict) == {"approvals": "wait"}


def test_an_edited_record_of_the_plan_that_was_approved_stops_everything() -> None:
    seen, given = REVIEW
    seen = replace(seen, body={**seen.body, "plan": {**seen.body["plan"], "environment": "dev", "changes": []}})
    with pytest.raises(LedgerBroken, match="altered after it was recorded"):
        decided(PLAN, request(given), seen, recorded(PLAN, HEAD, 8))


def test_an_expired_approval_does_not_count() -> None:
    seen, given = REVIEW
    history = (seen, recorded(PLAN, HEAD, 8))
    assert decided(PLAN, request(given), *history, approvals=Approvals(1, expire=300)).outcome is Outcome.ALLOW
    assert decided(PLAN, request(given), *history, approvals=Approvals(1, expire=299)).outcome is Outcome.WAIT


# --- before the program runs ------------------------------------------------------------------------


def foreseen(pull_request: PullRequest | None, *history: Record, program: Inputs | None = None) -> Verdict:
    """What the gate says before a preview."""
    facts = Case(DEV, "c" * 40, pull_request, NOW + 10 * MINUTE, program=program)
    return judgement.foresee((RuleSet(DEV_ENVIRONMENT),), judgement.gather(None, facts, History(history)))


def test_before_the_preview_every_rule_is_asked_about_the_reviewed_plan() -> None:
    verdict = foreseen(request(approved()), recorded(PLAN))
    assert verdict.outcome is Outcome.ALLOW
    assert [rule.rule for rule in verdict.rules] == ["reviewed", "same plan", "approvals", "policy"]
    assert "will be compared" in verdict.rules[1].reason


def test_before_the_preview_an_approval_of_an_older_plan_does_not_count() -> None:
    history = (recorded(MOVED, OLDER), recorded(PLAN, HEAD, 8))
    assert outcomes(foreseen(request(approved(commit=OLDER)), *history)) == {"approvals": "wait"}


@pytest.mark.parametrize(("pull_request", "history"), [(None, (recorded(PLAN),)), (request(approved()), ())])
def test_without_a_review_no_program_runs(pull_request: PullRequest | None, history: tuple[Record, ...]) -> None:
    assert foreseen(pull_request, *history).outcome is Outcome.REFUSE


def test_before_the_preview_a_plan_with_unknown_values_needs_the_program_that_was_reviewed() -> None:
    unknown = plan(
        change(Operation.UPDATE, BUCKET, "web", add("policy", UnknownValue())), origin=inputs({"a.py": "f0"})
    )
    history = (request(approved()), recorded(unknown))
    assert foreseen(*history, program=inputs({"a.py": "f0"})).outcome is Outcome.ALLOW
    assert foreseen(*history, program=inputs({"a.py": "f1"})).outcome is Outcome.WAIT
    assert foreseen(request(approved()), recorded(PLAN), program=inputs({"a.py": "f1"})).outcome is Outcome.ALLOW


def test_of_several_verdicts_a_refusal_comes_before_a_wait_and_gives_its_own_reasons() -> None:
    def said(*rules: tuple[Outcome, str]) -> Verdict:
        return Verdict(tuple(RuleResult("a rule", outcome, reason) for outcome, reason in rules))

    waits = ("shop/dev", said((Outcome.ALLOW, "fine"), (Outcome.WAIT, "later")))
    refuses = ("shop/prod", said((Outcome.WAIT, "later"), (Outcome.REFUSE, "never"), (Outcome.REFUSE, "no")))
    assert judgement.stop([waits, ("shop/staging", said())]) == judgement.Stop(
        Outcome.WAIT, ("shop/dev",), "shop/dev: later"
    )
    assert judgement.stop([waits, refuses, ("shop/prod", said((Outcome.ALLOW, "fine")))]) == judgement.Stop(
        Outcome.REFUSE, ("shop/prod",), "shop/prod: never; shop/prod: no"
    )
    assert judgement.stop([("shop/staging", said((Outcome.ALLOW, "fine")))]) is None
