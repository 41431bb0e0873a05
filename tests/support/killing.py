"""A Pulumi stack whose update is killed with -9, as a crash would leave it."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitops.adapters.pulumi.engine import PulumiEngine
from gitops.adapters.pulumi.process import PulumiProcess
from gitops.adapters.pulumi.recovery import killed_run
from gitops.adapters.pulumi.recovery.killed_run import PROCESS_VARIABLE, RUN_VARIABLE, orphans

STACK = "dev"
# Each worker of pytest-xdist has runs of its own: ending the leftovers of one must not end another's update.
RUN = f"killed-run-{os.getpid()}"


@dataclass(frozen=True)
class Stack:
    """A project folder with a stack `dev` in a backend of its own."""

    folder: Path
    process: PulumiProcess

    @property
    def engine(self) -> PulumiEngine:
        """The pipeline's engine on this stack."""
        return PulumiEngine(self.process)

    def pulumi(self, *arguments: str) -> str:
        """Run a command that has to succeed."""
        return self.process.must(self.folder, [*arguments, "--stack", STACK], f"run {arguments[0]} in a test")

    def up(self) -> dict[str, int]:
        """A plain update; how many resources it created, updated, left alone."""
        steps = self.pulumi("up", "--yes", "--skip-preview", "--json")
        summaries = [json.loads(line) for line in steps.splitlines() if '"summaryEvent"' in line]
        changes: dict[str, int] = summaries[-1]["summaryEvent"]["resourceChanges"]
        return changes

    def pending(self) -> list[Mapping[str, Any]]:
        """The operations that the state calls pending."""
        return list(self.deployment().get("pending_operations") or [])

    def deployment(self) -> dict[str, Any]:
        """The state; readable also after a kill that fell into a write of it."""
        killed_run.mend_side_files(self.process.environment["PULUMI_BACKEND_URL"], STACK)
        found: dict[str, Any] = json.loads(self.pulumi("stack", "export"))["deployment"]
        return found

    def kill_update(self, moment: Callable[[], bool], *, all_of_it: bool = True) -> None:
        """Start an update of a `gitops` that is dead by then, and kill it with -9 when `moment` comes.

        With `all_of_it`, providers and language host die too; else only the command itself, and they live on.
        """
        dead = subprocess.Popen(["true"])
        dead.wait()
        update = subprocess.Popen(
            [str(self.process.executable), "up", "--yes", "--skip-preview", "--stack", STACK, "--non-interactive"],
            cwd=self.folder,
            env={**self.process.environment, RUN_VARIABLE: RUN, PROCESS_VARIABLE: str(dead.pid)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + 60
            while not moment():
                assert update.poll() is None, "the update ended before it could be killed"
                assert time.monotonic() < deadline, "the moment to kill the update never came"
                time.sleep(0.01)
        finally:
            update.send_signal(signal.SIGKILL)
            update.wait()
            if all_of_it:
                end_orphans()
                time.sleep(1.0)  # a request whose sender is dead may still be served


def end_orphans() -> None:
    """Kill what the killed update left running."""
    for one in orphans(RUN):
        with suppress(ProcessLookupError):
            os.kill(one.pid, signal.SIGKILL)


def new_stack(folder: Path, variables: Mapping[str, str], program: str, project: Mapping[str, Any]) -> Stack:
    """A project with that program, and its empty stack."""
    folder.mkdir()
    (folder / "state").mkdir()
    (folder / "Pulumi.yaml").write_text(json.dumps({"name": "killed", "runtime": "python", **project}))
    (folder / "__main__.py").write_text(program)
    own = {"PULUMI_BACKEND_URL": (folder / "state").as_uri(), "PULUMI_CONFIG_PASSPHRASE": "simulated"}
    kept = {name: value for name, value in variables.items() if name != "PULUMI_CONFIG_PASSPHRASE_FILE"}
    stack = Stack(folder, PulumiProcess(_pulumi(kept), {**kept, **own}))
    stack.process.must(folder, ["stack", "init", STACK], "create a stack for a test")
    return stack


def _pulumi(variables: Mapping[str, str]) -> Path:
    found = (Path(place) / "pulumi" for place in variables["PATH"].split(os.pathsep))
    return next(path for path in found if path.exists())
