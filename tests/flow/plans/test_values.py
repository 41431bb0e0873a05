"""Property values: reading, packing, digests and differences."""

import copy
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.adapters.pulumi import property_values as pulumi_values
from gitops.flow.plans import values
from gitops.model import PropertyChange, PropertyKind, SecretValue, UnknownValue
from gitops.model.preview import unpack

SECRET = {pulumi_values.SIGNATURE_KEY: pulumi_values.SECRET_SIGNATURE, "ciphertext": "v1:abc"}
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

keys = st.one_of(st.text(max_size=4), st.sampled_from(["$secret", "$unknown", "$integer", "a.b", 'a"b', "a[0]", ""]))
raw_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=6),
    st.just(UNKNOWN),
    st.sampled_from(["v1:abc", "v1:def"]).map(lambda text: {**SECRET, "ciphertext": text}),
)
raw_values = st.recursive(
    raw_leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=12,
)
DIGESTS = {"v1:abc": "d1", "v1:def": "d2"}
property_values = raw_values.map(lambda raw: pulumi_values.read(raw, DIGESTS))
objects = st.dictionaries(keys, property_values, max_size=4)


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same value with its keys in another order."""
    if isinstance(value, dict):
        items = list(value.items())
        chance.shuffle(items)
        return {key: shuffled(child, chance) for key, child in items}
    if isinstance(value, list):
        return [shuffled(child, chance) for child in value]
    return value


def without(value: Any, path: list[str | int], change: PropertyChange) -> Any:
    """`value` with one change put into it."""
    if not path:
        return change.new
    first, rest = path[0], path[1:]
    target = copy.copy(value)
    if not rest and change.kind is PropertyKind.DELETE:
        del target[first]
    elif not rest and change.kind is PropertyKind.ADD and isinstance(target, list):
        target.append(change.new)
    else:
        inner = target[first] if not isinstance(target, dict) or first in target else None
        target[first] = without(inner, rest, change)
    return target


def steps(path: str) -> list[str | int]:
    """A property path, taken apart."""
    found: list[str | int] = []
    while path:
        if path.startswith('["'):
            end = 2
            while path[end] != '"':
                end += 2 if path[end] == "\\" else 1
            found.append(path[2:end].replace('\\"', '"').replace("\\\\", "\\"))
            path = path[end + 2 :]
        elif path.startswith("["):
            end = path.index("]")
            found.append(int(path[1:end]))
            path = path[end + 1 :]
        else:
            path = path.removeprefix(".")
            end = min((i for i in (path.find("."), path.find("[")) if i >= 0), default=len(path))
            found.append(path[:end])
            path = path[end:]
    return found


@given(property_values, st.randoms(use_true_random=False))
def test_a_digest_does_not_depend_on_the_order_of_keys(value: Any, chance: random.Random) -> None:
    assert values.digest(value) == values.digest(shuffled(value, chance))


@given(property_values, property_values)
def test_values_that_differ_have_different_digests(left: Any, right: Any) -> None:
    # To JSON, and so to Pulumi, 1 and 1.0 are one number.
    same = values.pack(left) == values.pack(right) and not list(values.difference(as_numbers(left), as_numbers(right)))
    assert (values.digest(left) == values.digest(right)) == same


def as_numbers(value: Any) -> Any:
    """Integers that a double can hold, as doubles."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        return float(value)
    if isinstance(value, dict):
        return {key: as_numbers(child) for key, child in value.items()}
    if isinstance(value, list):
        return [as_numbers(child) for child in value]
    return value


@given(property_values)
def test_unpack_is_the_inverse_of_pack(value: Any) -> None:
    assert unpack(values.pack(value)) == value


@given(property_values)
def test_packing_twice_is_packing_once(value: Any) -> None:
    assert values.pack(values.pack(value)) == values.pack(value)


@given(objects)
def test_a_value_does_not_differ_from_itself(value: Any) -> None:
    assert list(values.difference(value, copy.deepcopy(value))) == []


