"""From the engine's events to a run: on events that the real engine wrote (see `tests/data/record_events.py`)."""

import json
from pathlib import Path
from typing import Any

import pytest
from pulumi.automation.events import EngineEvent

from gitops.flow import preview as previews
from gitops.flow.preview import AUTONAME, Background
from gitops.flow.resume import OLD_COPY
from gitops.model import (
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

DATA = Path(__file__).parents[1] / "data"
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


def test_a_refresh_shows_what_the_next_apply_would_put_right() -> None:
    run = read("refresh")
    assert [(c.name, c.operation) for c in run.changes] == [("one", Operation.UPDATE)]


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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("web", "web-1a2b3c4"),
        ("web", "web-1a2b3c4d"),
    ],
)
def test_a_name_made_up_for_this_preview_is_not_part_of_it(name: str, value: str) -> None:
    events = [e for e in raw("create") if (e.get("resourcePreEvent") or {}).get("metadata", {}).get("urn") == ONE]
    events[0]["resourcePreEvent"]["metadata"]["urn"] = ONE.replace("::one", f"::{name}")
    events[0]["resourcePreEvent"]["metadata"]["new"]["inputs"]["name"] = value
    run = previews.read([EngineEvent.from_json(events[0])])
    assert told(run)[name][1]["name"] == (None, f"{name} {AUTONAME}")


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


def test_what_is_asked_beyond_inputs_is_part_of_the_change() -> None:
    def properties(operation: str, **new: Any) -> dict[str, Any]:
        state = {"urn": ONE, "type": "things:index:Thing", "custom": True, "id": "", "inputs": {}, "outputs": {}}
        step = {
            "op": operation,
            "urn": ONE,
            "type": state["type"],
            "provider": "",
            "old": None,
            "new": {**state, **new},
        }
        event = EngineEvent.from_json({"sequence": 1, "timestamp": 1, "resourcePreEvent": {"metadata": step}})
        options = {ONE: {"(import)": "vpc-1", "(delete before replace)": True}}
        (change,) = previews.read([event], Background({}, {}, options)).changes
        return {p.path: p.new for p in change.properties}

    assert properties("import") == {"(import)": "vpc-1"}
    assert properties("read", id="vpc-2") == {"(read)": "vpc-2"}
    assert properties("create", retainOnDelete=True) == {"(retain on delete)": True}
    assert properties("create") == {}
    assert properties("replace") == {"(delete before replace)": True}
