"""Interrupted, terminated, killed: whatever ends `up`, nothing stays, at the latest after `down`."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gitops.sandbox import lifecycle, processes, status
from gitops.sandbox.folder import Folder, Part
from gitops.toolchain.tools import find
from tests.sandbox.observing import nothing_left
from tests.support.sandbox import REPOSITORY, running_sandbox, small_repository

pytestmark = pytest.mark.engine

UP = """
import sys
from pathlib import Path
from gitops.sandbox import lifecycle
from gitops.sandbox.folder import Folder
from gitops.toolchain.tools import find
lifecycle.up(Folder(Path(sys.argv[1])), Path(sys.argv[2]), find(["sandbox"]), lambda line: print(line, flush=True))
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small repository to make sandboxes from."""
    return small_repository(tmp_path_factory.mktemp("source") / "small")


def begin_up(folder: Folder, source: Path) -> "subprocess.Popen[bytes]":
    """`up` in a process of its own, that has started at least one part."""
    up = subprocess.Popen(
        [sys.executable, "-c", UP, str(folder.root), str(source)],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 30
    while not (folder.exists() and folder.read().running):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return up


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda s: s.name)
def test_an_interrupted_up_cleans_up_after_itself(small: Path, tmp_path: Path, number: signal.Signals) -> None:
    folder = Folder(tmp_path / "one")
    up = begin_up(folder, small)
    time.sleep(0.5)
    os.killpg(up.pid, number)
    assert up.wait(timeout=30) != 0
    nothing_left(folder)


@pytest.mark.parametrize("after", [0.0, 0.3, 1.5], ids="killed after {}s".format)
def test_down_ends_what_a_killed_up_left(small: Path, tmp_path: Path, after: float) -> None:
    folder = Folder(tmp_path / "one")
    up = begin_up(folder, small)
    time.sleep(after)
    up.kill()
    up.wait()
    assert processes.marked(folder.root)
    assert lifecycle.down(folder).removed
    nothing_left(folder)


def test_up_after_a_killed_up_begins_anew(small: Path, tmp_path: Path) -> None:
    folder = Folder(tmp_path / "one")
    up = begin_up(folder, small)
    up.kill()
    up.wait()
    try:
        said: list[str] = []
        outcome = lifecycle.up(folder, small, find(["sandbox"]), said.append)
        assert outcome.fresh
        assert "never complete" in said[0]
        assert status.look(folder).ready
        assert len(processes.marked(folder.root)) == len(Part)
    finally:
        lifecycle.down(folder)


def test_down_finds_the_processes_of_a_folder_that_was_deleted(small: Path, tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "one", small) as made:
        shutil.rmtree(made.folder.root)
        ended = lifecycle.down(made.folder)
        assert (ended.processes >= len(Part), ended.removed) == (True, False)
        nothing_left(made.folder)


def test_down_works_on_a_record_that_cannot_be_read(small: Path, tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "one", small) as made:
        made.folder.record_file.write_text("{")
        assert lifecycle.down(made.folder).removed
        nothing_left(made.folder)


def test_down_where_nothing_is_does_nothing(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    assert lifecycle.down(Folder(tmp_path)) == lifecycle.Ended(0, removed=False)
    assert lifecycle.down(Folder(tmp_path / "none")) == lifecycle.Ended(0, removed=False)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
