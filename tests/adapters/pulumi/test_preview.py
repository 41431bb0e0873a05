"""From the engine's events to a run: on events that the real engine wrote (see `tests/data/record_events.py`)."""

import json
from pathlib import Path
from typing import Any

import pytest
from pulumi.automation.events import EngineEvent

from gitops.adapters.pulumi import preview as previews
from gitops.adapters.pulumi.steps import AUTONAME, Background
from gitops.errors import EngineFailed
from gitops.flow.plans.deviations import OLD_COPY
from gitops.model import (
    Drift,
    EngineRun,
    Operation,
    PolicyLevel,
    PropertyChange,
    PropertyKind,
    ResourceStep,
    SecretValue,
    Severity,
    UnknownValue,
)

DATA = Path(__file__).parents[2] / "data"
STACK = "urn:pulumi:dev::tiny::pulumi:pulumi:Stack::tiny-dev"
ONE, TWO = (f"urn:pulumi:dev::tiny::things:index:Thing::{name}" for name in ("one", "two"))
PW = SecretValue("digest of the password")
BEFORE = {
    ONE: {"kind": "a", "size": 12, "password": PW},
    TWO: {"size": 1, "place": "here", "beside": "one-1"},
    STACK: {"serial": "one-1", "pw": PW},
}


def raw(name: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads((DATA / f"{name}.json").read_text())
    return events


def read(name: str, state: dict[str, Any] | None = None, goals: dict[str, Any] | None = None) -> EngineRun:
    events = [EngineEvent.from_json(event) for event in raw(name)]
    return previews.read(events, Background(BEFORE if state is None else state, goals or {}))


def told(run: EngineRun) -> dict[str, tuple[Operation, dict[str, tuple[Any, Any]]]]:
    """Resource → operation and properties with old and new value."""
    return {c.name: (c.operation, {p.path: (p.old, p.new) for p in c.properties}) for c in run.changes}


def test_a_creation_lists_every_input_and_output() -> None:
    run = read("create", state={}, goals={ONE: {"password": PW}, STACK: {"pw": PW}})
    assert told(run) == {
        "tiny-dev": (
            Operation.CREATE,
            {"outputs.pw": (None, PW), "outputs.serial": (None, UnknownValue())},
        ),
        "one": (Operation.CREATE, {"kind": (None, "a"), "password": (None, PW), "size": (None, 12)}),
        "two": (
            Operation.CREATE,
            {"beside": (None, UnknownValue()), "place": (None, "here"), "size": (None, 1)},
        ),
        "default": (Operation.CREATE, {}),
    }
    assert run.unchanged == 0


CHANGES: dict[str, dict[str, tuple[Operation, dict[str, tuple[Any, Any]]]]] = {
    "same": {},
    "update": {"one": (Operation.UPDATE, {"size": (12, 20)})},
    "replace": {
        "one": (Operation.REPLACE, {"kind": ("a", "b")}),
        "two": (Operation.UPDATE, {"beside": ("one-1", UnknownValue())}),
        "tiny-dev": (Operation.UPDATE, {"outputs.serial": ("one-1", UnknownValue())}),
    },
    "delete-before-replace": {"two": (Operation.REPLACE, {"place": ("here", "there")})},
    "delete": {"two": (Operation.DELETE, {})},
    "protect": {"one": (Operation.UPDATE, {"(protect)": (False, True)})},
    "outputs": {"tiny-dev": (Operation.UPDATE, {"outputs.colour": (None, "blue"), "outputs.pw": (PW, None)})},
    "policy": {"one": (Operation.UPDATE, {"size": (12, 20)})},
}


@pytest.mark.parametrize(("name", "changes"), CHANGES.items(), ids=CHANGES.keys())
def test_the_changes_of_a_preview(name: str, changes: Any) -> None:
    run = read(name)
    assert told(run) == changes
    everything = 4  # the stack, its provider and two things
    assert run.unchanged + len(changes) == everything


def test_the_property_that_causes_a_replacement_is_marked() -> None:
    (change,) = [c for c in read("replace").changes if c.operation is Operation.REPLACE]
    assert change.properties == (PropertyChange("kind", PropertyKind.UPDATE, "a", "b", replaces=True),)


def test_an_old_copy_that_an_earlier_replacement_left_is_a_deletion_of_its_own() -> None:
    """Without it a plan would look empty, and the apply that has to delete the copy would be left out."""
    ours = [e for e in raw("delete-before-replace") if not _is_about_the_replacement(e)]
    run = previews.read([EngineEvent.from_json(event) for event in ours], Background(BEFORE, {}))
    assert [(c.name, c.operation, c.properties) for c in run.changes] == [("two", Operation.DELETE, (OLD_COPY,))]


def _is_about_the_replacement(event: dict[str, Any]) -> bool:
    metadata = (event.get("resourcePreEvent") or event.get("resOutputsEvent") or {}).get("metadata") or {}
    return metadata.get("op") in ("replace", "create-replacement")


def test_a_protected_resource_is_marked() -> None:
    assert [c.protected for c in read("protect").changes] == [True]
    assert [c.protected for c in read("update").changes] == [False]


def test_a_rotated_secret_is_a_change_that_shows_no_value() -> None:
    new = SecretValue("digest of another password")
    run = read("secret", goals={ONE: {"password": new}, STACK: {"pw": new}})
    assert told(run) == {
        "one": (Operation.UPDATE, {"password": (PW, new)}),
        "tiny-dev": (Operation.UPDATE, {"outputs.pw": (PW, new)}),
    }


def test_no_recording_holds_a_secret() -> None:
    text = "".join(file.read_text() for file in DATA.glob("*.json"))
    assert "correct horse" not in text
    assert "battery staple" not in text


def test_a_change_starts_from_what_is_live_and_the_drift_is_named() -> None:
    run = read("refresh")
    assert told(run) == {"one": (Operation.UPDATE, {"size": (31, 12)})}
    assert run.drift == (Drift(ONE, "things:index:Thing", (PropertyChange("size", PropertyKind.UPDATE, 12, 31),)),)


def refreshed(**altered: Any) -> EngineRun:
    """The recorded refresh, its end for the first thing altered."""
    events = raw("refresh")
    for event in events:
        metadata = event.get("resOutputsEvent", {}).get("metadata", {})
        if (metadata.get("op"), metadata.get("urn")) == ("refresh", ONE):
            metadata |= altered
    return previews.read(
        [EngineEvent.from_json(event) for event in events], Background(BEFORE, {ONE: {"password": PW}})
    )


def test_what_does_not_exist_any_more_is_gone() -> None:
    assert refreshed(new=None).drift == (Drift(ONE, "things:index:Thing", gone=True),)


def test_a_secret_that_was_altered_outside_is_told_without_its_value() -> None:
    run = refreshed(diffs=["size", "password"])
    assert told(run)["one"][1] == {"size": (31, 12), "password": (SecretValue(""), PW)}
    assert PropertyChange("password", PropertyKind.UPDATE, PW, SecretValue("")) in run.drift[0].properties


def left_alone(asked: dict[str, Any], **background: Any) -> tuple[Drift, ...]:
    """The drift of a refreshed thing that the plan leaves as it is; the program asks for `asked`."""
    events = [
        event for event in raw("refresh") if event.get("resourcePreEvent", {}).get("metadata", {}).get("urn") != ONE
    ]
    read_so = Background(BEFORE, {ONE: asked}, **background)
    return previews.read([EngineEvent.from_json(event) for event in events], read_so).drift


def test_what_the_provider_would_leave_although_the_program_asks_as_before_is_another_spelling() -> None:
    assert left_alone({"size": BEFORE[ONE]["size"]}) == ()


def test_drift_that_the_program_ignores_or_asks_for_is_told_although_nothing_is_done_about_it() -> None:
    assert [one.urn for one in left_alone({})] == [ONE]
    assert [one.urn for one in left_alone({"size": 31})] == [ONE]


def test_what_is_as_the_state_says_is_no_drift() -> None:
    assert read("same").drift == ()
    assert [one.urn for one in read("refresh").drift] == [ONE]


def test_an_apply_tells_what_was_done_and_what_exists() -> None:
    run = read("apply", state={})
    assert [c.name for c in run.changes] == ["default", "tiny-dev", "one", "two"]
    outputs = {r.urn: r.outputs for r in run.resources}
    assert outputs[ONE] == {"kind": "a", "size": 12, "password": SecretValue(""), "serial": "one-1"}
    assert run.errors == ()


def test_a_failed_operation_is_an_error_that_names_the_resource() -> None:
    run = read("failed-apply")
    sentences = [previews.sentence(error) for error in run.errors]
    assert "one: the operation failed" in sentences
    assert any(text.startswith("one: ") and "quota exceeded" in text for text in sentences)


def test_a_broken_program_is_an_error_with_its_traceback() -> None:
    assert any("the program is broken on purpose" in error.message for error in read("broken-program").errors)


def test_policy_findings_come_with_their_level_and_resource() -> None:
    assert [(f.policy, f.level, f.urn) for f in read("policy").findings] == [
        ("owned", PolicyLevel.ADVISORY, ONE),
        ("owned", PolicyLevel.ADVISORY, TWO),
        ("small", PolicyLevel.MANDATORY, ONE),
    ]


def test_a_step_that_we_do_not_know_is_an_unknown_change_and_not_nothing() -> None:
    events = [EngineEvent.from_json(event) for event in raw("update")]
    for event in events:
        if event.resource_pre_event and event.resource_pre_event.metadata.urn == ONE:

            class Renamed:
                value = "transmogrify"

            event.resource_pre_event.metadata.op = Renamed()  # type: ignore[assignment]
    run = previews.read(events, Background(BEFORE, {}))
    assert [(c.name, c.operation) for c in run.changes] == [("one", Operation.UNKNOWN)]


def test_the_host_of_the_language_is_not_worth_a_warning() -> None:
    assert [d for d in read("same").diagnostics if d.severity is Severity.WARNING] == []


def created(inputs: dict[str, Any], given: set[str], operation: str = "create", name: str = "web") -> dict[str, Any]:
    """Path → new value of a change whose checked inputs are these; the program itself gave those of `given`."""
    urn = ONE.replace("::one", f"::{name}")
    old = {"inputs": {"name": "web-0000000"}} if operation == "replace" else None
    event = step(operation, urn=urn, new={"inputs": inputs}, old=old)
    background = Background(given={urn: frozenset(given)}, state={urn: old["inputs"]} if old else {})
    (change,) = previews.read([event], background).changes
    return {p.path: p.new for p in change.properties}


@pytest.mark.parametrize("value", ["web-1a2b3c4", "web-1a2b3c4d", "web_1a2b3c4", "Web-1a2b3c4", "web-1a2b3c4.fifo"])
@pytest.mark.parametrize("operation", ["create", "replace"])
def test_a_name_made_up_for_this_preview_is_not_part_of_it(operation: str, value: str) -> None:
    assert created({"name": value}, set(), operation) == {"name": f"web {AUTONAME}"}


def test_a_chosen_name_stays_however_it_looks() -> None:
    assert created({"name": "web-1234567"}, {"name"}) == {"name": "web-1234567"}
    metadata = {"name": "web-1234567", "annotations": {}}
    assert created({"metadata": metadata}, {"metadata"}) == {"metadata": metadata}


def test_a_default_that_a_provider_computes_stays() -> None:
    assert created({"acl": "private", "prefix": "web-"}, set()) == {"acl": "private", "prefix": "web-"}


def test_a_name_made_up_by_the_kubernetes_provider_is_not_part_of_it() -> None:
    annotations = {"pulumi.com/autonamed": "true"}
    found = created({"metadata": {"name": "web-1a2b3c4d", "annotations": annotations}}, {"metadata"})
    assert found == {"metadata": {"name": f"web {AUTONAME}", "annotations": annotations}}


def test_steps_for_people_who_watch() -> None:
    steps = [step for event in raw("apply") if (step := previews.step_of(event))]
    thing = "things:index:Thing"
    assert [s for s in steps if s.urn == ONE] == [
        ResourceStep(ONE, thing, "create", done=False),
        ResourceStep(ONE, thing, "create", done=True),
    ]
    assert all(s.urn != STACK for s in steps)
    failed = [step for event in raw("failed-apply") if (step := previews.step_of(event))]
    assert failed[-1] == ResourceStep(ONE, thing, "update", done=True, failed=True)


def test_provider_versions_are_the_highest_of_each_package() -> None:
    events = [e for e in raw("same") if "resourcePreEvent" in e][:1]
    found = []
    for version in ("7.9.0", "7.21.0", "7.20.0"):
        copy = json.loads(json.dumps(events[0]))
        metadata = copy["resourcePreEvent"]["metadata"]
        metadata.update(type="pulumi:providers:aws", urn=f"urn:pulumi:dev::tiny::pulumi:providers:aws::v{version}")
        metadata["new"]["inputs"] = {"version": version}
        found.append(EngineEvent.from_json(copy))
    assert previews.provider_versions(found) == {"aws": "7.21.0"}


def step(operation: str, urn: str = ONE, **sides: Any) -> EngineEvent:
    """The event of one step."""
    kind = "things:index:Thing"
    states = {
        side: {"urn": urn, "type": kind, "custom": True, "id": "", "inputs": {}, "outputs": {}, **given}
        if (given := sides.get(side)) is not None
        else None
        for side in ("old", "new")
    }
    metadata = {"op": operation, "urn": urn, "type": kind, "provider": "", **states}
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, "resourcePreEvent": {"metadata": metadata}})


