"""A state backend that is a relative folder, on the real Pulumi CLI: the state is in the clone, as by hand."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gitops.toolchain import tools
from tests.engine.journey import Journey
from tests.support.git import git
from tests.support.tiny import PROJECT, Tiny

pytestmark = pytest.mark.engine

PROJECT_FILE = (PROJECT / "Pulumi.yaml").read_text()
# This test may itself be run by a CI, which keeps no clone.
LAPTOP = dict.fromkeys(("CI", "GITHUB_ACTIONS"), "")
THINGS = {"things": {"one": {"size": 12}, "two": {"size": 1}}}
FORMS = {
    "the project file": (PROJECT_FILE + 'backend: {url: "file://."}\n', "", "."),
    "the variable": (PROJECT_FILE, "file://./state", "state"),
}


@pytest.fixture(params=FORMS)
def begun(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Journey, Path]:
    """A reviewed first deploy, and where its state belongs."""
    file, variable, place = FORMS[request.param]
    journey = Journey.begin(tmp_path / "journey", THINGS, {})
    journey = Journey(journey.folder, Tiny(journey.tiny.root, {**LAPTOP, "PULUMI_BACKEND_URL": variable}))
    journey.push({"Pulumi.yaml": file, ".gitignore": ".pulumi/\nstate/\n"})
    state = journey.clone / place
    state.mkdir(exist_ok=True)
    return journey, state


def by_hand(journey: Journey, *arguments: str) -> str:
    """Pulumi as a person runs it in the clone."""
    pulumi = tools.find(["pipeline"]).path("pulumi")
    done = subprocess.run(
        [str(pulumi), *arguments, "--non-interactive"],
        cwd=journey.clone,
        env=journey.tiny.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def sizes(journey: Journey) -> list[int]:
    return sorted(thing["size"] for thing in journey.tiny.things.values())


def records(journey: Journey) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(journey.gitops("log", "--json"))
    return found


def test_the_state_stays_and_nothing_is_made_twice(begun: tuple[Journey, Path]) -> None:
    journey, state = begun
    journey.host.merge(journey.review())
    assert "tiny/dev: released" in journey.gitops("up", "--environment", "dev")
    checkpoint = state / ".pulumi" / "stacks" / "tiny" / "dev.json"
    made = checkpoint.read_bytes()
    assert sizes(journey) == [1, 12]
    assert "already released" in journey.gitops("up", "--environment", "dev")
    assert "tiny/dev: as released" in journey.gitops("drift", "--environment", "dev")
    assert "nothing to repair" in journey.gitops("repair", "--environment", "dev", "--yes")
    by_hand(journey, "preview", "--stack", "dev", "--refresh", "--expect-no-changes")
    assert checkpoint.read_bytes() == made

    journey.branch("scale")
    things = {"things": {**THINGS["things"], "one": {"size": 20}}}
    journey.push({"wanted.json": json.dumps(things)})
    number = journey.review()
    assert "1 to update" in journey.host.comments(number)[0]
    journey.host.merge(number)
    assert "1 updated" in journey.gitops("up", "--environment", "dev")
    assert sizes(journey) == [1, 20]
    assert len(list(checkpoint.parent.glob("*.json"))) == 1
    assert not list(journey.temporary.rglob(".pulumi"))
    assert git(journey.clone, "status", "--porcelain") == ""


def test_a_lock_that_a_killed_run_left_in_the_clone_is_found(begun: tuple[Journey, Path]) -> None:
    journey, state = begun
    journey.host.merge(journey.review())
    journey.gitops("up", "--environment", "dev")
    lock = state / ".pulumi" / "locks" / "organization" / "tiny" / "dev" / "4711.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    owner = {"pid": 999999999, "username": "ada", "hostname": _host(), "timestamp": "2026-05-04T09:30:00Z"}
    lock.write_text(json.dumps(owner))
    told = journey.gitops("repair", "--environment", "dev", "--yes")
    assert "freed the state backend's lock that ada@" in told
    assert not lock.exists()


def test_a_ci_job_refuses_it_by_name_before_anything_is_made(begun: tuple[Journey, Path]) -> None:
    journey, state = begun
    journey.host.merge(journey.review())
    job = Journey(journey.folder, Tiny(journey.tiny.root, {**journey.tiny.more, "CI": "true"}))
    told = job.gitops("up", "--environment", "dev", expect=1)
    assert "is a folder of this clone, which a CI job does not keep" in " ".join(told.split())
    assert journey.tiny.things == {}
    assert not list(state.glob(".pulumi/stacks/*/*.json"))
    assert [one["kind"] for one in records(journey) if one["kind"] != "plan"] == []


def _host() -> str:
    return subprocess.run(["hostname"], capture_output=True, text=True, check=True).stdout.strip()
