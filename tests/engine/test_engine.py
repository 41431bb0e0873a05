"""The engine adapter and `gitops up` on the real Pulumi CLI, with a small provider and no cloud."""

import json
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from gitops.adapters.pulumi.secret_digests import DIGEST_KEY
from gitops.errors import EngineFailed
from gitops.flow.plans import plan as plans
from gitops.model import Inputs, Operation, Plan, RecordKind, Stack
from gitops.ports import Preview, SavedPlan
from tests.engine.journey import Journey
from tests.support.plans import NOW
from tests.support.tiny import STACK, Tiny

pytestmark = pytest.mark.engine

SECRETS = {"tiny:pw": "correct horse"}
WANTED: dict[str, Any] = {
    "things": {"one": {"size": 12, "password": {"secret": "pw"}}, "two": {"size": 1, "beside": {"of": "one.serial"}}},
    "outputs": {"serial": {"of": "one.serial"}, "pw": {"secret": "pw"}},
}
SCALED = {**WANTED, "things": {**WANTED["things"], "one": {"size": 20, "password": {"secret": "pw"}}}}


def plan_of(preview: Preview) -> Plan:
    inputs = Inputs({}, "", preview.versions)
    return plans.build(
        Stack("tiny", STACK), "dev", "c" * 40, run=preview.run, start=preview.start, inputs=inputs, now=NOW
    )


def kinds(plan: Plan) -> dict[str, Operation]:
    return {change.name: change.operation for change in plan.changes}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tiny, Path]:
    """A deployed stack that no test alters."""
    root = tmp_path_factory.mktemp("deployed")
    tiny = Tiny(root / "world")
    project = tiny.project(root / "project", WANTED, SECRETS)
    saved = root / "plan.json"
    tiny.engine.preview(project, STACK, save_plan=saved)
    tiny.engine.apply(project, STACK, SavedPlan(saved), lambda _step: None, lambda: "")
    tiny.want(project, SCALED)
    return tiny, project


def test_a_stack_that_was_never_created_previews_and_leaves_the_backend_untouched(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path / "world")
    project = tiny.project(tmp_path / "project", WANTED, SECRETS)
    plan = plan_of(tiny.engine.preview(project, STACK))
    assert set(kinds(plan).values()) == {Operation.CREATE}
    assert plan.start.resources == {}
    assert tiny.state_files == []
    assert tiny.things == {}


def test_a_preview_tells_how_resources_depend_before_and_after_they_exist(
    deployed: tuple[Tiny, Path], tmp_path: Path
) -> None:
    def needs(preview: Preview) -> dict[str, list[str]]:
        return {
            one.urn.rpartition("::")[2]: [need.rpartition("::")[2] for need in one.needs]
            for one in preview.graph.resources
            if ":Thing::" in one.urn
        }

    fresh = Tiny(tmp_path / "world")
    assert needs(fresh.engine.preview(fresh.project(tmp_path / "project", WANTED, SECRETS), STACK)) == {
        "one": [],
        "two": ["one"],
    }
    tiny, project = deployed
    tiny.want(project, {"things": {"two": {"size": 1}}, "outputs": {}})
    try:
        found = tiny.engine.preview(project, STACK)
    finally:
        tiny.want(project, SCALED)
    assert kinds(plan_of(found))["one"] is Operation.DELETE
    assert needs(found) == {"one": [], "two": []}  # `two` as the program wants it now, `one` as it is in the state


def test_a_saved_plan_is_applied_and_nothing_is_left_to_do(deployed: tuple[Tiny, Path]) -> None:
    tiny, project = deployed
    assert sorted(name.split("-")[0] for name in tiny.things) == ["one", "two"]
    assert tiny.engine.outputs(project, STACK)["serial"].startswith("one-")
    tiny.want(project, WANTED)
    try:
        assert tiny.engine.preview(project, STACK).run.changes == ()
    finally:
        tiny.want(project, SCALED)


def test_previewing_again_and_elsewhere_gives_the_same_plan(deployed: tuple[Tiny, Path], tmp_path: Path) -> None:
    tiny, project = deployed
    shutil.copytree(project, tmp_path / "another" / "place")
    made = [plan_of(tiny.engine.preview(folder, STACK)) for folder in (project, project, tmp_path / "another/place")]
    assert kinds(made[0]) == {"one": Operation.UPDATE}
    assert len({plan.plan_digest for plan in made}) == 1
    assert len({plan.input_digest for plan in made}) == 1


