"""The gate's rules, one by one: what each looks at, when it does not allow, and what it says then."""

from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.config.gate import Approvals, Expression, FreeRule, Gate, Owners, Protect, Window
from gitops.config.settings import Environment
from gitops.flow.gate import judgement, plan_rules
from gitops.flow.gate.case import Case
from gitops.flow.gate.rules import RuleSet
from gitops.flow.ledger import chain as records
from gitops.model import (
    History,
    Operation,
    Outcome,
    Plan,
    PolicyFinding,
    PolicyLevel,
    RecordKind,
    ResourceChange,
    UnknownValue,
    Verdict,
)
from tests.flow.gate.judged import (
    BUCKET,
    DATABASE,
    DAY,
    HOUR,
    MINUTE,
    PLAN,
    QUEUE,
    SCALE,
    destroyed,
    judged,
    request,
)
from tests.support.plans import DEV, HEAD, NOW, add, change, plan
from tests.support.records import record_of

# --- budgets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", [Operation.DELETE, Operation.REPLACE, Operation.UNKNOWN])
@pytest.mark.parametrize(("count", "outcome"), [(1, Outcome.ALLOW), (2, Outcome.ALLOW), (3, Outcome.REFUSE)])
def test_the_budget_for_destroying_counts_deletes_replacements_and_what_has_no_name(
    operation: Operation, count: int, outcome: Outcome
) -> None:
    found = judged(destroyed(count, operation), rules_of=Gate(destroys=2))["destroys"]
    assert found.outcome is outcome
    assert (found.inputs["limit"], found.inputs["found"]) == (2, count)


def test_a_budget_of_none_refuses_the_first_and_names_it() -> None:
    found = judged(destroyed(1), rules_of=Gate(destroys=0))["destroys"]
    assert found.outcome is Outcome.REFUSE
    assert "1 to be deleted or replaced, at most 0 may be: delete aws:s3:Bucket b0" in found.reason


@pytest.mark.parametrize(
    ("operation", "outcome"),
    [(Operation.DELETE, Outcome.ALLOW), (Operation.REPLACE, Outcome.REFUSE), (Operation.UNKNOWN, Outcome.REFUSE)],
)
def test_the_budget_for_replacing_leaves_deletes_alone(operation: Operation, outcome: Outcome) -> None:
    assert judged(destroyed(1, operation), rules_of=Gate(replaces=0))["replaces"].outcome is outcome


@given(st.lists(st.sampled_from(list(Operation)), max_size=8), st.integers(0, 8))
def test_a_budget_is_kept_exactly(operations: list[Operation], budget: int) -> None:
    one = plan(*(change(operation, BUCKET, f"b{n}") for n, operation in enumerate(operations)))
    gone = sum(operation in (Operation.DELETE, Operation.REPLACE, Operation.UNKNOWN) for operation in operations)
    assert (plan_rules.destroys(budget, one).outcome is Outcome.ALLOW) is (gone <= budget)


# --- protect, known -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "hit"),
    [
        (Protect(types=("aws:rds/*",)), True),
        (Protect(types=(DATABASE,)), True),
        (Protect(types=("aws:s3/*",)), False),
        (Protect(urns=("*::main-database",)), True),
        (Protect(urns=("*::database",)), False),
    ],
)
@pytest.mark.parametrize("operation", [Operation.DELETE, Operation.REPLACE, Operation.UNKNOWN])
def test_what_is_protected_by_type_or_urn_is_not_destroyed(wanted: Protect, hit: bool, operation: Operation) -> None:
    one = plan(change(operation, DATABASE, "main-database"), SCALE)
    found = judged(one, rules_of=Gate(protect=wanted))["protect"]
    assert found.outcome is (Outcome.REFUSE if hit else Outcome.ALLOW)
    assert ("main-database" in found.reason) is hit


@pytest.mark.parametrize("operation", [Operation.CREATE, Operation.UPDATE, Operation.IMPORT, Operation.READ])
def test_what_is_protected_may_be_changed(operation: Operation) -> None:
    one = plan(change(operation, DATABASE, "main-database"))
    assert judged(one, rules_of=Gate(protect=Protect(types=("*",))))["protect"].outcome is Outcome.ALLOW


@pytest.mark.parametrize(("pattern", "outcome"), [("aws:iam/*", Outcome.REFUSE), ("aws:s3/*", Outcome.ALLOW)])
def test_a_type_can_be_asked_to_have_every_value_known(pattern: str, outcome: Outcome) -> None:
    role = change(Operation.CREATE, "aws:iam/role:Role", "ci", add("policy", {"principal": UnknownValue()}))
    found = judged(plan(role, SCALE), rules_of=Gate(known=(pattern,)))["known values"]
    assert found.outcome is outcome
    assert ("policy.principal of aws:iam:Role ci is known only after the apply" in found.reason) is (
        pattern != "aws:s3/*"
    )


# --- policy -------------------------------------------------------------------------------------------


