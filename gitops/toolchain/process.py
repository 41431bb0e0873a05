"""Long-running child processes that can be stopped, whose output is kept for the error message."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 10.0
_KEPT_BYTES = 1 << 20


class Stopped(Exception):
    """The work was stopped from outside; what is finished stays finished."""


@dataclass(frozen=True)
class Finished:
    """How a process ended, and what it wrote."""

    code: int
    output: str

    def tail(self, lines: int = 12) -> str:
        """The end of the output, indented for an error message."""
        return "\n".join(f"    {line}" for line in self.output.strip().splitlines()[-lines:])


@dataclass(frozen=True)
class Runner:
    """Starts processes for one installation; `stop` ends them all."""

    stop: threading.Event

    def run(
        self,
        command: Sequence[str | Path],
        *,
        folder: Path,
        environ: Mapping[str, str],
        keep_open: tuple[int, ...] = (),
    ) -> Finished:
        """Run to the end. Raises Stopped, and ends the whole process group, on `stop`.

        The process gets the descriptors `keep_open` too: a lock among them stays held if we are killed and it is not.
        """
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=keep_open,
            start_new_session=True,
        )
        # Kept in memory: on a full disk a log file would lose the very line that says so.
        output = bytearray()
        reader = threading.Thread(target=_read, args=(process, output), daemon=True)
        reader.start()
        try:
            while not self.stop.is_set():
                try:
                    code = process.wait(_POLL_SECONDS)
                except subprocess.TimeoutExpired:
                    continue
                reader.join(_PATIENCE_SECONDS)  # not for ever: something it started may still hold the pipe
                return Finished(code, output.decode(errors="replace"))
        finally:
            _end(process)
        raise Stopped


def _read(process: subprocess.Popen[bytes], output: bytearray) -> None:
    """Collect what a process writes; of very much, the end."""
    if process.stdout is None:
        return
    with process.stdout as pipe:
        while block := os.read(pipe.fileno(), 1 << 16):
            output += block
            del output[:-_KEPT_BYTES]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that still runs, with everything it started: asked first, then forced."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE_SECONDS)
    with contextlib.suppress(ProcessLookupError):  # what outlived its parent is still in the group
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
