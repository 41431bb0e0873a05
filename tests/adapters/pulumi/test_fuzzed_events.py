"""Whatever the engine sends, a preview fails or tells every change: none is dropped without a word."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.adapters.pulumi import preview as previews
from gitops.adapters.pulumi.events import typed
from gitops.adapters.pulumi.steps import UNCHANGED
from gitops.errors import EngineFailed
from gitops.flow.plans import values
from gitops.model import EngineRun
from tests.adapters.pulumi.test_preview import BEFORE, STACK, Background, raw

NAMES = ["create", "update", "replace", "delete-before-replace", "delete", "protect", "outputs", "policy", "secret"]
PREVIEWS = {name: raw(name) for name in NAMES}
previewed = st.sampled_from(NAMES).map(lambda name: copy.deepcopy(PREVIEWS[name]))
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4))
junk = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=4), inner, max_size=2)),
    max_leaves=4,
)


def read(events: list[dict[str, Any]]) -> EngineRun:
    """Read as the engine's adapter does; unpaired surrogates and infinities too are something that may come."""
    return previews.read(typed(events, "preview"), Background(BEFORE))


def digest(run: EngineRun) -> str:
    return values.digest((run.changes, run.findings, run.policy_packs, run.unchanged))


def steps_in(events: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for event in events:
        if "resourcePreEvent" in event:
            yield event["resourcePreEvent"]["metadata"]


def every_change_is_told(events: list[dict[str, Any]], run: EngineRun) -> bool:
    told = {change.urn for change in run.changes}
    return all(step["urn"] in told for step in steps_in(events) if step["op"] not in UNCHANGED and step["urn"] != STACK)


def spots(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from spots(child, (*path, key))


@given(previewed, st.randoms(use_true_random=False))
def test_the_order_of_independent_events_changes_nothing(events: list[dict[str, Any]], chance: random.Random) -> None:
    def about(event: dict[str, Any]) -> str:
        kinds = ("resourcePreEvent", "resOutputsEvent")
        return next((event[kind]["metadata"]["urn"] for kind in kinds if kind in event), json.dumps(event))

    queues: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        queues.setdefault(about(event), []).append(event)
    shuffled = []
    while queues:
        name = chance.choice(sorted(queues))
        shuffled.append(queues[name].pop(0))
        if not queues[name]:
            del queues[name]
    assert digest(read(shuffled)) == digest(read(events))


@given(previewed, st.data())
def test_an_event_that_comes_twice_counts_once(events: list[dict[str, Any]], data: st.DataObject) -> None:
    twice = [e for event in events for e in [event] * data.draw(st.integers(1, 2))]
    assert digest(read(twice)) == digest(read(events))


@given(previewed, st.data())
def test_a_missing_or_altered_field_fails_the_preview_or_drops_no_change(
    events: list[dict[str, Any]], data: st.DataObject
) -> None:
    about_steps = [event for event in events if "resourcePreEvent" in event or "policyEvent" in event]
    event = data.draw(st.sampled_from(about_steps))
    path = data.draw(st.sampled_from(list(spots(event))))
    target: Any = event
    for key in path[:-1]:
        target = target[key]
    if data.draw(st.booleans()):
        target[path[-1]] = data.draw(junk)
    elif isinstance(target, dict) and path not in (("resourcePreEvent",), ("policyEvent",)):
        del target[path[-1]]
    try:
        run = read(events)
        digest(run)
    except EngineFailed:
        return
    assert every_change_is_told(events, run)


@given(previewed, st.text(min_size=1, max_size=8), st.data())
def test_a_step_of_another_name_fails_the_preview_or_is_told(
    events: list[dict[str, Any]], name: str, data: st.DataObject
) -> None:
    data.draw(st.sampled_from(list(steps_in(events))))["op"] = name
    try:
        run = read(events)
    except EngineFailed:
        return
    assert every_change_is_told(events, run)


@given(previewed, st.data())
def test_a_step_that_is_not_told_at_its_start_leaves_the_others_as_they_are(
    events: list[dict[str, Any]], data: st.DataObject
) -> None:
    lost = data.draw(st.sampled_from([event for event in events if "resourcePreEvent" in event]))
    urn = lost["resourcePreEvent"]["metadata"]["urn"]
    fewer, before = (
        {change.urn: values.digest(change.properties) for change in read(some).changes}
        for some in ([event for event in events if event is not lost], events)
    )
    assert {name: one for name, one in fewer.items() if name != urn} == {
        name: one for name, one in before.items() if name != urn
    }


@pytest.mark.parametrize("depth", [50, 99, 101, 400, 5_000])
def test_a_deeply_nested_value_is_told_whole_or_fails_the_preview(depth: int) -> None:
    events = copy.deepcopy(PREVIEWS["create"])
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    thing = next(step for step in steps_in(events) if step["urn"].endswith("::one"))
    thing["new"]["inputs"]["kind"] = value
    if depth < 100:
        change = next(change for change in read(events).changes if change.name == "one")
        assert values.pack(next(p.new for p in change.properties if p.path == "kind")) == value
        assert digest(read(events))
    else:
        with pytest.raises(EngineFailed):
            read(events)


@pytest.mark.parametrize("value", ["\ud800", float("nan"), float("inf")], ids=["half a pair", "NaN", "infinity"])
def test_a_value_that_no_digest_can_hold_fails_the_preview(value: Any) -> None:
    events = copy.deepcopy(PREVIEWS["create"])
    next(step for step in steps_in(events) if step["urn"].endswith("::one"))["new"]["inputs"]["kind"] = value
    with pytest.raises(EngineFailed):
        read(events)


@pytest.mark.parametrize("event", [{"resourcePreEvent": None}, {"resourcePreEvent": {}}, {"policyEvent": None}])
def test_an_event_without_content_fails_the_preview(event: dict[str, Any]) -> None:
    with pytest.raises(EngineFailed, match="does not understand"):
        typed([{"sequence": 1, "timestamp": 1, **event}], "preview stack dev")
