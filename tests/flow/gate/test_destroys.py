"""Approvals of what a plan destroys: what they let through, and every way in which one does not count."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.config.gate import Approvals, Gate, Owners, Protect
from gitops.config.settings import Environment
from gitops.flow.gate import judgement
from gitops.flow.gate.case import Case, Remarks
from gitops.flow.gate.rules import RuleSet
from gitops.flow.ledger import chain as records
from gitops.model import (
    Comment,
    History,
    Operation,
    Outcome,
    Plan,
    PullRequest,
    Record,
    RecordKind,
    RuleResult,
    Stack,
    UnknownValue,
    Verdict,
)
from tests.flow.gate.judged import BUCKET, DATABASE, MINUTE, QUEUE, destroyed
from tests.support.plans import DEV, HEAD, NOW, add, change, inputs, plan
from tests.support.records import record_of

ASKED = "/gitops approve-destroy"
OLDER = "2" * 40
GONE = destroyed(1)
OTHER = destroyed(2)
STRICT = Gate(destroys=0, replaces=0, protect=Protect(types=("aws:*",)))
NO_APPROVALS = Approvals(0)


def shown(one: Plan, minutes: int = 0, commit: str = HEAD, stack: Stack = DEV) -> Record:
    """The record of a plan, shown some minutes after NOW on pull request 7."""
    body = {"plan": records.values.pack(replace(one, commit=commit, stack=stack)), "shown_on": 7}
    return record_of(RecordKind.PLAN, records.Author("ci", "dev"), stack, commit, NOW + minutes * MINUTE, body)


def comment(identity: int = 1, by: str = "grace", body: str = ASKED, minutes: int = 5, **more: Any) -> Comment:
    """A comment, written some minutes after NOW."""
    return Comment(identity, by, body, NOW + minutes * MINUTE, **more)


def approved(one: Plan = GONE, identity: int = 1, by: str = "grace", minutes: int = 6, **more: Any) -> Record:
    """The record that points at a comment."""
    body = {"plan_digest": one.plan_digest, "shown_on": 7, "comment": identity, **more.pop("body", {})}
    author = records.Author(by, "dev")
    return replace(record_of(RecordKind.DESTROY_APPROVED, author, DEV, HEAD, NOW + minutes * MINUTE, body), **more)


def decided(
    *history: Record,
    comments: tuple[Comment, ...] = (comment(),),
    writers: frozenset[str] | None = None,
    fresh: Plan = GONE,
    rules_of: Gate = STRICT,
    approvals: Approvals = NO_APPROVALS,
    pull_request: PullRequest | None = None,
    **more: Any,
) -> Verdict:
    """The gate's verdict on a plan, with the comments as the host has them; whoever commented may write."""
    asked = pull_request or PullRequest(
        7, "Clean", "ada", "main", HEAD, merged_as="c" * 40, contributors=("ada", "eve")
    )
    remarks = Remarks(
        {one.id: one for one in comments}, frozenset(one.by for one in comments) if writers is None else writers
    )
    facts = Case(DEV, "c" * 40, asked, NOW + 10 * MINUTE, remarks=remarks, **more)
    environment = Environment("dev", "main", ("dev",), approvals=approvals, gate=rules_of)
    return judgement.decide((RuleSet(environment),), judgement.gather(fresh, facts, History(history)))


def over_destroys(verdict: Verdict) -> dict[str, RuleResult]:
    """The three rules that can be excused."""
    return {one.rule: one for one in verdict.rules if one.rule in ("destroys", "replaces", "protect")}


def test_without_a_comment_what_is_destroyed_is_refused_and_the_way_out_is_named() -> None:
    found = over_destroys(decided(shown(GONE)))["destroys"]
    assert found.outcome is Outcome.REFUSE
    assert f"`/gitops approve-destroy {GONE.plan_digest[:12]}`" in found.remedy


@pytest.mark.parametrize("operation", [Operation.DELETE, Operation.REPLACE, Operation.UNKNOWN])
def test_a_comment_lets_exactly_that_plan_past_budgets_and_protection(operation: Operation) -> None:
    one = destroyed(3, operation)
    refused = decided(shown(one), fresh=one)
    assert refused.outcome is Outcome.REFUSE
    verdict = decided(shown(one), approved(one), fresh=one)
    assert verdict.outcome is Outcome.ALLOW
    hit = {rule for rule, result in over_destroys(refused).items() if result.outcome is Outcome.REFUSE}
    for rule in hit:
        result = over_destroys(verdict)[rule]
        assert result.reason.endswith("; approved by grace for this plan")
        assert result.inputs["destroys_approved_by"] == ["grace"]


def test_other_rules_stand() -> None:
    secret = change(Operation.DELETE, QUEUE, "jobs")
    one = plan(secret, change(Operation.UPDATE, DATABASE, "db", add("address", UnknownValue())))
    strict = replace(STRICT, known=("aws:rds/*",))
    verdict = decided(shown(one), approved(one), fresh=one, rules_of=strict)
    assert [rule.rule for rule in verdict.rules if rule.outcome is not Outcome.ALLOW] == ["known values"]


