"""One Pulumi command as a process: its events, its end, its failures. A shell script stands in for Pulumi."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from gitops.adapters.pulumi.process import Finished, PulumiProcess, failure
from gitops.adapters.system.interrupts import noted
from gitops.errors import EngineFailed, EngineKilled, FreeText, ToolMissing
from gitops.flow.redaction import Redactor

ROOT = Path(__file__).parents[3]
# The event log is the file descriptor that comes as the last argument but three: --event-log FD --non-interactive …
LOG = 'for last; do case "$previous" in --event-log) log=$last;; esac; previous=$last; done\n'


def scripted(tmp_path: Path, script: str, **environment: str) -> PulumiProcess:
    """A stand-in for Pulumi."""
    file = tmp_path / "pulumi"
    file.write_text(f"#!/bin/sh\n{LOG}{script}")
    file.chmod(0o755)
    return PulumiProcess(file, {"PATH": os.environ["PATH"], **environment})


def events_of(process: PulumiProcess, folder: Path) -> tuple[list[Mapping[str, Any]], Finished]:
    seen: list[Mapping[str, Any]] = []
    return seen, process.run_with_events(folder, ["preview"], seen.append)


def test_events_come_in_order_and_standard_error_with_the_end(tmp_path: Path) -> None:
    script = """printf '{"n": 1}\\n{"n": 2}\\n' > $log; echo out; echo problem >&2; exit 3"""
    seen, finished = events_of(scripted(tmp_path, script), tmp_path)
    assert [event["n"] for event in seen] == [1, 2]
    assert (finished.code, finished.errors, finished.interrupted) == (3, "problem\n", False)


def test_a_line_that_a_killed_pulumi_left_half_written_is_no_event(tmp_path: Path) -> None:
    seen, finished = events_of(scripted(tmp_path, """printf '{"n": 1}\\n{"n": ' > $log; kill -9 $$"""), tmp_path)
    assert [event["n"] for event in seen] == [1]
    assert finished.code == -signal.SIGKILL


def test_a_plugin_that_outlives_pulumi_is_not_waited_for_and_ended(tmp_path: Path) -> None:
    """Seen with the Python language host when Pulumi failed at once: it held the event log open for five minutes."""
    script = """printf '{"n": 1}\n' > $log; sleep 600 & echo $! > plugin; exit 255"""
    started = time.monotonic()
    seen, finished = events_of(scripted(tmp_path, script), tmp_path)
    assert [event["n"] for event in seen] == [1]
    assert finished.code == 255
    assert time.monotonic() - started < 60
    plugin = int((tmp_path / "plugin").read_text())
    deadline = time.monotonic() + 20
    while psutil.pid_exists(plugin) and psutil.Process(plugin).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_interrupt_is_passed_on_once_and_the_run_ends_in_good_order(tmp_path: Path) -> None:
    script = """trap 'printf "{\\"n\\": 2}\\n" > $log; exit 1' INT
printf '{"n": 1}\\n' > $log; touch ready; while :; do sleep 0.05; done"""
    process = scripted(tmp_path, script)

    def interrupt() -> None:
        while not (tmp_path / "ready").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    seen, finished = events_of(process, tmp_path)
    assert [event["n"] for event in seen] == [1, 2]
    assert finished.interrupted


def test_a_hangup_and_a_termination_are_interrupts_too(tmp_path: Path) -> None:
    """Alone: more than one in a row means "at once"."""
    for number in (signal.SIGHUP, signal.SIGTERM):
        script = f"trap 'exit 1' INT\nkill -{number.value} $PPID; while :; do sleep 0.05; done"
        _, finished = events_of(scripted(tmp_path, script), tmp_path)
        assert (finished.code, finished.interrupted) == (1, True)


STUBBORN = """trap '' INT
(trap '' INT; set -m; sleep 600 & echo $! > other_group; wait) &
printf '{"n": 1}\\n' > $log; touch ready; while :; do sleep 0.05; done"""


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def wait_for(moment: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not moment():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_second_interrupt_ends_all_of_it_at_once_and_is_raised(tmp_path: Path) -> None:
    """Also what has a process group of its own, as the language host's program has."""

    def interrupt() -> None:
        wait_for(lambda: (tmp_path / "ready").exists() and (tmp_path / "other_group").exists())
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        events_of(scripted(tmp_path, STUBBORN), tmp_path)
    assert gone(int((tmp_path / "other_group").read_text()))


