"""How long do `gitops status`, a first reading and an append take on a ledger of 100,000 records?

    .venv/bin/python bench/ledger.py                 build, measure, remove
    .venv/bin/python bench/ledger.py --records 5000

Everything is on one machine: the remote is a bare repository beside the clone, so a real one adds its round trips,
whose number is printed too. Prints figures and asserts nothing.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from gitops.adapters.git.command import GitCommand  # noqa: E402 - the checkout's own package
from gitops.adapters.git.ledger import GitLedger  # noqa: E402
from gitops.flow.ledger import chain as records  # noqa: E402
from gitops.model import RecordKind, Stack  # noqa: E402
from gitops.model.record_bodies import Applied  # noqa: E402
from tests.support import ledgers  # noqa: E402
from tests.support.git import create, git  # noqa: E402

ENVIRONMENTS = """version: 1
environments:
  - {name: dev, branch: main, stacks: ["*-00", "*-03"]}
  - {name: staging, branch: staging, stacks: ["*-01"]}
  - {name: prod, branch: prod, stacks: ["*-02"]}
"""
STACKS = ("stack-00", "stack-01", "stack-02", "stack-03")


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gitops-bench-") as name:
        folder = Path(name)
        built = timed(lambda: build(folder, asked.records))
        tell("building the ledger", built, f"{asked.records} records, {megabytes(folder / 'remote.git')} in Git")
        clone, index = folder / "clone", folder / "clone" / ".git" / "gitops"
        tell("first reading", timed(lambda: status(clone)), "fetched, verified, indexed")
        tell("`gitops status`, nothing new", median(lambda: status(clone), asked.rounds), f"index: {megabytes(index)}")
        for file in index.iterdir():
            file.unlink()
        tell("reading without the index", timed(lambda: status(clone)), "verified, indexed")
        append(clone, asked.rounds)
        tell("`gitops log`, the newest 50", median(lambda: gitops(clone, "log"), asked.rounds))
        tell("`gitops log --verify`", timed(lambda: gitops(clone, "log", "--verify")), "all of it again")


def tell(what: str, spent: "Spent", more: str = "") -> None:
    """One line of figures."""
    sys.stdout.write(f"{what:30} {spent.wall:8.2f} s wall {spent.cpu:8.2f} s CPU   {more}\n")
    sys.stdout.flush()


def build(folder: Path, count: int) -> None:
    """A remote with a ledger of that many records, and a clone of its main branch alone."""
    files = {"gitops.yaml": ENVIRONMENTS, "Pulumi.yaml": "name: shop\nruntime: python\n", "__main__.py": ""}
    seed = create(folder / "seed", {**files, **{f"Pulumi.{name}.yaml": "config: {}\n" for name in STACKS}})
    for branch in ("staging", "prod"):
        git(seed, "branch", branch)
    git(folder, "clone", "--quiet", "--bare", str(seed), "remote.git")
    # Releases of this repository's own commit, so that `status` finds something.
    head = git(seed, "rev-parse", "HEAD")
    released = (
        records.replace(one, commit=head) if one.kind is RecordKind.RELEASE else one for one in ledgers.synthetic(count)
    )
    ledgers.write(folder / "remote.git", released)
    git(folder, "clone", "--quiet", "--single-branch", (folder / "remote.git").as_uri(), "clone")


def append(clone: Path, rounds: int) -> None:
    """What one more record takes, and which Git commands."""
    command = Counting(clone)
    ledger = GitLedger(command)
    author = records.Author("ada", "dev")

    def one_more() -> None:
        now = datetime.now(UTC)
        ledger.append(records.ledger_record(author, Stack("shop", "stack-00"), "c" * 40, now, Applied("0" * 64)))

    ledger.history()
    command.started.clear()
    spent = median(one_more, rounds)
    started = command.started[: len(command.started) // rounds]
    tell("append", spent, f"git {', '.join(started)}")


class Counting(GitCommand):
    """Git, with a list of what was started."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.started: list[str] = []

    def attempt(self, *arguments: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
        """Note it, and run it."""
        self.started.append(arguments[0])
        return super().attempt(*arguments, stdin=stdin)


def status(clone: Path) -> None:
    """`gitops status --json`, which must find all environments."""
    found = json.loads(gitops(clone, "status", "--json"))
    if len(found["environments"]) != 3:
        raise SystemExit(f"not the environments that were built: {found}")


def gitops(clone: Path, *arguments: str) -> str:
    """What a command prints."""
    return subprocess.run(
        [sys.executable, "-m", "gitops", *arguments],
        cwd=clone,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


@dataclass(frozen=True)
class Spent:
    """Seconds by the clock, and of this process and all it started on any core."""

    wall: float
    cpu: float


def timed(work: Callable[[], object]) -> Spent:
    """What the work takes."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    work()
    return Spent(time.perf_counter() - wall, cpu_seconds() - cpu)


def cpu_seconds() -> float:
    """User and system time until now, also of ended children."""
    now = os.times()
    return now.user + now.system + now.children_user + now.children_system


def median(work: Callable[[], object], rounds: int) -> Spent:
    """The round in the middle, by the clock."""
    return sorted((timed(work) for _ in range(rounds)), key=lambda spent: spent.wall)[rounds // 2]


def megabytes(folder: Path) -> str:
    """The size of all files below."""
    return f"{sum(one.stat().st_size for one in folder.rglob('*') if one.is_file()) / 1e6:.0f} MB"


if __name__ == "__main__":
    main()
