"""What is GitHub's own: who has a say, pages, faults and their messages, and where the settings come from."""

import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitops.adapters.codehost.github.checks import GitHubChecks
from gitops.adapters.codehost.github.client import Client, repository_of
from gitops.adapters.codehost.github.code_host import GitHub
from gitops.errors import CodeHostFailed, UsageError
from tests.contracts.code_hosts import CodeHost, PeopleOnGitHub, bare_repository
from tests.workflows.simulated_github import BOT, REPOSITORY, TOKEN, Fault, SimulatedGitHub

MARKER = "<!-- gitops:preview:dev -->"


@pytest.fixture
def github(tmp_path: Path) -> Iterator[SimulatedGitHub]:
    with SimulatedGitHub(bare_repository(tmp_path)) as simulated:
        yield simulated


@pytest.fixture
def number(github: SimulatedGitHub) -> int:
    """An open pull request."""
    world(github).commit("feature", "one")
    return github.open("feature", "main", author="ada")


def adapter(github: SimulatedGitHub, *, retries: int = 0) -> GitHub:
    return GitHub(Client(REPOSITORY, TOKEN, api=github.url, retries=retries))


def world(github: SimulatedGitHub) -> CodeHost:
    client = Client(REPOSITORY, TOKEN, api=github.url, retries=0)
    return CodeHost(GitHub(client), PeopleOnGitHub(github), GitHubChecks(client), github.remote)


def approvers(github: SimulatedGitHub, number: int) -> list[str]:
    return [approval.by for approval in adapter(github).pull_request(number).approvals]


# --- who has a say ----------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["CHANGES_REQUESTED", "DISMISSED"])
def test_a_later_no_takes_an_approval_back(github: SimulatedGitHub, number: int, state: str) -> None:
    github.review(number, "grace")
    github.review(number, "grace", state)
    assert approvers(github, number) == []


def test_a_dismissed_approval_does_not_revive_the_one_before(github: SimulatedGitHub, number: int) -> None:
    github.review(number, "grace")
    github.review(number, "grace")
    github.dismiss(number, "grace")
    assert approvers(github, number) == []


@pytest.mark.parametrize("state", ["COMMENTED", "PENDING"])
def test_a_plain_comment_leaves_an_approval_standing(github: SimulatedGitHub, number: int, state: str) -> None:
    github.review(number, "grace")
    github.review(number, "grace", state)
    assert approvers(github, number) == ["grace"]


@pytest.mark.parametrize(("permission", "counts"), [("admin", True), ("write", True), ("read", False), ("none", False)])
def test_only_who_may_write_to_the_repository_approves(
    github: SimulatedGitHub, number: int, permission: str, counts: bool
) -> None:
    github.permissions["passer-by"] = permission
    github.review(number, "passer-by")
    assert approvers(github, number) == (["passer-by"] if counts else [])


def test_an_account_that_is_gone_does_not_approve(github: SimulatedGitHub, number: int) -> None:
    github.review(number, "")
    github.review(number, "renamed")
    github.faults.append(Fault("GET .*/collaborators/renamed/permission", 404, "renamed is not a user"))
    assert approvers(github, number) == []


def test_a_bot_does_not_approve_even_if_it_may_write(github: SimulatedGitHub, number: int) -> None:
    github.review(number, BOT)
    assert approvers(github, number) == []


# --- who contributed --------------------------------------------------------------------------------


def commit(github: SimulatedGitHub, text: str, by: str = "ada") -> None:
    """One more commit of the pull request."""
    world(github).commit("feature", text, by=by)


def test_the_web_site_that_commits_for_somebody_is_nobody(github: SimulatedGitHub, number: int) -> None:
    github.git(
        "update-ref", "refs/heads/feature", github.git("commit-tree", "feature^{tree}", "-p", "feature", "-m", "x")
    )
    assert adapter(github).pull_request(number).contributors == ("ada", "somebody")


def test_a_commit_whose_address_belongs_to_no_account_is_a_strangers(github: SimulatedGitHub, number: int) -> None:
    github.strangers.add("mallory@example.com")
    commit(github, "two", "mallory")
    found = adapter(github).pull_request(number)
    assert (found.contributors, found.strangers) == (("ada", "somebody"), ("mallory <mallory@example.com>",))