def test_what_is_asked_beyond_inputs_is_part_of_the_change() -> None:
    def properties(operation: str, **new: Any) -> dict[str, Any]:
        orders = {ONE: {"(import)": "vpc-1", "(delete before replace)": True}}
        (change,) = previews.read([step(operation, new=new)], Background(orders=orders)).changes
        return {p.path: p.new for p in change.properties}

    assert properties("import") == {"(import)": "vpc-1"}
    assert properties("read", id="vpc-2") == {"(read)": "vpc-2"}
    assert properties("create", retainOnDelete=True) == {"(retain on delete)": True}
    assert properties("create") == {}
    assert properties("replace") == {"(delete before replace)": True}


def test_an_option_that_alone_differs_is_an_update() -> None:
    had, asked = {"(ignore changes)": ["size"], "(deleted with)": TWO}, {"(ignore changes)": ["size", "tags"]}
    background = Background(had={ONE: had}, asked={ONE: asked})
    (change,) = previews.read([step("same", old={}, new={})], background).changes
    assert change.operation is Operation.UPDATE
    assert change.properties == (
        PropertyChange("(deleted with)", PropertyKind.DELETE, old=TWO),
        PropertyChange("(ignore changes)", PropertyKind.UPDATE, ["size"], ["size", "tags"]),
    )
    unchanged = previews.read([step("same", old={}, new={})], Background(had={ONE: had}, asked={ONE: had}))
    assert (unchanged.changes, unchanged.unchanged) == ((), 1)


