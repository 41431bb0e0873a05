"""What is GitHub's own about labels, proposals, and who may write."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gitops.adapters.codehost.github.client import Client
from gitops.adapters.codehost.github.code_host import LABEL_COLOUR, GitHub
from gitops.errors import CodeHostFailed
from tests.contracts.code_hosts import bare_repository, git
from tests.workflows.simulated_github import REPOSITORY, TOKEN, Fault, SimulatedGitHub


@pytest.fixture
def github(tmp_path: Path) -> Iterator[SimulatedGitHub]:
    with SimulatedGitHub(bare_repository(tmp_path)) as simulated:
        yield simulated


@pytest.fixture
def number(github: SimulatedGitHub) -> int:
    """An open pull request."""
    start = git(github.remote, "rev-parse", "main")
    made = git(github.remote, "commit-tree", f"{start}^{{tree}}", "-p", start, "-m", "one")
    git(github.remote, "update-ref", "refs/heads/feature", made)
    return github.open("feature", "main", author="ada")


def adapter(github: SimulatedGitHub) -> GitHub:
    return GitHub(Client(REPOSITORY, TOKEN, api=github.url, retries=0))


@pytest.mark.parametrize(("permission", "may"), [("admin", True), ("write", True), ("read", False), ("none", False)])
def test_only_who_may_push_may_write(github: SimulatedGitHub, permission: str, may: bool) -> None:
    github.permissions["passer-by"] = permission
    assert adapter(github).may_write("passer-by") is may


def test_an_account_that_is_gone_may_not_write_and_one_that_cannot_be_asked_for_is_a_failure(
    github: SimulatedGitHub,
) -> None:
    github.faults = [Fault("GET .*/permission", 404, "renamed is not a user"), Fault("GET .*/permission", 403, "no")]
    assert adapter(github).may_write("renamed") is False
    with pytest.raises(CodeHostFailed, match="what renamed may do"):
        adapter(github).may_write("renamed")


def test_a_label_that_is_new_gets_a_colour_and_one_that_is_known_keeps_its_own(
    github: SimulatedGitHub, number: int
) -> None:
    github.labels["gitops:known"] = "123456"
    adapter(github).label(number, {"gitops:known", "gitops:new"}, {"gitops:known", "gitops:new"})
    assert github.labels == {"gitops:known": "123456", "gitops:new": LABEL_COLOUR}


def test_labels_that_are_right_already_are_not_written(github: SimulatedGitHub, number: int) -> None:
    adapter(github).label(number, {"a"}, {"a", "b"})
    github.requests.clear()
    adapter(github).label(number, {"a"}, {"a", "b"})
    assert [line.partition(" ")[0] for line in github.requests] == ["GET"]


def test_a_label_on_a_later_page_is_taken_off(github: SimulatedGitHub, number: int) -> None:
    github.largest_page = 2
    ours = {"a", "b", "c", "d", "e"}
    adapter(github).label(number, ours, ours)
    adapter(github).label(number, {"e"}, ours)
    assert github.pull_requests[number].labels == ["e"]


def test_labelled_pull_requests_on_later_pages_count_and_a_fork_is_called_one(
    github: SimulatedGitHub, number: int
) -> None:
    github.largest_page = 1
    numbers = [number, *(github.open("feature", "main", title=f"{index}") for index in range(2))]
    for one in numbers:
        github.put_label(one, "stack:up")
    github.pull_requests[number].fork = "somebody/fork"
    found = {one.number: one.from_fork for one in adapter(github).labelled("stack:up")}
    assert found == {numbers[0]: True, numbers[1]: False, numbers[2]: False}
    assert adapter(github).pull_request(number).from_fork


def test_a_page_of_a_proxy_is_not_taken_for_what_was_to_be_made(github: SimulatedGitHub, number: int) -> None:
    github.git("update-ref", "refs/heads/other", "feature")
    github.labels["a"] = "123456"
    for call in (
        lambda: adapter(github).label(number, {"a"}, {"a"}),
        lambda: adapter(github).propose("other", "main", "title", "text"),
        lambda: adapter(github).announce("title", "text"),
        lambda: adapter(github).comment(number, "<!-- gitops -->", "text"),
    ):
        github.faults = [Fault("POST /repos/.*", 200, "", page=b"<html>sign in</html>", times=9)]
        with pytest.raises(CodeHostFailed, match="cannot be understood"):
            call()


def test_a_missing_permission_to_label_or_propose_names_it(github: SimulatedGitHub, number: int) -> None:
    github.forbidden.append("POST .*")
    for call in (
        lambda: adapter(github).label(number, {"a"}, {"a"}),
        lambda: adapter(github).propose("other", "main", "title", "text"),
    ):
        with pytest.raises(CodeHostFailed) as raised:
            call()
        assert "`pull-requests: write`" in raised.value.hint