def finding(level: PolicyLevel) -> PolicyFinding:
    """A finding of the house's pack."""
    return PolicyFinding("house", "small", level, "too large")


@pytest.mark.parametrize(
    ("level", "rules_of", "outcome"),
    [
        (PolicyLevel.MANDATORY, Gate(), Outcome.REFUSE),
        (PolicyLevel.ADVISORY, Gate(), Outcome.ALLOW),
        (PolicyLevel.ADVISORY, Gate(policy=PolicyLevel.ADVISORY), Outcome.REFUSE),
        (PolicyLevel.MANDATORY, Gate(policy=PolicyLevel.ADVISORY), Outcome.REFUSE),
        (PolicyLevel.NOT_EVALUATED, Gate(), Outcome.REFUSE),
        (PolicyLevel.NOT_EVALUATED, Gate(not_evaluated=Outcome.WAIT), Outcome.WAIT),
        (PolicyLevel.NOT_EVALUATED, Gate(not_evaluated=Outcome.ALLOW), Outcome.ALLOW),
    ],
)
def test_findings_block_from_the_level_that_is_asked_for(level: PolicyLevel, rules_of: Gate, outcome: Outcome) -> None:
    found = judged(plan(SCALE, findings=(finding(level),)), rules_of=rules_of)["policy"]
    assert found.outcome is outcome


def test_a_violation_outweighs_what_was_not_evaluated() -> None:
    findings = (finding(PolicyLevel.NOT_EVALUATED), finding(PolicyLevel.MANDATORY))
    found = judged(plan(SCALE, findings=findings), rules_of=Gate(not_evaluated=Outcome.WAIT))["policy"]
    assert found.outcome is Outcome.REFUSE


def test_nothing_is_said_of_policies_where_no_pack_took_part() -> None:
    assert plan_rules.policy(Gate(), PLAN).reason == "no policy pack took part"
    with_pack = replace(PLAN, policy_packs={"house": "1.0.0"})
    assert plan_rules.policy(Gate(), with_pack).reason == "no mandatory policy is violated, none was left unevaluated"


# --- windows, soak, plan age --------------------------------------------------------------------------


def test_outside_of_every_window_it_waits_and_says_when_the_next_opens() -> None:
    # NOW is a Monday, 9:30 UTC, which is 11:30 in Berlin.
    tuesday = Window((1,), time(9), time(16), "Europe/Berlin")
    found = judged(rules_of=Gate(windows=(tuesday,)))["change window"]
    assert (found.outcome, found.reason) == (Outcome.WAIT, "closed, opens Tue 2026-05-05 07:00 UTC")
    assert found.inputs["windows"] == ["tue 09:00-16:00 Europe/Berlin"]
    monday = replace(tuesday, days=(0,))
    assert judged(rules_of=Gate(windows=(tuesday, monday)))["change window"].outcome is Outcome.ALLOW


@pytest.mark.parametrize(
    ("since", "outcome", "says"),
    [
        (None, Outcome.WAIT, "is not released in staging"),
        (NOW - 23 * HOUR, Outcome.WAIT, "and soaks until 2026-05-04 10:30 UTC"),
        (NOW + 10 * MINUTE - DAY, Outcome.ALLOW, "is released in staging since 2026-05-03 09:40 UTC"),
        (NOW - 9 * DAY, Outcome.ALLOW, "is released in staging since"),
    ],
)
def test_a_promotion_soaks_in_the_environment_before(since: datetime | None, outcome: Outcome, says: str) -> None:
    soaking = {"staging": since} if since else {"dev": NOW - 9 * DAY}
    found = judged(rules_of=Gate(soak=86400), soaking=soaking)["soak"]
    assert found.outcome is outcome
    assert says in found.reason


def test_a_rollback_has_soaked_before() -> None:
    found = judged(rules_of=Gate(soak=86400), returns_to="d" * 40)["soak"]
    assert found.outcome is Outcome.ALLOW
    assert "has the files of dddddddddddd, which was released here" in found.reason


@pytest.mark.parametrize(("age", "outcome"), [(7 * DAY, Outcome.ALLOW), (7 * DAY + MINUTE, Outcome.REFUSE)])
def test_a_plan_that_is_too_old_is_refused(age: timedelta, outcome: Outcome) -> None:
    found = judged(rules_of=Gate(plan_age=7 * 86400), now=NOW + age)["plan age"]
    assert found.outcome is outcome


# --- rules of one's own -------------------------------------------------------------------------------


def free(text: str, then: Outcome = Outcome.WAIT) -> Gate:
    """A gate with one rule."""
    return Gate(rules=(FreeRule("mine", Expression(text), then, "since I say so"),))


