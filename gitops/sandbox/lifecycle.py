"""Up, status, down: what a sandbox's folder should be, made so.

`up` is a loop towards "everything runs and is ready": it starts what is missing, so a second call repairs
what died. What it began from nothing it also removes again when it does not get there.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from gitops.config import settings
from gitops.errors import Failed
from gitops.sandbox import backend, cloud, cluster, environment, processes, remote
from gitops.sandbox.folder import Folder, Part, Record
from gitops.toolchain.tools import Tools

PATIENCE = 60.0  # seconds until everything must be ready; 5 are usual
_ATTEMPTS = 4  # how often another process may snatch a port
_GROUPS = ((cluster.PARTS, cluster.PORTS), ((Part.CLOUD,), cloud.PORTS))

Tell = Callable[[str], None]


class _PortLost(Exception):
    def __init__(self, part: Part) -> None:
        super().__init__(part)
        self.part = part


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `up` did: `started` is empty when everything ran already; `fresh` when the sandbox is new."""

    folder: Folder
    record: Record
    started: tuple[Part, ...]
    fresh: bool
    seconds: float
    uncommitted: bool = False


def up(folder: Folder, here: Path, tools: Tools, tell: Tell) -> Outcome:
    """Bring the sandbox up, or up again. Raises Failed with the end of a log; then nothing that is new stays."""
    begun = time.monotonic()
    with folder.locked(), _terminable():
        fresh = not (folder.exists() and folder.read().complete)
        if fresh:
            if folder.exists():
                tell("Removing a sandbox that was never complete.")
            _erase(folder)
            folder.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        source = remote.repository_around(here) if fresh else None
        branches = _branches(source) if source else ()
        folder.create()
        before = set(folder.read().running.values())
        try:
            started = _make_it_so(folder, source, branches, tools, tell)
        except BaseException:
            if fresh:
                _erase(folder)
            else:
                new = [r for r in folder.read().running.values() if r not in before]
                processes.stop(p for r in new if (p := processes.process_of(r)))
            raise
        record = replace(folder.read(), complete=True, source=str(source) if source else folder.read().source)
        folder.write(record)
    uncommitted = source is not None and remote.left_out(source)
    return Outcome(folder, record, started, fresh, time.monotonic() - begun, uncommitted)


def _branches(source: Path) -> tuple[str, ...]:
    parsed = settings.parse(remote.read(source, settings.FILE))
    return tuple(environment.branch for environment in parsed.environments)


def _make_it_so(
    folder: Folder, source: Path | None, branches: Sequence[str], tools: Tools, tell: Tell
) -> tuple[Part, ...]:
    """Repository and stacks are made while the processes start: each alone would take half of the time."""
    with ThreadPoolExecutor(1) as pool:
        files: Future[None] | None = None
        try:
            if source:
                files = pool.submit(_make_files, folder, source, branches, tools)
            started = _start_processes(folder, tools, tell)
            if files:
                tell("Waiting for the stacks in the state backend.")
                files.result()
        except BaseException:
            if files:
                # Whatever the other thread has started would be waited for; all of it goes anyway.
                processes.stop(processes.marked(folder.root))
            raise
    return started


def _make_files(folder: Folder, source: Path, branches: Sequence[str], tools: Tools) -> None:
    backend.prepare(folder)
    remote.create(folder, source, branches)
    project = backend.project_at(folder.checkout)
    if project:
        variables = {
            **tools.environment(),
            **environment.backend_variables(folder),
            processes.MARK: str(folder.root),
        }
        backend.create_stacks(project, folder, backend.Pulumi(tools.path("pulumi"), variables))
        remote.publish_configuration(folder)


