"""One Pulumi command as a process: its events, its end, its failures. A shell script stands in for Pulumi."""

import json
import os
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from gitops.adapters.pulumi_process import Finished, PulumiProcess, failure
from gitops.errors import EngineFailed, ToolMissing

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


@pytest.mark.parametrize("attempt", range(20))
def test_an_interrupt_while_pulumi_is_being_started_is_passed_on_too(tmp_path: Path, attempt: int) -> None:
    script = """trap 'exit 1' INT
kill -INT $PPID; while :; do sleep 0.05; done"""
    _, finished = events_of(scripted(tmp_path, script), tmp_path)
    assert (finished.code, finished.interrupted) == (1, True)


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
        ("error: the stack is currently locked by 1 lock(s)", "pulumi cancel"),
        ("error: PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions", "PULUMI_BACKEND_URL"),
        ("error: ExpiredToken: the token is expired", "credentials"),
        ("error: something else", ""),
    ],
)
def test_a_failure_we_know_says_what_to_do(errors: str, hint: str) -> None:
    error = failure("preview stack dev", Finished(255, "", errors))
    assert isinstance(error, EngineFailed)
    assert error.message == f"Could not preview stack dev: {errors}"
    assert (hint in error.hint) if hint else error.hint == ""


def test_a_failure_without_words_names_the_exit_code() -> None:
    error = failure("preview stack dev", Finished(7, "", "warning: old\n"))
    assert "ended with exit code 7" in error.message
    assert json.dumps(error.diagnostics) == "[]"