@pytest.mark.parametrize(
    ("text", "then", "outcome", "says"),
    [
        ("plan.updates == 1", Outcome.REFUSE, Outcome.ALLOW, "holds"),
        ("plan.updates == 2", Outcome.REFUSE, Outcome.REFUSE, "since I say so"),
        ("plan.updates == 2", Outcome.WAIT, Outcome.WAIT, "since I say so"),
        ("plan.updatse == 1", Outcome.WAIT, Outcome.REFUSE, "cannot be decided: plan has no field 'updatse'"),
        ("plan.updates", Outcome.WAIT, Outcome.REFUSE, "cannot be decided: it comes to int, not to true or false"),
        ("plan.changes.all(", Outcome.WAIT, Outcome.REFUSE, "cannot be decided: it is not valid CEL"),
    ],
)
def test_a_rule_of_ones_own_does_what_it_says_and_refuses_without_an_answer(
    text: str, then: Outcome, outcome: Outcome, says: str
) -> None:
    found = judged(rules_of=free(text, then))["mine"]
    assert found.outcome is outcome
    assert says in found.reason
    assert found.inputs["unless"] == text


# --- several sets of rules ----------------------------------------------------------------------------


def verdict_of(own: Gate, released: Gate, one: Plan = PLAN, *, needed: int = 0) -> Verdict:
    """The verdict by a commit's rules and those that are released."""
    sets = [
        RuleSet(Environment("dev", "main", ("dev",), Approvals(needed), rules_of), None, origin)
        for rules_of, origin in ((own, ""), (released, "as released"))
    ]
    facts = Case(DEV, "c" * 40, request(), NOW)
    body = {"plan": records.values.pack(one), "shown_on": 7}
    history = History((record_of(RecordKind.PLAN, records.Author("ada", "dev"), DEV, HEAD, NOW, body),))
    return judgement.decide(sets, judgement.gather(one, facts, history))


def test_a_commit_that_drops_a_rule_is_held_to_it_and_told_so() -> None:
    verdict = verdict_of(Gate(), Gate(destroys=0), destroyed(1))
    assert verdict.outcome is Outcome.REFUSE
    assert [r.rule for r in verdict.rules if r.outcome is not Outcome.ALLOW] == ["destroys (as released)"]


def test_a_commit_that_adds_a_rule_is_held_to_it() -> None:
    verdict = verdict_of(Gate(destroys=0), Gate(), destroyed(1))
    assert [r.rule for r in verdict.rules if r.outcome is not Outcome.ALLOW] == ["destroys"]


def test_rules_that_did_not_change_are_listed_once() -> None:
    names = [rule.rule for rule in verdict_of(Gate(destroys=1), Gate(destroys=1)).rules]
    assert names == ["reviewed", "same plan", "approvals", "policy", "destroys"]


def test_an_expression_that_the_commit_itself_brings_approves_nothing() -> None:
    auto = Gate(auto_approve=Expression("true"))
    assert verdict_of(auto, Gate(), needed=1).outcome is Outcome.WAIT
    assert verdict_of(auto, auto, needed=1).outcome is Outcome.ALLOW


def test_every_configured_rule_is_listed_with_what_it_looked_at() -> None:
    everything = Gate(
        destroys=0,
        replaces=0,
        protect=Protect(("a",)),
        known=("a",),
        windows=(Window((0,), time(0), None, "UTC"),),
        soak=60,
        plan_age=60,
        rules=(FreeRule("mine", Expression("true"), Outcome.REFUSE),),
    )
    wanted = Approvals(1, (Owners("infra/**", ("grace",)),))
    found = judged(PLAN, rules_of=everything, approvals=wanted)
    assert list(found) == [
        "reviewed",
        "same plan",
        "approvals",
        "owners of infra/**",
        "change window",
        "soak",
        "plan age",
        "policy",
        "destroys",
        "replaces",
        "protect",
        "known values",
        "mine",
    ]
    assert all(rule.inputs for rule in found.values())
    assert all(rule.remedy for rule in found.values() if rule.outcome is not Outcome.ALLOW and rule.rule != "mine")


CHANGES = st.lists(
    st.builds(
        change,
        st.sampled_from(list(Operation)),
        st.sampled_from([BUCKET, QUEUE, DATABASE]),
        st.sampled_from(["a", "b", "c"]),
    ),
    max_size=4,
    unique_by=lambda one: one.urn,
)
GATES = st.builds(
    Gate,
    destroys=st.none() | st.integers(0, 2),
    replaces=st.none() | st.integers(0, 2),
    protect=st.builds(Protect, st.sampled_from([(), ("aws:rds/*",)])),
    known=st.sampled_from([(), ("aws:s3/*",)]),
    not_evaluated=st.sampled_from(list(Outcome)),
)


@given(CHANGES, GATES, GATES)
def test_two_sets_of_rules_are_never_laxer_than_either(changes: list[ResourceChange], own: Gate, other: Gate) -> None:
    order = [Outcome.ALLOW, Outcome.WAIT, Outcome.REFUSE]
    one = plan(*changes)
    both, first, second = (verdict_of(*gates, one).outcome for gates in ((own, other), (own, own), (other, other)))
    assert order.index(both) == max(order.index(first), order.index(second))
