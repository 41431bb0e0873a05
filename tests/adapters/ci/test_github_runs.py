"""Workflow runs on GitHub: started, started again, and asked whether they have ended."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitops.adapters.ci.github.runs import GitHubRuns
from gitops.adapters.codehost.github.client import Client
from gitops.errors import CodeHostFailed
from tests.contracts.code_hosts import bare_repository
from tests.workflows.simulated_github import REPOSITORY, TOKEN, Fault, SimulatedGitHub


@pytest.fixture
def github(tmp_path: Path) -> Iterator[SimulatedGitHub]:
    with SimulatedGitHub(bare_repository(tmp_path)) as simulated:
        yield simulated


def adapter(github: SimulatedGitHub, *, retries: int = 0) -> GitHubRuns:
    return GitHubRuns(Client(REPOSITORY, TOKEN, api=github.url, retries=retries))


def test_a_workflow_is_started_on_a_branch_with_its_inputs(github: SimulatedGitHub) -> None:
    adapter(github).start("apply.yml", "main", {"environment": "dev"})
    [run] = github.runs
    assert (run.workflow, run.branch, run.event, run.inputs) == (
        "apply.yml",
        "main",
        "workflow_dispatch",
        {"environment": "dev"},
    )


@pytest.mark.parametrize(("workflow", "branch"), [("none.yml", "main"), ("apply.yml", "none")])
def test_what_is_not_there_is_not_started(github: SimulatedGitHub, workflow: str, branch: str) -> None:
    with pytest.raises(CodeHostFailed, match=f"to start {workflow} on {branch}"):
        adapter(github).start(workflow, branch, {})


def test_the_newest_run_of_the_workflow_for_the_commit_is_started_again(github: SimulatedGitHub) -> None:
    github.run("apply.yml", "main")
    wanted = github.run("apply.yml", "main")
    github.run("preview.yml", "main")
    address = adapter(github).start_again("apply.yml", wanted.commit)
    assert address == f"https://github.com/{REPOSITORY}/actions/runs/{wanted.identity}"
    assert [run.attempt for run in github.runs] == [1, 2, 1]


def test_it_is_the_newest_of_every_page(github: SimulatedGitHub) -> None:
    github.largest_page = 1
    runs = [github.run("apply.yml", "main") for _ in range(3)]
    runs[0].number = 9
    adapter(github).start_again("apply.yml", runs[0].commit)
    assert [run.attempt for run in github.runs] == [2, 1, 1]


def test_without_a_run_for_the_commit_nothing_is_started(github: SimulatedGitHub) -> None:
    github.run("apply.yml", "main")
    with pytest.raises(CodeHostFailed, match=r"knows no run of apply\.yml"):
        adapter(github).start_again("apply.yml", "f" * 40)
    assert [run.attempt for run in github.runs] == [1]


def test_one_that_is_under_way_is_not_started_again(github: SimulatedGitHub) -> None:
    run = github.run("apply.yml", "main", status="in_progress")
    with pytest.raises(CodeHostFailed, match="still under way") as raised:
        adapter(github).start_again("apply.yml", run.commit)
    assert "wait" in raised.value.hint


@pytest.mark.parametrize("status", [403, 404, 409])
def test_a_start_that_github_refuses_does_not_pass_for_one(github: SimulatedGitHub, status: int) -> None:
    run = github.run("apply.yml", "main")
    github.faults = [Fault("POST .*/rerun", status, "Unable to re-run this workflow run")]
    with pytest.raises(CodeHostFailed, match=f"answered {status}") as raised:
        adapter(github).start_again("apply.yml", run.commit)
    assert ("`actions: write`" in raised.value.hint) is (status != 409)


@pytest.mark.parametrize(("status", "ended"), [("completed", True), ("in_progress", False), ("queued", False)])
def test_a_run_has_ended_when_github_calls_it_completed(github: SimulatedGitHub, status: str, ended: bool) -> None:
    run = github.run("apply.yml", "main", status=status)
    assert adapter(github).has_ended(str(run.identity)) is ended


@pytest.mark.parametrize("run", ["404404", "", "laptop", "²"])
def test_nobody_knows_whether_another_run_has_ended(github: SimulatedGitHub, run: str) -> None:
    assert adapter(github).has_ended(run) is None


def test_a_failure_to_ask_is_no_answer(github: SimulatedGitHub) -> None:
    run = github.run("apply.yml", "main")
    github.faults = [Fault("GET .*", 403, "Resource not accessible by integration")]
    with pytest.raises(CodeHostFailed) as raised:
        adapter(github).has_ended(str(run.identity))
    assert "`actions: read`" in raised.value.hint


def start(runs: GitHubRuns, _commit: str) -> None:
    runs.start("apply.yml", "main", {})


def start_again(runs: GitHubRuns, commit: str) -> None:
    runs.start_again("apply.yml", commit)


@pytest.mark.parametrize("call", [start, start_again])
def test_a_passing_fault_or_limit_is_retried(github: SimulatedGitHub, call: Callable[[GitHubRuns, str], None]) -> None:
    run = github.run("apply.yml", "main")
    limit = Fault("POST .*", 429, "You have exceeded a secondary rate limit.", {"Retry-After": "1"})
    github.faults = [Fault("GET .*", 502, "Server Error"), Fault("POST .*", 503, "Unavailable"), limit]
    call(adapter(github, retries=3), run.commit)
    assert sum(run.attempt for run in github.runs) == 2


@pytest.mark.parametrize("call", [start, start_again])
def test_a_page_of_a_proxy_is_not_taken_for_a_start(
    github: SimulatedGitHub, call: Callable[[GitHubRuns, str], None]
) -> None:
    run = github.run("apply.yml", "main")
    github.faults = [Fault("POST .*", 200, "", page=b"<html>sign in</html>")]
    with pytest.raises(CodeHostFailed, match="cannot be understood"):
        call(adapter(github), run.commit)
