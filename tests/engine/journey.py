"""A repository with the tiny program, its remote and its world: everything real but the code host and the things."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitops.adapters.codehost.simulated.code_host import LocalHost
from gitops.adapters.system.clock import SystemClock
from tests.support import git
from tests.support.tiny import Tiny

ROOT = Path(__file__).parents[2]
GITOPS = """version: 1
lease: {duration: 30s}
environments:
  - {name: dev, branch: main, stacks: [dev], approvals: 1}
"""
PASSWORD = "canary-old-8c1f2d"


def wanting(one: int = 12, **more: Mapping[str, Any]) -> dict[str, Any]:
    """Two things, the first with a password, the second made beside it, and more of them."""
    things = {"one": {"size": one, "password": {"secret": "pw"}}, "two": {"size": 1, "beside": {"of": "one.serial"}}}
    return {"things": {**things, **more}, "outputs": {"serial": {"of": "one.serial"}}}


@dataclass(frozen=True)
class Journey:
    """A clone to work in, and the `gitops` command as its users start it."""

    folder: Path
    tiny: Tiny

    @classmethod
    def begin(cls, folder: Path, wanted: Mapping[str, Any], secrets: Mapping[str, str]) -> "Journey":
        """A remote whose main has only words on it, and a clone with the program on the branch `feature`."""
        tiny = Tiny(folder / "world")
        seed = git.create(folder / "seed", {"README.md": "words"})
        git.git(folder, "clone", "--quiet", "--bare", str(seed), "remote.git")
        git.git(folder, "clone", "--quiet", "--config=gitops.host=simulated", "remote.git", "clone")
        git.git(folder / "clone", "checkout", "--quiet", "-b", "feature")
        made = cls(folder, tiny)
        tiny.project(made.clone, wanted, secrets)
        made.push({"gitops.yaml": GITOPS})
        return made

    def copied(self, folder: Path) -> "Journey":
        """The same in another folder, to go on from there."""
        shutil.copytree(self.folder, folder, symlinks=True)
        more = {name: text.replace(str(self.folder), str(folder)) for name, text in self.tiny.more.items()}
        made = Journey(folder, Tiny(folder / "world", more))
        git.git(made.clone, "remote", "set-url", "origin", str(made.remote))
        return made

    @property
    def clone(self) -> Path:
        """Where people work."""
        return self.folder / "clone"

    @property
    def remote(self) -> Path:
        """The bare repository."""
        return self.folder / "remote.git"

    @property
    def host(self) -> LocalHost:
        """The simulated code host."""
        return LocalHost(self.remote, SystemClock())

    def push(self, files: Mapping[str, str]) -> None:
        """Commit everything on the current branch, and push it."""
        git.commit(self.clone, files)
        git.git(self.clone, "push", "--quiet", "origin", "HEAD")

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start `gitops`."""
        return subprocess.Popen(
            [sys.executable, "-m", "gitops", *arguments],
            cwd=self.clone,
            env={**self.tiny.environment, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "TMPDIR": str(self.temporary)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def temporary(self) -> Path:
        """The folder for temporary files."""
        folder = self.folder / "tmp"
        folder.mkdir(exist_ok=True)
        return folder

    def gitops(self, *arguments: str, expect: int = 0) -> str:
        """Run `gitops` to its end; what it said, on both streams."""
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=300)
        assert process.returncode == expect, output + errors
        return output + errors

    def review(self, approve: bool = True) -> int:
        """Open a pull request for the current branch, preview and approve it."""
        branch = git.git(self.clone, "branch", "--show-current")
        number = self.host.open(branch, "main", title="Change", author="ada")
        self.preview(number)
        if approve:
            self.host.approve(number, "bob")
        return number

    def preview(self, number: int) -> str:
        """Preview the current branch into main, on that pull request."""
        git.git(self.clone, "fetch", "--quiet", "origin")
        return self.gitops("preview", "--base", "origin/main", "--pull-request", str(number))

    def branch(self, name: str) -> None:
        """A new branch from the newest main."""
        git.git(self.clone, "fetch", "--quiet", "origin")
        git.git(self.clone, "checkout", "--quiet", "-b", name, "origin/main")


def alive(process: int) -> bool:
    """Whether a process exists."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
