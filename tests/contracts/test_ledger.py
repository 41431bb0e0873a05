"""What every ledger must do: the same cases on Git and in memory; and what only Git can get wrong."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gitops.adapters.git.command import GitCommand
from gitops.adapters.git.leases import GitLeases
from gitops.adapters.git.ledger import GitLedger
from gitops.context import Ledger
from gitops.errors import LedgerBroken, RemoteUnreachable
from gitops.flow.leases import lease as leases
from gitops.flow.ledger import chain as records
from gitops.model import Holder, Lease, Query, Record, RecordKind, Stack
from gitops.ports import LeaseMoved, Leases, Renewal
from tests.contracts.remotes import Two, clones_of, remote_with_clones
from tests.fakes.leases import FakeLeases
from tests.fakes.ledger import FakeLedger
from tests.support import ledgers as made
from tests.support.git import git
from tests.support.plans import NOW
from tests.support.records import record_of

DEV = Stack("shop", "dev")


@dataclass(frozen=True)
class Remote:
    """Two users of one ledger, and the leases beside it."""

    ledgers: Two[Ledger]
    leases: Leases


def on_git(folder: Path) -> Remote:
    one, other, unplug = clones_of(folder)
    return Remote(Two(GitLedger(one), GitLedger(other), unplug), GitLeases(one))


def in_memory(_folder: Path) -> Remote:
    leases = FakeLeases()
    fake = FakeLedger(leases=leases)
    return Remote(Two(fake, fake, lambda: setattr(fake, "reachable", False)), leases)


@pytest.fixture(params=[on_git, in_memory], ids=["Git", "fake"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Remote:
    build: Callable[[Path], Remote] = request.param
    return build(tmp_path)


@pytest.fixture
def ledgers(remote: Remote) -> Two[Ledger]:
    return remote.ledgers


def record(**body: Any) -> Record:
    return record_of(RecordKind.APPLIED, records.Author("ada", "dev"), DEV, "c" * 40, NOW, body)


def told(ledger: Ledger) -> tuple[Record, ...]:
    """All records, oldest first."""
    return tuple(ledger.history().select(Query(), oldest_first=True))


def test_a_ledger_nobody_wrote_to_is_empty(ledgers: Two[Ledger]) -> None:
    assert told(ledgers.one) == ()


def test_what_is_appended_is_read_by_everybody_as_it_was(ledgers: Two[Ledger]) -> None:
    body = {"text": "Grüße\nüber 世界", "number": 1.5, "big": 2**60, "deep": {"list": [None, True, {}]}}
    written = [ledgers.one.append(record(**body)), ledgers.other.append(record()), ledgers.one.append(record(n=3))]
    assert told(ledgers.other) == tuple(written)
    assert [one.sequence for one in written] == [1, 2, 3]


def test_a_place_given_before_does_not_count(ledgers: Two[Ledger]) -> None:
    first = ledgers.one.append(record())
    again = ledgers.one.append(first)
    assert (again.sequence, again.previous) == (2, records.digest_of(first))


def leased(remote: Remote) -> Lease:
    """A lease that stands on the remote."""
    granted = leases.granted(DEV, Holder("ada", "laptop", 1, "up", "1"), NOW, 60)
    held = remote.leases.swap(DEV, None, granted)
    assert held is not None
    return held


def test_a_record_and_the_renewal_of_a_lease_arrive_together(remote: Remote) -> None:
    held = leased(remote)
    wanted = leases.renewed(held, NOW + timedelta(seconds=30))
    placed, renewed = remote.ledgers.one.append_renewing(record(), Renewal(held, wanted))
    assert remote.leases.current(DEV) == renewed
    assert renewed.version != held.version
    assert renewed.expires_at == wanted.expires_at
    assert told(remote.ledgers.other) == (placed,)
    again, _ = remote.ledgers.one.append_renewing(record(), Renewal(renewed, wanted))
    assert told(remote.ledgers.other) == (placed, again)


def test_a_stale_holder_writes_no_record(remote: Remote) -> None:
    held = leased(remote)
    taken = remote.leases.swap(DEV, held, leases.granted(DEV, Holder("bob", "pc", 2, "up", "2"), NOW, 60))
    before = remote.ledgers.other.append(record())
    with pytest.raises(LeaseMoved):
        remote.ledgers.one.append_renewing(record(), Renewal(held, leases.renewed(held, NOW)))
    assert told(remote.ledgers.other) == (before,)
    assert remote.leases.current(DEV) == taken


def test_a_holder_who_was_slower_on_the_ledger_alone_still_writes(remote: Remote) -> None:
    held = leased(remote)
    assert told(remote.ledgers.one) == ()
    other = remote.ledgers.other.append(record())
    placed, renewed = remote.ledgers.one.append_renewing(record(), Renewal(held, leases.renewed(held, NOW)))
    assert told(remote.ledgers.other) == (other, placed)
    assert remote.leases.current(DEV) == renewed


def test_two_who_write_the_same_at_the_same_moment_write_two_records(tmp_path: Path) -> None:
    """Git makes one commit of both, and says of the second push that all is well."""
    clones = [GitCommand(clone) for clone in remote_with_clones(tmp_path)]
    behind = [GitLedger(clone) for clone in clones]
    assert [told(one) for one in behind] == [(), ()]
    with ThreadPoolExecutor(2) as threads:
        placed = list(threads.map(lambda one: one.append(record()), behind))
    assert sorted(one.sequence for one in placed) == [1, 2]
    assert len(told(behind[0])) == 2


def test_without_the_remote_nothing_is_read_and_nothing_written(ledgers: Two[Ledger]) -> None:
    ledgers.one.append(record())
    ledgers.unplug()
    with pytest.raises(RemoteUnreachable):
        ledgers.one.history()
    with pytest.raises(RemoteUnreachable):
        ledgers.other.append(record())


def test_records_are_files_that_people_can_browse(tmp_path: Path) -> None:
    clone = remote_with_clones(tmp_path, 1)[0]
    written = GitLedger(GitCommand(clone)).append(record(note="x"))
    remote = tmp_path / "remote.git"
    assert git(remote, "ls-tree", "-r", "--name-only", records.BRANCH) == "records/000/000001.json"
    body = json.loads(git(remote, "show", f"{records.BRANCH}:records/000/000001.json"))["body"]
    assert body == {"plan_digest": "0" * 64, "note": "x"}
    assert body == written.body
    assert git(remote, "log", "--format=%s", records.BRANCH) == f"applied shop/dev {'c' * 12} by ada"
    assert git(remote, "rev-list", "--count", records.BRANCH) == "1"


def test_a_second_thousand_of_records_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    clone = remote_with_clones(tmp_path, 1)[0]
    made.write(tmp_path / "remote.git", (record() for _ in range(999)))
    ledger = GitLedger(GitCommand(clone))
    assert [ledger.append(record()).sequence for _ in range(2)] == [1000, 1001]
    names = git(tmp_path / "remote.git", "ls-tree", "-r", "--name-only", records.BRANCH).splitlines()
    assert names[-3:] == ["records/000/000999.json", "records/001/001000.json", "records/001/001001.json"]


def test_a_commit_by_hand_on_the_ledger_branch_is_told(tmp_path: Path) -> None:
    clone = remote_with_clones(tmp_path, 1)[0]
    git(clone, "push", "--quiet", "origin", f"HEAD:{records.BRANCH}")
    with pytest.raises(LedgerBroken, match="not written by the ledger"):
        GitLedger(GitCommand(clone)).append(record())


def test_a_remote_that_forbids_the_write_is_told_and_not_taken_for_a_race(tmp_path: Path) -> None:
    clone = remote_with_clones(tmp_path, 1)[0]
    hook = tmp_path / "remote.git" / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'the branch is protected' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(RemoteUnreachable, match="Could not write"):
        GitLedger(GitCommand(clone)).append(record())
