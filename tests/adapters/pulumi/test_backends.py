"""Where Pulumi's state is, for a checkout of a real repository. A shell script stands in for Pulumi."""

import json
import os
from pathlib import Path

import pytest

from gitops.adapters.git.repository import GitRepository
from gitops.adapters.pulumi.backends import Backends
from gitops.adapters.pulumi.process import PulumiProcess
from gitops.adapters.pulumi.recovery import killed_run
from gitops.errors import EngineFailed
from tests.support import git

FILES = {
    "Pulumi.yaml": "name: shop\nruntime: python\nbackend: {url: 'file://.'}\n",
    "apps/web/Pulumi.yaml": "name: web\nruntime: python\nbackend:\n  url: file://./state?no_tmp_dir=true\n",
    "network/Pulumi.yaml": "name: network\nruntime: python\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    return GitRepository(git.create(tmp_path / "clone", FILES))


def process(repository: GitRepository, passes: bool = False, **environment: str) -> PulumiProcess:
    """A Pulumi that tells which backend it was given."""
    assert repository.working_tree is not None
    file = repository.working_tree.parent / "pulumi"
    file.write_text('#!/bin/sh\nprintf %s "$PULUMI_BACKEND_URL"\n')
    file.chmod(0o755)
    home = repository.working_tree.parent / "home"
    given = {"PATH": os.environ["PATH"], "PULUMI_HOME": str(home), **environment}
    return PulumiProcess(file, given, backends=Backends(repository.working_tree, repository.within, passes))


def given(pulumi: PulumiProcess, folder: Path) -> str:
    """The backend that Pulumi sees in the folder."""
    return pulumi.must(folder, ["whoami"], "look")


def test_each_project_of_a_checkout_has_the_backend_that_it_has_in_the_clone(repository: GitRepository) -> None:
    clone, pulumi = repository.working_tree, process(repository)
    with repository.checkout("HEAD") as tree:
        assert given(pulumi, tree) == f"file://{clone}"
        assert given(pulumi, tree / "apps/web") == f"file://{clone}/apps/web/state?no_tmp_dir=true"
        assert given(pulumi, tree / "network") == ""
        assert pulumi.backend(tree) == f"file://{clone}"
    assert given(pulumi, repository.root) == f"file://{clone}"


def test_the_variable_comes_first_and_is_each_projects_own_folder(repository: GitRepository) -> None:
    clone, pulumi = repository.working_tree, process(repository, PULUMI_BACKEND_URL="file://./state")
    with repository.checkout("HEAD") as tree:
        assert given(pulumi, tree) == f"file://{clone}/state"
        assert given(pulumi, tree / "network") == f"file://{clone}/network/state"
        bucket = process(repository, PULUMI_BACKEND_URL="s3://bucket")
        assert given(bucket, tree) == "s3://bucket"


def test_a_relative_login_counts_where_nothing_else_does(repository: GitRepository, tmp_path: Path) -> None:
    pulumi, file = process(repository), tmp_path / "home" / "credentials.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"current": "file://."}))
    with repository.checkout("HEAD") as tree:
        assert given(pulumi, tree / "network") == f"file://{repository.working_tree}/network"
        file.write_text(json.dumps({"current": "s3://bucket"}))
        assert given(pulumi, tree / "network") == ""
        for unreadable in ('{"$pulumiSecureStore": 1}', "not json", "[]", '{"current": 1}'):
            file.write_text(unreadable)
            with pytest.raises(EngineFailed, match="which backend `pulumi login` chose"):
                given(pulumi, tree / "network")
            assert given(pulumi, tree) == f"file://{repository.working_tree}"


def test_a_clone_that_was_entered_by_a_link_keeps_that_path(repository: GitRepository, tmp_path: Path) -> None:
    link = tmp_path / "deep" / "link"
    link.parent.mkdir()
    link.symlink_to(repository.root)
    for here in (link, link / "apps"):
        pulumi = process(repository, PULUMI_BACKEND_URL="file://../state", PWD=str(here))
        with repository.checkout("HEAD") as tree:
            assert given(pulumi, tree) == f"file://{link.parent}/state"
    stale = process(repository, PULUMI_BACKEND_URL="file://../state", PWD="/somewhere/else")
    assert given(stale, repository.root) == f"file://{repository.root.parent}/state"


def test_a_job_of_a_ci_and_a_bare_clone_are_refused_by_project_and_address(
    repository: GitRepository, tmp_path: Path
) -> None:
    with repository.checkout("HEAD") as tree:
        with pytest.raises(EngineFailed, match=r"project web: file://\./state, which .* does not keep") as caught:
            given(process(repository, passes=True), tree / "apps/web")
        assert "bucket" in caught.value.hint
    git.git(tmp_path, "clone", "--quiet", "--bare", str(repository.root), "bare.git")
    bare = GitRepository(tmp_path / "bare.git")
    pulumi = PulumiProcess(Path("pulumi"), {}, backends=Backends(bare.working_tree, bare.within))
    with bare.checkout("HEAD") as tree, pytest.raises(EngineFailed, match="no working tree"):
        given(pulumi, tree)


def test_a_scratch_backend_is_never_another(repository: GitRepository) -> None:
    with repository.checkout("HEAD") as tree:
        scratch = f"file://{repository.root}/scratch"
        assert given(process(repository, passes=True).with_backend(scratch), tree) == scratch


def test_what_a_killed_run_left_is_looked_for_where_the_project_file_says(repository: GitRepository) -> None:
    locks = repository.root / ".pulumi" / "stacks" / "shop"
    locks.mkdir(parents=True)
    (locks / "dev.json.attrs").write_text("")
    with repository.checkout("HEAD") as tree:
        found = killed_run.find(process(repository), tree, "dev", None)
    assert found.unreadable
    assert found.sentences[0].startswith("dev.json.attrs, which a write that was cut short left empty")
