"""The simulated code host beyond the shared contract: what people may do to a pull request, and races between them."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gitops.adapters.codehost.simulated.code_host import FILE, LocalHost
from gitops.adapters.system.clock import SystemClock
from gitops.errors import CodeHostFailed, Refused, UsageError
from tests.contracts.code_hosts import CodeHost, git, local_host

MARKER = "<!-- gitops:preview:dev -->"


@pytest.fixture
def host(tmp_path: Path) -> CodeHost:
    with local_host(tmp_path) as made:
        return made


@pytest.fixture
def people(host: CodeHost) -> LocalHost:
    assert isinstance(host.adapter, LocalHost)
    return host.adapter


def opened(host: CodeHost, branch: str = "feature", base: str = "main") -> int:
    host.commit(branch, "one")
    return host.people.open(branch, base, title="Add a bucket", author="ada")


def test_a_merge_commit_has_both_parents_and_names_the_pull_request(host: CodeHost, people: LocalHost) -> None:
    number = opened(host)
    old, head = git(host.remote, "rev-parse", "main"), git(host.remote, "rev-parse", "feature")
    commit = people.merge(number, by="grace")
    assert git(host.remote, "rev-parse", "main") == commit
    assert git(host.remote, "log", "-1", "--format=%P %an: %s%n%b", commit) == (
        f"{old} {head} grace: Merge pull request #1 from feature\nAdd a bucket"
    )
    assert git(host.remote, "fsck", "--strict", "--no-dangling") == ""


def test_a_squashed_commit_is_one_of_its_author_on_the_base(host: CodeHost, people: LocalHost) -> None:
    number = opened(host)
    host.commit("feature", "two")
    old = git(host.remote, "rev-parse", "main")
    commit = people.merge(number, squash=True, by="grace")
    assert git(host.remote, "log", "-1", "--format=%P %an: %s", commit) == f"{old} ada: Add a bucket (#1)"
    assert git(host.remote, "show", f"{commit}:feature.txt") == "two"


def test_what_both_sides_changed_elsewhere_is_merged(host: CodeHost, people: LocalHost) -> None:
    number = opened(host)
    host.commit("main", "meanwhile")
    commit = people.merge(number)
    assert git(host.remote, "ls-tree", "--name-only", commit).split() == ["feature.txt", "main.txt"]


def test_a_conflict_is_refused_with_its_files_and_nothing_moves(host: CodeHost, people: LocalHost) -> None:
    number = opened(host)
    blob = git(host.remote, "hash-object", "-w", "--stdin", text="theirs")
    tree = git(host.remote, "mktree", text=f"100644 blob {blob}\tfeature.txt\n")
    old = git(host.remote, "commit-tree", tree, "-p", "main", "-m", "The same file, otherwise")
    git(host.remote, "update-ref", "refs/heads/main", old)
    with pytest.raises(Refused, match=r"conflicts with 'main' in feature\.txt"):
        people.merge(number)
    assert git(host.remote, "rev-parse", "main") == old
    assert people.pull_request(number).merged_as is None


def test_nobody_approves_what_they_opened(host: CodeHost, people: LocalHost) -> None:
    with pytest.raises(UsageError, match="ada opened pull request 1"):
        people.approve(opened(host), "ada")


def test_a_merged_pull_request_is_not_merged_again(host: CodeHost, people: LocalHost) -> None:
    number = opened(host)
    people.merge(number)
    with pytest.raises(UsageError, match="merged already"):
        people.merge(number)


def test_a_merged_pull_request_can_be_approved_for_a_plan_that_had_to_change(host: CodeHost, people: LocalHost) -> None:
    number = opened(host)
    people.merge(number)
    approval = people.approve(number, "grace")
    assert people.pull_request(number).approvals == (approval,)


@pytest.mark.parametrize("fast_forward", [True, False], ids=["fast-forward", "merge commit"])
def test_a_merge_that_was_pushed_by_hand_is_recognised(host: CodeHost, people: LocalHost, fast_forward: bool) -> None:
    number = opened(host)
    head, merged = git(host.remote, "rev-parse", "feature"), git(host.remote, "rev-parse", "feature")
    if not fast_forward:
        tree = f"{head}^{{tree}}"
        merged = git(host.remote, "commit-tree", tree, "-p", "main", "-p", head, "-m", "Merge by hand")
    git(host.remote, "update-ref", "refs/heads/main", merged)
    host.commit("main", "later")
    found = people.pull_request_of(merged, "main")
    assert found is not None
    assert (found.number, found.head, found.merged_as) == (number, head, merged)


def test_a_promotion_goes_from_one_environment_branch_into_the_next(host: CodeHost, people: LocalHost) -> None:
    git(host.remote, "update-ref", "refs/heads/staging", "main")
    people.merge(opened(host))
    number = people.open("main", "staging", title="Promote to staging", author="ada")
    commit = people.merge(number)
    found = people.pull_request_of(commit, "staging")
    assert found is not None
    assert (found.number, found.head) == (number, git(host.remote, "rev-parse", "main"))


@pytest.mark.parametrize(("branch", "base"), [("none", "main"), ("feature", "none")])
def test_a_branch_that_was_not_pushed_is_named(host: CodeHost, people: LocalHost, branch: str, base: str) -> None:
    host.commit("feature", "one")
    with pytest.raises(UsageError, match="no branch 'none'"):
        people.open(branch, base, title="x", author="ada")


def test_there_is_nothing_to_open_where_nothing_differs_or_one_is_open(host: CodeHost, people: LocalHost) -> None:
    with pytest.raises(UsageError, match="nothing to merge"):
        people.open("main", "main", title="x", author="ada")
    opened(host)
    with pytest.raises(UsageError, match=r"Pull request 1 .* is open already"):
        people.open("feature", "main", title="x", author="ada")


def test_a_deleted_branch_leaves_the_head_as_it_was_last_known(host: CodeHost, people: LocalHost) -> None:
    number = opened(host)
    head = git(host.remote, "rev-parse", "feature")
    git(host.remote, "update-ref", "-d", "refs/heads/feature")
    assert people.pull_request(number).head == head


def test_people_who_act_at_once_lose_nothing(host: CodeHost, people: LocalHost) -> None:
    branches = [f"feature-{index}" for index in range(8)]
    for branch in branches:
        host.commit(branch, branch)
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda b: people.open(b, "main", title=b, author="ada"), branches))
        list(pool.map(lambda name: people.approve(numbers[0], name), [f"person-{index}" for index in range(8)]))
        list(pool.map(lambda n: people.comment(n, MARKER, f"{MARKER}\n{n}"), numbers * 2))
    assert sorted(numbers) == list(range(1, 9))
    assert len(people.pull_request(numbers[0]).approvals) == 8
    assert all(people.comments(number) == [f"{MARKER}\n{number}"] for number in numbers)


def test_the_branch_that_moves_during_a_merge_is_not_overwritten(host: CodeHost, people: LocalHost) -> None:
    numbers = []
    for branch in ("one", "two", "three"):
        host.commit(branch, branch)
        numbers.append(people.open(branch, "main", title=branch, author="ada"))
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(people.merge, numbers))
    assert git(host.remote, "ls-tree", "--name-only", "main").split() == ["one.txt", "three.txt", "two.txt"]


def test_a_remote_that_is_gone_and_a_file_that_is_broken_are_failures_of_the_host(
    host: CodeHost, people: LocalHost, tmp_path: Path
) -> None:
    with pytest.raises(CodeHostFailed, match="does not exist"):
        LocalHost(tmp_path / "gone", SystemClock()).open("a", "b", title="x", author="ada")
    (host.remote / FILE).write_text(json.dumps([{"number": "one"}]))
    with pytest.raises(CodeHostFailed, match="cannot be read"):
        people.pull_request(1)
