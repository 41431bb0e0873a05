"""`gitops` started quickly: forked from a process that has imported everything, else a process like any other.

Two hundred runs would spend half of their time on imports.
"""

import json
import os
import queue
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    """A finished command: its exit code (minus the signal that killed it), and what it said on both streams."""

    code: int
    said: str


class Warm:
    """Starts `gitops` in simulated worlds, from several threads: as many at once as there are `seats`."""

    def __init__(self, seats: int) -> None:
        self._free: queue.SimpleQueue[subprocess.Popen[str]] = queue.SimpleQueue()
        self._all = [self._start() for _ in range(seats)]

    def run(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Ran:
        """Run to the end."""
        seat = self._free.get()
        try:
            with tempfile.NamedTemporaryFile("r") as output:
                request = {"arguments": [*arguments], "folder": str(folder), "environment": {**environment}}
                seat.stdin.write(json.dumps({**request, "output": output.name}) + "\n")
                seat.stdin.flush()
                code = int(seat.stdout.readline())
                return Ran(code, output.read())
        finally:
            self._free.put(seat)

    def close(self) -> None:
        """End them."""
        for seat in self._all:
            seat.stdin.close()
            seat.wait()
            seat.stdout.close()

    def _start(self) -> "subprocess.Popen[str]":
        seat = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.faults.warm"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._free.put(seat)
        return seat


@contextmanager
def warm(seats: int) -> Iterator[Warm]:
    """A `Warm` that ends with the block."""
    made = Warm(seats)
    try:
        yield made
    finally:
        made.close()


def _serve() -> None:
    """Fork for each line of standard input, and answer with the exit code."""
    import gitops.adapters.codehost.simulated.code_host
    import gitops.adapters.git.leases
    import gitops.adapters.git.ledger
    import gitops.adapters.git.repository
    import gitops.operations.apply.run  # noqa: F401 - that no child has to
    from tests.faults.simulated_gitops import run

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            request = json.loads(line)
            _become(request)
            run(request["arguments"])
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _become(request: Mapping[str, str]) -> None:
    """Take on a folder, an environment and streams, as a process that was started with them."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    tempfile.tempdir = None
    output = os.open(request["output"], os.O_WRONLY | os.O_APPEND)
    for stream, target in ((0, os.open(os.devnull, os.O_RDONLY)), (1, output), (2, output)):
        os.dup2(target, stream)


if __name__ == "__main__":
    _serve()