def test_githubs_own_private_address_names_its_account(github: SimulatedGitHub, number: int) -> None:
    address = "17+eve@users.noreply.github.com"
    commit(github, f"two\n\nCo-authored-by: Eve <{address}>\nCo-Authored-By: A tool <tool@example.org>")
    found = adapter(github).pull_request(number)
    assert (found.contributors, found.strangers) == (("ada", "eve", "somebody"), ())


def test_contributors_on_later_pages_count(github: SimulatedGitHub, number: int) -> None:
    github.largest_page = 2
    for name in ("bob", "carol", "dan", "eve"):
        commit(github, f"by {name}", name)
    assert adapter(github).pull_request(number).contributors == ("ada", "bob", "carol", "dan", "eve", "somebody")


def test_each_commit_that_github_does_not_list_is_a_strangers(github: SimulatedGitHub, number: int) -> None:
    person = "ada <ada@example.com> 1767607200 +0000"
    many = "".join(
        f"commit refs/heads/feature\nauthor {person}\ncommitter {person}\ndata 1\nx\n"
        + ("from refs/heads/feature^0\n" if index == 0 else "")
        for index in range(252)
    )
    github.git("fast-import", "--quiet", text=many)
    found = adapter(github).pull_request(number)
    assert [name for name in found.strangers if "does not list" in name] == [
        f"a commit that GitHub does not list ({index})" for index in (250, 251, 252)
    ]


def between(github: SimulatedGitHub) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return adapter(github).contributors(*github.git("rev-parse", "main", "feature").split())


def test_contributors_between_two_commits_count_on_every_page(github: SimulatedGitHub, number: int) -> None:
    github.largest_page = 2
    for name in ("bob", "carol", "dan", "eve"):
        commit(github, f"by {name}", name)
    assert number
    assert between(github) == (("bob", "carol", "dan", "eve", "somebody"), ())
    assert sum("/compare/" in line for line in github.requests) == 3


def test_each_commit_between_two_that_github_does_not_list_is_a_strangers(github: SimulatedGitHub, number: int) -> None:
    github.most_compared = 2
    for name in ("bob", "carol"):
        commit(github, f"by {name}", name)
    assert number
    assert between(github) == (("bob", "somebody"), ("a commit that GitHub does not list (2)",))


def test_a_rename_changes_both_paths(github: SimulatedGitHub, number: int) -> None:
    blob = github.git("rev-parse", "feature:feature.txt")
    before = github.git("commit-tree", "feature^{tree}", "-p", "main", "-m", "The file is there already")
    renamed = github.git("mktree", text=f"100644 blob {blob}\trenamed.txt\n")
    github.git("update-ref", "refs/heads/main", before)
    github.git("update-ref", "refs/heads/feature", github.git("commit-tree", renamed, "-p", before, "-m", "Rename"))
    assert adapter(github).files(number) == ("feature.txt", "renamed.txt")


def test_files_on_later_pages_count(github: SimulatedGitHub, number: int) -> None:
    github.largest_page = 1
    blob = github.git("rev-parse", "feature:feature.txt")
    tree = github.git("mktree", text="".join(f"100644 blob {blob}\t{name}\n" for name in "abc"))
    github.git("update-ref", "refs/heads/feature", github.git("commit-tree", tree, "-p", "main", "-m", "Three"))
    assert adapter(github).files(number) == ("a", "b", "c")


def test_a_team_that_the_token_may_not_see_is_a_failure_that_names_the_permission(github: SimulatedGitHub) -> None:
    with pytest.raises(CodeHostFailed, match="who belongs to @example/secret") as raised:
        adapter(github).members("@example/secret")
    assert "`organization members: read`" in raised.value.hint


# --- pages ------------------------------------------------------------------------------------------


def test_reviews_on_later_pages_count(github: SimulatedGitHub, number: int) -> None:
    github.largest_page = 2
    for reviewer in ("a", "b", "c", "d", "e"):
        github.review(number, reviewer)
    github.review(number, "a", "CHANGES_REQUESTED")
    assert approvers(github, number) == ["b", "c", "d", "e"]


def test_the_comment_is_found_on_a_later_page(github: SimulatedGitHub, number: int) -> None:
    for index in range(101):
        github.say(number, "ada", f"remark {index}")
    adapter(github).comment(number, MARKER, f"{MARKER}\nfirst")
    adapter(github).comment(number, MARKER, f"{MARKER}\nsecond")
    ours = [comment for comment in github.pull_requests[number].comments if comment.by == BOT]
    assert [(comment.body, comment.edits) for comment in ours] == [(f"{MARKER}\nsecond", 1)]


