"""The step that a `gitops up` has come to, and the fault that waits for it. Simulated; standard library only.

A cell of the matrix arms one fault for one step. Whoever notices the step (the shim in front of Git, the simulated
engine, the simulated code host) calls `reach`, and the fault happens there, once, to the running `gitops`.
"""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.faults.simulated_cloud import SimulatedCloud

FOLDER_VARIABLE = "SIMULATED_FAULTS"
REAL_GIT_VARIABLE = "SIMULATED_REAL_GIT"
LEDGER = "refs/heads/gitops/ledger"
LEASES = "refs/gitops/leases/"
EDITED_SIZE = 31


class Step(StrEnum):
    """The steps of `gitops up`, in their order."""

    LEASE = "take the lease"
    HISTORY = "read the ledger"
    PREVIEW = "preview"
    GATE = "ask the code host"
    STARTED = "record `apply started`"
    APPLY = "apply"
    APPLIED = "record `applied`"
    VERIFY = "verify"
    RELEASE = "record `release`"
    LET_GO = "give the lease back"


class Act(StrEnum):
    """What a fault does at its moment."""

    KILL = "kill -9"
    KILL_ALONE = "kill -9 of gitops alone"
    KILL_ENGINE = "kill -9 of Pulumi alone"
    TERM = "SIGTERM"
    OFFLINE = "no network"
    ANSWER_LOST = "answer lost"
    DISK = "full disk"
    PROVIDER = "failing provider"
    EXPIRED = "expired credentials"
    STATE = "state edited"
    ALTERED = "ledger altered"
    SHORTENED = "ledger shortened"
    FORWARD = "clock an hour ahead"
    BACKWARD = "clock an hour back"


