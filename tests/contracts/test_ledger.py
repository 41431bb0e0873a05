"""What every ledger must do: the same cases on Git and in memory; and what only Git can get wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitops.adapters.git_command import GitCommand
from gitops.adapters.ledger import GitLedger
from gitops.context import Ledger
from gitops.errors import LedgerBroken, RemoteUnreachable
from gitops.flow import record as records
from gitops.model import Record, RecordKind, Stack
from tests.contracts.remotes import Two, clones_of, remote_with_clones
from tests.fakes.ledger import FakeLedger
from tests.support.git import commit, git
from tests.support.plans import NOW

DEV = Stack("shop", "dev")
BRANCH = "gitops/ledger"


def on_git(folder: Path) -> Two[Ledger]:
    one, other, unplug = clones_of(folder)
    return Two(GitLedger(one, BRANCH), GitLedger(other, BRANCH), unplug)


def in_memory(_folder: Path) -> Two[Ledger]:
    fake = FakeLedger()
    return Two(fake, fake, lambda: setattr(fake, "reachable", False))


@pytest.fixture(params=[on_git, in_memory], ids=["Git", "fake"])
def ledgers(request: pytest.FixtureRequest, tmp_path: Path) -> Two[Ledger]:
    build: Callable[[Path], Two[Ledger]] = request.param
    return build(tmp_path)


def record(**body: Any) -> Record:
    return records.make(RecordKind.APPLIED, records.Author("ada", "dev"), DEV, "c" * 40, NOW, body)


def test_a_ledger_nobody_wrote_to_is_empty(ledgers: Two[Ledger]) -> None:
    assert ledgers.one.records() == ()


def test_what_is_appended_is_read_by_everybody_as_it_was(ledgers: Two[Ledger]) -> None:
    body = {"text": "Grüße\nüber 世界", "number": 1.5, "big": 2**60, "deep": {"list": [None, True, {}]}}
    written = [ledgers.one.append(record(**body)), ledgers.other.append(record()), ledgers.one.append(record(n=3))]
    assert ledgers.other.records() == tuple(written)
    assert [one.sequence for one in written] == [1, 2, 3]
    assert records.problems(ledgers.one.records()) == ()


def test_a_place_given_before_does_not_count(ledgers: Two[Ledger]) -> None:
    first = ledgers.one.append(record())
    again = ledgers.one.append(first)
    assert (again.sequence, again.previous) == (2, records.digest_of(first))


def test_without_the_remote_nothing_is_read_and_nothing_written(ledgers: Two[Ledger]) -> None:
    ledgers.one.append(record())
    ledgers.unplug()
    with pytest.raises(RemoteUnreachable):
        ledgers.one.records()
    with pytest.raises(RemoteUnreachable):
        ledgers.other.append(record())


def test_records_are_files_that_people_can_browse(tmp_path: Path) -> None:
    clone = remote_with_clones(tmp_path, 1)[0]
    GitLedger(GitCommand(clone), BRANCH).append(record(note="x"))
    remote = tmp_path / "remote.git"
    assert git(remote, "ls-tree", "-r", "--name-only", BRANCH) == "records/000/000001.json"
    assert json.loads(git(remote, "show", f"{BRANCH}:records/000/000001.json"))["body"] == {"note": "x"}
    assert git(remote, "log", "--format=%s", BRANCH) == f"applied shop/dev {'c' * 12} by ada"
    assert git(remote, "rev-list", "--count", BRANCH) == "1"


def test_a_second_thousand_of_records_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    clone = remote_with_clones(tmp_path, 1)[0]
    git(clone, "checkout", "--quiet", "--orphan", "ledger")
    git(clone, "rm", "--quiet", "-rf", ".")
    last = records.replace(record(), sequence=999)
    path = records.path_of(999)
    commit(clone, {path: records.encode(last)}, f"applied\n\n{path}")
    git(clone, "push", "--quiet", "origin", f"HEAD:{BRANCH}")
    ledger = GitLedger(GitCommand(clone), BRANCH)
    assert [ledger.append(record()).sequence for _ in range(2)] == [1000, 1001]
    names = git(tmp_path / "remote.git", "ls-tree", "-r", "--name-only", BRANCH).splitlines()
    assert names == [path, "records/001/001000.json", "records/001/001001.json"]


def test_a_commit_by_hand_on_the_ledger_branch_is_told(tmp_path: Path) -> None:
    clone = remote_with_clones(tmp_path, 1)[0]
    git(clone, "push", "--quiet", "origin", f"HEAD:{BRANCH}")
    with pytest.raises(LedgerBroken, match="not written by the ledger"):
        GitLedger(GitCommand(clone), BRANCH).append(record())


def test_a_remote_that_forbids_the_write_is_told_and_not_taken_for_a_race(tmp_path: Path) -> None:
    clone = remote_with_clones(tmp_path, 1)[0]
    hook = tmp_path / "remote.git" / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'the branch is protected' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(RemoteUnreachable, match="Could not write"):
        GitLedger(GitCommand(clone), BRANCH).append(record())
