"""What a killed run leaves on the machine and in the backend: processes that go on working, and a lock."""

import glob
import json
import os
import re
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from gitops.adapters.pulumi.process import Finished, PulumiProcess, failure
from gitops.errors import EngineFailed, Waiting
from gitops.flow.plans.backends import folder_of
from gitops.model import CutOff

# Every child of ours carries these: which run it belongs to, and the process id of the `gitops` that started it.
RUN_VARIABLE = "GITOPS_RUN"
PROCESS_VARIABLE = "GITOPS_PROCESS"

_PATIENCE = 60.0  # seconds for an interrupted Pulumi to finish the operations that are running
_LOCK_LOOK = 5.0  # seconds between two looks at a lock that another machine holds
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

    @property
    def is_elsewhere(self) -> bool:
        """Whether it runs, or ran, on another machine."""
        return self.host != socket.gethostname()

    def __str__(self) -> str:
        """The owner as people can find it."""
        return f"{self.user}@{self.host} (process {self.pid}) since {self.at:%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True, slots=True)
class Found:
    """What a run left, a sentence for each thing; `unreadable` is whether the state has to be mended to be read."""

    sentences: tuple[str, ...]
    unreadable: bool = False


def find(process: PulumiProcess, folder: Path, stack: str, left_by: CutOff | None) -> Found:
    """What `clear` would find, with nothing touched. Raises Waiting as it does."""
    running = orphans(left_by.run) if left_by else []
    names = ", ".join(sorted({_name(one) for one in running} - {""}))
    told = [f"{len(running)} processes of the killed run are still there and are ended: {names}"] if running else []
    broken = broken_side_files(process.backend(folder), stack)
    if broken:
        told += [f"{file.name}, which a write that was cut short left empty, is removed" for file in broken]
        return Found((*told, "what is pending can be told after that"), unreadable=True)
    owners = _owners(process, folder, stack)
    for owner in owners:
        _must_be_its(owner, stack, left_by)
    return Found((*told, *(f"the state backend's lock of {one} is freed" for one in owners)))


def clear(process: PulumiProcess, folder: Path, stack: str, left_by: CutOff | None) -> tuple[str, ...]:
    """End what a run left on this machine and free the backend's lock it held; a sentence for each thing done.

    Call it under the stack's lease. Raises Waiting when somebody who may be alive holds the lock, EngineFailed when a
    process does not end.
    """
    ended = _end_processes(left_by.run) if left_by else ()
    mended = mend_side_files(process.backend(folder), stack)
    return (*ended, *mended, *_free_lock(process, folder, stack, left_by))


def _end_processes(run: str, patience: float = _PATIENCE) -> tuple[str, ...]:
    found = orphans(run)
    if not found:
        return ()
    # A Pulumi whose parent died finishes its running operations and stops: what it records needs no repair. Its guard
    # has interrupted it already, and a second interrupt would make it drop everything.
    engines = [one for one in found if _name(one) == "pulumi"]
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
    """Remove the files that `broken_side_files` finds; a sentence for each."""
    broken = broken_side_files(backend, stack)
    for file in broken:
        file.unlink(missing_ok=True)
    return tuple(f"removed {file.name}, which a write that was cut short had left empty" for file in broken)


def broken_side_files(backend: str, stack: str) -> tuple[Path, ...]:
    """What a kill in the middle of a write leaves in a folder backend: an empty file of attributes.

    The library beneath (gocloud.dev/blob/fileblob) writes `dev.json.attrs` in place and then renames the checkpoint
    itself, so the checkpoint is whole, the one before or the new one, but cannot be loaded ("EOF"). Without the side
    file it can. Buckets write at once and have none.
    """
    home = _folder_of(backend)
    if home is None:
        return ()
    found = [*home.glob(f"stacks/*/{stack}.json*.attrs"), *home.glob(f"locks/*/*/{stack}/*.attrs")]
    return tuple(file for file in found if not _is_json(file))


def stacks_by_files(backend: str, project: str) -> tuple[str, ...] | None:
    """A project's stacks in a folder backend that Pulumi cannot list, since a write of one was cut short.

    None where that is not the reason: another backend, or nothing that was cut short.
    """
    home = _folder_of(backend)
    if home is None or not broken_side_files(backend, "*"):
        return None
    return tuple(sorted(file.stem for file in home.glob(f"stacks/{glob.escape(project)}/*.json")))


def _folder_of(backend: str) -> Path | None:
    """Where a folder backend keeps its files; None for any other backend."""
    folder = folder_of(backend)
    return None if folder is None else Path(folder).expanduser() / ".pulumi"


def _is_json(file: Path) -> bool:
    try:
        json.loads(file.read_bytes())
    except ValueError:
        return False
    except FileNotFoundError:
        return True
    return True


def _owners(process: PulumiProcess, folder: Path, stack: str) -> tuple[LockOwner, ...]:
    """Who holds the backend's lock. Buckets and folders keep it for ever; Pulumi's service lets it expire by itself."""
    if urlsplit(process.backend(folder)).scheme not in _BUCKETS:
        return ()
    # Renaming a stack to its own name takes the lock and then refuses: a look at the lock that changes nothing.
    return lock_owners(process.run(folder, ["stack", "rename", stack, "--stack", stack]))


def _free_lock(process: PulumiProcess, folder: Path, stack: str, left_by: CutOff | None) -> tuple[str, ...]:
    owners = first = _owners(process, folder, stack)
    until = time.monotonic() + (left_by.patience if left_by else 0)
    while owners:
        for owner in owners:
            _must_be_its(owner, stack, left_by)
        # What runs on another machine cannot be seen. It lets go by itself, or is dead when its time is over.
        if not any(owner.is_elsewhere for owner in owners) or time.monotonic() >= until:
            break
        time.sleep(min(_LOCK_LOOK, max(0.0, until - time.monotonic())))
        owners = _owners(process, folder, stack)
    told = [f"waited until {one} had let go of the state backend's lock" for one in first if one not in owners]
    if owners:
        cancelled = process.run(folder, ["cancel", "--yes", "--stack", stack])
        if cancelled.code != 0:
            raise failure(f"free the state backend's lock on stack {stack}", cancelled, process.redactor)
        told += [f"freed the state backend's lock that {one} had held" for one in owners]
    return tuple(told)


def lock_owners(finished: Finished) -> tuple[LockOwner, ...]:
    """Who holds the lock that a command stumbled over; empty where it did not fail for a lock."""
    if finished.code == 0 or "currently locked" not in finished.errors:
        return ()
    return tuple(
        LockOwner(m["user"], m["host"], int(m["pid"]), datetime.fromisoformat(m["at"]))
        for m in _LOCK.finditer(finished.errors)
    )


def _must_be_its(owner: LockOwner, stack: str, left_by: CutOff | None) -> None:
    """Only a lock of a dead process of this machine, or of the machine on which the run was cut off, may be freed."""
    if owner.is_elsewhere:
        its = left_by is not None and owner.host == left_by.host
    else:
        its = not _is_older(owner.pid, owner.at.timestamp() + 1)
    if not its:
        raise Waiting(
            f"The state backend's lock on stack {stack} is held by {owner}, outside of this pipeline.",
            hint=f"Wait for it to end. If it is dead, run `pulumi cancel --stack {stack}` and the same command again.",
        )
