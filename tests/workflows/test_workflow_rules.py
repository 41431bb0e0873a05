"""What holds for every workflow, whatever its jobs do: linters, pins, permissions, nothing untrusted in a shell."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitops import config
from gitops.toolchain import tools

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FILES = [*WORKFLOWS, ROOT / "action.yml"]
CONFIG = config.parse((ROOT / config.FILE).read_bytes())


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


@pytest.mark.parametrize("name", ["preview.yml", "apply.yml"])
def test_a_pipeline_job_checks_out_sets_up_and_runs_one_verb(name: str) -> None:
    job = load(name)["jobs"][name.removesuffix(".yml")]
    checkout, set_up, verb = job["steps"]
    assert checkout["uses"].startswith("actions/checkout@")
    assert checkout["with"]["persist-credentials"] is False
    assert set_up["uses"] == "./"
    assert verb["run"].startswith("gitops ")


def test_an_apply_is_never_cancelled() -> None:
    concurrency = load("apply.yml")["concurrency"]
    assert (concurrency["cancel-in-progress"], concurrency["queue"]) == (False, "max")


def test_secrets_reach_a_preview_of_this_repository_only() -> None:
    jobs = load("preview.yml")["jobs"]
    assert "head.repo.full_name == github.repository" in jobs["preview"]["if"]
    assert "secrets" not in str(jobs["fork"])
    assert jobs["fork"]["permissions"] == {}
