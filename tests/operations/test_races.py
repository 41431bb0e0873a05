"""Many at once: one gets the lease, and no record is lost. Real processes, real Git."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from gitops.adapters.git.command import GitCommand
from gitops.adapters.git.leases import GitLeases
from gitops.adapters.git.ledger import GitLedger
from gitops.model import Query
from tests.contracts.remotes import remote_with_clones

ROOT = Path(__file__).parents[2]
WRITERS = 20

LEASE = """
import os, sys
from datetime import UTC, datetime
from gitops.adapters.git.command import GitCommand
from gitops.adapters.git.leases import GitLeases
from gitops.flow.leases import lease
from gitops.model import Holder, Stack
from gitops.ports import LeaseMoved

stack, store = Stack("shop", "dev"), GitLeases(GitCommand(sys.argv[1]))
holder = Holder("ada", "laptop", os.getpid(), "up", sys.argv[2])
sys.stdin.readline()
try:
    store.swap(stack, None, lease.granted(stack, holder, datetime.now(UTC), 60))
    print("got it")
except LeaseMoved:
    print("lost")
"""
RECORD = """
import sys
from datetime import UTC, datetime
from gitops.adapters.git.command import GitCommand
from gitops.adapters.git.ledger import GitLedger
from gitops.flow.ledger import chain as record
from gitops.model import Stack
from gitops.model.record_bodies import Destroyed

ledger = GitLedger(GitCommand(sys.argv[1]))
author, body = record.Author("ada", "dev"), Destroyed(why=sys.argv[2])
made = record.ledger_record(author, Stack("shop", "dev"), "c" * 40, datetime.now(UTC), body)
sys.stdin.readline()
print(ledger.append(made).sequence)
"""
# Every fourth holds a stack of its own, and renews that lease with the record.
HOLDING = RECORD.replace(
    "print(ledger.append(made).sequence)",
    """
from gitops.adapters.git.leases import GitLeases
from gitops.flow.leases import lease
from gitops.model import Holder
from gitops.ports import Renewal

number, store = int(sys.argv[2]), GitLeases(GitCommand(sys.argv[1]))
if number % 4:
    print(ledger.append(made).sequence)
else:
    stack = Stack("shop", f"stack-{number}")
    granted = lease.granted(stack, Holder("ada", "laptop", number, "up", str(number)), datetime.now(UTC), 60)
    held = store.swap(stack, None, granted)
    placed, renewed = ledger.append_renewing(made, Renewal(held, lease.renewed(held, datetime.now(UTC))))
    assert store.current(stack) == renewed
    print(placed.sequence)
""",
)


def at_once(program: str, clones: list[Path]) -> list[str]:
    """What each of many processes printed, all let go at the same moment."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(clones[number % len(clones)]), str(number)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(WRITERS)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    ended = [(process, *process.communicate(timeout=240)) for process in started]
    assert [(process.returncode, errors[-600:]) for process, _, errors in ended] == [(0, "")] * WRITERS
    return [output.strip() for _, output, _ in ended]


@pytest.mark.parametrize("clones", [1, 2], ids=["one shared clone", "two clones"])
def test_of_twenty_that_ask_for_a_lease_exactly_one_gets_it(tmp_path: Path, clones: int) -> None:
    folders = remote_with_clones(tmp_path, clones)
    told = at_once(LEASE, folders)
    assert Counter(told) == {"got it": 1, "lost": WRITERS - 1}
    (standing,) = GitLeases(GitCommand(folders[0])).all()
    assert standing.holder.run == str(told.index("got it"))


@pytest.mark.parametrize("program", [RECORD, HOLDING], ids=["records", "some with leases"])
@pytest.mark.parametrize("clones", [1, 2], ids=["one shared clone", "two clones"])
def test_of_twenty_that_write_to_the_ledger_none_is_lost(tmp_path: Path, clones: int, program: str) -> None:
    folders = remote_with_clones(tmp_path, clones)
    sequences = [int(told) for told in at_once(program, folders)]
    assert sorted(sequences) == list(range(1, WRITERS + 1))
    history = GitLedger(GitCommand(folders[0])).history()
    assert {record.body["why"]: record.sequence for record in history.select(Query())} == {
        str(number): sequence for number, sequence in enumerate(sequences)
    }
