"""`ledger.signers` in gitops.yaml: from then on the whole pipeline signs what it records, and reads nothing else."""

import subprocess
from pathlib import Path

import pytest

from gitops.adapters.git import ledger_commits
from gitops.adapters.git.command import GitCommand
from gitops.errors import ConfigError, GitFailed, LedgerBroken
from gitops.flow.ledger.chain import BRANCH, following, place_of
from gitops.model import Query, Record
from gitops.verbs import log
from tests.operations.world import World, wanting
from tests.support.git import git

SIGNERS = ".github/ledger-signers"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A repository whose next change brings a list of signers, and a clone with the one key on it."""
    made = World(tmp_path)
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)], check=True)
    git(made.clone, "config", "user.signingkey", str(key))
    return made


def signed_change(world: World, listed: str | None = None) -> dict[str, str | None]:
    settings = (world.clone / "gitops.yaml").read_text() + f"ledger: {{signers: {SIGNERS}}}\n"
    public = (world.folder / "key.pub").read_text().strip()
    lines = f"ada@example.com {public}\n" if listed is None else listed
    return {"gitops.yaml": settings, SIGNERS: lines, "Pulumi.dev.yaml": wanting(web=20)}


def signed_records(world: World) -> list[Record]:
    """The ledger, as the clone with the list reads it."""
    return list(world.context().ledger().history().select(Query()))


def append_unsigned(world: World) -> None:
    """The plan once more, by somebody who may push, and who believes whatever stands there."""
    command, newest = GitCommand(world.clone), signed_records(world)[0]
    head = git(world.remote, "rev-parse", BRANCH)
    commit, _ = ledger_commits.write(command, following(newest, place_of(newest)), head, sign=False)
    assert command.swap_ref(f"refs/heads/{BRANCH}", head, commit)


def test_a_signed_ledger_is_written_and_verified(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.reviewed(signed_change(world), "bob")
    world.up()
    capsys.readouterr()
    world.run(log.command, "--verify")
    count = len(signed_records(world))
    assert capsys.readouterr().out.splitlines()[:2] == [
        f"The chain holds: {count} records.",
        f"{count} records signed by ada@example.com.",
    ]


def test_nothing_is_applied_on_a_record_that_nobody_signed(world: World) -> None:
    world.reviewed(signed_change(world), "bob")
    append_unsigned(world)
    with pytest.raises(LedgerBroken, match="is not signed"):
        world.up()
    assert world.engine.states["dev"] == {"web": 12}


def test_who_cannot_sign_applies_nothing(world: World) -> None:
    world.reviewed(signed_change(world), "bob")
    git(world.clone, "config", "user.signingkey", str(world.folder / "gone"))
    with pytest.raises(GitFailed, match="Could not sign"):
        world.up()
    assert world.engine.states["dev"] == {"web": 12}


def test_a_change_that_takes_the_list_away_is_not_even_previewed(world: World) -> None:
    world.reviewed(signed_change(world), "bob")
    world.up()
    unsigned = (world.clone / "gitops.yaml").read_text().replace(f"ledger: {{signers: {SIGNERS}}}\n", "")
    world.open({"gitops.yaml": unsigned}, branch="unsigned")
    with pytest.raises(LedgerBroken, match="here names nobody who may"):
        world.preview()


@pytest.mark.parametrize("listed", ["", "\n"])
def test_a_list_that_lists_nobody_is_no_list(world: World, listed: str) -> None:
    world.push_to_main(signed_change(world, listed))
    with pytest.raises(ConfigError, match="lists nobody at commit"):
        world.run(log.command)
