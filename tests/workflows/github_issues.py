"""The simulated GitHub's issues, beside opening one: they are listed, edited and closed."""

from typing import TYPE_CHECKING

from tests.workflows import github_shapes as shapes
from tests.workflows.github_requests import Answer, Request, Route
from tests.workflows.github_shapes import Json

if TYPE_CHECKING:
    from tests.workflows.simulated_github import SimulatedGitHub

FIRST = 901


def as_json(github: "SimulatedGitHub", number: int, login: str) -> Json:
    """One issue; unless a test says otherwise, the token's account opened it. Raises KeyError."""
    if not 0 <= number - FIRST < len(github.issues):
        raise KeyError(number)
    title, body = github.issues[number - FIRST]
    state = "closed" if number in github.closed_issues else "open"
    user = github.user_json(github.authors_of_issues.get(number, login))
    fields = {"title": title, "body": body, "state": state, "user": user}
    return shapes.issue(github.url, github.repository, number, fields)


def _list(github: "SimulatedGitHub", request: Request, login: str, _name: str) -> Answer:
    state = request.query.get("state", "open")
    found = [as_json(github, number, login) for number in range(FIRST, FIRST + len(github.issues))]
    return Answer(200, [one for one in found if one["state"] == state])


def _edit(github: "SimulatedGitHub", request: Request, login: str, named: str) -> Answer:
    number, changes = int(named), request.body
    before = as_json(github, number, login)
    github.issues[number - FIRST] = (changes.get("title", before["title"]), changes.get("body", before["body"]))
    if "state" in changes:
        (github.closed_issues.add if changes["state"] == "closed" else github.closed_issues.discard)(number)
    return Answer(200, as_json(github, number, login))


ROUTES: dict[str, Route] = {
    "GET /repos/{owner}/{repo}/issues": _list,
    "PATCH /repos/{owner}/{repo}/issues/{issue_number}": _edit,
}