def test_a_stacks_config_in_a_folder_of_its_own_is_found(deployed: tuple[Tiny, Path], tmp_path: Path) -> None:
    tiny, project = deployed
    folder = tmp_path / "elsewhere"
    shutil.copytree(project, folder)
    (folder / "config").mkdir()
    (folder / f"Pulumi.{STACK}.yaml").rename(folder / "config" / f"Pulumi.{STACK}.yaml")
    with (folder / "Pulumi.yaml").open("a") as settings:
        settings.write("stackConfigDir: config\n")
    plans_of = [plan_of(tiny.engine.preview(place, STACK)) for place in (project, folder)]
    assert len({plan.plan_digest for plan in plans_of}) == 1


def test_a_rotated_secret_is_another_plan_and_never_shown(deployed: tuple[Tiny, Path], tmp_path: Path) -> None:
    tiny, project = deployed
    folder = tmp_path / "rotated"
    shutil.copytree(project, folder)
    secrets = {"tiny:pw": "battery staple", DIGEST_KEY: "0f" * 32}
    (folder / f"Pulumi.{STACK}.yaml").write_text(tiny.stack_config(secrets))
    before, after = (plan_of(tiny.engine.preview(place, STACK)) for place in (project, folder))
    assert before.plan_digest != after.plan_digest
    assert before.start == after.start
    text = json.dumps(plans.to_body(before)) + json.dumps(plans.to_body(after))
    assert "correct horse" not in text
    assert "battery staple" not in text


def test_secrets_without_a_key_to_compare_them_by_are_told_with_the_way_out(
    deployed: tuple[Tiny, Path], tmp_path: Path
) -> None:
    tiny, project = deployed
    folder = tmp_path / "keyless"
    shutil.copytree(project, folder)
    (folder / f"Pulumi.{STACK}.yaml").write_text(tiny.stack_config(SECRETS))
    with pytest.raises(EngineFailed, match="no key to compare them by") as caught:
        tiny.engine.preview(folder, STACK)
    assert "openssl rand" in caught.value.hint


def test_a_wrong_passphrase_is_told_with_the_variable(deployed: tuple[Tiny, Path]) -> None:
    tiny, project = deployed
    passphrase = "open-sesame-71"
    with pytest.raises(EngineFailed) as caught:
        Tiny(tiny.root, {"PULUMI_CONFIG_PASSPHRASE": passphrase}).engine.preview(project, STACK)
    assert "PULUMI_CONFIG_PASSPHRASE" in caught.value.hint
    assert passphrase not in str(caught.value) + caught.value.hint


def test_a_broken_program_fails_with_its_own_words(deployed: tuple[Tiny, Path], tmp_path: Path) -> None:
    tiny, project = deployed
    shutil.copytree(project, tmp_path / "broken")
    tiny.want(tmp_path / "broken", {"broken": True})
    with pytest.raises(EngineFailed) as caught:
        tiny.engine.preview(tmp_path / "broken", STACK)
    assert any("the program is broken on purpose" in line for line in caught.value.text.lines)
    assert "the run failed in the program, at __main__.py line" in caught.value.message
    assert "on purpose" not in caught.value.message


def sizes(journey: Journey) -> dict[str, float]:
    return {serial.split("-")[0]: thing["size"] for serial, thing in journey.tiny.things.items()}


def test_an_interrupted_apply_ends_in_good_order_and_is_finished_by_the_next_run(tmp_path: Path) -> None:
    slow = {"things": {"a": {"size": 1, "seconds": 4}, "b": {"size": 2, "beside": {"of": "a.serial"}}}}
    journey = Journey.begin(tmp_path, slow, SECRETS)
    journey.host.merge(journey.review())
    process = journey.start("up", "--environment", "dev")
    wait_until((journey.tiny.root / "things" / ".working").exists)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "Interrupted while trying to apply" in errors
    assert sizes(journey) == {"a": 1}
    assert record_kinds(journey) == ["plan", "apply started", "apply failed"]
    assert '"leases": []' in journey.gitops("status", "--json")
    assert journey.tiny.engine.start_state(journey.clone, STACK).pending == ()
    assert list(journey.temporary.iterdir()) == []

    assert "released" in journey.gitops("up", "--environment", "dev")
    assert sizes(journey) == {"a": 1, "b": 2}
    assert record_kinds(journey)[-1] == RecordKind.RELEASE.value


def record_kinds(journey: Journey) -> list[str]:
    return [record["kind"] for record in json.loads(journey.gitops("log", "--json"))]


def wait_until(true: Any, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.1)
