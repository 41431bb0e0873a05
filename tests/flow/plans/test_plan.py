"""Plans: what enters their digests, and the way through the ledger."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops.adapters.pulumi import deployments, property_values
from gitops.errors import LedgerBroken
from gitops.flow.plans import plan as plans
from gitops.flow.plans import values
from gitops.model import (
    Diagnostic,
    Drift,
    EngineRun,
    Operation,
    Plan,
    PolicyFinding,
    PolicyLevel,
    PropertyChange,
    PropertyKind,
    ResourceChange,
    SecretValue,
    Severity,
    Stack,
    UnknownValue,
)
from gitops.model.urn import STACK_TYPE
from tests.support.plans import DEV, HEAD, NOW, add, change, inputs, plan, start, update, urn

BUCKET = "aws:s3/bucket:Bucket"
WARNING = Diagnostic(Severity.WARNING, "deprecated", urn(BUCKET, "web"))
FINDING = PolicyFinding("house", "small", PolicyLevel.ADVISORY, "is large", urn(BUCKET, "web"))

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=5),
    st.builds(SecretValue, st.sampled_from(["d1", "d2"])),
    st.just(UnknownValue()),
)
values_of_properties = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=5,
)
properties = st.builds(
    PropertyChange,
    path=st.text(min_size=1, max_size=5),
    kind=st.sampled_from(PropertyKind),
    old=values_of_properties,
    new=values_of_properties,
    replaces=st.booleans(),
)
changes = st.builds(
    ResourceChange,
    urn=st.sampled_from([urn(BUCKET, name) for name in "abc"]),
    type=st.just(BUCKET),
    operation=st.sampled_from(Operation),
    provider=st.sampled_from(["aws 7.21.0 (main)", ""]),
    properties=st.lists(properties, max_size=2).map(tuple),
    protected=st.booleans(),
)
many = st.lists(changes, max_size=2, unique_by=lambda c: c.urn).map(lambda found: plan(*found, warnings=(WARNING,)))


def full() -> Plan:
    """A plan with something in every field."""
    created = change(Operation.CREATE, BUCKET, "web", add("tags", {"a": [1, SecretValue("s1"), UnknownValue()]}))
    updated = change(Operation.UPDATE, BUCKET, "logs", update("acl", "private", "public"), protected=True)
    state = start({urn(BUCKET, "logs"): "s0"}, pending=(urn(BUCKET, "gone"),))
    return plan(created, updated, state=state, findings=(FINDING,), warnings=(WARNING,))


@settings(max_examples=60)
@given(many)
def test_a_plan_comes_back_from_its_record_as_it_was(made: Plan) -> None:
    assert plans.from_body(plans.to_body(made)) == made


def test_a_plan_with_everything_comes_back_as_it_was() -> None:
    assert plans.from_body(plans.to_body(full())) == full()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every leaf in a JSON value."""
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from places(child, (*path, key))
    elif isinstance(value, list) and value:
        for index, child in enumerate(value):
            yield from places(child, (*path, index))
    else:
        yield path