def test_runs_in_other_threads_stop_at_an_interrupt_of_the_main_thread(tmp_path: Path) -> None:
    script = """trap 'exit 1' INT
touch ready.$$; while :; do sleep 0.05; done"""
    process = scripted(tmp_path, script)

    def interrupt() -> None:
        wait_for(lambda: len(list(tmp_path.glob("ready.*"))) == 2)
        os.kill(os.getpid(), signal.SIGINT)

    runs: list[Future[tuple[list[Mapping[str, Any]], Finished]]] = []

    def run_three_by_two() -> None:
        with noted(), ThreadPoolExecutor(2) as pool:
            runs.extend(pool.submit(events_of, process, tmp_path) for _ in range(3))
            # A signal that comes just before a wait without end begins is not seen until that wait is over.
            while wait(runs, timeout=0.1).not_done:
                pass

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        run_three_by_two()
    assert [one.result()[1].interrupted for one in runs[:2]] == [True, True]
    assert isinstance(runs[2].exception(), KeyboardInterrupt), "it had not been started yet, and must not be"


def test_a_run_that_has_to_stop_is_interrupted_and_told_why(tmp_path: Path) -> None:
    script = """trap 'printf "{\\"n\\": 2}\\n" > $log; exit 1' INT
printf '{"n": 1}\\n' > $log; touch ready; while :; do sleep 0.05; done"""
    seen: list[Mapping[str, Any]] = []
    process = scripted(tmp_path, script)
    reason = lambda: "the lease was lost" if (tmp_path / "ready").exists() else ""  # noqa: E731
    finished = process.run_with_events(tmp_path, ["up"], seen.append, reason)
    assert [event["n"] for event in seen] == [1, 2]
    assert (finished.code, finished.stopped, finished.interrupted) == (1, "the lease was lost", False)


def test_a_run_that_has_to_stop_and_does_not_is_ended_after_its_grace(tmp_path: Path) -> None:
    process = replace(scripted(tmp_path, STUBBORN), grace=0.5)
    reason = lambda: "the lease was lost" if (tmp_path / "other_group").exists() else ""  # noqa: E731
    finished = process.run_with_events(tmp_path, ["up"], lambda _event: None, reason)
    assert (finished.code, finished.stopped) == (-signal.SIGKILL, "the lease was lost")
    assert gone(int((tmp_path / "other_group").read_text()))


def test_a_short_command_is_finished_before_an_interrupt_is_raised(tmp_path: Path) -> None:
    process = scripted(tmp_path, "kill -INT $PPID; sleep 0.5; touch written")
    with pytest.raises(KeyboardInterrupt):
        process.run(tmp_path, ["stack", "import"])
    assert (tmp_path / "written").exists()


