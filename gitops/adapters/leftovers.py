"""What a killed run leaves on the machine and in the backend: processes that go on working, and a lock."""

import json
import os
import re
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psutil

from gitops.adapters.pulumi_process import Finished, PulumiProcess, failure
from gitops.errors import EngineFailed, Waiting

# Every child of ours carries these: which run it belongs to, and the process id of the `gitops` that started it.
RUN_VARIABLE = "GITOPS_RUN"
PROCESS_VARIABLE = "GITOPS_PROCESS"

_PATIENCE = 60.0  # seconds for an interrupted Pulumi to finish the operations that are running
_CONNECTIONS = 1.0  # seconds for a cloud to finish a request whose sender is dead
_BUCKETS = frozenset({"file", "s3", "gs", "azblob", "postgres"})
# `pulumi` names a lock's owner in the error's text and nowhere else (pkg/backend/diy/lock.go, checkForLock).
_LOCK = re.compile(r"created by (?P<user>\S+)@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<at>\S+)")


@dataclass(frozen=True, slots=True)
class LockOwner:
    """Who holds the backend's own lock on a stack."""

    user: str
    host: str
    pid: int
    at: datetime


def clear_leftovers(process: PulumiProcess, folder: Path, stack: str, previous_run: str) -> tuple[str, ...]:
    """End what a killed run left on this machine and free the backend's lock it held; a sentence for each thing done.

    Call it under the stack's lease. `previous_run` is that run's id, "" where no apply was cut short. Raises Waiting
    when somebody who may be alive holds the lock, EngineFailed when a process does not end.
    """
    ended = _end_processes(previous_run)
    mended = mend_side_files(process.environment.get("PULUMI_BACKEND_URL", ""), stack)
    return (*ended, *mended, *_free_lock(process, folder, stack, previous_run))


def _end_processes(run: str, patience: float = _PATIENCE) -> tuple[str, ...]:
    found = orphans(run) if run else []
    if not found:
        return ()
    # A Pulumi whose parent died finishes its running operations and stops: what it records needs no repair. Linux has
    # interrupted it already (see `pulumi_process`), and a second interrupt would make it drop everything.
    engines = [one for one in found if _name(one) == "pulumi"]
    if sys.platform != "linux":
        for engine in engines:
            with suppress(psutil.Error):
                engine.send_signal(signal.SIGINT)
    _, stuck = psutil.wait_procs(engines, timeout=patience)
    told = []
    if engines and not stuck:
        told.append(f"waited until the Pulumi process that run {run} had left on this machine had finished")
    remaining = orphans(run)
    names = sorted({_name(one) for one in remaining} - {""})
    for one in remaining:
        with suppress(psutil.Error):
            one.kill()
    _, alive = psutil.wait_procs(remaining, timeout=10)
    if alive:
        raise EngineFailed(
            f"Processes of the killed run {run} do not end: {', '.join(str(one.pid) for one in alive)}.",
            hint="See why with `ps -fp <id>`, end them, and run the same command again.",
        )
    if remaining:
        told.append(f"ended {len(remaining)} processes that run {run} had left on this machine: {', '.join(names)}")
        time.sleep(_CONNECTIONS)
    return tuple(told)


def orphans(run: str) -> list[psutil.Process]:
    """The processes of a run on this machine whose `gitops` is dead.

    A run id alone is not enough: jobs of one workflow share it, and other jobs may be working on other stacks.
    """
    found = []
    for one in psutil.process_iter():
        try:
            environment = one.environ()
            if environment.get(RUN_VARIABLE) != run or one.pid == os.getpid():
                continue
            parent = environment.get(PROCESS_VARIABLE, "")
            if parent.isdecimal() and not _is_older(int(parent), one.create_time()):
                found.append(one)
        except (psutil.Error, OSError):
            continue
    return found


def _is_older(pid: int, moment: float) -> bool:
    """Whether a process with that id lives, and lived then; a younger one has only been given the id again."""
    try:
        process = psutil.Process(pid)
        return bool(process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= moment)
    except psutil.Error:
        return False


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.Error:
        return ""


def mend_side_files(backend: str, stack: str) -> tuple[str, ...]:
    """Remove what a kill in the middle of a write leaves in a folder backend: an empty file of attributes.

    The library beneath (gocloud.dev/blob/fileblob) writes `dev.json.attrs` in place and then renames the checkpoint
    itself, so the checkpoint is whole, the one before or the new one, but cannot be loaded ("EOF"). Without the side
    file it can. Buckets write at once and have none.
    """
    address = urlsplit(backend)
    if address.scheme != "file":
        return ()
    home = Path(unquote(address.netloc + address.path)).expanduser() / ".pulumi"
    found = [*home.glob(f"stacks/*/{stack}.json*.attrs"), *home.glob(f"locks/*/*/{stack}/*.attrs")]
    broken = [file for file in found if not _is_json(file)]
    for file in broken:
        file.unlink(missing_ok=True)
    return tuple(f"removed {file.name}, which a write that was cut short had left empty" for file in broken)


def _is_json(file: Path) -> bool:
    try:
        json.loads(file.read_bytes())
    except ValueError:
        return False
    except FileNotFoundError:
        return True
    return True


def _free_lock(process: PulumiProcess, folder: Path, stack: str, previous_run: str) -> tuple[str, ...]:
    """Buckets and folders keep a dead owner's lock for ever; Pulumi's service lets it expire by itself."""
    if urlsplit(process.environment.get("PULUMI_BACKEND_URL", "")).scheme not in _BUCKETS:
        return ()
    # Renaming a stack to its own name takes the lock and then refuses: a look at the lock that changes nothing.
    finished = process.run(folder, ["stack", "rename", stack, "--stack", stack])
    owners = lock_owners(finished)
    if not owners:
        return ()
    for owner in owners:
        _must_be_dead(owner, stack, previous_run)
    doing = f"free the state backend's lock on stack {stack}"
    cancelled = process.run(folder, ["cancel", "--yes", "--stack", stack])
    if cancelled.code != 0:
        raise failure(doing, cancelled)
    return tuple(
        f"freed the state backend's lock that {one.user}@{one.host} (process {one.pid}) had held since "
        f"{one.at:%Y-%m-%d %H:%M:%S} UTC"
        for one in owners
    )


def lock_owners(finished: Finished) -> tuple[LockOwner, ...]:
    """Who holds the lock that a command stumbled over; empty where it did not fail for a lock."""
    if finished.code == 0 or "currently locked" not in finished.errors:
        return ()
    return tuple(
        LockOwner(m["user"], m["host"], int(m["pid"]), datetime.fromisoformat(m["at"]))
        for m in _LOCK.finditer(finished.errors)
    )


def _must_be_dead(owner: LockOwner, stack: str, previous_run: str) -> None:
    """On this machine we can see it. On another one, the lease says so: it had expired, and its apply never ended."""
    here = owner.host == socket.gethostname()
    alive = here and _is_older(owner.pid, owner.at.timestamp() + 1)
    if alive or not (here or previous_run):
        raise Waiting(
            f"The state backend's lock on stack {stack} is held by {owner.user}@{owner.host} (process {owner.pid}) "
            f"since {owner.at:%Y-%m-%d %H:%M:%S} UTC, outside of this pipeline.",
            hint=f"Wait for it to end. If it is dead, run `pulumi cancel --stack {stack}` and the same command again.",
        )
