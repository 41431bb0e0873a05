"""Which code host is asked: one that is named in the clone, else one that the remote's address names; no folder."""

from pathlib import Path

import pytest

from gitops.adapters.codehost import hosts
from gitops.adapters.codehost.github.hosting import GitHubHosting
from gitops.adapters.codehost.simulated.hosting import SimulatedHosting
from gitops.context import Context
from gitops.errors import CodeHostFailed, UsageError
from tests.fakes.clock import FakeClock
from tests.support import git

ON_GITHUB = "https://github.com/acme/shop.git"


def place(clone: Path, address: str) -> hosts.Place:
    return hosts.Place(address, clone, {"GITHUB_TOKEN": "t"}, FakeClock())


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    git.create(tmp_path / "seed", {"README.md": "words"})
    git.git(tmp_path, "clone", "--quiet", "--bare", "seed", "remote.git")
    git.git(tmp_path, "clone", "--quiet", "remote.git", "clone")
    return tmp_path / "clone"


@pytest.mark.parametrize("address", [ON_GITHUB, "git@github.com:acme/shop.git"])
def test_an_address_names_its_host(clone: Path, address: str) -> None:
    assert isinstance(hosts.find("", place(clone, address)), GitHubHosting)


@pytest.mark.parametrize("address", ["../remote.git", "{parent}/remote.git", "file://{parent}/remote.git"])
def test_a_folder_is_no_host_unless_it_is_asked_for(clone: Path, address: str) -> None:
    """Anybody may approve as anybody there: a team's own remote on a shared disk must not become that."""
    found = place(clone, address.format(parent=clone.parent))
    with pytest.raises(UsageError, match="is a folder, which has no pull requests") as caught:
        hosts.find("", found)
    assert "git config --local gitops.host simulated" in caught.value.hint
    assert isinstance(hosts.find("simulated", found), SimulatedHosting)


def test_a_repository_on_a_network_is_never_simulated(clone: Path) -> None:
    with pytest.raises(UsageError, match="beside a remote on this disk only"):
        hosts.find("simulated", place(clone, ON_GITHUB))


def test_a_token_in_an_address_is_not_told(clone: Path) -> None:
    found = place(clone, "https://me:canary-4711@github.com/acme/shop.git")
    with pytest.raises(UsageError, match=r"The remote is https://github\.com/acme/shop\.git, and") as caught:
        hosts.find("simulated", found)
    assert "canary" not in f"{caught.value}{caught.value.hint}{found!r}"


def test_a_name_that_nobody_has_is_told_with_those_there_are(clone: Path) -> None:
    with pytest.raises(UsageError, match="'gitlab' in this clone's Git configuration") as caught:
        hosts.find("gitlab", place(clone, ON_GITHUB))
    assert "github, simulated" in caught.value.hint


def test_only_the_clones_own_configuration_is_asked(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everywhere = tmp_path / "gitconfig"
    everywhere.write_text("[gitops]\n\thost = simulated\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(everywhere))
    with pytest.raises(UsageError, match="has no pull requests"):
        _ = Context(clone, {}).host
    git.git(clone, "config", "--local", "gitops.host", "simulated")
    assert Context(clone, {}).host.pull_request_of("c" * 40, "main") is None


def test_a_change_cannot_choose_its_host(clone: Path) -> None:
    """Neither can a file of the repository."""
    git.git(clone, "remote", "set-url", "origin", ON_GITHUB)
    git.commit(clone, {"gitops.yaml": "version: 1\nhost: simulated\n", ".gitconfig": "[gitops]\n\thost = simulated\n"})
    with pytest.raises(CodeHostFailed, match="there is no token"):
        _ = Context(clone, {}).host
