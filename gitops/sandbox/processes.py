"""Starting processes that outlive the command, and ending exactly those again.

Every process carries `MARK` in its environment. The record in sandbox.json is quicker to read, but a
crash can come between a start and its record; the mark is there from the first instruction.
"""

import os
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from gitops.errors import Failed
from gitops.sandbox.folder import Running

MARK = "GITOPS_SANDBOX_PROCESS_OF"
# Below the range from which Linux (32768) and macOS (49152) take the ports of outgoing connections, so
# that no client of ours or of others lands on a port between its choice and its use.
_PORTS = range(20_000, 32_000)


@dataclass(frozen=True, slots=True)
class Launch:
    """A process to start: its command, its log, and what its environment holds beyond ours."""

    command: Sequence[str]
    log: Path
    variables: Mapping[str, str]


def start(launch: Launch, folder: Path) -> Running:
    """Start in a session of its own, so that Ctrl-C in the terminal does not reach it. Raises Failed."""
    environment = {**os.environ, **launch.variables, MARK: str(folder)}
    if launch.log.exists():
        # Why a process died is in its own log, and stays there when it is started again.
        launch.log.replace(launch.log.with_suffix(".previous.log"))
    with launch.log.open("wb") as log:
        try:
            process = subprocess.Popen(
                list(launch.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise Failed(f"{launch.command[0]} cannot be started: {error.strerror}.") from error
    # Ours to reap only while this command runs; psutil waits for it in `alive`.
    process.returncode = 0
    return Running(process.pid, psutil.Process(process.pid).create_time())


def process_of(running: Running | None) -> psutil.Process | None:
    """The live process that was recorded, or None when it ended or its id belongs to another by now."""
    if running is None:
        return None
    try:
        process = psutil.Process(running.pid)
        if abs(process.create_time() - running.started) > 1.0:
            return None
    except psutil.Error:
        return None
    return process if _lives(process) else None


def marked(folder: Path) -> list[psutil.Process]:
    """Every live process that was started for the folder, recorded or not, with what it started itself."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == str(folder):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def stop(processes: Iterable[psutil.Process]) -> None:
    """Kill the processes and their children. Raises Failed when one survives that.

    They are not asked first: nothing in a sandbox needs a farewell, and an API server takes its time.
    """
    doomed: set[psutil.Process] = set()
    for process in processes:
        doomed.add(process)
        with suppress(psutil.Error):
            doomed.update(process.children(recursive=True))
    for process in doomed:
        with suppress(psutil.Error):
            process.kill()
    deadline = time.monotonic() + 10.0
    while alive := [process for process in doomed if _lives(process)]:
        if time.monotonic() < deadline:
            time.sleep(0.005)
            continue
        names = ", ".join(str(process.pid) for process in alive)
        raise Failed(f"These processes do not end, even when killed: {names}.", hint="See why with `ps -fp <id>`.")


def _lives(process: psutil.Process) -> bool:
    """Whether it still runs; one that waits to be reaped (by us, or by an init that never does) does not."""
    with suppress(psutil.Error):
        process.wait(0)
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def free_ports(count: int, taken: Iterable[int] = ()) -> list[int]:
    """Distinct ports on which nobody listens now; somebody else may still be faster, so starts are retried."""
    taken, found = set(taken), list[int]()
    offset = int.from_bytes(os.urandom(4)) % len(_PORTS)
    for step in range(len(_PORTS)):
        if len(found) == count:
            return found
        port = _PORTS[(offset + step) % len(_PORTS)]
        if port not in taken and _is_free(port):
            found.append(port)
    raise Failed(f"No {count} free ports between {_PORTS.start} and {_PORTS.stop}.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def tail(log: Path, lines: int = 6) -> str:
    """The last lines of a log, for an error message."""
    try:
        text = log.read_bytes()[-8192:].decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def lost_a_port(log: Path) -> bool:
    """Whether a process died because somebody else had taken its port meanwhile."""
    return "address already in use" in tail(log, 40).lower()


def memory(process: psutil.Process) -> int:
    """Resident bytes; 0 when the process ended meanwhile."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
