"""The simulated GitHub fails whoever asks or answers otherwise than GitHub describes its API."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gitops.adapters.codehost.github.client import Client
from gitops.adapters.codehost.github.code_host import GitHub
from gitops.errors import CodeHostFailed
from tests.contracts.code_hosts import bare_repository, git
from tests.workflows.github_api import GRAPHQL, ROUTES, answer
from tests.workflows.github_requests import Answer, Request
from tests.workflows.openapi.described import NotAsDescribed, operation
from tests.workflows.simulated_github import REPOSITORY, TOKEN, AgainstGitHubsDescription, SimulatedGitHub

PLACE = f"/repos/{REPOSITORY}"
NAMES = {"owner": "example", "repo": "infrastructure"}


@pytest.fixture
def github(tmp_path: Path) -> Iterator[SimulatedGitHub]:
    """One whose violations a test looks at itself."""
    with SimulatedGitHub(bare_repository(tmp_path)) as simulated:
        yield simulated
        simulated.violations.clear()


def asked(github: SimulatedGitHub, line: str, body: Mapping[str, object] | None = None) -> list[str]:
    """What a request broke."""
    method, _, target = line.partition(" ")
    answer(github, Request(method, target, TOKEN, dict(body or {})))
    return github.violations


@pytest.mark.parametrize("route", sorted({*ROUTES} - {GRAPHQL}))
def test_every_route_is_an_operation_that_github_describes(route: str) -> None:
    assert operation(route).body["responses"]


def test_one_that_is_missing_says_how_to_get_it() -> None:
    with pytest.raises(NotAsDescribed, match=r"openapi\.renew"):
        operation("GET /repos/{owner}/{repo}/teapots")


@pytest.mark.parametrize(
    ("line", "body", "said"),
    [
        (f"GET {PLACE}/pulls?state=open&labels=a", {}, "the query has 'labels'"),
        (f"GET {PLACE}/pulls?state=ajar", {}, "state in the query is not as described at $: 'ajar' is not one of"),
        (f"GET {PLACE}/pulls?per_page=many", {}, "per_page in the query is not as described"),
        (f"GET {PLACE}/pulls/seven", {}, "pull_number in the path is not as described"),
        (f"GET {PLACE}/pulls", {"state": "open"}, "GET /repos/{owner}/{repo}/pulls takes no body"),
        (f"POST {PLACE}/issues", {"body": "x"}, "the body is not as described at $: 'title' is a required property"),
        (f"POST {PLACE}/issues", {"title": "x", "colour": "red"}, "'colour' was unexpected"),
        (f"POST {PLACE}/issues/1/labels", ["a"], "POST /repos/{owner}/{repo}/issues/{issue_number}/labels: the body"),
        (
            f"POST {PLACE}/check-runs",
            {"name": "x", "head_sha": "y", "output": {"title": "x"}},
            "at $.output: 'summary'",
        ),
        (
            f"POST {PLACE}/check-runs",
            {"name": "x", "head_sha": "y", "output": {"title": "x", "summary": "s", "annotations": [{}] * 51}},
            "at $.output.annotations",
        ),
        (
            f"POST {PLACE}/check-runs",
            {"name": "x", "head_sha": "y", "status": "done"},
            "at $.status: 'done' is not one",
        ),
        (f"POST {PLACE}/code-scanning/sarifs", {"commit_sha": "main", "ref": "x", "sarif": "y"}, "at $.commit_sha"),
        (f"GET {PLACE}/teapots", {}, "the simulated GitHub has no such route"),
        ("GET /repos/somebody/else/pulls", {}, "the simulated GitHub has no such route"),
    ],
)
def test_a_request_that_is_not_described_is_told_with_its_operation_and_place(
    github: SimulatedGitHub, line: str, body: dict[str, object], said: str
) -> None:
    method, _, target = line.partition(" ")
    given = answer(github, Request(method, target, TOKEN, body))
    assert given.status == 400
    [told] = github.violations
    assert said in told


@pytest.mark.parametrize(
    ("route", "status", "value", "said"),
    [
        ("GET /repos/{owner}/{repo}/pulls/{pull_number}", 200, {"number": "7"}, r"\$\.number: '7' is not of type"),
        ("GET /repos/{owner}/{repo}/pulls/{pull_number}", 200, {"nummer": 7}, "'nummer' was unexpected"),
        ("GET /repos/{owner}/{repo}/pulls", 200, [{"commits": 3}], r"\$\[0\]: .*'commits' was unexpected"),
        ("GET /repos/{owner}/{repo}/pulls", 200, {"pulls": []}, "is not of type 'array'"),
        ("POST /repos/{owner}/{repo}/pulls", 200, {}, "never answers 200; it answers 201"),
        ("GET /repos/{owner}/{repo}/actions/runs/{run_id}", 404, {"massage": "x"}, "'massage' was unexpected"),
        ("DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}", 204, {}, "the answer 204 has no body"),
    ],
)
def test_an_answer_that_github_would_not_give_is_told(route: str, status: int, value: object, said: str) -> None:
    with pytest.raises(NotAsDescribed, match=said) as raised:
        operation(route).completed(status, value)
    assert str(raised.value).startswith(route)


def test_what_an_answer_must_have_beside_the_given_is_filled_in() -> None:
    given = {"number": 7, "head": {"sha": "f" * 40}}
    made = operation("GET /repos/{owner}/{repo}/pulls/{pull_number}").completed(200, given)
    assert (made["number"], made["head"]["sha"], made["merged"], made["milestone"]) == (7, "f" * 40, False, None)


def test_it_fails_the_test_even_when_the_adapters_error_was_expected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    route = "GET /repos/{owner}/{repo}/collaborators/{username}/permission"
    wrong = {**ROUTES, route: lambda *_: Answer(200, {"permission": 7})}
    monkeypatch.setattr("tests.workflows.github_api.ROUTES", wrong)
    simulated = SimulatedGitHub(bare_repository(tmp_path))
    with pytest.raises(AgainstGitHubsDescription, match="7 is not of type 'string'"), simulated:
        asking_fails(simulated)


def asking_fails(simulated: SimulatedGitHub) -> None:
    with pytest.raises(CodeHostFailed):
        GitHub(Client(REPOSITORY, TOKEN, api=simulated.url, retries=0)).may_write("ada")


def test_what_is_as_described_breaks_nothing(github: SimulatedGitHub) -> None:
    commit = git(github.remote, "rev-parse", "main")
    assert asked(github, f"GET {PLACE}/commits/{commit}/pulls?per_page=100&page=2") == []
    assert asked(github, f"POST {PLACE}/issues", {"title": "x", "body": "y", "labels": ["a", {"name": "b"}]}) == []