def altered(body: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    """The body with one leaf altered, to a value of the same type where that is possible."""
    copied = copy.deepcopy(body)
    target = copied
    for step in path[:-1]:
        target = target[step]
    old = target[path[-1]]
    target[path[-1]] = {
        bool: lambda: not old,
        int: lambda: old + 1,
        str: lambda: f"{old}7",
    }.get(type(old), lambda: "7")()
    return copied


def test_values_unknown_at_preview_are_named_by_resource_and_path() -> None:
    hidden = add("tags", {"a.b": [1, UnknownValue()], "plain": 1, "all": UnknownValue()})
    known = update("acl", UnknownValue(), "public")
    made = plan(change(Operation.CREATE, BUCKET, "web", hidden, known))
    assert plans.unknowns(made) == ((urn(BUCKET, "web"), 'tags["a.b"][1]'), (urn(BUCKET, "web"), "tags.all"))


# The chain of records covers these; no digest of the plan's own does.
ONLY_CHAINED = {"environment", "commit", "unchanged", "warnings", "created_at", "format"}


@pytest.mark.parametrize("path", [*places(plans.to_body(full()))], ids=lambda path: ".".join(map(str, path)))
def test_an_altered_plan_record_is_noticed(path: tuple[Any, ...]) -> None:
    body = altered(plans.to_body(full()), path)
    if path[0] in ONLY_CHAINED or path == ("stack", "folder"):
        assert values.digest({"plan": body}) != values.digest({"plan": plans.to_body(full())})
        return
    with pytest.raises(LedgerBroken):
        plans.from_body(body)


@pytest.mark.parametrize("body", [None, [], "text", {}, {"changes": 1}, {"changes": ["x"]}, {"changes": [{}]}])
def test_a_record_that_holds_no_plan_is_a_broken_ledger(body: Any) -> None:
    with pytest.raises(LedgerBroken):
        plans.from_body(body)


SAME = plan(change(Operation.UPDATE, BUCKET, "web", update("size", 12, 20)), state=start({"a": "1"}))
DIFFERENT = {
    "another value": plan(change(Operation.UPDATE, BUCKET, "web", update("size", 12, 31)), state=start({"a": "1"})),
    "another old value": plan(change(Operation.UPDATE, BUCKET, "web", update("size", 31, 20)), state=start({"a": "1"})),
    "a string": plan(change(Operation.UPDATE, BUCKET, "web", update("size", 12, "20")), state=start({"a": "1"})),
    "another operation": plan(
        change(Operation.REPLACE, BUCKET, "web", update("size", 12, 20)), state=start({"a": "1"})
    ),
    "one more change": plan(*SAME.changes, change(Operation.DELETE, BUCKET, "b"), state=start({"a": "1"})),
    "no change": plan(state=start({"a": "1"})),
    "another state": plan(*SAME.changes, state=start({"a": "2"})),
    "a pending operation": plan(*SAME.changes, state=start({"a": "1"}, pending=("x",))),
    "a finding": plan(*SAME.changes, state=start({"a": "1"}), findings=(FINDING,)),
    "protection": plan(replace(SAME.changes[0], protected=True), state=start({"a": "1"})),
    "another provider": plan(replace(SAME.changes[0], provider="aws 8"), state=start({"a": "1"})),
    "another stack": plan(*SAME.changes, stack=Stack("shop", "prod"), state=start({"a": "1"})),
}


@pytest.mark.parametrize("other", DIFFERENT.values(), ids=DIFFERENT.keys())
def test_what_would_be_done_decides_the_plan_digest(other: Plan) -> None:
    assert other.plan_digest != SAME.plan_digest


def test_time_commit_folder_and_files_do_not_enter_the_plan_digest() -> None:
    run = EngineRun(SAME.changes, unchanged=3, diagnostics=(WARNING,), seconds=9.0)
    other = plans.build(
        replace(DEV, folder="elsewhere"),
        "another environment",
        "f" * 40,
        run=run,
        start=start({"a": "1"}),
        inputs=inputs({"other.py": "x"}),
        now=NOW.replace(year=2030),
    )
    assert other.plan_digest == SAME.plan_digest
    assert other.input_digest != SAME.input_digest


def test_the_order_of_changes_does_not_enter_the_plan_digest() -> None:
    one, two = change(Operation.DELETE, BUCKET, "a"), change(Operation.DELETE, BUCKET, "b")
    assert plan(one, two).plan_digest == plan(two, one).plan_digest


def test_what_a_refresh_found_enters_neither_digest_by_itself() -> None:
    drift = (Drift(urn(BUCKET, "web"), BUCKET, (PropertyChange("size", PropertyKind.UPDATE, 12, 31),)),)
    made, drifted = plan(), replace(plan(), drift=drift)
    assert plans.from_body(plans.to_body(drifted)) == drifted
    assert (made.plan_digest, made.input_digest) == (drifted.plan_digest, drifted.input_digest)


def test_only_warnings_are_kept_of_the_diagnostics() -> None:
    made = plans.build(
        DEV,
        "dev",
        HEAD,
        run=EngineRun((), 0, diagnostics=(WARNING, Diagnostic(Severity.INFO, "hello"))),
        start=start(),
        inputs=inputs(),
        now=NOW,
    )
    assert made.warnings == (WARNING,)


def deployment(*resources: dict[str, Any], pending: tuple[str, ...] = ()) -> dict[str, Any]:
    """A deployment document as `pulumi stack export` writes it."""
    operations = [{"resource": {"urn": name}, "type": "creating"} for name in pending]
    return {"version": 3, "deployment": {"resources": list(resources), "pending_operations": operations}}


def resource(name: str = "web", **more: Any) -> dict[str, Any]:
    """A resource in a deployment document."""
    return {"urn": urn(BUCKET, name), "type": BUCKET, "id": "i-1", "inputs": {"size": 12}, **more}


def secret(ciphertext: str) -> dict[str, str]:
    """An encrypted value in a deployment document."""
    return {property_values.SIGNATURE_KEY: property_values.SECRET_SIGNATURE, "ciphertext": ciphertext}


def test_a_stack_that_does_not_exist_starts_like_an_empty_one() -> None:
    assert deployments.start_state({}, {}) == deployments.start_state(deployment(), {})


@pytest.mark.parametrize(
    ("moved", "name"),
    [
        ({"inputs": {"size": 31}}, "an input"),
        ({"outputs": {"url": "x"}}, "an output of a component"),
        ({"id": "i-2"}, "the id"),
        ({"protect": True}, "protection"),
        ({"dependencies": [urn(BUCKET, "a")]}, "dependencies"),
    ],
)
def test_a_moved_resource_moves_the_start_state(moved: dict[str, Any], name: str) -> None:
    before, after = (
        deployments.start_state(deployment(resource()), {}),
        deployments.start_state(deployment(resource(**moved)), {}),
    )
    assert before.digest != after.digest
    assert before.resources.keys() == after.resources.keys()


def test_times_source_positions_and_the_order_of_dependencies_do_not_move_the_start_state() -> None:
    both = [urn(BUCKET, "a"), urn(BUCKET, "b")]
    left = resource(dependencies=both, propertyDependencies={"size": both})
    right = resource(
        dependencies=both[::-1],
        propertyDependencies={"size": both[::-1]},
        created="2026-01-01T00:00:00Z",
        modified="2026-01-02T00:00:00Z",
        sourcePosition="project:///other/__main__.py#1",
        stackTrace=[{"sourcePosition": "x"}],
    )
    assert deployments.start_state(deployment(left), {}) == deployments.start_state(deployment(right), {})


def test_what_was_made_by_half_is_named_and_counts() -> None:
    half = deployments.start_state(deployment(resource(initErrors=["its creation was cut short"])), {})
    assert half.unfinished == (urn(BUCKET, "web"),)
    assert half.digest != deployments.start_state(deployment(resource()), {}).digest


def test_outputs_that_each_run_reads_anew_do_not_move_the_start_state() -> None:
    left, right = (resource(custom=True, outputs={"resourceVersion": version}) for version in "12")
    assert deployments.start_state(deployment(left), {}) == deployments.start_state(deployment(right), {})


def test_the_outputs_that_other_stacks_read_move_the_start_state() -> None:
    stack = {"urn": urn(STACK_TYPE, "shop-dev"), "type": STACK_TYPE, "custom": False}
    left, right = ({**stack, "outputs": {"url": name}} for name in "ab")
    assert deployments.start_state(deployment(left), {}) != deployments.start_state(deployment(right), {})


def test_a_secret_counts_by_its_value_and_not_by_its_ciphertext() -> None:
    digests = {"v1:a": "one", "v1:b": "one", "v1:c": "two"}
    states = [deployments.start_state(deployment(resource(inputs={"pw": secret(text)})), digests) for text in digests]
    assert states[0] == states[1]
    assert states[0].digest != states[2].digest


def test_pending_operations_and_a_second_copy_of_a_resource_count() -> None:
    plain = deployments.start_state(deployment(resource()), {})
    pending = deployments.start_state(deployment(resource(), pending=(urn(BUCKET, "new"),)), {})
    twice = deployments.start_state(deployment(resource(), resource(delete=True)), {})
    turned = deployments.start_state(deployment(resource(delete=True), resource()), {})
    assert pending.pending == (urn(BUCKET, "new"),)
    assert len({plain.digest, pending.digest, twice.digest}) == 3
    assert twice.digest == turned.digest
    # What is to be deleted is told apart from what replaces it, and is the same as before.
    assert twice.resources[plans.old_copy_of(urn(BUCKET, "web"))] == plain.resources[urn(BUCKET, "web")]


def test_a_third_copy_of_a_resource_counts_in_any_order() -> None:
    old, older = resource(id="i-2", delete=True), resource(id="i-3", delete=True)
    found = [
        deployments.start_state(deployment(resource(), *copies), {}) for copies in ((old, older), (older, old), (old,))
    ]
    assert found[0] == found[1]
    assert found[0].digest != found[2].digest


def test_a_dependency_of_a_property_moves_the_start_state_and_an_empty_list_does_not() -> None:
    plain, empty, tied = (
        deployments.start_state(deployment(resource(propertyDependencies=value)), {})
        for value in ({}, {"size": [], "acl": None}, {"size": [urn(BUCKET, "a")], "acl": []})
    )
    assert plain == empty
    assert tied.digest != plain.digest


def test_the_stacks_own_contract_is_its_outputs() -> None:
    stack = {"urn": "urn:stack", "type": STACK_TYPE, "inputs": {"no": 1}, "outputs": {"url": secret("v1:a")}}
    gone = resource("gone", delete=True)
    state = deployments.inputs_in_state(deployment(stack, resource(), gone), {"v1:a": "d"})
    assert state == {"urn:stack": {"url": SecretValue("d")}, urn(BUCKET, "web"): {"size": 12}}


def test_what_a_saved_plan_adds_and_updates_is_read_with_its_secrets() -> None:
    goal = {"type": BUCKET, "inputDiff": {"adds": {"a": 1}, "updates": {"pw": secret("v1:a")}, "deletes": ["x"]}}
    stack = {"type": STACK_TYPE, "outputDiff": {"adds": {"url": "x"}}, "inputDiff": {"adds": {"no": 1}}}
    saved = {"resourcePlans": {"u1": {"goal": goal}, "u2": {"goal": stack}, "u3": {}}}
    assert deployments.inputs_in_saved_plan(saved, {"v1:a": "d"}) == {
        "u1": {"a": 1, "pw": SecretValue("d")},
        "u2": {"url": "x"},
        "u3": {},
    }


def test_what_a_saved_plan_asks_beyond_inputs_is_told_apart() -> None:
    def saved(steps: list[str], **goal: Any) -> dict[str, Any]:
        return {"resourcePlans": {"a": {"goal": goal, "steps": steps}}}

    first = ["delete-replaced", "replace", "create-replacement"]
    last = ["create-replacement", "replace", "delete-replaced"]
    assert deployments.orders_in_saved_plan(saved(["import"], id="vpc-1")) == {"a": {"(import)": "vpc-1"}}
    assert deployments.orders_in_saved_plan(saved(first)) == {"a": {"(delete before replace)": True}}
    assert deployments.orders_in_saved_plan(saved(last)) == {"a": {}}
    assert deployments.orders_in_saved_plan({}) == {}
