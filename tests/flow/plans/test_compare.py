"""The difference of differences."""

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops.flow.plans.compare import compare, kind_of_file
from gitops.model import (
    Drift,
    MovedInput,
    Operation,
    Plan,
    PolicyFinding,
    PolicyLevel,
    PropertyChange,
    PropertyKind,
    ResourceChange,
    SecretValue,
    Stack,
    UnknownValue,
)
from tests.support.plans import add, change, inputs, plan, start, update, urn

BUCKET = "aws:s3/bucket:Bucket"
SCALED = change(Operation.UPDATE, BUCKET, "web", update("replicas", 2, 3))
DELETED = change(Operation.DELETE, BUCKET, "logs")

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from(["", "a", "b"]),
    st.builds(SecretValue, st.sampled_from(["d1", "d2"])),
    st.just(UnknownValue()),
)
json_values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)
properties = st.builds(
    PropertyChange, st.sampled_from(["p", "q"]), st.sampled_from(PropertyKind), json_values, json_values, st.booleans()
)
changes = st.builds(
    lambda operation, name, items, protected: change(operation, BUCKET, name, *items, protected=protected),
    st.sampled_from(Operation),
    st.sampled_from(["one", "two", "three"]),
    st.lists(properties, max_size=2, unique_by=lambda item: item.path),
    st.booleans(),
)
findings = st.builds(
    PolicyFinding, st.just("pack"), st.sampled_from(["x", "y"]), st.sampled_from(PolicyLevel), st.just("m")
)
digests = st.sampled_from(["0", "1"])
plans = st.builds(
    lambda items, resources, pending, files, config, version, found: plan(
        *items,
        state=start({urn(BUCKET, name): digest for name, digest in resources.items()}, tuple(pending)),
        origin=inputs(files, config, aws=version),
        findings=tuple(found),
    ),
    st.lists(changes, max_size=3, unique_by=lambda item: item.urn),
    st.dictionaries(st.sampled_from(["one", "two"]), digests, max_size=2),
    st.lists(st.just(urn(BUCKET, "one")), max_size=1),
    st.dictionaries(st.sampled_from(["a.py", "policy/p.py", "Pulumi.dev.yaml"]), digests, min_size=1, max_size=2),
    digests,
    digests,
    st.lists(findings, max_size=1),
)


def shuffled(one: Plan, seed: int) -> Plan:
    order = random.Random(seed)  # noqa: S311 - an order, not a secret

    def mixed(items: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(order.sample(items, len(items)))

    return replace(
        one,
        changes=tuple(replace(item, properties=mixed(item.properties)) for item in mixed(one.changes)),
        findings=mixed(one.findings),
    )


@settings(max_examples=60, deadline=None)
@given(plans, plans)
def test_the_difference_is_empty_exactly_when_both_digests_are_equal(one: Plan, other: Plan) -> None:
    same = (one.plan_digest, one.input_digest) == (other.plan_digest, other.input_digest)
    assert compare(one, other).is_empty is same


@settings(max_examples=60, deadline=None)
@given(plans)
def test_a_plan_does_not_differ_from_itself(one: Plan) -> None:
    assert compare(one, one).is_empty


@settings(max_examples=60, deadline=None)
@given(plans, plans)
def test_the_difference_read_backwards_is_the_difference_of_the_plans_swapped(one: Plan, other: Plan) -> None:
    forth, back = compare(one, other), compare(other, one)
    assert forth.moved == back.moved
    assert (forth.moved_resources, forth.moved_files) == (back.moved_resources, back.moved_files)
    assert (forth.appeared, forth.vanished) == (back.vanished, back.appeared)
    assert forth.altered == tuple((after, before) for before, after in back.altered)


@settings(max_examples=60, deadline=None)
@given(plans, plans, st.integers())
def test_order_does_not_matter(one: Plan, other: Plan, seed: int) -> None:
    assert compare(one, shuffled(one, seed)).is_empty
    difference, mixed = compare(one, other), compare(shuffled(one, seed), shuffled(other, seed))
    assert difference.moved == mixed.moved
    assert [item.urn for item in difference.appeared] == [item.urn for item in mixed.appeared]
    assert [before.urn for before, _ in difference.altered] == [before.urn for before, _ in mixed.altered]


def test_changes_appear_vanish_and_alter() -> None:
    other = change(Operation.UPDATE, BUCKET, "web", update("replicas", 5, 3))
    created = change(Operation.CREATE, BUCKET, "new", add("bucket", "b"))
    difference = compare(plan(SCALED, DELETED), plan(other, created))
    assert difference.appeared == (created,)
    assert difference.vanished == (DELETED,)
    assert difference.altered == ((SCALED, other),)


def test_true_is_not_one() -> None:
    before = change(Operation.UPDATE, BUCKET, "web", update("enabled", None, True))
    after = change(Operation.UPDATE, BUCKET, "web", update("enabled", None, 1))
    assert compare(plan(before), plan(after)).altered == ((before, after),)


def test_one_urn_may_change_twice() -> None:
    again: ResourceChange = replace(DELETED, provider="aws-old")
    difference = compare(plan(DELETED, again), plan(DELETED))
    assert difference.vanished == (again,)
    assert not difference.altered


def test_what_moved_behind_the_states_back_is_the_live_infrastructure() -> None:
    drift = (Drift(urn(BUCKET, "web"), BUCKET, (update("replicas", 2, 5),)),)
    fresh = replace(plan(change(Operation.UPDATE, BUCKET, "web", update("replicas", 5, 3))), drift=drift)
    assert compare(plan(SCALED), fresh).moved == (MovedInput.LIVE,)
    assert compare(fresh, plan(SCALED)).moved == (MovedInput.LIVE,)


def test_drift_that_no_change_follows_from_is_no_difference() -> None:
    ignored = (Drift(urn(BUCKET, "web"), BUCKET, (update("replicas", 2, 5),)),)
    assert compare(plan(SCALED), replace(plan(SCALED), drift=ignored)).is_empty


def test_an_unexplained_digest_counts_as_a_moved_engine() -> None:
    one = plan(SCALED)
    assert compare(one, replace(one, plan_digest="0")).moved == (MovedInput.ENGINE,)


def test_plans_of_two_stacks_are_not_compared() -> None:
    with pytest.raises(ValueError, match=r"shop/dev .* shop/prod"):
        compare(plan(SCALED), plan(SCALED, stack=Stack("shop", "prod")))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("infra/bucket.py", MovedInput.PROGRAM),
        ("requirements.lock", MovedInput.PROGRAM),
        ("app/Pulumi.dev.yaml", MovedInput.CONFIG),
        ("Pulumi.prod.yaml", MovedInput.PROGRAM),
        ("policy/rules.py", MovedInput.POLICY),
        ("policy", MovedInput.PROGRAM),
    ],
)
def test_each_file_belongs_to_one_part_of_the_origin(path: str, kind: MovedInput) -> None:
    assert kind_of_file(path, "dev") is kind