def test_it_is_no_approval_of_the_plan_itself() -> None:
    verdict = decided(shown(GONE), approved(), approvals=Approvals(1))
    assert [rule.rule for rule in verdict.rules if rule.outcome is not Outcome.ALLOW] == ["approvals"]


# Name → (history, comments as the host has them, why it does not count).
VOID: dict[str, tuple[tuple[Record, ...], tuple[Comment, ...], str]] = {
    "the author's own": ((shown(GONE), approved(by="ada")), (comment(by="ada"),), "opened the pull request"),
    "the author's in capitals": ((shown(GONE), approved(by="ADA")), (comment(by="ADA"),), "opened the pull request"),
    "a contributor's": ((shown(GONE), approved(by="eve")), (comment(by="eve"),), "contributed to the pull request"),
    "a bot's": ((shown(GONE), approved()), (comment(by_person=False),), "is not a person"),
    "a comment that was deleted": ((shown(GONE), approved()), (), "the comment is gone"),
    "a comment of a deleted account": ((shown(GONE), approved()), (comment(by=""),), "the comment is gone"),
    "a comment that was edited": ((shown(GONE), approved()), (comment(edited=True),), "edited the comment"),
    "somebody else's comment": ((shown(GONE), approved()), (comment(by="linus"),), "did not write the comment"),
    "another command's comment": (
        (shown(GONE), approved()),
        (comment(body="/gitops preview"),),
        "the comment says something else",
    ),
    "a comment that quotes the command": (
        (shown(GONE), approved()),
        (comment(body=f"> {ASKED}"),),
        "the comment says something else",
    ),
    "given before any plan was shown": (
        (shown(GONE, minutes=6), approved(minutes=7)),
        (comment(minutes=5),),
        "approved before a plan was shown",
    ),
    "given while another plan was shown": (
        (shown(OTHER), shown(GONE, minutes=6), approved(OTHER, minutes=7)),
        (comment(minutes=5),),
        f"approved another plan, {OTHER.plan_digest[:12]}",
    ),
    "of that other plan, recorded as if it were of this one": (
        (shown(OTHER), shown(GONE, minutes=6), approved(GONE, minutes=7)),
        (comment(minutes=5),),
        f"could not see that plan, but {OTHER.plan_digest[:12]}",
    ),
    "of a plan that was shown for an older head, before this one came back": (
        (shown(GONE, commit=OLDER), shown(OTHER, minutes=2), approved(GONE, commit=OLDER), shown(GONE, minutes=7)),
        (comment(minutes=5),),
        f"could not see that plan, but {OTHER.plan_digest[:12]}",
    ),
    "with another digest": (
        (shown(GONE), approved()),
        (comment(body=f"{ASKED} {OTHER.plan_digest[:12]}"),),
        f"approved another plan, {OTHER.plan_digest[:12]}",
    ),
}


@pytest.mark.parametrize(("history", "comments", "why"), VOID.values(), ids=VOID.keys())
def test_what_does_not_count(history: tuple[Record, ...], comments: tuple[Comment, ...], why: str) -> None:
    found = over_destroys(decided(*history, comments=comments))
    assert found["destroys"].outcome is found["protect"].outcome is Outcome.REFUSE
    assert f"does not count: {why}" in found["destroys"].reason


def test_who_may_not_write_any_more_does_not_count() -> None:
    found = over_destroys(decided(shown(GONE), approved(), writers=frozenset()))["destroys"]
    assert "grace does not count: may not write to the repository" in found.reason


def test_another_plan_needs_another_approval() -> None:
    history = (shown(GONE), approved(), shown(OTHER, minutes=8))
    found = over_destroys(decided(*history, fresh=OTHER))["destroys"]
    assert (found.outcome, "approved another plan" in found.reason) == (Outcome.REFUSE, True)
    later = (*history, approved(OTHER, identity=2, minutes=9))
    assert decided(*later, fresh=OTHER, comments=(comment(), comment(2, minutes=9))).outcome is Outcome.ALLOW


def test_the_digest_of_the_plan_may_be_named() -> None:
    named = comment(body=f"{ASKED} {GONE.plan_digest[:12].upper()}\n\nthe bucket is empty")
    assert decided(shown(GONE), approved(), comments=(named,)).outcome is Outcome.ALLOW


def test_it_stands_for_a_later_head_with_the_same_plan_like_an_approval() -> None:
    history = (shown(GONE, commit=OLDER), approved(commit=OLDER), shown(GONE, minutes=8))
    assert decided(*history).outcome is Outcome.ALLOW


def test_a_later_program_that_computes_what_nobody_saw_needs_a_new_one() -> None:
    hidden = change(Operation.UPDATE, QUEUE, "jobs", add("arn", UnknownValue()))
    gone = change(Operation.DELETE, BUCKET, "b0")
    before = plan(gone, hidden, origin=inputs({"__main__.py": "old"}))
    after = plan(gone, hidden, origin=inputs({"__main__.py": "new"}))
    assert before.plan_digest == after.plan_digest
    history = (shown(before, commit=OLDER), approved(before, commit=OLDER), shown(after, minutes=8))
    found = over_destroys(decided(*history, fresh=after))["destroys"]
    assert "approved another program" in found.reason


