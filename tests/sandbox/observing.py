"""What the tests of the sandbox look at, and a tool set with one broken tool."""

import subprocess
from dataclasses import replace
from pathlib import Path

import psutil

from gitops.sandbox import processes
from gitops.sandbox.folder import Folder, Part
from gitops.toolchain.tools import Tools
from tests.support.sandbox import Sandbox


def with_scheduler(tools: Tools, folder: Path, script: str) -> Tools:
    """The real tools, but for a scheduler that is a shell script; `folder` is made for them."""
    folder.mkdir()
    real = tools.installed["kubernetes"]
    for path in real.folder.iterdir():
        (folder / path.name).symlink_to(path)
    (folder / Part.SCHEDULER).unlink()
    (folder / Part.SCHEDULER).write_text(f"#!/bin/sh\n{script}\n")
    (folder / Part.SCHEDULER).chmod(0o755)
    return replace(tools, installed={**tools.installed, real.piece.name: replace(real, folder=folder)})


def nothing_left(folder: Folder) -> None:
    """No file, no process that carries the folder's mark, and none that works on one of its files.

    Its ports are not looked at: whatever listened there is one of those processes, and once they are gone another
    sandbox may choose the same numbers.
    """
    assert not folder.root.exists()
    assert processes.marked(folder.root) == []
    root = str(folder.root) + "/"
    at_work = [
        one for one in psutil.process_iter(["cmdline"]) if any(root in word for word in one.info["cmdline"] or ())
    ]
    assert at_work == []


def pulumi(sandbox: Sandbox, *arguments: str) -> str:
    """What the CLI prints in the sandbox's checkout."""
    command = [str(sandbox.tools.path("pulumi")), *arguments, "--non-interactive", "--color=never"]
    done = subprocess.run(
        command,
        cwd=sandbox.checkout,
        env=sandbox.variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout
