"""One cell's world: real Git with a remote, a reviewed change that waits to be applied, a simulated cloud."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from gitops.adapters.codehost.simulated.code_host import LocalHost
from gitops.flow.ledger import chain as records
from gitops.model import Record
from tests.faults.moments import FOLDER_VARIABLE, LEDGER, REAL_GIT_VARIABLE, Faults
from tests.faults.simulated_cloud import SimulatedCloud
from tests.faults.simulated_gitops import SimulatedClock
from tests.faults.warm import ROOT, Ran
from tests.support import git

SHIMS = Path(__file__).parent / "shims"
REAL_GIT = shutil.which("git") or "/usr/bin/git"
# Long enough for a busy machine to renew.
LEASE_SECONDS = 30
GITOPS = f"""version: 1
lease: {{duration: {LEASE_SECONDS}s}}
environments:
  - {{name: dev, branch: main, stacks: [dev], approvals: 1}}
"""
DISK_BYTES = 32 << 20
BEFORE = {"attic": 1, "mail": 4, "web": 12, "zone": 7}
WANTED = {"cache": 3, "mail": 4, "queue": 2, "search": 5, "web": 20, "zone": 7}
ONCE = {"create cache": 1, "create queue": 1, "create search": 1, "update web": 1, "delete attic": 1}


class Runner(Protocol):
    """Starts `gitops`."""

    def run(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Ran:
        """Run to the end."""


@dataclass(frozen=True)
class World:
    """A cell's folder."""

    folder: Path
    runner: Runner

    @property
    def clone(self) -> Path:
        """Where `gitops` runs."""
        return self.folder / "disk" / "clone"

    @property
    def temporary(self) -> Path:
        """Its folder for temporary files."""
        return self.folder / "disk" / "tmp"

    @property
    def remote(self) -> Path:
        """The bare repository."""
        return self.folder / "remote.git"

    @property
    def faults(self) -> Faults:
        """What is to happen in this cell."""
        return Faults(self.folder / "faults")

    @property
    def cloud(self) -> SimulatedCloud:
        """Its cloud."""
        return self.faults.cloud

    @property
    def wanted(self) -> Mapping[str, int]:
        """What is to exist in the end."""
        return WANTED

    @property
    def planned(self) -> Counter[str]:
        """All operations of all plans."""
        return Counter(f"create {name}" for name in BEFORE) + Counter(ONCE)

    @property
    def host(self) -> LocalHost:
        """Its code host, as people use it."""
        return LocalHost(self.remote, SimulatedClock(self.faults))

    @property
    def environment(self) -> dict[str, str]:
        """A whole process environment."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "GITHUB_"))}
        return {
            **kept,
            "PATH": f"{SHIMS}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(self.temporary),
            "NO_COLOR": "1",
            "COLUMNS": "400",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            FOLDER_VARIABLE: str(self.faults.folder),
            REAL_GIT_VARIABLE: REAL_GIT,
            "SIMULATED_PYTHON": sys.executable,
        }

    @classmethod
    def begin(cls, folder: Path, runner: Runner) -> "World":
        """A world whose stack was released once, and whose next change is reviewed, approved and merged."""
        made = cls(folder, runner)
        made.make_folders()
        made.make_repository(
            {
                "gitops.yaml": GITOPS,
                "Pulumi.yaml": "name: shop\nruntime: python\n",
                "Pulumi.dev.yaml": wanting({}),
                "__main__.py": "import pulumi\n",
            }
        )
        made.review("first", {"Pulumi.dev.yaml": wanting(BEFORE)})
        made.must("up", "--environment", "dev")
        made.review("second", {"Pulumi.dev.yaml": wanting(WANTED)})
        return made

    def make_folders(self) -> None:
        """The parts of an empty cell."""
        for part in (self.temporary, self.faults.folder, self.folder / "cloud"):
            part.mkdir(parents=True)

    def make_repository(self, files: Mapping[str, str]) -> None:
        """The remote with these files on main, and ada's clone, which finds it wherever both are copied to."""
        seed = git.create(self.folder / "seed", files)
        git.git(self.folder, "clone", "--quiet", "--bare", str(seed), str(self.remote))
        git.git(self.folder, "clone", "--quiet", "--config=gitops.host=simulated", str(self.remote), str(self.clone))
        git.git(self.clone, "config", "user.name", "ada")
        git.git(self.clone, "config", "remote.origin.url", "../../remote.git")
        shutil.rmtree(seed)

    @contextmanager
    def copy(self, folder: Path, *, small_disk: bool) -> Iterator["World"]:
        """The same world again; with a `small_disk`, the clone and the temporary files are on one that can be filled.

        Where nobody may mount one, they are where all else is (see `moments`).
        """
        disk = folder / "disk"
        disk.mkdir(parents=True)
        mounted = small_disk and _succeeds("mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "simulated", str(disk))
        try:
            shutil.copytree(self.folder, folder, symlinks=True, dirs_exist_ok=True)
            yield type(self)(folder, self.runner)
        finally:
            if mounted:
                _succeeds("umount", "--lazy", str(disk))

    def review(self, branch: str, files: Mapping[str, str]) -> None:
        """Ada's pull request with these files, previewed, approved by bob and merged."""
        git.git(self.clone, "fetch", "--quiet", "origin")
        git.git(self.clone, "checkout", "--quiet", "-B", branch, "origin/main")
        git.commit(self.clone, files)
        git.git(self.clone, "push", "--quiet", "origin", branch)
        number = self.host.open(branch, "main", title="Change", author="ada")
        self.preview(branch, number)
        self.host.approve(number, "bob")
        self.host.merge(number)

    def preview(self, branch: str, number: int) -> None:
        """Preview a branch on its pull request."""
        git.git(self.clone, "fetch", "--quiet", "origin")
        self.must("preview", "--base", "origin/main", "--head", branch, "--pull-request", str(number))

    def review_again(self) -> None:
        """The newest pull request's plan, previewed anew and approved anew."""
        newest = self.host.entries()[-1]
        self.preview(newest.branch, newest.number)
        self.host.approve(newest.number, "bob")

    def up(self) -> Ran:
        """`gitops up`, to its end."""
        return self.run("up", "--environment", "dev")

    def run(self, *arguments: str) -> Ran:
        """Run `gitops`."""
        (self.faults.folder / "leased").unlink(missing_ok=True)
        return self.runner.run(arguments, self.clone, self.environment)

    def must(self, *arguments: str) -> None:
        """Run `gitops`, successfully."""
        ran = self.run(*arguments)
        assert ran.code == 0, ran.said

    # --- what is left -------------------------------------------------------------------------

    def records(self) -> tuple[Record, ...]:
        """The ledger, read without the pipeline's adapter, oldest first."""
        names = self.faults.remote_git("ls-tree", "-r", "--name-only", LEDGER, f"{records.FOLDER}/").split()
        asked = "".join(f"{LEDGER}:{name}\n" for name in names)
        # No record holds a line that looks like this header.
        answer = self.faults.remote_git("cat-file", "--batch=a record", stdin=asked)
        contents = answer.split("a record\n")[1:]
        return tuple(records.decode(text.encode(), name) for name, text in zip(names, contents, strict=True))

    def told(self) -> list[str]:
        """What the ledger tells of the change that was merged last, without its plans."""
        commit = self.faults.remote_git("rev-parse", "main")
        return [one.kind.value for one in self.records() if one.commit == commit]

    def refs(self) -> list[str]:
        """The pipeline's refs on the remote besides the ledger: leases, and places in lines."""
        return self.faults.remote_git("for-each-ref", "--format=%(refname)", "refs/gitops/").split()

    def litter(self) -> list[str]:
        """Temporary files and checkouts that nobody uses."""
        left = sorted(path.name for path in self.temporary.iterdir())
        trees = git.git(self.clone, "worktree", "list", "--porcelain").count("worktree ")
        return left + ["a checkout that Git still knows"] * (trees - 1)

    def processes(self) -> list[str]:
        """What still runs of this cell."""
        mark = str(self.faults.folder)
        found = []
        for one in psutil.process_iter():
            try:
                if one.status() != psutil.STATUS_ZOMBIE and one.environ().get(FOLDER_VARIABLE) == mark:
                    found.append(f"{one.pid} {' '.join(one.cmdline())}")
            except psutil.Error:
                continue
        return found

    def ended_processes(self, patience: float) -> list[str]:
        """What still runs of this cell although it was given so many seconds to end."""
        deadline = time.monotonic() + patience
        while (found := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found


def wanting(sizes: Mapping[str, int]) -> str:
    """A stack's config file that wants these things."""
    return json.dumps({"config": {"shop:things": dict(sizes)}}) + "\n"


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