def test_an_approval_for_one_stack_is_none_for_another() -> None:
    other = replace(approved(), stack="shop/other")
    assert decided(shown(GONE), other).outcome is Outcome.REFUSE


def test_an_approval_on_another_pull_request_is_none_here() -> None:
    assert decided(shown(GONE), approved(body={"shown_on": 8})).outcome is Outcome.REFUSE


def test_it_expires_like_an_approval() -> None:
    strict = Approvals(0, expire=60)
    found = over_destroys(decided(shown(GONE), approved(), approvals=strict))["destroys"]
    assert "grace does not count: approved more than 1m ago" in found.reason


def test_who_may_be_somebody_without_an_account_is_not_enough_alone() -> None:
    asked = PullRequest(7, "Clean", "ada", "main", HEAD, merged_as="c" * 40, strangers=("x <x@example.com>",))
    alone = decided(shown(GONE), approved(), pull_request=asked)
    assert alone.outcome is Outcome.REFUSE
    both = (comment(), comment(2, "linus"))
    together = decided(shown(GONE), approved(), approved(identity=2, by="linus"), comments=both, pull_request=asked)
    assert together.outcome is Outcome.ALLOW


def test_in_a_promotion_that_others_vouched_for_contributors_still_approve_no_destroys() -> None:
    found = over_destroys(decided(shown(GONE), approved(by="eve"), comments=(comment(by="eve"),), vouched=True))
    assert found["destroys"].outcome is Outcome.REFUSE


OWNED = Approvals(0, owners=(Owners("infra/**", ("linus", "@acme/platform")), Owners("docs/**", ("writer",))))


@pytest.mark.parametrize(
    ("by", "files", "outcome"),
    [
        ("grace", ("README.md",), Outcome.ALLOW),
        ("grace", ("infra/a.py",), Outcome.REFUSE),
        ("linus", ("infra/a.py",), Outcome.ALLOW),
        ("LINUS", ("infra/a.py",), Outcome.ALLOW),
        ("member", ("infra/a.py",), Outcome.ALLOW),
        ("writer", ("infra/a.py",), Outcome.REFUSE),
        ("writer", ("infra/a.py", "docs/a.md"), Outcome.REFUSE),
        ("linus", None, Outcome.REFUSE),
    ],
)
def test_owners_of_changed_paths_approve_what_is_destroyed(
    by: str, files: tuple[str, ...] | None, outcome: Outcome
) -> None:
    teams = {"@acme/platform": frozenset({"Member"})}
    verdict = decided(
        shown(GONE), approved(by=by), comments=(comment(by=by),), approvals=OWNED, files=files, teams=teams
    )
    assert {one.outcome for one in over_destroys(verdict).values()} - {Outcome.ALLOW} == ({outcome} - {Outcome.ALLOW})


def test_each_pattern_wants_an_owner_of_its_own_and_the_one_that_is_missing_is_named() -> None:
    files = ("infra/a.py", "docs/a.md")
    first = decided(shown(GONE), approved(by="linus"), comments=(comment(by="linus"),), approvals=OWNED, files=files)
    assert "approved by linus, and not yet by an owner of docs/** (writer)" in over_destroys(first)["destroys"].reason
    both = (comment(by="linus"), comment(2, "writer"))
    history = (shown(GONE), approved(by="linus"), approved(identity=2, by="writer"))
    second = decided(*history, comments=both, approvals=OWNED, files=files)
    assert {one.outcome for one in over_destroys(second).values()} == {Outcome.ALLOW}


def test_the_rest_of_an_approved_plan_is_approved() -> None:
    whole = destroyed(2)
    rest = plan(whole.changes[1])
    verdict = decided(shown(whole), approved(whole), fresh=rest, resumed=True)
    assert verdict.outcome is Outcome.ALLOW


@given(
    minutes=st.integers(-9, 9),
    by=st.sampled_from(["grace", "ada", "eve"]),
    body=st.sampled_from([ASKED, "/gitops help", f"{ASKED} {OTHER.plan_digest[:12]}", "yes"]),
    edited=st.booleans(),
    recorded=st.sampled_from([GONE, OTHER]),
)
def test_only_one_way_leads_through(minutes: int, by: str, body: str, edited: bool, recorded: Plan) -> None:
    said = comment(by=by, body=body, minutes=minutes, edited=edited)
    verdict = decided(shown(GONE), approved(recorded, by=by), comments=(said,))
    right = minutes >= 0 and by == "grace" and body == ASKED and not edited and recorded is GONE
    assert (verdict.outcome is Outcome.ALLOW) is right


def test_times_are_those_of_the_host_and_not_of_the_record() -> None:
    late = comment(minutes=-1)
    assert decided(shown(GONE), approved(minutes=9), comments=(late,)).outcome is Outcome.REFUSE
    assert decided(shown(GONE), approved(minutes=9), comments=(replace(late, at=NOW + timedelta(0)),)).outcome is (
        Outcome.ALLOW
    )
