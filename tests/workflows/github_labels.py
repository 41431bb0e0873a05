"""The simulated GitHub's labels: those that the repository has, and those that pull requests carry."""

from typing import TYPE_CHECKING
from zlib import crc32

from tests.workflows.github_requests import NOT_FOUND, Answer, Request, Route
from tests.workflows.github_shapes import Json

if TYPE_CHECKING:
    from tests.workflows.simulated_github import SimulatedGitHub

GREY = "ededed"
"""What GitHub gives a label that is made by putting it on something."""


def label_json(github: "SimulatedGitHub", name: str) -> Json:
    """A label."""
    return {
        "id": crc32(name.encode()),
        "node_id": f"LA_{crc32(name.encode())}",
        "url": f"{github.url}/repos/{github.repository}/labels/{name}",
        "name": name,
        "color": github.labels[name],
        "default": False,
        "description": "",
    }


def _make(github: "SimulatedGitHub", request: Request, _login: str, _name: str) -> Answer:
    name = request.body["name"]
    if name in github.labels:
        error = {"resource": "Label", "code": "already_exists", "field": "name"}
        return Answer(422, {"message": "Validation Failed", "errors": [error]})
    github.labels[name] = request.body.get("color", GREY)
    return Answer(201, label_json(github, name))


def _of_pull_request(github: "SimulatedGitHub", _request: Request, _login: str, number: str) -> Answer:
    return Answer(200, [label_json(github, name) for name in github.pull_requests[int(number)].labels])


def _put_on(github: "SimulatedGitHub", request: Request, login: str, number: str) -> Answer:
    for name in request.body["labels"]:
        github.put_label(int(number), name)
    return _of_pull_request(github, request, login, number)


def _take_off(github: "SimulatedGitHub", request: Request, login: str, names: str) -> Answer:
    number, _, name = names.partition("/")
    carried = github.pull_requests[int(number)].labels
    if name not in carried:
        return NOT_FOUND
    carried.remove(name)
    return _of_pull_request(github, request, login, number)


ROUTES: dict[str, Route] = {
    "POST /repos/{owner}/{repo}/labels": _make,
    "GET /repos/{owner}/{repo}/issues/{issue_number}/labels": _of_pull_request,
    "POST /repos/{owner}/{repo}/issues/{issue_number}/labels": _put_on,
    "DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels/{name}": _take_off,
}
