"""What a run writes otherwise in the state of resources that it does not change."""

from typing import Any

import pytest
from pulumi.automation.events import EngineEvent

from gitops.adapters.pulumi.property_values import SECRET_SIGNATURE, SIGNATURE_KEY
from gitops.adapters.pulumi.rewriting import rewritten
from gitops.model.urn import STACK_TYPE
from tests.adapters.pulumi.test_preview import ONE, TWO
from tests.flow.plans.test_plan import deployment

COMPONENT = {"custom": False}
SECRET = {SIGNATURE_KEY: SECRET_SIGNATURE}


def giving(value: Any) -> dict[str, Any]:
    """A component with that output."""
    return {**COMPONENT, "outputs": {"url": value}}


def done(op: str, old: dict[str, Any], new: dict[str, Any] | None, **more: Any) -> EngineEvent:
    """The event of a step on ONE that is done."""
    common = {"type": "t", "urn": ONE, "custom": True, "id": "", "parent": "", "provider": ""}
    states = {
        name: {**common, "inputs": {}, "outputs": {}, **state} if state is not None else None
        for name, state in (("old", old), ("new", new))
    }
    metadata = {"op": op, "urn": ONE, "type": "t", "provider": "", **states, **more}
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, "resOutputsEvent": {"metadata": metadata}})


def same(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """A preview's document in which ONE stays the same."""
    state = {"urn": ONE, "type": "t", "custom": True}
    return {"steps": [{"op": "same", "urn": ONE, "oldState": {**state, **old}, "newState": {**state, **new}}]}


READ = {
    "another value": done("refresh", {"inputs": {"size": 1}}, {"inputs": {"size": 2}}),
    "another id": done("refresh", {"id": "a"}, {"id": "b"}),
    "a secret that differs": done("refresh", {"inputs": {"pw": SECRET}}, {"inputs": {"pw": SECRET}}, diffs=["pw"]),
    "nothing any more": done("refresh", {}, None),
    "a component's output": done("same", giving("a"), giving("b")),
    "a component's secret": done("same", giving(SECRET), giving(SECRET)),
}


@pytest.mark.parametrize("event", READ.values(), ids=READ.keys())
def test_what_the_run_finds_or_gives_otherwise_is_written_anew(event: EngineEvent) -> None:
    assert rewritten({}, [event], {}) == {ONE}


KEPT = {
    "a refresh that finds the same": done("refresh", {"inputs": {"size": 1}}, {"inputs": {"size": 1}}),
    "outputs that are read anew": done("refresh", {"outputs": {"etag": "a"}}, {"outputs": {"etag": "b"}}),
    "a component as it was": done("same", COMPONENT, COMPONENT),
    "a change": done("update", {"inputs": {"size": 1}}, {"inputs": {"size": 2}}),
}


@pytest.mark.parametrize("event", KEPT.values(), ids=KEPT.keys())
def test_what_stays_as_it_was_and_what_is_changed_is_not_among_them(event: EngineEvent) -> None:
    assert rewritten({}, [event], {}) == frozenset()


def test_the_last_report_of_a_components_outputs_counts() -> None:
    registered, given = done("same", giving("a"), COMPONENT), done("same", giving("a"), giving("a"))
    assert rewritten({}, [registered, given], {}) == frozenset()
    assert rewritten({}, [given, registered], {}) == {ONE}


def test_the_outputs_of_the_stack_itself_are_changes() -> None:
    event = done("same", giving("a"), giving("b"), type=STACK_TYPE)
    assert rewritten({}, [event], {}) == frozenset()


def test_what_the_program_says_otherwise_without_a_change_is_written_anew() -> None:
    assert rewritten({}, [], same({}, {"dependencies": [TWO]})) == {ONE}
    assert rewritten({}, [], same({"inputs": {"rule": "{ }"}}, {"inputs": {"rule": "{}"}})) == {ONE}
    assert rewritten({}, [], same({"id": "a", "outputs": {"x": 1}}, {})) == frozenset()
    assert rewritten({}, [], same({"propertyDependencies": {}}, {"propertyDependencies": {"size": []}})) == frozenset()


@pytest.mark.parametrize(
    "link",
    [
        {"dependencies": [ONE]},
        {"propertyDependencies": {"size": [ONE], "acl": None}},
        {"deletedWith": ONE},
        {"replaceWith": [ONE]},
        {"parent": ONE},
    ],
)
def test_what_speaks_of_a_resource_that_is_gone_is_written_without_it(link: dict[str, Any]) -> None:
    state = deployment({"urn": TWO, **link}, {"urn": "urn:apart"})
    assert rewritten(state, [done("refresh", {}, None)], {}) == {ONE, TWO}
