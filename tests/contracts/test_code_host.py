"""What every code host must do for the pipeline, whichever it is: the same cases on each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gitops.errors import CodeHostFailed
from gitops.model import Annotation, AnnotationLevel, CheckReport, Conclusion
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


# --- labels, replies, proposals -----------------------------------------------------------------------


def opened(host: CodeHost, branch: str = "feature") -> int:
    host.commit(branch, "one")
    return host.people.open(branch, "main", title="Add a bucket", author="ada")


def test_of_the_pipelines_labels_exactly_the_wanted_ones_stay(host: CodeHost) -> None:
    number = opened(host)
    host.adapter.label(number, {"theirs"}, {"theirs"})
    ours = {"gitops:waiting", "gitops:destroys", "gitops:ready"}
    host.adapter.label(number, {"gitops:waiting", "gitops:destroys"}, ours)
    host.adapter.label(number, {"gitops:waiting", "gitops:ready"}, ours)
    assert host.adapter.pull_request(number).labels == ("gitops:ready", "gitops:waiting", "theirs")
    host.adapter.label(number, set(), ours)
    assert host.adapter.pull_request(number).labels == ("theirs",)


def test_only_open_pull_requests_are_found_by_their_label(host: CodeHost) -> None:
    numbers = {name: opened(host, name) for name in ("open", "merged", "closed", "other")}
    for name, number in numbers.items():
        label = "stack:up" if name != "other" else "stack"
        host.adapter.label(number, {label}, {label})
    host.people.merge(numbers["merged"])
    host.people.close(numbers["closed"])
    [found] = host.adapter.labelled("stack:up")
    assert host.adapter.labelled("Stack:UP") == (found,)  # labels differ by more than their case
    assert (found.number, found.title, found.author, found.base) == (numbers["open"], "Add a bucket", "ada", "main")
    assert (found.labels, found.closed, found.from_fork) == (("stack:up",), False, False)
    assert found.head == host.adapter.pull_request(numbers["open"]).head


def test_one_that_was_closed_is_closed_and_one_that_was_merged_is_not(host: CodeHost) -> None:
    closed, merged = opened(host, "closed"), opened(host, "merged")
    host.people.close(closed)
    host.people.merge(merged)
    assert (host.adapter.pull_request(closed).closed, host.adapter.pull_request(closed).merged_as) == (True, None)
    assert not host.adapter.pull_request(merged).closed


def test_a_proposal_is_one_pull_request_that_is_kept_up_to_date(host: CodeHost) -> None:
    host.commit("promote", "one")
    number = host.adapter.propose("promote", "main", "Promote 1", "First.")
    head = host.commit("promote", "two")
    assert host.adapter.propose("promote", "main", "Promote 2", "Second.") == number
    found = host.adapter.pull_request(number)
    assert (found.title, found.head, host.people.text(number)) == ("Promote 2", head, "Second.")


def test_a_proposal_that_was_closed_or_merged_is_followed_by_another(host: CodeHost) -> None:
    host.commit("promote", "one")
    first = host.adapter.propose("promote", "main", "Promote", "")
    host.people.close(first)
    second = host.adapter.propose("promote", "main", "Promote", "")
    host.people.merge(second)
    host.commit("promote", "two")
    third = host.adapter.propose("promote", "main", "Promote", "")
    assert len({first, second, third}) == 3


def test_a_proposal_without_a_change_is_a_failure(host: CodeHost) -> None:
    head = host.commit("feature", "one")
    host.people.merge(host.people.open("feature", "main", title="x", author="ada"))
    assert head
    with pytest.raises(CodeHostFailed):
        host.adapter.propose("feature", "main", "Nothing", "")


def test_who_has_an_account_here_may_write(host: CodeHost) -> None:
    assert host.adapter.may_write("ada") is True


# --- checks -------------------------------------------------------------------------------------------


def remarks(count: int) -> tuple[Annotation, ...]:
    return tuple(
        Annotation("a.py", line, AnnotationLevel.WARNING, f"title {line}", f"message {line}", line + 2)
        for line in range(1, count + 1)
    )


@pytest.mark.parametrize("count", [0, 1, 50, 51, 120])
def test_a_check_shows_every_remark_in_order(host: CodeHost, count: int) -> None:
    commit = host.commit("feature", "one")
    report = CheckReport("gitops dev", Conclusion.FAILURE, "2 to create", "A *summary*.", remarks(count))
    host.checks.report(commit, report)
    assert host.people.check(commit, "gitops dev") == report


def test_a_check_that_is_reported_again_shows_the_new_report_only(host: CodeHost) -> None:
    commit = host.commit("feature", "one")
    host.checks.report(commit, CheckReport("gitops dev", Conclusion.FAILURE, "old", "old", remarks(60)))
    other = CheckReport("gitops prod", Conclusion.ACTION_REQUIRED, "prod", "prod")
    host.checks.report(commit, other)
    new = CheckReport("gitops dev", Conclusion.SUCCESS, "new", "new", remarks(2))
    host.checks.report(commit, new)
    assert host.people.check(commit, "gitops dev") == new
    assert host.people.check(commit, "gitops prod") == other


def test_code_scanning_gets_the_document_as_it_is(host: CodeHost) -> None:
    commit = host.commit("feature", "one")
    document = '{"version": "2.1.0", "runs": [{"ä": "→"}]}'.encode()
    host.checks.findings(commit, "refs/heads/feature", document)
    assert host.people.analysis() == document
