"""Kill a `gitops up` in the midst of an apply, and run the same command again: does it go on with what was approved?"""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

from tests.kills.chain import Chain
from tests.support import git

GOES_ON = ("applying plan", "verifying")
THE_REST = "it is the rest of the reviewed plan, whose apply was cut short"
PATIENCE = 300.0


class Victim(StrEnum):
    """What is killed with -9."""

    TREE = "gitops and all that it started"
    ENGINE = "Pulumi alone"
    GITOPS = "gitops alone"


class End(StrEnum):
    """What became of a kill."""

    EARLY = "before the first operation"
    LATE = "after the last operation"
    CONTINUED = "continued"
    REFUSED = "not continued"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One kill: how many operations were done by then, seconds until the next run went on, what is wrong."""

    victim: Victim
    done: int
    end: End
    seconds: float = 0.0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """When to kill: so many operations are done, and so many seconds have passed since."""

    operations: int = 0
    seconds: float = 0.0


class _Run:
    """A running `gitops up`, its lines with their times."""

    def __init__(self, chain: Chain) -> None:
        self.process = chain.journey.start("up", "--environment", "dev", "--wait", "5m")
        self.started = time.monotonic()
        self.lines: list[tuple[float, str]] = []
        self._threads = [
            threading.Thread(target=self._read, args=(stream,), daemon=True)
            for stream in (self.process.stdout, self.process.stderr)
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, stream: "object") -> None:
        for line in stream:  # type: ignore[attr-defined]
            self.lines.append((time.monotonic(), line))

    def said(self, *texts: str) -> float | None:
        """When it first said one of these."""
        return next((at for at, line in tuple(self.lines) if any(text in line for text in texts)), None)

    def wait_for(self, true: Callable[[], bool]) -> None:
        """Until that is so, or it ends."""
        deadline = time.monotonic() + PATIENCE
        while not true() and self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)

    def end(self) -> int:
        """Its exit code."""
        code = self.process.wait(timeout=PATIENCE)
        for thread in self._threads:
            thread.join(timeout=5)
        return code

    @property
    def text(self) -> str:
        """All that it said."""
        return "".join(line for _, line in self.lines)


def strike(template: Chain, folder: Path, victim: Victim, moment: Moment) -> Outcome:
    """Kill, and carry on, in a copy of the template; the copy stays where something is wrong."""
    chain = template.copied(folder)
    before, planned = len(chain.done()), _planned(chain)
    struck = _Run(chain)
    struck.wait_for(lambda: struck.said("applying plan") is not None)
    if moment.operations:
        struck.wait_for(lambda: len(chain.done()) - before >= moment.operations)
    time.sleep(moment.seconds)
    killed = _kill(struck.process, victim)
    done = len(chain.done()) - before
    if not killed or struck.said("verifying"):
        struck.end()
        return _over(folder, Outcome(victim, done, End.LATE))
    struck.end()
    if done == 0 and not _touched(chain):
        return _over(folder, Outcome(victim, done, End.EARLY))
    after = _Run(chain)
    code = after.end()
    at = after.said(*GOES_ON)
    problems = [] if code == 0 else [f"exit code {code}: {struck.text[-1500:]}\n--- then\n{after.text[-3000:]}"]
    if code == 0:
        problems += chain.problems()
    if code == 0 and THE_REST not in after.text:
        problems.append(f"it does not say that it is the rest: {after.text[-1500:]}")
    if _planned(chain) != planned:
        problems.append("the plan was reviewed anew")
    if leases := git.git(chain.journey.remote, "for-each-ref", "--format=%(refname)", "refs/gitops/"):
        problems.append(f"still there: {leases}")
    end = End.REFUSED if problems else End.CONTINUED
    return _over(folder, Outcome(victim, done, end, (at or time.monotonic()) - after.started, tuple(problems)))


def _over(folder: Path, outcome: Outcome) -> Outcome:
    if not outcome.problems:
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


def _planned(chain: Chain) -> int:
    return sum(record["kind"] == "plan" for record in chain.records())


def _touched(chain: Chain) -> bool:
    """Whether the engine has begun with something."""
    [file] = (chain.journey.tiny.root / "state").glob(".pulumi/stacks/*/dev.json")
    return '"pending_operations"' in file.read_text()


def _kill(process: "subprocess.Popen[str]", victim: Victim) -> bool:
    """Kill it if it is still at work; whether it was."""
    with suppress(psutil.Error):
        gitops = psutil.Process(process.pid)
        children = gitops.children(recursive=True)
        engines = [one for one in children if _applies(one)]
        if not engines:
            return False
        chosen = {Victim.TREE: [gitops, *children], Victim.ENGINE: engines, Victim.GITOPS: [gitops]}[victim]
        for one in chosen:
            with suppress(psutil.Error, ProcessLookupError):
                os.kill(one.pid, signal.SIGKILL)
        return True
    return False


def _applies(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        words = process.cmdline()
        return process.name() == "pulumi" and "up" in words and "--plan" in words
    return False