def test_the_merged_pull_request_is_found_on_a_later_page(github: SimulatedGitHub, number: int) -> None:
    github.largest_page = 1
    second = github.open("feature", "main", title="The same again")
    commit = github.merge(second)
    found = adapter(github).pull_request_of(commit, "main")
    assert found is not None
    assert found.number == second


def test_a_merge_is_found_before_github_has_indexed_its_commit(github: SimulatedGitHub, number: int) -> None:
    commit = github.merge(number)
    github.index_is_late = True
    found = adapter(github).pull_request_of(commit, "main")
    assert found is not None
    assert (found.number, found.merged_as) == (number, commit)


# --- the comment ------------------------------------------------------------------------------------


def test_a_comment_of_somebody_else_with_our_marker_is_left_alone(github: SimulatedGitHub, number: int) -> None:
    github.say(number, "mallory", f"{MARKER}\nNothing will be destroyed.")
    adapter(github).comment(number, MARKER, f"{MARKER}\nours")
    comments = [(comment.by, comment.edits) for comment in github.pull_requests[number].comments]
    assert comments == [("mallory", 0), (BOT, 0)]


def test_of_two_comments_of_ours_one_stays(github: SimulatedGitHub, number: int) -> None:
    github.say(number, BOT, f"{MARKER}\nfrom one run")
    github.say(number, BOT, f"{MARKER}\nfrom another that started at the same time")
    adapter(github).comment(number, MARKER, f"{MARKER}\nnow")
    assert [comment.body for comment in github.pull_requests[number].comments] == [f"{MARKER}\nnow"]


def test_a_body_without_its_marker_gets_it(github: SimulatedGitHub, number: int) -> None:
    adapter(github).comment(number, MARKER, "text")
    assert [comment.body for comment in github.pull_requests[number].comments] == [f"{MARKER}\ntext"]


# --- faults -----------------------------------------------------------------------------------------

LIMIT = "API rate limit exceeded for installation ID 1."
SECONDARY = "You have exceeded a secondary rate limit."
USED_UP = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4102444799"}


@pytest.mark.parametrize(
    ("fault", "said", "hint", "retryable"),
    [
        (Fault(".*", 401, "Bad credentials"), "answered 401 (Bad credentials)", "expired", False),
        (Fault(".*", 403, "Resource not accessible by integration"), "answered 403", "pull-requests: read", False),
        (Fault(".*", 404, "Not Found"), "answered 404", "may not see it", False),
        (Fault(".*", 403, LIMIT, USED_UP), "answered 403", "after 23:59:59 UTC", True),
        (Fault(".*", 403, SECONDARY, {"Retry-After": "60"}), "answered 403", "in 60 s", True),
        (Fault(".*", 429, LIMIT), "answered 429", "in a few minutes", True),
        (Fault(".*", 502, "Server Error"), "answered 502", "githubstatus.com", True),
        (Fault(".*", 422, "Validation Failed"), "answered 422 (Validation Failed)", "as it is", False),
        (Fault(".*", 200, "", page=b"<html>sign in</html>"), "cannot be understood", "GITHUB_API_URL", False),
    ],
    ids=[
        "expired token",
        "no permission",
        "not found",
        "rate limit",
        "second limit",
        "too many",
        "broken",
        "rejected",
        "sign-in page",
    ],
)
def test_a_fault_says_what_was_asked_and_what_to_do(
    github: SimulatedGitHub, fault: Fault, said: str, hint: str, retryable: bool
) -> None:
    fault.times = 99
    github.faults = [fault]
    with pytest.raises(CodeHostFailed) as raised:
        adapter(github).pull_request(7)
    assert raised.value.message.startswith(f"asked GitHub about pull request 7 in {REPOSITORY}: ")
    assert said in raised.value.message
    assert hint in raised.value.hint
    assert raised.value.retryable is retryable
    assert TOKEN not in "".join(traceback.format_exception(raised.value)) + raised.value.hint


def test_a_missing_permission_to_comment_names_it(github: SimulatedGitHub, number: int) -> None:
    github.forbidden.append(r"POST .*/comments")
    with pytest.raises(CodeHostFailed) as raised:
        adapter(github).comment(number, MARKER, f"{MARKER}\ntext")
    assert "`pull-requests: write`" in raised.value.hint


def test_a_passing_fault_is_retried(github: SimulatedGitHub, number: int) -> None:
    github.faults = [Fault("GET .*", 502, "Server Error"), Fault("POST .*/comments", 503, "Unavailable")]
    adapter(github, retries=2).comment(number, MARKER, f"{MARKER}\ntext")
    assert len(github.pull_requests[number].comments) == 1


