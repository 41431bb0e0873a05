"""`gitops affected` on real Git."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gitops.adapters.git.repository import GitRepository
from gitops.cli import run
from gitops.errors import ConfigError, GitFailed, RemoteUnreachable
from gitops.model import FileStatus
from gitops.operations.affected import find_affected
from tests.support.git import commit, create, git, head

FILES = {
    "Pulumi.yaml": "name: shop\nruntime: python\n",
    "Pulumi.dev.yaml": "",
    "Pulumi.prod.yaml": "",
    "__main__.py": "import importlib, pulumi\nimportlib.import_module(f'stacks.{pulumi.get_stack()}')\n",
    "stacks/dev.py": "from infra import web\n",
    "stacks/prod.py": "from infra import web\n",
    "infra/web.py": "",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return create(tmp_path / "shop", FILES)


def stacks(folder: Path, base: str | None = None, tip: str = "HEAD") -> list[str]:
    with GitRepository(folder) as repository:
        return [one.stack.name for one in find_affected(repository, base, tip).stacks]


def test_one_line_for_each_stack_with_its_reasons(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commit(folder, {"infra/web.py": "# changed", "Pulumi.prod.yaml": "config: {}"})
    assert run(["-C", str(folder), "affected"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "shop/dev   imported: infra/web.py is imported by stacks/dev.py",
        "shop/prod  stack config: Pulumi.prod.yaml holds its values (+1 more)",
    ]
    assert run(["-C", str(folder), "affected", "--verbose"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_no_affected_stack_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commit(folder, {"README.md": "hello"})
    assert run(["-C", str(folder), "affected"]) == 0
    assert capsys.readouterr().out == "no stack is affected\n"


def test_the_json_form_holds_commits_stacks_and_reasons_and_any_path(folder: Path) -> None:
    base = head(folder)
    odd = os.fsdecode(b"odd \xff\nname")
    tip = commit(folder, {odd: "x"})
    process = [sys.executable, "-c", "from gitops.cli import main; main()", "affected", "--json"]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONUTF8": "0", "LC_ALL": "C"}
    output = subprocess.run(process, cwd=folder / "infra", env=environment, check=True, capture_output=True).stdout
    document = json.loads(output)
    assert (document["format"], document["base"], document["head"]) == (1, base, tip)
    assert document["affected"][0] == {
        "stack": "shop/dev",
        "project": "shop",
        "name": "dev",
        "folder": ".",
        "reasons": [{"kind": "unknown path", "path": odd, "text": f"{odd} is covered by no rule, so it may matter"}],
    }
    printed = subprocess.run(process[:-1], cwd=folder, env=environment, check=True, capture_output=True).stdout
    assert b"odd \\xff\\nname is covered" in printed


def test_the_default_base_is_where_the_branch_left_the_remotes_default_branch(folder: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(folder), str(clone))
    git(clone, "switch", "--quiet", "--create", "topic")
    commit(clone, {"Pulumi.dev.yaml": "config: {}"})
    commit(clone, {"README.md": "x"})
    assert stacks(clone) == ["dev"]


def test_a_first_commit_affects_every_stack(folder: Path) -> None:
    assert stacks(folder) == ["dev", "prod"]


def test_what_the_target_branch_did_meanwhile_does_not_count(folder: Path) -> None:
    git(folder, "switch", "--quiet", "--create", "topic")
    commit(folder, {"Pulumi.dev.yaml": "config: {}"})
    git(folder, "switch", "--quiet", "main")
    commit(folder, {"Pulumi.prod.yaml": "config: {}"})
    assert stacks(folder, "main", "topic") == ["dev"]


def test_unrelated_histories_are_compared_as_they_are(folder: Path) -> None:
    git(folder, "switch", "--quiet", "--orphan", "other")
    commit(folder, {**FILES, "Pulumi.dev.yaml": "config: {}"})
    assert stacks(folder, "main", "other") == ["dev"]


def test_a_change_that_repairs_a_broken_project_passes_and_says_what_was_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commit(folder, {"Pulumi.yaml": "name: [shop\n"})
    with pytest.raises(ConfigError, match=r"Pulumi\.yaml:2"):
        stacks(folder)
    assert run(["-C", str(folder), "affected"]) == 2
    capsys.readouterr()
    commit(folder, {"Pulumi.yaml": FILES["Pulumi.yaml"]})
    assert run(["-C", str(folder), "affected"]) == 0
    assert capsys.readouterr().out.startswith("note: before the change, Pulumi.yaml:2: not valid YAML")


def test_an_unknown_commit_fails_with_its_name(folder: Path) -> None:
    with pytest.raises(GitFailed, match="'nowhere' names no commit"):
        stacks(folder, "nowhere")


def test_a_clone_too_shallow_to_compare_says_how_to_deepen_it(folder: Path, tmp_path: Path) -> None:
    commit(folder, {"README.md": "x"})
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{folder}", "shallow")
    with pytest.raises(GitFailed) as caught:
        stacks(tmp_path / "shallow")
    assert "fetch-depth: 0" in caught.value.hint


def test_links_submodules_and_files_are_told_apart(folder: Path) -> None:
    (folder / "link").symlink_to("infra")
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{head(folder)},vendored")
    git(folder, "add", "link")
    git(folder, "commit", "--quiet", "--message", "links")
    with GitRepository(folder) as repository:
        tip = repository.resolve("HEAD")
        assert repository.symlinks(tip) == {"link": "infra"}
        assert "vendored" not in repository.paths(tip)
        statuses = {file.path: file.status for file in repository.change("HEAD~1", "HEAD").files}
    assert statuses == {"link": FileStatus.ADDED, "vendored": FileStatus.CHANGED}


def test_many_threads_read_whole_files(folder: Path) -> None:
    texts = {f"big/{number}": f"{number}\n" * 30_000 for number in range(40)}
    tip = commit(folder, texts)
    with GitRepository(folder) as repository:
        seen: list[dict[str, str]] = []

        def read() -> None:
            seen.append({path: text.decode() for path, text in repository.read_many(tip, sorted(texts))})

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert seen == [texts] * 4


def test_reading_goes_on_after_an_object_that_is_missing(folder: Path) -> None:
    with GitRepository(folder) as repository:
        tip = repository.resolve("HEAD")
        blob = repository.paths(tip)["infra/web.py"]
        (folder / ".git/objects" / blob[:2] / blob[2:]).unlink()
        with pytest.raises(GitFailed, match=f"does not have object {blob}"):
            repository.read(tip, "Pulumi.dev.yaml")  # the same empty content
        assert repository.read(tip, "stacks/dev.py") == FILES["stacks/dev.py"].encode()
        with pytest.raises(GitFailed, match="has no file 'nothing'"):
            repository.read(tip, "nothing")


def test_a_checkout_is_exact_without_hooks_and_gone_afterwards_also_after_an_error(folder: Path) -> None:
    hook = folder / ".git/hooks/post-checkout"
    hook.write_text("#!/bin/sh\ntouch ran\n")
    hook.chmod(0o755)
    git(folder, "config", "core.autocrlf", "true")
    with GitRepository(folder) as repository:
        tip = repository.resolve("HEAD")
        with repository.checkout(tip) as tree:
            assert (tree / "stacks/dev.py").read_bytes() == FILES["stacks/dev.py"].encode()
            assert not (tree / "ran").exists()
        with pytest.raises(RuntimeError, match="boom"), repository.checkout(tip) as second:
            raise RuntimeError("boom")
    assert not tree.exists()
    assert not second.exists()
    assert len(git(folder, "worktree", "list").splitlines()) == 1


def test_a_checkout_left_by_a_killed_process_is_removed_by_the_next_and_a_living_one_is_not(folder: Path) -> None:
    program = (
        "import os, signal, sys\nfrom gitops.adapters.git.repository import GitRepository\n"
        "with GitRepository(sys.argv[1]) as r, r.checkout('HEAD') as tree:\n"
        "    print(tree, flush=True)\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    killed = subprocess.run(
        [sys.executable, "-c", program, str(folder)], env=environment, capture_output=True, text=True, check=False
    )
    left = Path(killed.stdout.strip())
    assert left.is_dir()
    with (
        GitRepository(folder) as repository,
        repository.checkout("HEAD") as first,
        repository.checkout("HEAD") as second,
    ):
        assert not left.exists()
        assert first.is_dir()
        assert second.is_dir()


def test_a_branch_is_asked_of_the_remote(folder: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(folder), "clone")
    commit(folder, {"README.md": "x"})
    git(folder, "branch", "other/main", "HEAD~1")
    with GitRepository(tmp_path / "clone") as repository:
        assert repository.branch_head("main") == head(folder)
        with pytest.raises(GitFailed, match="no branch 'nowhere'"):
            repository.branch_head("nowhere")
        git(tmp_path / "clone", "remote", "set-url", "origin", "http://me:hunter2@127.0.0.1:9/shop.git")
        with pytest.raises(RemoteUnreachable) as caught:
            repository.branch_head("main")
    assert "hunter2" not in caught.value.message


def test_ancestors_are_known(folder: Path) -> None:
    first = head(folder)
    second = commit(folder, {"README.md": "x"})
    with GitRepository(folder) as repository:
        assert repository.is_ancestor(first, second)
        assert not repository.is_ancestor(second, first)
        with pytest.raises(GitFailed, match="Could not compare"):
            repository.is_ancestor("0" * 40, first)
