"""The simulated GitHub's issues, beside opening one: they are listed, edited and closed."""

from typing import TYPE_CHECKING

from tests.workflows.github_shapes import Json

if TYPE_CHECKING:
    from tests.workflows.simulated_github import SimulatedGitHub

FIRST = 901


def listed(github: "SimulatedGitHub", state: str, login: str) -> list[Json]:
    """The issues in that state; unless a test says otherwise, the token's account opened them."""
    numbers = range(FIRST, FIRST + len(github.issues))
    return [one for number in numbers if (one := as_json(github, number, login))["state"] == state]


def as_json(github: "SimulatedGitHub", number: int, login: str) -> Json:
    """One issue. Raises KeyError."""
    if not 0 <= number - FIRST < len(github.issues):
        raise KeyError(number)
    title, body = github.issues[number - FIRST]
    address = f"{github.url}/repos/{github.repository}/issues/{number}"
    state = "closed" if number in github.closed_issues else "open"
    user = github.user_json(github.authors_of_issues.get(number, login))
    return {"number": number, "url": address, "title": title, "body": body, "state": state, "user": user}


def edit(github: "SimulatedGitHub", number: int, changes: Json, login: str) -> Json:
    """Change title, text or state. Raises KeyError."""
    as_json(github, number, login)
    title, body = github.issues[number - FIRST]
    github.issues[number - FIRST] = (changes.get("title", title), changes.get("body", body))
    if "state" in changes:
        (github.closed_issues.add if changes["state"] == "closed" else github.closed_issues.discard)(number)
    return as_json(github, number, login)