def _start_processes(folder: Folder, tools: Tools, tell: Tell) -> tuple[Part, ...]:
    """Start what does not run, until all is ready."""
    started: dict[Part, None] = {}
    for _ in range(_ATTEMPTS):
        _choose_ports(folder)
        dead = [part for part in Part if not processes.process_of(folder.read().running.get(part))]
        if any(part in cluster.PARTS for part in dead):
            cluster.prepare(folder, folder.read().ports[Part.API_SERVER])
        if dead:
            tell(f"Starting {', '.join(dead)}.")
        _launch(folder, dead, tools)
        started |= dict.fromkeys(dead)
        try:
            _await_ready(folder)
        except _PortLost as lost:
            tell(f"Another process took the port of {lost.part} first; trying another one.")
            _give_up_ports(folder, lost.part)
        else:
            return tuple(started)
    raise Failed(f"Other processes took the sandbox's ports {_ATTEMPTS} times.", hint="Try again.")


def _choose_ports(folder: Folder) -> None:
    record = folder.read()
    missing = [name for _, names in _GROUPS for name in names if name not in record.ports]
    ports = processes.free_ports(len(missing), record.ports.values())
    folder.write(replace(record, ports={**record.ports, **dict(zip(missing, ports, strict=True))}))


def _give_up_ports(folder: Folder, part: Part) -> None:
    """End the group that the part belongs to, and let it choose ports anew."""
    record = folder.read()
    parts, ports = next(group for group in _GROUPS if part in group[0])
    processes.stop(p for one in parts if (p := processes.process_of(record.running.get(one))))
    folder.write(replace(record, ports={name: port for name, port in record.ports.items() if name not in ports}))


def _launch(folder: Folder, parts: Sequence[Part], tools: Tools) -> None:
    ports = folder.read().ports
    launches = {
        **cluster.launches(folder, ports, tools),
        Part.CLOUD: cloud.launch(folder, ports[Part.CLOUD], tools),
    }
    for part in parts:
        running = processes.start(launches[part], folder.root)
        record = folder.read()
        folder.write(replace(record, running={**record.running, part: running}))


def _await_ready(folder: Folder) -> None:
    deadline = time.monotonic() + PATIENCE
    record = folder.read()

    def check() -> None:
        for part in Part:
            if not processes.process_of(record.running.get(part)):
                if processes.lost_a_port(folder.log(part)):
                    raise _PortLost(part)
                # The log is about to go with the folder, so its end is shown here.
                raise Failed(
                    f"{part} ended while the sandbox started. Its last words:\n{processes.tail(folder.log(part))}"
                )

    client = cluster.Client(folder)
    cluster.await_ready(client, deadline, check)
    while not cloud.serves(record.ports[Part.CLOUD]):
        check()
        if time.monotonic() > deadline:
            raise Failed(f"{Part.CLOUD} does not answer. Its last words:\n{processes.tail(folder.log(Part.CLOUD))}")
        time.sleep(0.05)
    check()


@dataclass(frozen=True, slots=True)
class Ended:
    """What `down` did."""

    processes: int
    removed: bool


def down(folder: Folder, keep: bool = False) -> Ended:
    """End every process of the sandbox and remove its folder (with `keep`, only end the processes)."""
    if not folder.root.exists():
        return Ended(_end_processes(folder), removed=False)
    with folder.locked():
        if not folder.exists():
            return Ended(_end_processes(folder), removed=False)
        count = _end_processes(folder)
        if not keep:
            folder.remove()
    return Ended(count, removed=not keep)


def _end_processes(folder: Folder) -> int:
    """By record and by mark; again until there are none, because a killed parent may just have started one more."""
    count = 0
    with suppress(Failed):  # a record that cannot be read names no process, the mark still does
        found = [p for r in folder.read().running.values() if (p := processes.process_of(r))]
        processes.stop(found)
        count += len(found)
    while found := processes.marked(folder.root):
        processes.stop(found)
        count += len(found)
    return count


def _erase(folder: Folder) -> None:
    _end_processes(folder)
    if folder.exists():
        folder.remove()


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP clean up as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