def test_a_step_whose_options_are_not_told_is_a_failure_and_not_a_guess() -> None:
    with pytest.raises(EngineFailed, match=f"Could not tell the options of {ONE}"):
        previews.read([step("same", old={}, new={})], Background(asked={}))
    assert previews.read([step("delete", old={})], Background(asked={})).changes[0].operation is Operation.DELETE


def test_a_resource_that_an_alias_renames_is_an_update() -> None:
    (change,) = previews.read([step("same", old={"urn": TWO}, new={})], Background()).changes
    assert change.properties == (PropertyChange("(urn)", PropertyKind.UPDATE, TWO, ONE),)


def test_an_update_that_follows_an_import_is_a_change_of_its_own() -> None:
    events = [step("import", new={}), step("update", old={"inputs": {"a": 1}}, new={"inputs": {"a": 2}})]
    for order in (events, events[::-1]):
        assert [c.operation for c in previews.read(order).changes] == [Operation.IMPORT, Operation.UPDATE]


def test_a_replacement_of_which_only_the_creation_is_told_is_a_replacement() -> None:
    event = step("create-replacement", old={"inputs": {"a": 1}}, new={"inputs": {"a": 2}})
    assert [c.operation for c in previews.read([event]).changes] == [Operation.REPLACE]


def test_a_key_that_a_program_calls_like_a_providers_note_stays() -> None:
    inputs = {"tags": {"__defaults": "mine", "__internal": {"a": 1}}, "size": 1, "__defaults": ["size"]}
    assert created(inputs, {"tags"}) == {"tags": inputs["tags"], "size": 1}
    assert created(inputs, {"tags", "__defaults"})["__defaults"] == ["size"]


def test_such_a_key_stays_where_a_run_that_was_cut_short_left_the_state_without_its_note() -> None:
    inputs = {"__defaults": ["size"], "size": 1}
    event = step("update", old={"inputs": inputs}, new={"inputs": {**inputs, "size": 2}})
    background = Background(
        state={ONE: inputs}, given={ONE: frozenset({"__defaults", "size"})}, given_before={ONE: frozenset()}
    )
    (change,) = previews.read([event], background).changes
    assert [one.path for one in change.properties] == ["size"]


def test_the_policy_packs_that_took_part_are_told_with_their_versions() -> None:
    assert read("policy").policy_packs == {"house-rules": "0.0.1"}
    assert read("same").policy_packs == {}
