"""What must not change a plan's digest: one test for each row of the table in docs/plan-format.md."""

from collections.abc import Iterable, Mapping
from typing import Any

from pulumi.automation.events import EngineEvent

from gitops.adapters.pulumi import deployments, options
from gitops.adapters.pulumi import preview as previews
from gitops.adapters.pulumi.steps import Background
from gitops.flow.plans import plan as plans
from gitops.flow.plans import values
from gitops.model import EngineRun, Evaluation, Plan, PolicyPack
from tests.adapters.pulumi.test_preview import BEFORE, ONE, TWO, raw, step
from tests.flow.plans.test_plan import deployment, resource, secret
from tests.support.plans import BASE, DEV, NOW, inputs


def plan(run: EngineRun, state: Mapping[str, Any] | None = None, digests: Mapping[str, str] | None = None) -> Plan:
    """The plan of a run that starts from this deployment document."""
    start = deployments.start_state(state or {}, digests or {})
    return plans.build(DEV, "dev", BASE, run=run, start=start, inputs=inputs(), now=NOW)


def of(events: Iterable[Any], background: Background | None = None) -> str:
    return plan(previews.read(events, background or Background(BEFORE))).plan_digest


def starting_from(*resources: dict[str, Any], digests: Mapping[str, str] | None = None) -> str:
    return plan(EngineRun((), 0), deployment(*resources), digests).plan_digest


def recorded(name: str) -> list[dict[str, Any]]:
    return raw(name)


def typed(events: list[dict[str, Any]]) -> list[EngineEvent]:
    return [EngineEvent.from_json(event) for event in events]


def test_times_and_source_positions() -> None:
    noise = {
        "created": "2026-01-01T00:00:00Z",
        "modified": "2026-01-02T00:00:00Z",
        "sourcePosition": "project:///other/__main__.py#1",
        "stackTrace": [{"sourcePosition": "x"}],
    }
    assert starting_from(resource(**noise)) == starting_from(resource())


def test_the_order_of_dependencies() -> None:
    one, other = [ONE, TWO], [TWO, ONE]
    assert starting_from(resource(dependencies=one, propertyDependencies={"size": one})) == starting_from(
        resource(dependencies=other, propertyDependencies={"size": other})
    )


def test_empty_dependencies_and_options_at_their_default() -> None:
    left = resource(propertyDependencies={"size": [], "acl": [ONE]}, dependencies=[], protect=False, aliases=None)
    assert starting_from(left) == starting_from(resource(propertyDependencies={"acl": [ONE]}))


def test_where_the_engine_is_with_a_replacement() -> None:
    assert starting_from(resource(pendingReplacement=True)) == starting_from(resource())


def test_dependencies_alone() -> None:
    asked = {"urn": ONE, "dependencies": [TWO], "propertyDependencies": {"size": [TWO]}}
    background = Background(
        had={ONE: {}}, asked=options.asked({"steps": [{"op": "same", "urn": ONE, "newState": asked}]})
    )
    assert of([step("same", old={}, new={})], background) == of([])


def test_outputs_in_the_state() -> None:
    left, right = ({"custom": True, "outputs": {"etag": etag}} for etag in "ab")
    assert starting_from(resource(**left)) == starting_from(resource(**right))


def test_ciphertexts() -> None:
    digests = {"v1:a": "one", "v1:b": "one"}
    left, right = (
        starting_from(resource(inputs={"pw": secret(ciphertext)}), digests=digests) for ciphertext in digests
    )
    assert left == right


def test_notes_of_providers() -> None:
    inputs = {"size": 1, "acl": "private", "rule": {"days": 1}}
    noted = {**inputs, "__defaults": ["acl"], "__internal": {}, "rule": {"days": 1, "__defaults": []}}
    given = Background(given={ONE: frozenset({"size", "rule"})})
    assert of([step("create", new={"inputs": noted})], given) == of([step("create", new={"inputs": inputs})], given)


def test_defaults_that_a_provider_computes_again() -> None:
    def update(**defaults: Any) -> str:
        old, new = {"size": 1, **defaults}, {"size": 2, **defaults}
        background = Background(state={ONE: old}, given={ONE: frozenset({"size"})})
        return of([step("update", old={"inputs": old}, new={"inputs": new})], background)

    assert update() == update(acl="private", __defaults=["acl"])


def test_automatic_names() -> None:
    def create(name: str) -> str:
        return of([step("create", new={"inputs": {"name": name}})], Background(given={ONE: frozenset()}))

    assert create("one-1a2b3c4") == create("one-5d6e7f8") != create("two-5d6e7f8")


def test_ids_in_provider_references() -> None:
    def create(identity: str) -> str:
        return of([step("create", new={"provider": f"urn:pulumi:dev::tiny::pulumi:providers:aws::main::{identity}"})])

    assert create("04da6b54-80e4-46f7-96ec-b56ff0331ba9") == create("f3a1")


def test_outputs_that_providers_compute() -> None:
    events = recorded("update")
    before = of(typed(events))
    for event in events:
        metadata = event.get("resourcePreEvent", {}).get("metadata") or {}
        if metadata.get("urn") == ONE:
            metadata["new"]["outputs"] = {"arn": "computed", "etag": "another"}
    assert of(typed(events)) == before


def test_steps_that_change_nothing() -> None:
    same = [step("same", old={}, new={}), step("refresh", old={}, new={"inputs": {"size": 31}})]
    assert of(same) == of([])


def test_the_order_of_events() -> None:
    events = [step("create", urn=ONE, new={}), step("delete", urn=TWO, old={}), *typed(recorded("policy"))]
    turned = [events[at:] + events[:at] for at in range(len(events))]
    assert len({of(order) for order in (*turned, events[::-1])}) == 1


def test_options_that_do_nothing() -> None:
    plain = {"ignoreChanges": ["a", "b"], "customTimeouts": {}}
    noted = {"ignoreChanges": ["b", "a"], "aliases": [TWO], "hideDiff": ["size"], "importID": "one-1"}
    left, right = (Background(had={ONE: {}}, asked={ONE: options.of_resource(one, {})}) for one in (plain, noted))
    assert of([step("same", old={}, new={})], left) == of([step("same", old={}, new={})], right) != of([])


def test_the_path_of_a_policy_pack() -> None:
    events = recorded("policy")
    before = of(typed(events))
    packs = events[-1]["summaryEvent"]["PolicyPacks"]
    events[-1]["summaryEvent"]["PolicyPacks"] = {
        name.replace("/repository", "/elsewhere"): v for name, v in packs.items()
    }
    assert of(typed(events)) == before


def test_on_how_many_resources_a_policy_passed() -> None:
    def digest(*passed: str) -> str:
        told = Evaluation("house", "urn", passed)
        return plan(EngineRun((), 1, packs=(PolicyPack("policy", "d"),), evaluations=(told,))).plan_digest

    assert digest("one") == digest("one", "two")


def test_how_a_value_is_written() -> None:
    assert values.digest({"a": 1.0, "b": "é"}) == values.digest({"b": "\u00e9", "a": 1})
    left, right = ({"a": 1, "b": [2.0]}, {"b": [2], "a": 1.0})
    assert of([step("create", new={"inputs": left})]) == of([step("create", new={"inputs": right})])
