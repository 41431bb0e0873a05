"""The simulated GitHub's workflow runs: started, started again, and listed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.workflows.github_requests import NOT_FOUND, Answer, Request, Route
from tests.workflows.github_shapes import Json

if TYPE_CHECKING:
    from tests.workflows.simulated_github import SimulatedGitHub


@dataclass
class SimulatedRun:
    """A run of a workflow file; `attempt` counts how often it was started."""

    identity: int
    number: int
    workflow: str
    commit: str
    branch: str
    event: str
    status: str = "completed"
    inputs: Mapping[str, str] = field(default_factory=dict)
    attempt: int = 1


def run_json(github: "SimulatedGitHub", run: SimulatedRun) -> Json:
    """A workflow-run."""
    url = f"{github.url}/repos/{github.repository}/actions/runs/{run.identity}"
    return {
        "id": run.identity,
        "head_branch": run.branch,
        "head_sha": run.commit,
        "path": f".github/workflows/{run.workflow}",
        "run_number": run.number,
        "run_attempt": run.attempt,
        "event": run.event,
        "status": run.status,
        "conclusion": "failure" if run.status == "completed" else None,
        "workflow_id": github.workflows.index(run.workflow) + 1,
        "url": url,
        "html_url": f"https://github.com/{github.repository}/actions/runs/{run.identity}",
        "rerun_url": f"{url}/rerun",
    }


def _dispatch(github: "SimulatedGitHub", request: Request, _login: str, workflow: str) -> Answer:
    if workflow not in github.workflows:
        return NOT_FOUND
    branch = request.body["ref"]
    if not github.git("for-each-ref", f"refs/heads/{branch}"):
        return Answer(422, {"message": f"No ref found for: {branch}"})
    run = github.run(workflow, branch, event="workflow_dispatch", status="queued")
    run.inputs = request.body.get("inputs", {})
    return Answer(204)


def _listed(github: "SimulatedGitHub", request: Request, _login: str, workflow: str) -> Answer:
    if workflow not in github.workflows:
        return NOT_FOUND
    wanted = request.query.get("head_sha")
    runs = [run for run in reversed(github.runs) if run.workflow == workflow and wanted in {None, run.commit}]
    listed = [run_json(github, run) for run in runs]
    return Answer(200, listed, under="workflow_runs", beside={"total_count": len(listed)})


def _one(github: "SimulatedGitHub", _request: Request, _login: str, identity: str) -> Answer:
    return Answer(200, run_json(github, _find(github, identity)))


def _again(github: "SimulatedGitHub", _request: Request, _login: str, identity: str) -> Answer:
    run = _find(github, identity)
    if run.status != "completed":
        return Answer(403, {"message": "The workflow run is already running", "status": "403"})
    run.status, run.attempt = "queued", run.attempt + 1
    return Answer(201, {})


def _find(github: "SimulatedGitHub", identity: str) -> SimulatedRun:
    return {str(run.identity): run for run in github.runs}[identity]


ROUTES: dict[str, Route] = {
    "POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches": _dispatch,
    "GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs": _listed,
    "GET /repos/{owner}/{repo}/actions/runs/{run_id}": _one,
    "POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun": _again,
}
