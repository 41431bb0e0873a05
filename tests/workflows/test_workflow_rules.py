"""What holds for every workflow, whatever its jobs do: linters, pins, permissions, nothing untrusted in a shell."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitops.config import settings
from gitops.flow.impact import shards
from gitops.toolchain import tools

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FILES = [*WORKFLOWS, ROOT / "action.yml"]
CONFIG = settings.parse((ROOT / settings.FILE).read_bytes())


def load(name: str) -> dict[str, Any]:
    # `on` is YAML 1.1's way to say true.
    loaded = yaml.safe_load((ROOT / ".github/workflows" / name).read_text(encoding="utf-8"))
    return {("on" if key is True else key): value for key, value in loaded.items()}


def steps(file: Path) -> Iterator[dict[str, Any]]:
    loaded = yaml.safe_load(file.read_text(encoding="utf-8"))
    for job in loaded.get("jobs", {"": loaded.get("runs")}).values():
        yield from job["steps"]


def test_actionlint_finds_nothing() -> None:
    actionlint = tools.find(["actionlint"]).path("actionlint")
    done = subprocess.run([actionlint, "-no-color"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_zizmor_finds_nothing() -> None:
    zizmor = Path(sys.executable).with_name("zizmor")
    command = [
        zizmor,
        "--offline",
        "--persona=auditor",
        "--no-progress",
        "--color=never",
        ROOT / ".github",
        ROOT / "action.yml",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parent.name}/{f.name}")
def test_actions_are_pinned_by_commit_and_say_their_version(file: Path) -> None:
    for line in file.read_text(encoding="utf-8").splitlines():
        if found := re.search(r"uses: (\S+)(.*)", line):
            action, remark = found.groups()
            assert action.startswith("./") or re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), line
            assert action.startswith("./") or re.fullmatch(r" # v\d+\.\d+\.\d+", remark), line


@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parent.name}/{f.name}")
def test_no_expression_is_pasted_into_a_shell(file: Path) -> None:
    assert [step["run"] for step in steps(file) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda f: f.name)
def test_permissions_are_given_job_by_job_and_none_by_default(file: Path) -> None:
    workflow = load(file.name)
    assert workflow["permissions"] == {}
    assert all("permissions" in job for job in workflow["jobs"].values())
    assert "pull_request_target" not in workflow["on"]


@pytest.mark.parametrize(("name", "event"), [("preview.yml", "pull_request"), ("apply.yml", "push")])
def test_the_branches_are_those_of_the_environments(name: str, event: str) -> None:
    assert load(name)["on"][event]["branches"] == [environment.branch for environment in CONFIG.environments]


WITH_VERBS = [
    (file.name, name)
    for file in WORKFLOWS
    for name, job in load(file.name)["jobs"].items()
    if file.name != "ci.yml" and any("gitops" in step.get("run", "") for step in job["steps"])
]


@pytest.mark.parametrize(("name", "job"), WITH_VERBS)
def test_a_pipeline_job_checks_out_sets_up_and_runs_one_verb(name: str, job: str) -> None:
    steps = load(name)["jobs"][job]["steps"]
    checkout, set_up, *rest = [step for step in steps if "/upload-artifact@" not in step.get("uses", "")]
    *_, verb = [step for step in rest if "/download-artifact@" not in step.get("uses", "")]
    assert checkout["uses"].startswith("actions/checkout@")
    assert checkout["with"]["persist-credentials"] is False
    assert set_up["uses"] == "./"
    assert verb["run"].startswith("gitops ")
    assert len([step for step in steps if "run" in step]) == 1


def test_the_job_that_runs_a_pull_requests_program_may_write_nothing() -> None:
    preview = load("preview.yml")["jobs"]["preview"]
    assert preview["permissions"] == {"contents": "read", "id-token": "write"}
    for name, job in load("preview.yml")["jobs"].items():
        if name != "preview":
            assert "secrets." not in str(job)
            assert "id-token" not in job["permissions"]


@pytest.mark.parametrize("name", ["preview.yml", "apply.yml"])
def test_machines_do_not_cancel_each_other(name: str) -> None:
    spread = [job["strategy"] for job in load(name)["jobs"].values() if "strategy" in job]
    assert spread
    assert all(strategy["fail-fast"] is False for strategy in spread)


def test_an_environments_reviewers_are_asked_once() -> None:
    """By the job that applies alone, or by the one before several machines; theirs have an environment of their own."""
    environments = {}
    for name, job in load("apply.yml")["jobs"].items():
        given = job.get("environment", "")
        environments[name] = given["name"] if isinstance(given, dict) else given
    asking = {name for name, given in environments.items() if given == "${{ github.ref_name }}"}
    assert asking == {"apply", "approve"}
    assert {name for name, given in environments.items() if given == "apply-${{ github.ref_name }}"} == {
        "judge",
        *(f"wave-{number}" for number in range(1, shards.WAVES + 1)),
    }


def test_an_apply_is_never_cancelled() -> None:
    concurrency = load("apply.yml")["concurrency"]
    assert (concurrency["cancel-in-progress"], concurrency["queue"]) == (False, "max")


def test_a_fork_gets_nothing() -> None:
    jobs = load("preview.yml")["jobs"]
    assert "head.repo.full_name == github.repository" in jobs["matrix"]["if"]
    assert all("matrix" in job["needs"] for name, job in jobs.items() if name not in ("matrix", "fork"))
    assert jobs["fork"]["permissions"] == {}
    assert "uses" not in str(jobs["fork"])
