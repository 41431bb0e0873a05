"""Processes: ours are all found and ended, nobody else's is touched."""

import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from gitops.errors import Failed
from gitops.sandbox import processes
from gitops.sandbox.processes import Launch

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
PARENT = [
    sys.executable,
    "-c",
    "import os, subprocess, sys, time; print('child', subprocess.Popen([sys.executable, '-c', 'import time;"
    " time.sleep(600)'], env={}, start_new_session=True).pid, flush=True); time.sleep(600)",
]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    processes.stop(processes.marked(tmp_path))


def test_a_process_outlives_the_terminal_and_writes_to_its_log(folder: Path) -> None:
    log = folder / "p.log"
    running = processes.start(Launch([sys.executable, "-uc", "print('hello')\n" + SLEEP[2]], log, {}), folder)
    process = processes.process_of(running)
    assert process is not None
    assert process.cwd() == str(folder)
    deadline = time.monotonic() + 10
    while processes.tail(log) != "hello":
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_recorded_id_that_belongs_to_another_process_by_now_is_not_ours(folder: Path) -> None:
    running = processes.start(Launch(SLEEP, folder / "p.log", {}), folder)
    assert processes.process_of(replace(running, started=running.started - 60)) is None
    assert processes.process_of(running) is not None


def test_a_process_that_ended_is_gone_even_while_nobody_has_waited_for_it(folder: Path) -> None:
    running = processes.start(Launch([sys.executable, "-c", ""], folder / "p.log", {}), folder)
    deadline = time.monotonic() + 10
    while processes.process_of(running):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_unrecorded_process_is_found_by_its_mark_and_other_folders_are_not(folder: Path) -> None:
    (folder / "other").mkdir()
    ours = processes.start(Launch(SLEEP, folder / "p.log", {}), folder)
    theirs = processes.start(Launch(SLEEP, folder / "q.log", {}), folder / "other")
    assert [p.pid for p in processes.marked(folder)] == [ours.pid]
    processes.stop(processes.marked(folder))
    assert processes.process_of(theirs) is not None
    processes.stop(processes.marked(folder / "other"))


def test_children_end_too_even_in_sessions_and_environments_of_their_own(folder: Path) -> None:
    log = folder / "p.log"
    processes.start(Launch(PARENT, log, {}), folder)
    deadline = time.monotonic() + 10
    while not processes.tail(log).startswith("child"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child = int(processes.tail(log).split()[1])
    processes.stop(processes.marked(folder))
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_a_program_that_is_not_there_is_a_clear_error(folder: Path) -> None:
    with pytest.raises(Failed, match="/no/such/etcd cannot be started: No such file"):
        processes.start(Launch(["/no/such/etcd"], folder / "p.log", {}), folder)


def test_the_log_of_a_process_that_died_is_kept_when_it_is_started_again(folder: Path) -> None:
    log = folder / "p.log"
    log.write_text("why it died\n")
    processes.start(Launch(SLEEP, log, {}), folder)
    assert (folder / "p.previous.log").read_text() == "why it died\n"


def test_free_ports_are_distinct_and_nobody_listens_on_them() -> None:
    ports = processes.free_ports(50)
    assert len(set(ports)) == 50
    for port in ports[:5]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))


def test_no_port_is_asked_for_and_none_is_given() -> None:
    assert processes.free_ports(0) == []


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("listen tcp 127.0.0.1:2379: bind: address already in use\n", True),
        ("Address already in use\nPort 5000 is in use by another program.\n", True),
        ("panic: runtime error\n", False),
        ("", False),
    ],
)
def test_a_lost_port_is_told_from_other_deaths(tmp_path: Path, text: str, lost: bool) -> None:
    log = tmp_path / "p.log"
    log.write_text(text)
    assert processes.lost_a_port(log) is lost


def test_the_tail_of_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert processes.tail(tmp_path / "none.log") == ""
