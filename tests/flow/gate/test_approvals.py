"""Who counts as approver of a plan, and who has a say about which paths."""

import pytest

from gitops.config.gate import Approvals, Expression, Gate, Owners
from gitops.flow.gate import approvals
from gitops.model import (
    Outcome,
)
from tests.flow.gate.judged import DAY, MINUTE, PLAN, destroyed, judged, request
from tests.support.plans import NOW

# --- approvals ----------------------------------------------------------------------------------------


def test_who_contributed_does_not_count_whatever_the_case_of_the_letters() -> None:
    asked = request("Bob", "eve", contributors=("ada", "bob"))
    found = judged(PLAN, asked, approvals=Approvals(1))["approvals"]
    assert (found.outcome, found.reason) == (Outcome.ALLOW, "approved by eve")
    found = judged(PLAN, asked, approvals=Approvals(2))["approvals"]
    assert found.outcome is Outcome.WAIT
    assert "1 of 2 (eve) approvals of this plan; Bob does not count: contributed to the pull request" in found.reason
    assert found.inputs["not_counted"] == {"Bob": "contributed to the pull request"}


def test_who_wrote_what_others_approved_in_the_environment_before_may_approve_its_promotion() -> None:
    asked = request("bob", contributors=("ada", "bob"))
    assert judged(PLAN, asked, approvals=Approvals(1), vouched=True)["approvals"].outcome is Outcome.ALLOW
    own = request("ada", contributors=("ada", "bob"))
    assert judged(PLAN, own, approvals=Approvals(1), vouched=True)["approvals"].outcome is Outcome.WAIT


def test_each_contributor_without_an_account_asks_for_one_approval_more() -> None:
    asked = request("bob", strangers=("Mallory <m@laptop>",))
    found = judged(PLAN, asked, approvals=Approvals(1))["approvals"]
    assert found.outcome is Outcome.WAIT
    assert "1 of 2 (bob)" in found.reason
    assert "Mallory <m@laptop>" in found.reason
    both = request("bob", "eve", strangers=("Mallory <m@laptop>",))
    assert judged(PLAN, both, approvals=Approvals(1))["approvals"].outcome is Outcome.ALLOW


@pytest.mark.parametrize(("days", "outcome"), [(14, Outcome.ALLOW), (15, Outcome.WAIT)])
def test_an_approval_expires(days: int, outcome: Outcome) -> None:
    now = NOW + 5 * MINUTE + days * DAY
    found = judged(PLAN, request("bob"), approvals=Approvals(1, expire=14 * 86400), now=now)["approvals"]
    assert found.outcome is outcome
    assert ("bob does not count: approved more than 14d ago" in found.reason) is (outcome is Outcome.WAIT)


AUTO = Gate(auto_approve=Expression('plan.deletes == 0 && plan.changes.all(c, c.type.startsWith("aws:sqs/"))'))


def test_a_plan_that_auto_approve_describes_needs_nobody() -> None:
    found = judged(PLAN, approvals=Approvals(2, (Owners("**", ("grace",)),)), rules_of=AUTO, files=("a.py",))
    assert found["approvals"].outcome is found["owners of **"].outcome is Outcome.ALLOW
    assert found["approvals"].reason == "not needed: auto_approve is true"
    assert judged(destroyed(1), approvals=Approvals(2), rules_of=AUTO)["approvals"].outcome is Outcome.WAIT


def test_auto_approve_without_an_answer_approves_nothing_and_says_why() -> None:
    for text in ("plan.delets == 0", "true ||", "1", "plan.changes[5].name == ''"):
        found = judged(PLAN, approvals=Approvals(1), rules_of=Gate(auto_approve=Expression(text)))["approvals"]
        assert found.outcome is Outcome.WAIT
        assert "auto_approve does not count: " in found.reason


def test_auto_approve_needs_to_know_the_paths() -> None:
    rules_of = Gate(auto_approve=Expression('pull_request.files.all(f, f.startsWith("docs/"))'))
    assert judged(PLAN, approvals=Approvals(1), rules_of=rules_of, files=None)["approvals"].outcome is Outcome.WAIT
    assert (
        judged(PLAN, approvals=Approvals(1), rules_of=rules_of, files=("docs/a",))["approvals"].outcome is Outcome.ALLOW
    )


# --- owners -------------------------------------------------------------------------------------------

TEAMS = {"@org/platform": frozenset({"Grace", "linus"})}


@pytest.mark.parametrize(
    ("people", "approver", "files", "outcome"),
    [
        (("grace",), "grace", ("infra/dns.py",), Outcome.ALLOW),
        (("Grace",), "grace", ("infra/dns.py",), Outcome.ALLOW),
        (("grace",), "bob", ("infra/dns.py",), Outcome.WAIT),
        (("grace",), "bob", ("docs/dns.md",), Outcome.ALLOW),
        (("@org/platform",), "grace", ("infra/dns.py",), Outcome.ALLOW),
        (("@org/platform",), "bob", ("infra/dns.py",), Outcome.WAIT),
        (("@org/unknown",), "grace", ("infra/dns.py",), Outcome.WAIT),
        (("grace",), "bob", None, Outcome.WAIT),
        (("grace",), "grace", None, Outcome.ALLOW),
        (("ada",), "ada", ("infra/dns.py",), Outcome.WAIT),
    ],
)
def test_an_owner_approves_what_is_theirs(
    people: tuple[str, ...], approver: str, files: tuple[str, ...] | None, outcome: Outcome
) -> None:
    wanted = Approvals(0, (Owners("infra/**", people),))
    found = judged(PLAN, request(approver), approvals=wanted, files=files, teams=TEAMS)["owners of infra/**"]
    assert found.outcome is outcome


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("infra/**", "infra/a/b.py", True),
        ("infra/**", "infra", False),
        ("infra/", "infra/a/b.py", True),
        ("/infra/*", "infra/a.py", True),
        ("infra/*", "infra/a/b.py", False),
        ("*.py", "a.py", True),
        ("*.py", "infra/a.py", False),
        ("**/*.py", "a.py", True),
        ("**/*.py", "infra/deep/a.py", True),
        ("Pulumi.prod.yaml", "Pulumi-prod-yaml", False),
        ("a?.py", "ab.py", True),
        ("a?.py", "a/.py", False),
        ("**", "anything/at all", True),
        ("[x]", "[x]", True),
    ],
)
def test_path_patterns(pattern: str, path: str, matches: bool) -> None:
    assert bool(approvals.matching(pattern, [path])) is matches
