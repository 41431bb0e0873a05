"""Property differences as people read them."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops.flow.gate.case import Case
from gitops.flow.gate.expressions import Answer, answer, leaf_changes
from gitops.flow.words import visible
from gitops.model import Operation, PropertyChange, PropertyKind, SecretValue, UnknownValue
from gitops.views import properties
from gitops.views.properties import Mark
from tests.support.plans import DEV, HEAD, NOW, change, plan, update


def shown(*items: PropertyChange, operation: Operation = Operation.UPDATE) -> list[str]:
    lines = properties.lines(change(operation, "t:m:T", "n", *items))
    return [f"{line.mark}{'|' if line.in_text else ''} {line.text}" for line in lines]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (1, 2, ["~ p: 1 → 2"]),
        (True, 1, ["~ p: true → 1"]),
        ("1", 1, ['~ p: "1" → 1']),
        (None, "x", ['~ p: null → "x"']),
        ("a", UnknownValue(), ['~ p: "a" → (known after the apply)']),
        ({"a": 1, "b": {"c": 2, "d": 3}}, {"a": 1, "b": {"c": 4, "d": 3}}, ["~ p.b.c: 2 → 4"]),
        ({"a.b": 1}, {}, ['- p["a.b"]: 1']),
        ({"443": 1, "é": 1}, {"443": 2}, ['~ p["443"]: 1 → 2', '- p["é"]: 1']),
        (["a", "b", "c"], ["b", "c"], ['- p[0]: "a"']),
        (["a", "b"], ["a", "x", "b"], ['+ p[1]: "x"']),
        ([{"n": 1}, {"n": 2}], [{"n": 1}, {"n": 3}], ["~ p[1].n: 2 → 3"]),
        ([], {}, ["~ p: [] → {}"]),
        ('{"a": 1}', '{"a": 2}', ["~ p (JSON).a: 1 → 2"]),
        ('{"a": 1}', '{ "a" : 1 }', ["~ p: the same JSON, written differently"]),
        ('{"a": 1, "a": 2}', '{"a": 2}', ['~ p: "{\\"a\\": 1, \\"a\\": 2}" → "{\\"a\\": 2}"']),
        ("[" * 5_000, "x", ['- p: "' + "[" * 168 + '"… (5,000 characters)', '+ p: "x"']),
        ("[" * 300 + "]" * 300, "x", ['- p: "' + "[" * 168 + '"… (600 characters)', '+ p: "x"']),
        ("a\nb\n", "a\nc\n", ["~ p: text of 2 lines → 2 lines", " | a", "-| b", "+| c"]),
        ("a\n", "a", ["~ p: text of 1 line → 1 line, only line breaks at its end differ"]),
        ("a\r\nb", "a\nb", ["~ p: text of 2 lines → 2 lines", "-| a\\r", "+| a", " | b"]),
        (SecretValue("1"), SecretValue("2"), ["~ p: secret changed"]),
        (SecretValue(""), SecretValue("2"), ["~ p: secret, may have changed"]),
        ({"s": SecretValue("1"), "n": 1}, {"s": SecretValue("1"), "n": 2}, ["~ p.n: 1 → 2"]),
        ({"s": SecretValue("1")}, '{"s": "leak"}', ["~ p: is no longer secret (value not shown)"]),
        ("leak", [SecretValue("1")], ["~ p: becomes secret (value not shown)"]),
        (1, 1, ["~ p: same value, rated as changed by the provider"]),
    ],
)
def test_the_smallest_difference_is_shown(old: Any, new: Any, expected: list[str]) -> None:
    assert shown(update("p", old, new)) == expected


@pytest.mark.parametrize(
    "key", ["443", "a.b", "é", "-x", "plain", 'quoted "part"', "a\\b", "_internal", "$ref", "with-dash"]
)
def test_a_path_that_is_copied_from_a_review_matches_in_a_rule(key: str) -> None:
    data = update("data", {key: [{"to": 1}]}, {key: [{"to": 2}]})
    [line] = shown(data)
    path = line.removeprefix("~ ").partition(": ")[0]
    assert [leaf.path for leaf in leaf_changes(data)] == [path]
    rule = f"plan.changes.all(c, c.properties.exists(p, p.path == {json.dumps(path, ensure_ascii=False)}))"
    case = Case(DEV, HEAD, None, NOW, plan=plan(change(Operation.UPDATE, "t:m:T", "n", data)))
    assert answer(rule, case) == Answer(True)


def test_what_forces_a_replacement_comes_first() -> None:
    lines = properties.lines(
        change(Operation.REPLACE, "t:m:T", "n", update("a", 1, 2), update("z", 1, 2, replaces=True))
    )
    assert [(line.text, line.forces) for line in lines] == [("z: 1 → 2", True), ("a: 1 → 2", False)]


def test_a_delete_lists_no_properties() -> None:
    assert shown(PropertyChange("p", PropertyKind.DELETE, old=1), operation=Operation.DELETE) == []


def test_long_strings_are_shown_around_their_difference() -> None:
    before, after = shown(update("p", "a" * 500 + "X" + "b" * 500, "a" * 500 + "YY" + "b" * 500))
    assert before == f'- p: …"{"a" * 24}X{"b" * 24}"… (1,001 characters)'
    assert after == f'+ p: …"{"a" * 24}YY{"b" * 24}"… (1,002 characters)'


def test_long_texts_are_counted_beyond_a_limit() -> None:
    text = "".join(f"line {number}\n" for number in range(1_000))
    lines = shown(PropertyChange("p", PropertyKind.ADD, new=text))
    assert lines[0] == "+ p: text of 1,000 lines"
    assert lines[-1] == " | … 940 more lines"


def test_a_large_value_is_listed_leaf_by_leaf() -> None:
    value = {"name": "x" * 60, "ports": [{"port": 80}], "env": {"A": "y" * 60}}
    assert shown(PropertyChange("spec", PropertyKind.ADD, new=value)) == [
        f'+ spec.name: "{"x" * 60}"',
        "+ spec.ports: [{port: 80}]",
        f'+ spec.env: {{A: "{"y" * 60}"}}',
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=40) | st.builds(SecretValue, st.just("S3CR3T")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(json_values, json_values)
def test_any_two_values_render_as_visible_lines_without_a_digest(old: Any, new: Any) -> None:
    for line in properties.lines(change(Operation.UPDATE, "t:m:T", "n", update("p", old, new))):
        assert line.text == visible(line.text)
        assert "S3CR3T" not in line.text


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=6), st.lists(st.integers(0, 3), max_size=6))
def test_lists_are_aligned_so_that_the_difference_is_never_longer_than_both(old: list[int], new: list[int]) -> None:
    found = list(properties.difference(old, new, "p"))
    assert bool(found) is (old != new)
    assert len(found) <= max(len(old), len(new)) + min(len(old), len(new))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=50), st.text(max_size=50))
def test_two_strings_that_differ_never_look_the_same(old: str, new: str) -> None:
    if old != new:
        lines = properties.lines(change(Operation.UPDATE, "t:m:T", "n", update("p", old * 9, new * 9)))
        assert lines
        if {line.mark for line in lines} == {Mark.ADD, Mark.DELETE}:
            texts = [line.text for line in lines if not line.in_text]
            assert len(set(texts)) == len(texts)


def test_json_in_a_new_string_is_read_as_json() -> None:
    document = json.dumps({"Statement": [{"Effect": "Allow"}]})
    assert shown(PropertyChange("policy", PropertyKind.ADD, new=document)) == [
        '+ policy (JSON): {Statement: [{Effect: "Allow"}]}'
    ]