@dataclass(frozen=True)
class Faults:
    """The folder of one cell: what is armed, what is broken now. `cell` holds `faults`, `remote.git` and `cloud`."""

    folder: Path

    @classmethod
    def here(cls) -> "Faults":
        """Those of the cell that this process belongs to."""
        return cls(Path(os.environ[FOLDER_VARIABLE]))

    @property
    def cell(self) -> Path:
        """The folder around."""
        return self.folder.parent

    @property
    def cloud(self) -> SimulatedCloud:
        """The cell's cloud."""
        return SimulatedCloud(self.cell / "cloud")

    @property
    def has_small_disk(self) -> bool:
        """Whether the cell has a disk of its own that can be filled."""
        return (self.cell / "disk").is_mount()

    def arm(self, step: Step, act: Act) -> None:
        """Let the act wait for the step."""
        self.set("armed", json.dumps([step, act]))

    def armed(self) -> tuple[Step, Act] | None:
        """What waits for what."""
        text = self.get("armed")
        step, act = json.loads(text) if text else (None, None)
        return (Step(step), Act(act)) if step else None

    def reach(self, step: Step) -> Act | None:
        """Have the fault happen if this is its moment; the act, so that the caller can do its own part."""
        if not self.armed_for(step):
            return None
        with suppress(FileNotFoundError):
            (self.folder / "armed").rename(self.folder / "fired")
            act = Act(json.loads(self.get("fired"))[1])
            _ACTS.get(act, _nothing)(self, step)
            return act
        return None

    def armed_for(self, step: Step) -> Act | None:
        """The act that waits for this step."""
        armed = self.armed()
        return armed[1] if armed and armed[0] is step else None

    def get(self, name: str) -> str:
        """A note of the cell; "" where there is none."""
        with suppress(FileNotFoundError):
            return (self.folder / name).read_text()
        return ""

    def set(self, name: str, text: str = "yes") -> None:
        """Make a note."""
        beside = self.folder / f"{name}.new"
        beside.write_text(text)
        beside.replace(self.folder / name)

    def let_time_pass(self) -> None:
        """A minute passes for the run, without anybody waiting for it: no lease is kept for that long."""
        self.set("passed", "60")

    def end(self) -> None:
        """Somebody mends what is broken: network, disk, credentials, provider, clock, ledger."""
        for name in ("armed", "offline", "denied", "provider", "clock", "passed"):
            (self.folder / name).unlink(missing_ok=True)
        for filler in self.cell.glob("disk/filler*"):
            filler.unlink()
        before = self.get("ledger")
        if before:
            self.remote_git("update-ref", LEDGER, before)

    def remote_git(self, *arguments: str, stdin: str = "", index: str = "") -> str:
        """Git in the remote's own repository, where nothing is in between."""
        done = subprocess.run(
            [os.environ.get(REAL_GIT_VARIABLE, "git"), *arguments],
            cwd=self.cell / "remote.git",
            input=stdin,
            env={**os.environ, **_SOMEBODY, **({"GIT_INDEX_FILE": index} if index else {})},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()


_SOMEBODY = {f"GIT_{who}_{what}": "mallory" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(arguments: Sequence[str]) -> int:
    """Stand in for Git: notice the step, let its fault happen, break what is broken now, else run the real one."""
    faults = Faults.here()
    step = _step_of(faults, arguments)
    act = faults.armed_for(step) if step else None
    if step and act not in (Act.KILL_ALONE, Act.ANSWER_LOST):
        faults.reach(step)
    for name, code, said in _BROKEN:
        if faults.get(name):
            sys.stderr.write(f"{said}\n")
            return code
    done = subprocess.run([os.environ[REAL_GIT_VARIABLE], *arguments], check=False)
    if step and act in (Act.KILL_ALONE, Act.ANSWER_LOST):
        faults.reach(step)
        if act is Act.ANSWER_LOST:
            sys.stderr.write("fatal: the remote end hung up unexpectedly\n")
            return 128
    return done.returncode


_BROKEN = (
    ("offline", 128, "fatal: unable to access 'https://git.example/shop.git/': Could not resolve host: git.example"),
    ("denied", 128, "remote: Invalid username or token.\nfatal: Authentication failed for 'https://git.example/'"),
)


def _step_of(faults: Faults, arguments: Sequence[str]) -> Step | None:
    """Which step a Git command that speaks to the remote belongs to, by its arguments."""
    if "push" not in arguments:
        asks = any(LEDGER in one for one in arguments)
        return Step.HISTORY if asks and faults.get("leased") else None
    sources = dict(reversed(one.split(":", 1)) for one in arguments if ":" in one and not one.startswith("-"))
    lease = next((source for ref, source in sources.items() if ref.startswith(LEASES)), None)
    if LEDGER in sources:
        subject = subprocess.run(
            [os.environ[REAL_GIT_VARIABLE], "log", "-1", "--format=%s", sources[LEDGER]],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return next((step for start, step in _RECORDS.items() if subject.startswith(start)), None)
    if lease == "":
        return Step.LET_GO
    if lease and not faults.get("leased"):
        faults.set("leased")
        return Step.LEASE
    return None


_RECORDS = {"apply started ": Step.STARTED, "applied ": Step.APPLIED, "release ": Step.RELEASE}


def _nothing(_faults: Faults, _step: Step) -> None:
    """The caller does all of it."""


def _kill_alone(faults: Faults, _step: Step) -> None:
    os.kill(int(faults.get("process")), signal.SIGKILL)


def _kill(faults: Faults, step: Step) -> None:
    """Whatever carries the mark of this cell in its environment (Linux: /proc), this process last."""
    _kill_alone(faults, step)
    mark = f"{FOLDER_VARIABLE}={faults.folder}\0".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int(process.name) != os.getpid() and mark in (process / "environ").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def _terminate(faults: Faults, _step: Step) -> None:
    os.kill(int(faults.get("process")), signal.SIGTERM)


def _offline(faults: Faults, _step: Step) -> None:
    faults.set("offline")


def _fill(faults: Faults, _step: Step) -> None:
    """Fill the small file system of the cell; where nobody may mount one, forbid the process to write any more."""
    disk = faults.cell / "disk"
    if not faults.has_small_disk:
        resource.prlimit(int(faults.get("process")), resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        return
    for size in (1 << 16, 1):
        with suppress(OSError), (disk / f"filler{size}").open("wb", buffering=0) as filler:
            while filler.write(b"x" * size):
                pass


def _fail_provider(faults: Faults, _step: Step) -> None:
    faults.set("provider", "quota exceeded (simulated)")


def _expire(faults: Faults, step: Step) -> None:
    if step in (Step.PREVIEW, Step.APPLY, Step.VERIFY):
        faults.set("provider", "ExpiredToken: The security token included in the request is expired (simulated)")
    else:
        faults.set("denied")


def _edit_state(faults: Faults, _step: Step) -> None:
    faults.set("edited", "yes" if faults.cloud.edit("web", EDITED_SIZE) else "kept out")


def _alter(faults: Faults, _step: Step) -> None:
    """Somebody alters the ledger's second record, and force-pushes."""
    head = faults.remote_git("rev-parse", LEDGER)
    path = "records/000/000002.json"
    content = faults.remote_git("cat-file", "blob", f"{head}:{path}").replace('"ada"', '"mallory"')
    blob = faults.remote_git("hash-object", "-w", "--stdin", stdin=content)
    index = str(faults.folder / "index")
    faults.remote_git("read-tree", head, index=index)
    faults.remote_git("update-index", "--cacheinfo", f"100644,{blob},{path}", index=index)
    tree = faults.remote_git("write-tree", index=index)
    message = faults.remote_git("log", "-1", "--format=%B", head)
    parent = faults.remote_git("rev-parse", f"{head}^")
    _rewrite(faults, faults.remote_git("commit-tree", tree, "-p", parent, stdin=message))


def _shorten(faults: Faults, _step: Step) -> None:
    """Somebody takes the newest record away."""
    _rewrite(faults, faults.remote_git("rev-parse", f"{LEDGER}^"))


def _rewrite(faults: Faults, head: str) -> None:
    faults.set("ledger", faults.remote_git("rev-parse", LEDGER))
    faults.remote_git("update-ref", LEDGER, head)


def _forward(faults: Faults, _step: Step) -> None:
    faults.set("clock", "3600")


def _backward(faults: Faults, _step: Step) -> None:
    faults.set("clock", "-3600")


_ACTS = {
    Act.KILL: _kill,
    Act.KILL_ALONE: _kill_alone,
    Act.TERM: _terminate,
    Act.OFFLINE: _offline,
    Act.DISK: _fill,
    Act.PROVIDER: _fail_provider,
    Act.EXPIRED: _expire,
    Act.STATE: _edit_state,
    Act.ALTERED: _alter,
    Act.SHORTENED: _shorten,
    Act.FORWARD: _forward,
    Act.BACKWARD: _backward,
}

if __name__ == "__main__":
    sys.exit(git(sys.argv[1:]))