@given(objects, objects)
def test_a_difference_put_into_the_old_value_gives_the_new_one(old: Any, new: Any) -> None:
    result = old
    # Items go from the end of a list, or the places of those behind them would move.
    changes = sorted(values.difference(old, new), key=lambda c: c.kind is PropertyKind.DELETE)
    for change in [c for c in changes if c.kind is not PropertyKind.DELETE]:
        result = without(result, steps(change.path), change)
    for change in reversed([c for c in changes if c.kind is PropertyKind.DELETE]):
        result = without(result, steps(change.path), change)
    assert values.pack(result) == values.pack(new)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [("a", "update")]),
        ({"a": 1}, {"a": True}, [("a", "update")]),
        ({"a": None}, {}, [("a", "delete")]),
        ({}, {"a": {"b": 1}}, [("a", "add")]),
        ({"a": {"b": 1}}, {"a": {"b": 2, "c": 3}}, [("a.b", "update"), ("a.c", "add")]),
        ({"a": [1, 2]}, {"a": [1]}, [("a[1]", "delete")]),
        ({"a": [1]}, {"a": {"0": 1}}, [("a", "update")]),
        ({"a.b": 1}, {"a.b": 2}, [('["a.b"]', "update")]),
        ({'say "hi"': 1}, {'say "hi"': 2}, [('["say \\"hi\\""]', "update")]),
        ({"s": SecretValue("d1")}, {"s": SecretValue("d2")}, [("s", "update")]),
        ({"s": SecretValue("d1")}, {"s": "clear"}, [("s", "update")]),
        ({"u": UnknownValue()}, {"u": UnknownValue()}, []),
    ],
)
def test_a_difference_names_each_leaf(old: Any, new: Any, expected: list[tuple[str, str]]) -> None:
    assert [(change.path, change.kind.value) for change in values.difference(old, new)] == expected


@pytest.mark.parametrize(
    ("path", "first"),
    [("spec.ports[0]", "spec"), ("tags[1]", "tags"), ('["a.b"].c', "a.b"), ("alone", "alone"), ("", "")],
)
def test_the_top_level_of_a_path(path: str, first: str) -> None:
    assert values.top_level(path) == first


def test_secrets_and_unknowns_are_read_as_such() -> None:
    raw = {"pw": SECRET, "id": UNKNOWN, "list": [SECRET, {"deep": UNKNOWN}], "plain": "text"}
    assert pulumi_values.read(raw, DIGESTS) == {
        "pw": SecretValue("d1"),
        "id": UnknownValue(),
        "list": [SecretValue("d1"), {"deep": UnknownValue()}],
        "plain": "text",
    }


@pytest.mark.parametrize("key", ["$secret", "$unknown", "$integer", "$$secret"])
def test_a_programs_own_key_cannot_pass_for_a_mark_of_ours(key: str) -> None:
    read = pulumi_values.read({"value": {key: "d1"}}, {})
    assert unpack(values.pack(read)) == read
    for ours in (SecretValue("d1"), UnknownValue()):
        assert values.digest(read["value"]) != values.digest(ours)


def test_an_undigested_secret_takes_the_digest_from_the_same_place_in_the_first_source_that_has_one() -> None:
    asked = {"a": SecretValue(""), "b": [SecretValue("")], "c": SecretValue("kept"), "d": SecretValue("")}
    first = {"a": "plain", "b": [SecretValue("b1")]}
    second = {"a": SecretValue("a2"), "b": [SecretValue("b2")], "c": SecretValue("other")}
    assert pulumi_values.fill_secrets(asked, first, second) == {
        "a": SecretValue("a2"),
        "b": [SecretValue("b1")],
        "c": SecretValue("kept"),
        "d": SecretValue(""),
    }


def test_every_ciphertext_is_found() -> None:
    raw = {"a": SECRET, "b": [{"c": {**SECRET, "ciphertext": "v1:def"}}], "d": "v1:plain"}
    assert sorted(pulumi_values.ciphertexts(raw)) == ["v1:abc", "v1:def"]


def test_an_integer_beyond_a_doubles_range_still_counts_exactly() -> None:
    assert values.digest({"n": 2**60}) != values.digest({"n": 2**60 + 1})