def test_an_ignored_hangup_stays_ignored(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        finished = scripted(tmp_path, "kill -HUP $PPID; sleep 0.3").run(tmp_path, ["version"])
    finally:
        signal.signal(signal.SIGHUP, before)
    assert finished.code == 0


@pytest.mark.parametrize("attempt", range(20))
def test_an_interrupt_while_pulumi_is_being_started_is_passed_on_too(tmp_path: Path, attempt: int) -> None:
    script = """trap 'exit 1' INT
kill -INT $PPID; while :; do sleep 0.05; done"""
    _, finished = events_of(scripted(tmp_path, script), tmp_path)
    assert (finished.code, finished.interrupted) == (1, True)


COUNTING = """exec python3 -c '
import pathlib, signal, time
def count(*_):
    with open("interrupts", "a") as file:
        file.write("interrupt\\n")
signal.signal(signal.SIGINT, count)
pathlib.Path("ready").touch()
end = time.monotonic() + 2
while time.monotonic() < end:
    time.sleep(0.01)
pathlib.Path("ended").touch()
'
"""
# The more threads, the more often Linux would signal the child of a dying parent.
KILLED = """
import os, sys, threading, time
from pathlib import Path
from gitops.adapters.pulumi.process import PulumiProcess
for _ in range(40):
    threading.Thread(target=time.sleep, args=(60,)).start()
PulumiProcess(Path(sys.argv[1]), dict(os.environ)).run_with_events(Path.cwd(), ["up"], print)
"""


def test_a_pulumi_whose_gitops_is_killed_is_interrupted_once(tmp_path: Path) -> None:
    stand_in = scripted(tmp_path, COUNTING).executable
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", KILLED, str(stand_in)], cwd=tmp_path, env=environment) as gitops:
        wait_for((tmp_path / "ready").exists)
        gitops.kill()
    wait_for((tmp_path / "ended").exists)
    assert (tmp_path / "interrupts").read_text() == "interrupt\n"


def test_its_temporary_files_are_gone_with_the_run(tmp_path: Path) -> None:
    events_of(scripted(tmp_path, 'echo "$TMPDIR" > where; touch "$TMPDIR/kubeconfig"'), tmp_path)
    assert not Path((tmp_path / "where").read_text().strip()).exists()


def test_a_missing_pulumi_is_told_with_the_command_that_installs_it(tmp_path: Path) -> None:
    process = PulumiProcess(tmp_path / "none", {})
    for run in (lambda: process.run(tmp_path, ["version"]), lambda: events_of(process, tmp_path)):
        with pytest.raises(ToolMissing) as caught:
            run()
        assert "gitops toolchain install" in caught.value.hint


def test_the_environment_never_shows_when_a_process_is_printed(tmp_path: Path) -> None:
    process = scripted(tmp_path, "", PULUMI_CONFIG_PASSPHRASE="canary")
    assert "canary" not in repr(process)


@pytest.mark.parametrize(
    ("errors", "hint"),
    [
        ("error: incorrect passphrase", "PULUMI_CONFIG_PASSPHRASE"),
        ("error: the stack is currently locked by 1 lock(s)", "gitops repair"),
        ("error: PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions", "PULUMI_BACKEND_URL"),
        ("error: ExpiredToken: the token is expired", "credentials"),
        ("error: something else", ""),
    ],
)
def test_a_failure_we_know_says_what_to_do(errors: str, hint: str) -> None:
    error = failure("preview stack dev", Finished(255, "", errors), Redactor())
    assert isinstance(error, EngineFailed)
    assert error.text.lines == (errors,)
    assert errors not in error.message
    assert (hint in error.hint) if hint else error.hint == ""


def test_the_values_of_a_deviation_are_left_out_in_the_lines_after_it_too() -> None:
    said = "error: resource urn:x violates plan: properties changed: ~~key[{-----BEGIN\nnever seen\n}!={before}]\n"
    error = failure("apply", Finished(255, "", said), Redactor())
    assert error.text.lines == ("error: resource urn:x violates plan",)


def test_nobody_is_told_to_break_a_lock_blindly() -> None:
    error = failure("apply", Finished(255, "", "error: the stack is currently locked by 1 lock(s)"), Redactor())
    assert "pulumi cancel" not in error.hint


@pytest.mark.parametrize(
    ("finished", "signal_"),
    [
        (Finished(-signal.SIGKILL, "", ""), "SIGKILL"),
        (Finished(128 + signal.SIGSEGV, "", ""), "SIGSEGV"),
        (Finished(-signal.SIGKILL, "", "", interrupted=True), "SIGKILL"),
        # Before Pulumi listens to signals, the one that we pass on ends it.
        (Finished(-signal.SIGINT, "", "", interrupted=True), ""),
        (Finished(130, "", "", interrupted=True), ""),
        (Finished(255, "", ""), ""),
        (Finished(128, "", ""), ""),
        (Finished(0, "", ""), ""),
    ],
)
def test_an_end_by_a_signal_that_is_not_ours_is_told_from_a_failure(finished: Finished, signal_: str) -> None:
    assert finished.killed_by == signal_


def test_a_pulumi_that_was_killed_says_by_what_and_what_settles_it(tmp_path: Path) -> None:
    for ended in ("kill -9 $$", "sh -c 'kill -9 $$'; exit $?"):
        with pytest.raises(EngineKilled) as caught:
            scripted(tmp_path, ended).must(tmp_path, ["stack", "import"], "write the state of stack dev")
        assert caught.value.message.startswith("Could not write the state of stack dev: Pulumi was ended by SIGKILL")
        assert "Run the same command again" in caught.value.hint
        assert "gitops repair" in caught.value.hint


def test_a_failure_without_words_names_the_exit_code() -> None:
    error = failure("preview stack dev", Finished(7, "", "warning: old\n"), Redactor())
    assert "ended with exit code 7" in error.message
    assert error.text == FreeText()
