"""Rules in CEL over a plan: what they can ask, and that whatever has no answer is not true."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops.flow.gate import expressions
from gitops.flow.gate.case import Case
from gitops.flow.gate.expressions import BUDGET, Answer, answer, problem
from gitops.model import (
    Operation,
    Plan,
    PolicyFinding,
    PolicyLevel,
    PullRequest,
    SecretValue,
    UnknownValue,
)
from tests.support.plans import DEV, HEAD, NOW, add, change, plan, update

CONFIG_MAP, BUCKET = "kubernetes:core/v1:ConfigMap", "aws:s3/bucket:Bucket"
CREATED = change(
    Operation.CREATE,
    CONFIG_MAP,
    "settings",
    add("spec", {"replicas": 2, "ports": [{"port": 80}], "hash": UnknownValue(), "empty": {}}),
    add("password", SecretValue("d1")),
)
SCALED = change(Operation.UPDATE, CONFIG_MAP, "web", update("data.size", 12, 20), protected=True)
GONE = change(Operation.DELETE, BUCKET, "logs")
FINDING = PolicyFinding("house", "small", PolicyLevel.ADVISORY, "large", SCALED.urn)


def case(one: Plan, *files: str) -> Case:
    """Ada's pull request with this plan."""
    return Case(DEV, "c" * 40, PullRequest(7, "Scale", "ada", "main", HEAD), NOW, plan=one, files=files)


def holds(text: str, *changes: Any, files: tuple[str, ...] = ()) -> Answer:
    """The answer for a plan with these changes."""
    return answer(text, case(plan(*changes, findings=(FINDING,)), *files))


TRUE = [
    'plan.stack == "dev" && plan.project == "shop" && plan.environment == "dev"',
    "plan.creates == 1 && plan.updates == 1 && plan.replaces == 0 && plan.deletes == 1 && plan.imports == 0",
    "plan.unchanged == 12 && plan.changes.size() == 3",
    'plan.changes.exists(c, c.name == "logs" && c.operation == "delete" && c.type == "aws:s3/bucket:Bucket")',
    'plan.changes.exists_one(c, c.protected && c.urn.endsWith("::web") && c.provider == "aws")',
    'plan.changes.exists(c, c.properties.exists(p, p.path == "data.size" && p.old == 12 && p.new == 20))',
    'plan.changes.exists(c, c.properties.exists(p, p.path == "spec.ports[0].port" && p.new == 80 && p.kind == "add"))',
    'plan.changes.exists(c, c.properties.exists(p, p.path == "password" && p.secret))',
    'plan.changes.exists(c, c.properties.exists(p, p.path == "spec.hash" && p.unknown && !p.replaces))',
    'plan.findings.all(f, f.level == "advisory" && f.pack == "house" && f.policy == "small" && f.message == "large")',
    'pull_request.author == "ada" && pull_request.number == 7 && pull_request.title == "Scale"',
    'pull_request.files.all(f, f.startsWith("docs/") || f.matches("^infra/[a-z]+[.]py$"))',
    'now.getDayOfWeek("Europe/Berlin") == 1 && now.getHours() == 9',
    'now > timestamp("2026-01-01T00:00:00Z")',
    'plan.deletes == 0 ? false : plan.changes.filter(c, c.type.startsWith("aws:")).size() <= 3',
]


@pytest.mark.parametrize("text", TRUE)
def test_an_expression_can_ask_for_what_is_documented(text: str) -> None:
    assert holds(text, CREATED, SCALED, GONE, files=("docs/a.md", "infra/dns.py")) == Answer(True)


NO_ANSWER = {
    "1 +": "not valid CEL at character",
    "plan.delets == 0": "plan has no field 'delets'; it has changes, creates, deletes,",
    "true || plan.delets == 0": "plan has no field",
    "has(plan.delets) || true": "plan has no field",
    'plan["delets"] == 0 || true': "plan has no field",
    "plan.changes.all(c, c.typ == 'x' || true)": "a change has no field 'typ'",
    "plan.deletes == 0 || overide": "there is no variable 'overide'; there are now, plan, pull_request",
    "lower(plan.stack) == 'dev' || true": "there is no function 'lower'",
    "plan.stack.lower() == 'dev'": "there is no function 'lower'",
    "plan.changes": "comes to list, not to true or false",
    "1": "comes to int",
    "null": "comes to null",
    "plan.stack": "comes to string",
    "!plan.stack": "has no answer",
    "plan.stack && true": "comes to string",
    "plan.deletes / 0 == 1": "has no answer",
    "plan == plan": "has no answer",
    "'x' * 1000000000 != ''": "has no answer",
    "'%1000000000d' % 5 != ''": "has no answer",
    "[1] * 1000000000 != []": "has no answer",
    "[1, 2].reduce(r, i, 'x', r + r) != ''": "there is no function 'reduce'",
    "[1, 2].min() == 1": "there is no function 'min'",
    "plan.changes[9].urn == ''": "has no answer",
    "plan.changes.all(c, c.properties.all(p, p.new != 3))": "is unknown until the apply",
    "plan.changes.filter(c, c.name == 'settings')[0].properties.all(p, p.unknown || p.new != 'hunter2')": "is a secret",
}


