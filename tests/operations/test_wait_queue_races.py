"""Many who wait for one stack: real processes, real Git, real time."""

import subprocess
import sys
from pathlib import Path

from gitops.adapters.git.command import GitCommand
from gitops.adapters.git.leases import GitLeases
from gitops.model import Stack
from tests.contracts.remotes import remote_with_clones
from tests.support import git

ROOT = Path(__file__).parents[2]
WAITERS = 6

WAIT = """
import os, sys, time
from pathlib import Path
from gitops.operations.leasing.holding import hold
from gitops.context import Context
from gitops.model import Stack

clone, commit, log = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
context = Context(clone, os.environ, "up")
with hold(context, Stack("shop", "dev"), commit, 9, 120, lambda text: print(text, file=sys.stderr, flush=True)) as held:
    busy = os.open(log.with_name("busy"), os.O_CREAT | os.O_EXCL)
    if commit == sys.argv[4]:
        sys.stdin.readline()
    assert held.lost() == ""
    with log.open("a") as file:
        file.write(commit + chr(10))
    os.close(busy)
    os.unlink(log.with_name("busy"))
"""


def test_they_take_turns_in_the_order_of_the_branch_whenever_they_came(tmp_path: Path) -> None:
    clones = remote_with_clones(tmp_path, 2)
    commits = [git.commit(clones[0], {"file": str(number)}) for number in range(WAITERS)]
    git.git(clones[0], "push", "--quiet", "origin", "HEAD:main")
    git.git(clones[1], "fetch", "--quiet", "origin", "main")
    log = tmp_path / "log"
    # The newest commit is first to come and holds the stack; the others come in any order and wait behind it.
    first = commits[-1]
    holder = start(clones[0], first, log, first)
    while not (tmp_path / "busy").exists():
        assert holder.poll() is None
    waiting = [start(clones[number % 2], commits[number], log, first) for number in (3, 0, 4, 1, 2)]
    store = GitLeases(GitCommand(clones[0]))
    stack = Stack("shop", "dev")
    while len(store.line(stack).tickets) < len(waiting):
        assert all(process.poll() is None for process in waiting)
    assert [one.commit for one in store.line(stack).tickets] == commits[:-1]
    assert holder.stdin is not None
    holder.stdin.write("go\n")
    holder.stdin.flush()
    for process in (holder, *waiting):
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert log.read_text().split() == [first, *commits[:-1]]
    assert store.all() == ()
    assert store.tickets() == ()


def start(clone: Path, commit: str, log: Path, first: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", WAIT, str(clone), commit, str(log), first],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
