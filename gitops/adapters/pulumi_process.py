"""One Pulumi command as a process of ours: its events on a pipe, its end tied to ours."""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from gitops.errors import EngineFailed, ToolMissing

_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LOOK_SECONDS = 0.2  # how often to look whether Pulumi has ended


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended. `errors` is what it wrote to its standard error, `stopped` why we made it stop."""

    code: int
    output: str
    errors: str
    interrupted: bool = False
    stopped: str = ""


@dataclass(frozen=True)
class PulumiProcess:
    """How to start the Pulumi CLI: the executable and the environment its programs and plugins see."""

    executable: Path
    environment: Mapping[str, str] = field(repr=False)

    def with_backend(self, url: str) -> "PulumiProcess":
        """The same on another state backend."""
        return replace(self, environment={**self.environment, "PULUMI_BACKEND_URL": url})

    def run(self, folder: Path, arguments: Sequence[str]) -> Finished:
        """Run a command to its end without events."""
        process = self._start(folder, arguments, ())
        output, errors = process.communicate()
        return Finished(process.returncode, output, errors)

    def must(self, folder: Path, arguments: Sequence[str], doing: str) -> str:
        """Run a command and return its output. Raises EngineFailed, saying what was being done."""
        finished = self.run(folder, arguments)
        if finished.code != 0:
            raise failure(doing, finished)
        return finished.output

    def run_with_events(
        self,
        folder: Path,
        arguments: Sequence[str],
        on_event: Callable[[Mapping[str, Any]], None],
        must_stop: Callable[[], str] = lambda: "",
        output: Path | None = None,
    ) -> Finished:
        """Run an update or preview; `on_event` gets each engine event as JSON, in order, while it runs.

        What it writes to its standard output goes to the file `output`, if there is one.

        `must_stop` is asked several times a second; as soon as it gives a reason, Pulumi is interrupted.

        KeyboardInterrupt (Ctrl-C, or SIGTERM as the command line maps it) is passed on as Pulumi's own: it finishes
        the running operations and stops. A second one ends the whole process group at once.
        """
        reading, writing = os.pipe()
        errors: list[str] = []
        with (
            os.fdopen(reading, "rb", buffering=0) as log,
            # The Kubernetes provider leaves copies of the kubeconfig, token included, among the temporary files.
            tempfile.TemporaryDirectory(prefix="gitops-run-") as private,
            _Interrupts() as interrupts,
            (output or Path(os.devnull)).open("wb") as written,
        ):
            own = replace(self, environment={**self.environment, "TMPDIR": private})
            try:
                process = own._start(folder, [*arguments, "--event-log", f"/dev/fd/{writing}"], (writing,), written)
            finally:
                os.close(writing)
            watcher = threading.Thread(target=_drain, args=(process, errors), daemon=True)
            watcher.start()
            stopped = ""

            def look() -> None:
                nonlocal stopped
                interrupts.pass_on(process)
                if not stopped and (stopped := must_stop()):
                    process.send_signal(signal.SIGINT)

            for line in _Lines(log.fileno(), process, look):
                on_event(json.loads(line))
            # What outlives Pulumi belongs to nobody any more.
            _end_group(process)
            watcher.join(timeout=5)
        return Finished(process.returncode, "", "".join(errors), interrupts.passed_on > 0, stopped)

    def _start(
        self, folder: Path, arguments: Sequence[str], pipes: Sequence[int], output: IO[bytes] | None = None
    ) -> "subprocess.Popen[str]":
        try:
            return subprocess.Popen(
                [str(self.executable), *arguments, "--non-interactive", "--color", "never"],
                cwd=folder,
                # --event-log is a flag of the Automation API; the CLI only knows it with this variable.
                env={**self.environment, "PULUMI_DEBUG_COMMANDS": "true", "PULUMI_AUTOMATION_API": "true"},
                stdin=subprocess.DEVNULL,
                stdout=output or subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                pass_fds=pipes,
                # A group of its own: the terminal's Ctrl-C reaches us alone, and we pass it on once.
                start_new_session=True,
                preexec_fn=_interrupt_with_parent,  # noqa: PLW1509 - one prctl call, nothing that could deadlock
            )
        except FileNotFoundError:
            raise ToolMissing(
                f"Pulumi is not at {self.executable}.", hint="Run `gitops toolchain install --for pipeline`."
            ) from None


class _Lines:
    """The whole lines that a process writes to a pipe, until it has ended.

    The end of the pipe is no sign: plugins inherit it, and one that outlives Pulumi holds it open. A last line
    without its end is left out; a killed Pulumi leaves one. `meanwhile` is called several times a second.
    """

    def __init__(self, pipe: int, process: "subprocess.Popen[str]", meanwhile: Callable[[], None]) -> None:
        self._pipe = pipe
        self._process = process
        self._meanwhile = meanwhile

    def __iter__(self) -> Iterator[bytes]:
        pending, closed = b"", False
        while True:
            self._meanwhile()
            # Asked before looking: what it wrote until its end is in the pipe by then.
            ended = self._process.poll() is not None
            if closed:
                time.sleep(0 if ended else _LOOK_SECONDS)
            elif select.select([self._pipe], [], [], 0 if ended else _LOOK_SECONDS)[0]:
                more = os.read(self._pipe, 1 << 16)
                closed = not more
                *lines, pending = (pending + more).split(b"\n")
                yield from lines
                continue
            if ended:
                return


class _Interrupts:
    """Ctrl-C and SIGTERM while a process runs: noted the moment they come, and passed on to it from a safe place.

    An exception in the middle of starting a process would lose the process. The first one is passed on, the second
    ends the whole group. One that comes too late for that is raised when the block ends. Only the main thread gets
    signals, so in others this does nothing.
    """

    def __init__(self) -> None:
        self._noted = 0
        self.passed_on = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "_Interrupts":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._noted > self.passed_on or self.passed_on > 1:
            raise KeyboardInterrupt

    def pass_on(self, process: "subprocess.Popen[str]") -> None:
        """Give the process what was noted since the last call."""
        while self.passed_on < self._noted:
            self.passed_on += 1
            if self.passed_on == 1:
                process.send_signal(signal.SIGINT)
            else:
                _end_group(process)

    def _note(self, _number: int, _frame: object) -> None:
        self._noted += 1


def failure(doing: str, finished: Finished, diagnostics: Sequence[str] = ()) -> EngineFailed:
    """The error of a failed command: what was being done, what Pulumi said, and what to do where we know it."""
    said = [line for line in finished.errors.splitlines() if line.strip() and not line.startswith("warning: ")]
    messages = tuple(diagnostics) or tuple(said)
    text = " ".join(said)
    hint = ""
    if "passphrase" in text:
        hint = "Set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE to this stack's passphrase."
    elif "currently locked" in text:
        hint = "Another Pulumi run holds the backend's lock. Wait for it; if it was killed, run `pulumi cancel`."
    elif "no Pulumi backend" in text or "PULUMI_ACCESS_TOKEN" in text:
        hint = "Set PULUMI_BACKEND_URL to the bucket or folder that holds the state."
    elif "ExpiredToken" in text or "InvalidClientTokenId" in text:
        hint = "The cloud credentials are expired or wrong: renew them and run the same command again."
    first = messages[0] if messages else f"it ended with exit code {finished.code} and said nothing"
    return EngineFailed(f"Could not {doing}: {first}", diagnostics=messages, hint=hint)


def _interrupt_with_parent() -> None:
    """In the child: have Linux send SIGINT when the parent dies, so that Pulumi stops in good order after a kill -9."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _drain(process: "subprocess.Popen[str]", into: list[str]) -> None:
    for line in _lines(process):
        into.append(line)


def _lines(process: "subprocess.Popen[str]") -> Iterator[str]:
    if process.stderr is not None:
        yield from process.stderr


def _end_group(process: "subprocess.Popen[str]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
