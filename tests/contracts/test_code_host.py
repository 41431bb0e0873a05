"""What every code host must do for the pipeline, whichever it is: the same cases on each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gitops.errors import CodeHostFailed
from tests.contracts.code_hosts import CodeHost, local_host, simulated_github

HOSTS = {"GitHub (simulated)": simulated_github, "local host (simulated)": local_host}
MARKER = "<!-- gitops:preview:dev -->"


@pytest.fixture(params=HOSTS.values(), ids=HOSTS.keys())
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CodeHost]:
    with request.param(tmp_path) as built:
        yield built


def test_an_open_pull_request_is_read_with_its_author_base_and_head(host: CodeHost) -> None:
    head = host.commit("feature", "one")
    number = host.people.open("feature", "main", title="Add a bucket", author="ada")
    found = host.adapter.pull_request(number)
    assert (found.number, found.title, found.author) == (number, "Add a bucket", "ada")
    assert (found.base, found.head, found.merged_as, found.approvals) == ("main", head, None, ())


def test_the_head_follows_the_branch_and_an_approval_keeps_its_commit(host: CodeHost) -> None:
    first = host.commit("feature", "one")
    number = host.people.open("feature", "main", title="Add a bucket", author="ada")
    host.people.approve(number, "grace")
    second = host.commit("feature", "two")
    found = host.adapter.pull_request(number)
    assert found.head == second
    assert [(a.by, a.commit) for a in found.approvals] == [("grace", first)]
    assert found.approvals[0].at.tzinfo is not None


def test_a_second_approval_of_the_same_person_replaces_the_first(host: CodeHost) -> None:
    host.commit("feature", "one")
    number = host.people.open("feature", "main", title="Add a bucket", author="ada")
    host.people.approve(number, "grace")
    second = host.commit("feature", "two")
    host.people.approve(number, "grace")
    assert [(a.by, a.commit) for a in host.adapter.pull_request(number).approvals] == [("grace", second)]


@pytest.mark.parametrize("squash", [False, True], ids=["merge commit", "squashed"])
def test_a_merged_pull_request_is_found_by_the_commit_it_became(host: CodeHost, squash: bool) -> None:
    head = host.commit("feature", "one")
    number = host.people.open("feature", "main", title="Add a bucket", author="ada")
    host.people.approve(number, "grace")
    commit = host.people.merge(number, squash=squash)
    found = host.adapter.pull_request_of(commit, "main")
    assert found is not None
    assert (found.number, found.head, found.merged_as) == (number, head, commit)
    assert [(a.by, a.commit) for a in found.approvals] == [("grace", head)]


def test_everybody_whose_commit_it_holds_is_a_contributor(host: CodeHost) -> None:
    host.commit("main", "before the pull request", by="linus")
    host.commit("feature", "one", by="bob")
    host.commit("feature", "two\n\nCo-authored-by: eve <17+eve@users.noreply.github.com>", by="carol")
    number = host.people.open("feature", "main", title="Add a bucket", author="ada")
    assert host.adapter.pull_request(number).contributors == ("ada", "bob", "carol", "eve")
    host.commit("feature", "three", by="dan")
    commit = host.people.merge(number)
    found = host.adapter.pull_request_of(commit, "main")
    assert found is not None
    assert (found.contributors, found.strangers) == (("ada", "bob", "carol", "dan", "eve"), ())


def test_who_wrote_what_lies_between_two_commits_is_told_merges_of_the_host_aside(host: CodeHost) -> None:
    start = host.commit("main", "released", by="linus")
    host.commit("feature", "one", by="bob")
    number = host.people.open("feature", "main", title="Add a bucket", author="ada")
    merged = host.people.merge(number)
    last = host.commit("main", "pushed", by="carol")
    assert host.adapter.contributors(start, merged) == (("bob",), ())
    assert host.adapter.contributors(start, last) == (("bob", "carol"), ())
    assert host.adapter.contributors(last, last) == ((), ())


def test_what_is_announced_can_be_read_by_all(host: CodeHost) -> None:
    host.adapter.announce("Break-glass", "Reason: `down`\n")
    assert host.people.announcements() == ["Break-glass\n\nReason: `down`\n"]


@pytest.mark.parametrize("squash", [False, True], ids=["merge commit", "squashed"])
def test_the_files_are_those_that_it_changes_before_and_after_the_merge(host: CodeHost, squash: bool) -> None:
    host.commit("feature", "one")
    host.commit("feature", "two")
    number = host.people.open("feature", "main", title="Add a bucket", author="ada")
    host.commit("main", "somebody else's")
    assert host.adapter.files(number) == ("feature.txt",)
    host.people.merge(number, squash=squash)
    assert host.adapter.files(number) == ("feature.txt",)


def test_a_team_has_its_members(host: CodeHost) -> None:
    host.people.team("@example/platform", ["grace", "linus"])
    assert host.adapter.members("@example/platform") == {"grace", "linus"}


def test_a_commit_that_was_pushed_directly_belongs_to_no_pull_request(host: CodeHost) -> None:
    assert host.adapter.pull_request_of(host.commit("main", "by hand"), "main") is None


def test_the_same_commit_on_another_branch_is_another_matter(host: CodeHost) -> None:
    host.commit("feature", "one")
    number = host.people.open("feature", "main", title="Add a bucket", author="ada")
    commit = host.people.merge(number)
    assert host.adapter.pull_request_of(commit, "staging") is None


def test_an_open_pull_request_did_not_become_its_head(host: CodeHost) -> None:
    head = host.commit("feature", "one")
    host.people.open("feature", "main", title="Add a bucket", author="ada")
    assert host.adapter.pull_request_of(head, "main") is None


def test_a_comment_is_created_once_and_then_replaced(host: CodeHost) -> None:
    host.commit("feature", "one")
    number = host.people.open("feature", "main", title="Add a bucket", author="ada")
    host.adapter.comment(number, MARKER, f"{MARKER}\nfirst")
    host.adapter.comment(number, MARKER, f"{MARKER}\nsecond")
    assert host.people.comments(number) == [f"{MARKER}\nsecond"]


def test_comments_with_different_markers_stand_beside_each_other(host: CodeHost) -> None:
    host.commit("feature", "one")
    number = host.people.open("feature", "main", title="Add a bucket", author="ada")
    other = "<!-- gitops:preview:prod -->"
    host.adapter.comment(number, MARKER, f"{MARKER}\ndev")
    host.adapter.comment(number, other, f"{other}\nprod, and a mention of {MARKER}")
    host.adapter.comment(number, MARKER, f"{MARKER}\ndev again")
    assert host.people.comments(number) == [f"{MARKER}\ndev again", f"{other}\nprod, and a mention of {MARKER}"]


def test_a_pull_request_that_does_not_exist_is_an_error_that_names_it(host: CodeHost) -> None:
    with pytest.raises(CodeHostFailed, match="41"):
        host.adapter.pull_request(41)
    with pytest.raises(CodeHostFailed, match="41"):
        host.adapter.comment(41, MARKER, f"{MARKER}\ntext")


def test_a_comment_is_found_by_its_id_below_its_pull_request_only(host: CodeHost) -> None:
    host.commit("feature", "one")
    host.commit("other", "one")
    number = host.people.open("feature", "main", title="Add a bucket", author="ada")
    other = host.people.open("other", "main", title="Add a queue", author="ada")
    host.people.say(number, "ada", "first")
    identity = host.people.say(number, "grace", "/gitops explain")
    found = host.adapter.find_comment(number, identity)
    assert found is not None
    assert (found.id, found.by, found.body, found.edited, found.by_person) == (
        identity,
        "grace",
        "/gitops explain",
        False,
        True,
    )
    assert found.at.tzinfo is not None
    assert host.adapter.find_comment(other, identity) is None
    assert host.adapter.find_comment(number, identity + 1) is None