@pytest.mark.parametrize(("text", "why"), NO_ANSWER.items())
def test_what_has_no_answer_is_not_true_and_says_why(text: str, why: str) -> None:
    found = holds(text, CREATED, SCALED, GONE)
    assert not found.holds
    assert re.search(why, found.problem), found.problem


def test_a_value_that_cannot_be_read_does_not_matter_where_it_is_not_needed() -> None:
    text = "plan.changes.all(c, c.properties.all(p, p.secret || p.unknown || p.new != 3))"
    assert holds(text, CREATED, SCALED) == Answer(True)


@pytest.mark.parametrize(
    "text", ['{"a": p.new} != {"a": "x"}', '{p.new: 1} != {"x": 1}', '{"a": [p.new]} != {"a": ["x"]}']
)
def test_a_map_with_a_secret_has_no_answer(text: str) -> None:
    found = holds(f"plan.changes.all(c, c.properties.filter(p, p.secret).all(p, {text}))", CREATED)
    assert found == Answer(False, "it has no answer: password is a secret")


def test_no_secret_can_be_told_from_an_answer() -> None:
    for text in ("p.new == 'd1'", "p.new != 'd1'", "string(p.new) == 'd1'", "p.new.size() == 2", "p.old == null"):
        found = holds(f"plan.changes.all(c, c.properties.filter(p, p.secret).all(p, {text}))", CREATED)
        assert found == Answer(False, "it has no answer: password is a secret")


@pytest.mark.parametrize(
    "text",
    [
        "plan.changes.all(a, plan.changes.all(b, plan.changes.all(c, a.urn != b.urn || true)))",
        "plan.changes.map(a, plan.changes.map(b, a.urn + b.urn)).size() > 0",
    ],
)
def test_an_expression_that_costs_too_much_is_given_up(text: str) -> None:
    many = [change(Operation.UPDATE, CONFIG_MAP, f"c{n}", update("n", 0, 1)) for n in range(700)]
    assert holds(text, *many) == Answer(False, f"it takes more than {BUDGET:,} steps")


def test_a_text_that_doubles_is_given_up() -> None:
    doubling = '"x"'
    for level in range(40):
        doubling = f"[{doubling}].map(v{level}, v{level} + v{level})[0]"
    assert holds(f"{doubling} != ''") == Answer(False, "it makes a string longer than 1,000,000")


def test_nothing_is_said_of_a_plan_with_an_operation_that_nobody_knows() -> None:
    found = holds("true", change(Operation.UNKNOWN, BUCKET, "odd"))
    assert found == Answer(False, "this release does not know what is done to aws:s3:Bucket odd")


def test_paths_that_are_not_known_have_no_answer() -> None:
    one = Case(DEV, "c" * 40, None, NOW, plan=plan(SCALED), files=None)
    assert answer("pull_request.files.all(f, false)", one) == Answer(False, "it has no answer: the paths are not known")
    assert answer("plan.updates == 1 || pull_request.files.size() == 0", one) == Answer(True)


def test_ten_thousand_changes_are_well_within_the_budget() -> None:
    many = [change(Operation.UPDATE, CONFIG_MAP, f"c{n}", update("n", 0, 1)) for n in range(10_000)]
    text = 'plan.deletes == 0 && plan.changes.all(c, c.type.startsWith("kubernetes:"))'
    assert holds(text, *many) == Answer(True)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("plan.deletes == 0", ""),
        ("plan.changes[3].urn == ''", ""),  # a plan may have four changes
        ("plan.changes.all(c, c.properties.all(p, p.new > 3))", ""),  # a value may be a number
        ("plan.delets == 0", "plan has no field 'delets'"),
        ("plan.changes.exists(c, c.properties.exists(p, p.pth == 'x'))", "a property has no field 'pth'"),
        ("plan.findings.exists(f, f.lvl == 'x')", "a finding has no field 'lvl'"),
        ("request.number == 7", "there is no variable 'request'"),
        ("plan.deletes ==", "not valid CEL"),
    ],
)
def test_a_mistake_that_no_plan_mends_is_told_beforehand(text: str, wrong: str) -> None:
    found = problem(text)
    assert wrong in found
    assert bool(found) is bool(wrong)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40) | st.text("plan.changes()[]{}&|!=<>?:\"'\\ 01", max_size=60))
def test_any_text_is_answered_or_given_up_never_a_crash(text: str) -> None:
    one = case(plan(SCALED))
    assert isinstance(answer(text, one).holds, bool)
    assert isinstance(expressions.problem(text), str)


VALUES: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.just(UnknownValue()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(VALUES, VALUES)
def test_any_value_can_be_walked_leaf_by_leaf(old: Any, new: Any) -> None:
    one = case(plan(change(Operation.UPDATE, BUCKET, "b", update("v", old, new))))
    text = "plan.changes.all(c, c.properties.all(p, p.unknown || p.secret || p.kind in ['add', 'update', 'delete']))"
    assert answer(text, one) == Answer(True)
