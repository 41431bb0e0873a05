"""The simulated GitHub's checks on commits, and what it was handed for code scanning."""

import base64
import gzip
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.workflows.github_requests import Answer, Request, Route
from tests.workflows.github_shapes import Json

if TYPE_CHECKING:
    from tests.workflows.simulated_github import SimulatedGitHub


@dataclass
class SimulatedCheck:
    """A check run; every update adds its annotations to those that it has."""

    identity: int
    commit: str
    fields: Json
    output: Json = field(default_factory=dict)
    annotations: list[Json] = field(default_factory=list)

    def update(self, body: Json) -> None:
        """What a request says of it, from now on."""
        changed = dict(body)
        output = dict(changed.pop("output", {}))
        self.annotations += output.pop("annotations", [])
        self.output |= output
        self.fields |= changed


@dataclass(frozen=True)
class Analysis:
    """A document for code scanning, unpacked."""

    commit: str
    ref: str
    document: bytes


def check_json(github: "SimulatedGitHub", check: SimulatedCheck) -> Json:
    """A check-run."""
    url = f"{github.url}/repos/{github.repository}/check-runs/{check.identity}"
    page = f"https://github.com/{github.repository}/runs/{check.identity}"
    return {
        "id": check.identity,
        "head_sha": check.commit,
        "name": check.fields["name"],
        "url": url,
        "html_url": page,
        "details_url": check.fields.get("details_url", page),
        "status": check.fields.get("status", "queued"),
        "conclusion": check.fields.get("conclusion"),
        "started_at": check.fields.get("started_at"),
        "completed_at": check.fields.get("completed_at"),
        "check_suite": {"id": 1},
        "output": {**check.output, "annotations_count": len(check.annotations)},
    }


def _create(github: "SimulatedGitHub", request: Request, _login: str, _name: str) -> Answer:
    made = SimulatedCheck(9000 + len(github.checks), request.body["head_sha"], {})
    made.update(request.body)
    github.checks.append(made)
    return Answer(201, check_json(github, made))


def _update(github: "SimulatedGitHub", request: Request, _login: str, identity: str) -> Answer:
    by_identity = {check.identity: check for check in github.checks}
    found = by_identity[int(identity)]
    found.update(request.body)
    return Answer(200, check_json(github, found))


def _upload(github: "SimulatedGitHub", request: Request, _login: str, _name: str) -> Answer:
    if not github.has_code_scanning:
        message = "Code Security must be enabled for this repository to use code scanning."
        return Answer(403, {"message": message, "status": "403"})
    document = gzip.decompress(base64.b64decode(request.body["sarif"], validate=True))
    github.analyses.append(Analysis(request.body["commit_sha"], request.body["ref"], document))
    identity = f"47177e22-5596-11eb-80a1-c1e54ef945{len(github.analyses):02}"
    address = f"{github.url}/repos/{github.repository}/code-scanning/sarifs/{identity}"
    return Answer(202, {"id": identity, "url": address})


ROUTES: dict[str, Route] = {
    "POST /repos/{owner}/{repo}/check-runs": _create,
    "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}": _update,
    "POST /repos/{owner}/{repo}/code-scanning/sarifs": _upload,
}
