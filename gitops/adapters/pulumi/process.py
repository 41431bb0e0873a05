"""One Pulumi command as a process of ours: its events on a pipe, its end tied to ours."""

import contextlib
import json
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import psutil

from gitops.adapters.pulumi import failures
from gitops.adapters.pulumi.backends import Backends
from gitops.adapters.pulumi.known_secrets import KnownSecrets
from gitops.adapters.system import scratch
from gitops.adapters.system.guard import guarded
from gitops.adapters.system.interrupts import Noted, noted
from gitops.errors import EngineFailed, EngineKilled, FailureKind, StepFailure, ToolMissing
from gitops.flow.leases.lease import GRACE
from gitops.flow.plans.backends import VARIABLE
from gitops.flow.redaction import Redactor

_LOOK_SECONDS = 0.2  # how often to look whether Pulumi has ended
_SIGNALS = frozenset(map(int, signal.Signals))
_SESSION_ROUNDS = 100  # what is killed may have started something in the meantime


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended. `errors` is what it wrote to its standard error, `stopped` why we made it stop."""

    code: int
    output: str
    errors: str
    interrupted: bool = False
    stopped: str = ""

    @property
    def killed_by(self) -> str:
        """The signal that ended it, also where a shell in between tells of it as 128 and its number; "" for none.

        An interrupt that we passed on before Pulumi was ready for it is none: nothing had begun.
        """
        number = -self.code if self.code < 0 else self.code - 128
        passed_on = self.interrupted and number == signal.SIGINT
        return "" if passed_on or number not in _SIGNALS else signal.Signals(number).name


@dataclass(frozen=True)
class PulumiProcess:
    """How to start the Pulumi CLI."""

    executable: Path
    """The CLI."""
    environment: Mapping[str, str] = field(repr=False)
    """All that its programs and plugins see."""
    grace: float = GRACE
    """Seconds that a run may take to stop in good order after its lease was lost."""
    backends: Backends = field(default=Backends(), repr=False)
    """Finds the state backend of each project."""
    secrets: KnownSecrets = field(default_factory=KnownSecrets, repr=False)
    """What its runs may print and nobody may read; shared with the copies that other backends get."""

    def backend(self, folder: Path) -> str:
        """The address of the project's state backend; "" where nothing names one. Raises EngineFailed."""
        return self.backends.address(folder, self.environment)

    def with_backend(self, url: str) -> "PulumiProcess":
        """The same on another state backend."""
        return replace(self, environment={**self.environment, VARIABLE: url}, backends=Backends())

    def with_temporary(self, folder: Path) -> "PulumiProcess":
        """The same with another folder for temporary files."""
        return replace(self, environment={**self.environment, "TMPDIR": str(folder)})

    def run(self, folder: Path, arguments: Sequence[str]) -> Finished:
        """Run a short command to its end without events; an interrupt waits for that end, a second one does not."""
        with noted() as interrupts:
            _stop_if(interrupts.count > 0)
            process = self._start(folder, arguments, ())
            while True:
                try:
                    output, errors = process.communicate(timeout=_LOOK_SECONDS)
                except subprocess.TimeoutExpired:
                    if interrupts.count > 1:
                        _end_session(process)
                else:
                    return Finished(process.returncode, output, errors)

    def must(self, folder: Path, arguments: Sequence[str], doing: str) -> str:
        """Run a command and return its output. Raises EngineFailed, saying what was being done."""
        finished = self.run(folder, arguments)
        if finished.code != 0:
            raise failure(doing, finished, self.redactor)
        return finished.output

    @property
    def redactor(self) -> Redactor:
        """Takes the secrets that are known by now out of what Pulumi writes."""
        return self.secrets.redactor(self.environment)

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

        An interrupt, also one that the main thread notes while this one runs, is passed on to Pulumi: it finishes the
        running operations and stops. A second one ends Pulumi and all that it started, and is raised. So does, without
        being raised, a Pulumi that has not stopped for `grace` seconds after `must_stop` gave its reason. If we are
        killed, it is interrupted once.
        """
        reading, writing = os.pipe()
        errors: list[str] = []
        with (
            os.fdopen(reading, "rb", buffering=0) as log,
            # The Kubernetes provider leaves copies of the kubeconfig, token included, among the temporary files.
            scratch.shared_folder("run") as (private, lock),
            (output or Path(os.devnull)).open("wb") as written,
            noted() as interrupts,
        ):
            own = self.with_temporary(private)
            try:
                _stop_if(interrupts.count > 0)
                process = own._start(
                    folder, [*arguments, "--event-log", f"/dev/fd/{writing}"], (writing, lock), written
                )
            finally:
                os.close(writing)
            watcher = threading.Thread(target=_drain, args=(process, errors), daemon=True)
            watcher.start()
            stopping = _Stopping(process, interrupts, must_stop, self.grace)
            with guarded(process.pid):
                for line in _Lines(log.fileno(), process, stopping.look):
                    on_event(json.loads(line))
            # What outlives Pulumi belongs to nobody any more.
            _end_session(process)
            watcher.join(timeout=5)
            _stop_if(interrupts.count > 1 or interrupts.count > stopping.passed_on)
            interrupts.acted_on = stopping.passed_on
        return Finished(process.returncode, "", "".join(errors), stopping.passed_on > 0, stopping.reason)

    def _start(
        self, folder: Path, arguments: Sequence[str], pipes: Sequence[int], output: IO[bytes] | None = None
    ) -> "subprocess.Popen[str]":
        try:
            return subprocess.Popen(
                [str(self.executable), *arguments, "--non-interactive", "--color", "never"],
                cwd=folder,
                # --event-log is a flag of the Automation API; the CLI only knows it with the first two variables. A
                # policy pack in Python tells its port in a line that is not flushed, and Pulumi waits for it for ever.
                env={
                    **self.backends.environment(folder, self.environment),
                    "PULUMI_DEBUG_COMMANDS": "true",
                    "PULUMI_AUTOMATION_API": "true",
                    "PYTHONUNBUFFERED": "1",
                },
                stdin=subprocess.DEVNULL,
                stdout=output or subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                pass_fds=pipes,
                # A group of its own: the terminal's Ctrl-C reaches us alone, and we pass it on once.
                start_new_session=True,
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


class _Stopping:
    """Makes a running Pulumi stop: in good order at first, and at once where it has to be."""

    def __init__(
        self, process: "subprocess.Popen[str]", interrupts: Noted, must_stop: Callable[[], str], grace: float
    ) -> None:
        self._process = process
        self._interrupts = interrupts
        self._must_stop = must_stop
        self._grace = grace
        self._asked_at = 0.0
        self.passed_on = 0
        self.reason = ""

    def look(self) -> None:
        """Called several times a second."""
        while self.passed_on < self._interrupts.count:
            self.passed_on += 1
            if self.passed_on > 1:
                _end_session(self._process)
            elif not self.reason:
                self._process.send_signal(signal.SIGINT)
        if not self.reason and (reason := self._must_stop()):
            self.reason, self._asked_at = reason, time.monotonic()
            # Pulumi takes a second one for "at once".
            if not self.passed_on:
                self._process.send_signal(signal.SIGINT)
        if self.reason and time.monotonic() - self._asked_at > self._grace:
            _end_session(self._process)


def _stop_if(interrupted: bool) -> None:
    if interrupted:
        raise KeyboardInterrupt


def failure(
    doing: str, finished: Finished, redactor: Redactor, failed: Sequence[StepFailure] = (), texts: Sequence[str] = ()
) -> EngineFailed:
    """The error of a failed command: what was being done, what failed, and what to do where that is known.

    `failed` and `texts` are what the events of the run told, if it had any. What Pulumi wrote goes to a terminal alone.
    """
    said = [line for line in finished.errors.splitlines() if line.strip() and not line.startswith("warning: ")]
    # As one text: a value that the engine quotes may go on in the next line.
    text = redactor.clean([*texts, "\n".join(said)])
    if finished.killed_by:
        return EngineKilled(
            f"Could not {doing}: Pulumi was ended by {finished.killed_by}, as where a machine runs out of memory.",
            failures=tuple(failed),
            text=text,
            hint="Run the same command again: before an apply, what this run left is settled and its lock on the state "
            "backend freed. `gitops repair` does that alone.",
        )
    known = tuple(failed) or (failures.of_text(" ".join(said)),)
    if known == (StepFailure(FailureKind.OTHER),):
        known = ()
        told = f"Pulumi ended with exit code {finished.code}" + ("" if said or texts else " and said nothing")
    else:
        told = known[0].sentence
    return EngineFailed(
        f"Could not {doing}: {told}.",
        failures=known,
        text=text,
        hint=failures.hint(known),
    )


def _drain(process: "subprocess.Popen[str]", into: list[str]) -> None:
    for line in _lines(process):
        into.append(line)


def _lines(process: "subprocess.Popen[str]") -> Iterator[str]:
    if process.stderr is not None:
        yield from process.stderr


def _end_session(process: "subprocess.Popen[str]") -> None:
    """Kill Pulumi and all that it started: the language host and its program have process groups of their own."""
    for _ in range(_SESSION_ROUNDS):
        members = [pid for pid in psutil.pids() if _session(pid) == process.pid and _runs(pid)]
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not members:
            break
        process.poll()
        time.sleep(0.01)
    process.wait()


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return -1


def _runs(pid: int) -> bool:
    """Whether it is more than an entry that its parent has not asked for yet."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
