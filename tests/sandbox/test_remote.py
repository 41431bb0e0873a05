"""The Git remote: the tree of the repository one stands in, and nothing of its history."""

from pathlib import Path

import pytest

from gitops.errors import GitFailed, UsageError
from gitops.sandbox import remote
from gitops.sandbox.folder import Folder
from gitops.sandbox.remote import FIRST_DEPLOY, git

BRANCHES = ("main", "staging", "prod")


def text(folder: Path, *arguments: str) -> str:
    return git(folder, *arguments).decode().strip()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A repository with two commits, an executable, a link and a name that needs quoting."""
    top = tmp_path / "source"
    top.mkdir()
    git(top, "init", "--quiet", "--initial-branch=trunk")
    (top / "old.txt").write_text("a secret of the past")
    git(top, "add", ".")
    git(top, "commit", "--quiet", "-m", "first")
    (top / "old.txt").unlink()
    (top / "gitops.yaml").write_text("version: 1\n")
    (top / "näh me.txt").write_text("x")
    (top / "run").write_text("#!/bin/sh\n")
    (top / "run").chmod(0o755)
    (top / "link").symlink_to("run")
    (top / ".gitignore").write_text("ignored\n")
    git(top, "add", ".")
    git(top, "commit", "--quiet", "-m", "second")
    return top


@pytest.fixture
def folder(tmp_path: Path, source: Path) -> Folder:
    made = Folder(tmp_path / "sandbox")
    made.create()
    remote.create(made, source, BRANCHES)
    return made


def test_every_environment_starts_at_one_commit_with_nothing_to_deploy(folder: Folder) -> None:
    heads = {branch: text(folder.remote, "rev-parse", branch) for branch in BRANCHES}
    assert len(set(heads.values())) == 1
    assert text(folder.remote, "ls-tree", "--name-only", "main").split() == ["README.md", "gitops.yaml"]
    assert text(folder.remote, "rev-list", "--count", "main") == "1"
    assert text(folder.remote, "symbolic-ref", "HEAD") == "refs/heads/main"


def test_first_deploy_holds_exactly_the_tree_of_the_repository(folder: Folder, source: Path) -> None:
    assert text(folder.remote, "rev-parse", f"{FIRST_DEPLOY}^{{tree}}") == text(source, "rev-parse", "HEAD^{tree}")
    assert text(folder.remote, "rev-parse", f"{FIRST_DEPLOY}^") == text(folder.remote, "rev-parse", "main")
    assert text(folder.remote, "fsck", "--full", "--strict") == ""


def test_the_history_of_the_repository_is_not_in_it(folder: Folder, source: Path) -> None:
    past = text(source, "rev-parse", "HEAD^")
    with pytest.raises(GitFailed):
        git(folder.remote, "cat-file", "-e", past)


def test_the_clone_stands_on_first_deploy_and_can_push(folder: Folder) -> None:
    assert text(folder.checkout, "symbolic-ref", "--short", "HEAD") == FIRST_DEPLOY
    assert text(folder.checkout, "status", "--porcelain") == ""
    (folder.checkout / "run").write_text("#!/bin/sh\necho\n")
    remote.publish_configuration(folder)
    assert text(folder.remote, "rev-parse", FIRST_DEPLOY) == text(folder.checkout, "rev-parse", "HEAD")
    assert text(folder.remote, "rev-list", "--count", FIRST_DEPLOY) == "3"


def test_without_changes_no_configuration_is_published(folder: Folder) -> None:
    remote.publish_configuration(folder)
    assert text(folder.remote, "rev-list", "--count", FIRST_DEPLOY) == "2"


def test_a_hook_of_the_user_has_no_say_in_the_sandbox(folder: Folder, tmp_path: Path) -> None:
    hook = tmp_path / "hooks" / "pre-commit"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    git(folder.checkout, "config", "core.hooksPath", str(hook.parent))
    (folder.checkout / "run").write_text("")
    remote.publish_configuration(folder)
    assert text(folder.remote, "rev-list", "--count", FIRST_DEPLOY) == "3"


def test_what_is_not_committed_is_told(source: Path) -> None:
    (source / "untracked").write_text("")
    assert not remote.left_out(source)
    (source / "run").write_text("changed")
    assert remote.left_out(source)


def test_the_repository_is_found_from_below(source: Path) -> None:
    (source / "deep").mkdir()
    assert remote.repository_around(source / "deep") == source


def test_outside_of_a_repository_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not in a Git repository") as caught:
        remote.repository_around(tmp_path)
    assert "gitops.yaml" in caught.value.hint


def test_a_repository_without_a_commit_is_no_source(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    with pytest.raises(UsageError, match="has a commit"):
        remote.repository_around(tmp_path)


def test_a_failure_of_git_says_what_git_said(tmp_path: Path) -> None:
    with pytest.raises(GitFailed, match="not a git repository"):
        git(tmp_path, "status")
