"""The folder a sandbox lives in, and `sandbox.json`, the record of what runs for it."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import msgspec

from gitops.errors import Failed, UsageError, Waiting

NAME = ".sandbox"
RECORD = "sandbox.json"
VARIABLE = "GITOPS_SANDBOX_FOLDER"


class Part(StrEnum):
    """What a sandbox is made of, in the order in which people read it."""

    ETCD = "etcd"
    API_SERVER = "kube-apiserver"
    CONTROLLERS = "kube-controller-manager"
    SCHEDULER = "kube-scheduler"
    NODES = "kwok"
    CLOUD = "aws-emulator"


@dataclass(frozen=True, slots=True)
class Running:
    """A started process. `started` is the kernel's start time, which tells a recycled process id from ours."""

    pid: int
    started: float


@dataclass(frozen=True, slots=True)
class Record:
    """sandbox.json: the ports a sandbox uses, the processes it started, and whether it was ever complete."""

    ports: Mapping[str, int] = field(default_factory=dict)
    running: Mapping[str, Running] = field(default_factory=dict)
    complete: bool = False
    source: str = ""
    format: int = 1


@dataclass(frozen=True, slots=True)
class Folder:
    """The paths inside a sandbox's folder. `root` is absolute."""

    root: Path

    @property
    def record_file(self) -> Path:
        """Ports and processes."""
        return self.root / RECORD

    @property
    def cluster(self) -> Path:
        """etcd's data, certificates and tokens."""
        return self.root / "cluster"

    @property
    def kubeconfig(self) -> Path:
        """How clients reach the cluster, as its administrator."""
        return self.root / "kubeconfig"

    @property
    def commands(self) -> Path:
        """Commands that come before those of the machine, because they are simulated."""
        return self.root / "bin"

    @property
    def state(self) -> Path:
        """Pulumi's state backend."""
        return self.root / "state"

    @property
    def passphrase(self) -> Path:
        """The file that holds the passphrase of the stacks' secrets."""
        return self.root / "passphrase"

    @property
    def remote(self) -> Path:
        """The bare Git repository that stands for the remote."""
        return self.root / "remote.git"

    @property
    def checkout(self) -> Path:
        """The clone in which people work."""
        return self.root / "checkout"

    @property
    def logs(self) -> Path:
        """One log a process."""
        return self.root / "logs"

    def log(self, part: Part) -> Path:
        """Where a process writes."""
        return self.logs / f"{part}.log"

    def exists(self) -> bool:
        """Whether a sandbox lives here, complete or half-started."""
        return self.record_file.exists()

    def read(self) -> Record:
        """The record. Raises Failed when sandbox.json cannot be understood."""
        try:
            return msgspec.json.decode(self.record_file.read_bytes(), type=Record)
        except FileNotFoundError:
            return Record()
        except msgspec.DecodeError as error:
            raise Failed(
                f"{self.record_file} cannot be understood: {error}.",
                hint=f"`gitops sandbox down --folder {self.root}` removes the sandbox all the same.",
            ) from None

    def write(self, record: Record) -> None:
        """Replace the record at once: a reader sees the old one or the new one, whole."""
        beside = self.record_file.with_suffix(".new")
        beside.write_bytes(msgspec.json.format(msgspec.json.encode(record)))
        beside.chmod(0o600)
        beside.replace(self.record_file)

    def create(self) -> None:
        """Make the folder and its first record. Raises UsageError when something else lives there."""
        if self.root.is_dir() and not self.exists() and any(self.root.iterdir()):
            raise UsageError(
                f"{self.root} is not empty and not a sandbox, so it is left alone.",
                hint="Choose another folder with --folder.",
            )
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            # First of all: a folder without it is not a sandbox, and would be left alone after a crash.
            if not self.exists():
                self.write(Record())
            # A repository of one's own need not ignore a sandbox that lies in it: the sandbox does.
            (self.root / ".gitignore").write_text("*\n")
            for path in (self.cluster, self.state, self.logs):
                path.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise Failed(f"The sandbox's folder {self.root} cannot be made: {error.strerror}.") from error

    def remove(self) -> None:
        """Delete everything, the record last, so that an interrupted removal can be finished."""
        for path in sorted(self.root.iterdir()):
            if path.name == RECORD:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        shutil.rmtree(self.root)

    @contextmanager
    def locked(self, patience: float = 60.0) -> Iterator[None]:
        """Let one `up` or `down` work here at a time. Raises Waiting after `patience` seconds.

        The lock is on the folder itself and vanishes with its holder; a folder that was removed and made
        anew while we waited is locked again.
        """
        deadline = time.monotonic() + patience
        while True:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self.root.exists() and os.path.samestat(os.fstat(descriptor), self.root.stat()):
                    break
            except BlockingIOError:
                pass
            os.close(descriptor)
            if time.monotonic() > deadline:
                raise Waiting(
                    f"Another `gitops sandbox` command has been working in {self.root} for {patience:.0f} seconds.",
                    hint="Try again when it has finished.",
                )
            time.sleep(0.05)
        try:
            yield
        finally:
            os.close(descriptor)
            # A command that found nothing to do leaves no empty folder behind.
            if self.root.is_dir() and not any(self.root.iterdir()):
                self.root.rmdir()


def locate(chosen: Path | None, here: Path, variables: Mapping[str, str]) -> Folder:
    """The sandbox meant: the chosen one, the shell's, the one around `here`, else `.sandbox` of this repository."""
    named = chosen or (Path(variables[VARIABLE]) if variables.get(VARIABLE) else None)
    if named:
        return Folder((here / named).resolve())
    here = here.resolve()
    above = (here, *here.parents)
    for folder in above:
        for candidate in (folder, folder / NAME):
            if (candidate / RECORD).is_file():
                return Folder(candidate)
    top = next((folder for folder in above if (folder / ".git").exists()), here)
    return Folder(top / NAME)