def test_a_secondary_rate_limit_is_waited_out(github: SimulatedGitHub, number: int) -> None:
    github.faults = [Fault("GET .*", 403, SECONDARY, {"Retry-After": "1"})]
    assert adapter(github, retries=2).pull_request(number).number == number


def test_a_rate_limit_that_ends_in_an_hour_is_not_waited_for(github: SimulatedGitHub, number: int) -> None:
    github.faults = [Fault("GET .*", 403, LIMIT, USED_UP)]
    with pytest.raises(CodeHostFailed) as raised:
        adapter(github, retries=2).pull_request(number)
    assert "after 23:59:59 UTC" in raised.value.hint


def test_an_unreachable_api_is_said_so(tmp_path: Path) -> None:
    with SimulatedGitHub(bare_repository(tmp_path)) as gone:
        unreachable = adapter(gone)
    with pytest.raises(CodeHostFailed, match="cannot be reached") as raised:
        unreachable.pull_request(7)
    assert raised.value.retryable


# --- settings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://github.com/acme/infrastructure", "acme/infrastructure"),
        ("https://github.com/acme/infrastructure.git", "acme/infrastructure"),
        ("https://x-access-token:secret@github.com/acme/infrastructure.git/", "acme/infrastructure"),
        ("git@github.com:acme/infrastructure.git", "acme/infrastructure"),
        ("ssh://git@github.com/acme/infrastructure.git", "acme/infrastructure"),
        ("ssh://git@ssh.github.com:443/acme/infrastructure.git", "acme/infrastructure"),
        ("https://gitlab.com/acme/infrastructure", None),
        ("https://github.com.example.com/acme/infrastructure", None),
        ("https://github.com/acme", None),
        ("/srv/git/infrastructure.git", None),
        ("../remote.git", None),
        ("", None),
    ],
)
def test_the_repository_is_read_from_the_remote(url: str, expected: str | None) -> None:
    assert repository_of(url) == expected


def test_a_github_of_ones_own_is_recognised() -> None:
    assert repository_of("git@git.acme.example:team/infra.git", "https://git.acme.example") == "team/infra"


def test_settings_come_from_the_workflow_environment(github: SimulatedGitHub, number: int) -> None:
    environment = {"GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": github.url, "GITHUB_REPOSITORY": REPOSITORY}
    assert GitHub(Client.from_environment(environment, "/a/path")).pull_request(number).author == "ada"


def test_without_a_token_it_says_how_to_get_one() -> None:
    with pytest.raises(CodeHostFailed) as raised:
        Client.from_environment({}, "https://github.com/acme/infrastructure")
    assert "gh auth token" in raised.value.hint
    assert not raised.value.retryable


def test_a_remote_elsewhere_is_a_usage_error_without_its_password() -> None:
    with pytest.raises(UsageError) as raised:
        Client.from_environment({"GITHUB_TOKEN": "t"}, "https://me:secret@git.example.com/acme/infrastructure")
    assert "secret" not in raised.value.message


# --- comments ---------------------------------------------------------------------------------------


def test_a_comment_that_was_edited_says_so(github: SimulatedGitHub, number: int) -> None:
    said = github.say(number, "grace", "/gitops approve-destroy")
    found = adapter(github).find_comment(number, said.identity)
    assert found
    assert (found.edited, found.address) == (
        False,
        f"https://github.com/{REPOSITORY}/pull/{number}#issuecomment-{said.identity}",
    )
    said.edits = 1
    edited = adapter(github).find_comment(number, said.identity)
    assert edited
    assert edited.edited


def test_a_bots_comment_and_one_of_a_deleted_account_are_nobodys(github: SimulatedGitHub, number: int) -> None:
    bot = adapter(github).find_comment(number, github.say(number, "helper[bot]", "/gitops approve-destroy").identity)
    gone = adapter(github).find_comment(number, github.say(number, "", "/gitops approve-destroy").identity)
    assert bot
    assert gone
    assert (bot.by_person, gone.by, gone.by_person) == (False, "", False)


def test_a_comment_that_cannot_be_asked_for_is_no_missing_one(github: SimulatedGitHub, number: int) -> None:
    github.forbidden.append(r"GET .*/issues/comments/\d+")
    with pytest.raises(CodeHostFailed, match="about a comment on pull request"):
        adapter(github).find_comment(number, 1)
