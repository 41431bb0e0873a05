"""One issue that is opened, kept up to date and closed: the same cases on each code host."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gitops.adapters.codehost.github.client import Client
from gitops.adapters.codehost.github.issues import GitHubIssues
from gitops.adapters.codehost.simulated.issues import LocalIssues
from gitops.errors import CodeHostFailed
from gitops.ports import Issues
from tests.contracts.code_hosts import bare_repository
from tests.workflows.github_issues import FIRST
from tests.workflows.simulated_github import REPOSITORY, TOKEN, SimulatedGitHub

MARKER, OTHER = "<!-- gitops:drift:dev -->", "<!-- gitops:drift:prod -->"


@dataclass(frozen=True)
class Host:
    """An adapter, and every issue there is: title, text, whether it is open."""

    adapter: Issues
    all: Callable[[], list[tuple[str, str, bool]]]


@pytest.fixture(params=["GitHub (simulated)", "local host (simulated)"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    remote = bare_repository(tmp_path)
    if "local" in request.param:
        local = LocalIssues(remote)
        yield Host(local, lambda: [(one.title, one.body, not one.closed) for one in local.issues()])
        return
    with SimulatedGitHub(remote) as github:
        adapter = GitHubIssues(Client(REPOSITORY, TOKEN, api=github.url, retries=0))
        yield Host(
            adapter,
            lambda: [
                (title, body, number not in github.closed_issues)
                for number, (title, body) in enumerate(github.issues, FIRST)
            ],
        )


def test_it_is_opened_edited_and_closed(host: Host) -> None:
    host.adapter.keep_issue(MARKER, "Drift", None)
    assert host.all() == []
    host.adapter.keep_issue(MARKER, "Drift", f"{MARKER}\none")
    host.adapter.keep_issue(MARKER, "More drift", f"{MARKER}\ntwo")
    assert host.all() == [("More drift", f"{MARKER}\ntwo", True)]
    host.adapter.keep_issue(MARKER, "More drift", None)
    assert host.all() == [("More drift", f"{MARKER}\ntwo", False)]


def test_a_closed_one_is_left_alone_and_another_is_opened(host: Host) -> None:
    for body in (f"{MARKER}\none", None, f"{MARKER}\ntwo"):
        host.adapter.keep_issue(MARKER, "Drift", body)
    assert [(body, is_open) for _, body, is_open in host.all()] == [
        (f"{MARKER}\none", False),
        (f"{MARKER}\ntwo", True),
    ]


def test_each_marker_has_an_issue_of_its_own(host: Host) -> None:
    host.adapter.keep_issue(MARKER, "dev", f"{MARKER}\none")
    host.adapter.keep_issue(OTHER, "prod", f"{OTHER}\none")
    host.adapter.keep_issue(OTHER, "prod", None)
    assert [(title, is_open) for title, _, is_open in host.all()] == [("dev", True), ("prod", False)]


def test_somebody_elses_issue_with_the_marker_is_left_alone(tmp_path: Path) -> None:
    with SimulatedGitHub(bare_repository(tmp_path)) as github:
        github.issues.append(("Mine", f"{MARKER}\nmine"))
        github.authors_of_issues[FIRST] = "eve"
        client = Client(REPOSITORY, TOKEN, api=github.url, retries=0)
        GitHubIssues(client).keep_issue(MARKER, "Drift", f"{MARKER}\none")
        GitHubIssues(client).keep_issue(MARKER, "Drift", None)
        assert github.issues == [("Mine", f"{MARKER}\nmine"), ("Drift", f"{MARKER}\none")]
        assert github.closed_issues == {FIRST + 1}


def test_more_issues_than_a_page_has(tmp_path: Path) -> None:
    with SimulatedGitHub(bare_repository(tmp_path)) as github:
        github.largest_page = 2
        github.issues += [(f"{number}", "text") for number in range(5)]
        client = Client(REPOSITORY, TOKEN, api=github.url, retries=0)
        GitHubIssues(client).keep_issue(MARKER, "Drift", f"{MARKER}\none")
        GitHubIssues(client).keep_issue(MARKER, "Drift", f"{MARKER}\ntwo")
        assert github.issues[5:] == [("Drift", f"{MARKER}\ntwo")]


def test_a_token_without_the_right_is_told_which(tmp_path: Path) -> None:
    with SimulatedGitHub(bare_repository(tmp_path)) as github:
        github.forbidden = [r"POST .*/issues"]
        client = Client(REPOSITORY, TOKEN, api=github.url, retries=0)
        with pytest.raises(CodeHostFailed) as caught:
            GitHubIssues(client).keep_issue(MARKER, "Drift", f"{MARKER}\none")
        assert "issues: write" in caught.value.hint
