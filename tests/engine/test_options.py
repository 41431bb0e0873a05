"""Options of resources on the real engine: each is a change of its own, and gone from the plan once it is applied."""

from pathlib import Path
from typing import Any

import pytest

from gitops.errors import EngineFailed
from gitops.model import EngineRun, Operation
from gitops.ports import SavedPlan
from tests.support.tiny import STACK, Tiny

pytestmark = pytest.mark.engine

WANTED: dict[str, Any] = {"things": {"one": {"size": 12}, "two": {"size": 1}, "three": {"size": 3}}}
OPTIONS = {
    "additional_secret_outputs": ["serial"],
    "custom_timeouts": {"create": "10m"},
    "deleted_with": {"thing": "one"},
    "ignore_changes": ["size"],
    "protect": True,
    "replace_on_changes": ["size"],
    "replace_with": [],
    "replacement_trigger": "v1",
    "retain_on_delete": True,
}
NAMED = {f"({name.replace('_', ' ')})" for name, option in OPTIONS.items() if option}


def changes(run: EngineRun) -> dict[str, tuple[Operation, set[str]]]:
    return {change.name: (change.operation, {item.path for item in change.properties}) for change in run.changes}


def apply(tiny: Tiny, project: Path, wanted: dict[str, Any]) -> EngineRun:
    """Preview and apply that plan; the preview."""
    tiny.want(project, wanted)
    saved = project.parent / "plan.json"
    preview = tiny.engine.preview(project, STACK, save_plan=saved)
    tiny.engine.apply(project, STACK, SavedPlan(saved), lambda _step: None, lambda: "")
    assert changes(tiny.engine.preview(project, STACK).run) == {}
    assert changes(tiny.engine.preview(project, STACK).run) == {}
    return preview.run


def test_options_alone_are_an_update_and_settle_with_the_apply(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path / "world")
    project = tiny.project(tmp_path / "project", WANTED, {"tiny:pw": "correct horse"})
    apply(tiny, project, WANTED)
    things = WANTED["things"]
    with_options = {"things": {**things, "two": {"size": 1, "options": OPTIONS}}}
    assert changes(apply(tiny, project, with_options)) == {"two": (Operation.UPDATE, NAMED)}
    assert changes(apply(tiny, project, WANTED)) == {"two": (Operation.UPDATE, NAMED)}

    created = {"things": {**things, "four": {"size": 4, "options": OPTIONS}}}
    found = changes(apply(tiny, project, created))
    assert found == {"four": (Operation.CREATE, {"size", *NAMED} - {"(protect)"})}

    renamed = {"things": {"one": {"size": 12}, "deux": {"size": 1, "options": {"aliases": [{"name": "two"}]}}}}
    renamed["things"] |= {"three": {"size": 3}, "four": created["things"]["four"]}
    assert changes(apply(tiny, project, renamed)) == {"deux": (Operation.UPDATE, {"(urn)"})}

    tiny.want(
        project, {"things": {**things, "one": {"size": 12, "options": {"replacement_trigger": {"secret": "pw"}}}}}
    )
    with pytest.raises(EngineFailed) as caught:
        tiny.engine.preview(project, STACK)
    assert "replacement_trigger" in caught.value.hint
    assert "correct horse" not in str((caught.value.message, caught.value.details, caught.value.text))
