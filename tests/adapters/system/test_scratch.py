"""Temporary folders, and who removes them."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitops.adapters.pulumi.process import PulumiProcess
from gitops.adapters.system import scratch

ROOT = Path(__file__).parents[3]
WORKS = """
import subprocess, sys
from gitops.adapters.system import scratch
with scratch.shared_folder("run") as (folder, lock):
    (folder / "kubeconfig").write_text("token")
    child = subprocess.Popen(["sleep", "600"], pass_fds=[lock] if "share" in sys.argv else [], start_new_session=True)
    print(folder, child.pid, flush=True)
    child.wait()
"""


@pytest.fixture(autouse=True)
def _own_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.fixture
def children() -> Iterator[list[int]]:
    started: list[int] = []
    yield started
    for pid in started:
        with_pid_gone(pid)


def with_pid_gone(pid: int) -> None:
    """Kill it, and wait until it has let go of what it held."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    time.sleep(0.1)


def killed(children: list[int], *arguments: str) -> tuple[Path, int]:
    """The folder of a process that was killed with -9, and a child of it that lives on."""
    process = subprocess.Popen([sys.executable, "-c", WORKS, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    folder, child = process.stdout.readline().split()
    children.append(int(child))
    assert scratch.sweep() == (), "its process is alive"
    process.kill()
    process.wait()
    process.stdout.close()
    return Path(folder), int(child)


def test_a_folder_is_private_and_gone_with_its_block() -> None:
    with scratch.folder("plan") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "plan.json").write_text("{}")
        assert scratch.sweep() == ()
    assert not folder.exists()


def test_what_a_killed_run_left_is_removed_by_the_next(children: list[int]) -> None:
    folder, _ = killed(children)
    assert (folder / "kubeconfig").exists()
    assert scratch.sweep() == (folder,)
    assert not folder.exists()


def test_what_a_child_of_a_killed_run_still_uses_stays_until_it_ends(children: list[int]) -> None:
    folder, child = killed(children, "share")
    assert scratch.sweep() == ()
    with_pid_gone(child)
    assert scratch.sweep() == (folder,)


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "gitops-scratch-run-half-made").mkdir()
    (tmp_path / "gitops-checkout-x").mkdir()
    (tmp_path / "gitops-scratch-run-link").symlink_to(tmp_path / "gitops-checkout-x")
    (tmp_path / "gitops-checkout-x" / ".lock").touch()
    assert scratch.sweep() == ()
    assert (tmp_path / "gitops-checkout-x").is_dir()


def test_pulumi_keeps_the_folder_that_it_works_in(tmp_path: Path) -> None:
    file = tmp_path / "pulumi"
    file.write_text('#!/bin/sh\nls -l /proc/$$/fd > descriptors; echo "$TMPDIR" > where\n')
    file.chmod(0o755)
    process = PulumiProcess(file, {"PATH": os.environ["PATH"]})
    process.run_with_events(tmp_path, ["preview"], lambda _event: None)
    where = (tmp_path / "where").read_text().strip()
    assert f"{where}/.lock" in (tmp_path / "descriptors").read_text()
    assert not Path(where).exists()
