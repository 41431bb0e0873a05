"""What the pipeline costs beside the plain Pulumi CLI: same stack, same change, one run, printed as ratios.

    python bench/pipeline.py [--rounds 5] [--depth 4]

Brings a sandbox of its own up in a temporary folder, deploys dev once, and then changes one value a round. Each
round takes turns: `pulumi preview` and `gitops preview` on the same change; `pulumi up` (with its preview), plain and
refreshed, and `gitops up` on a change of one resource each; `pulumi preview --refresh` for the verification that
`gitops up` contains. Prints figures, asserts nothing. About 1.5 minutes to start, then 2 a round on two idle cores.
"""

import argparse
import json
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from gitops.sandbox import environment, lifecycle  # noqa: E402 - the checkout's own package, not an installed one
from gitops.sandbox.folder import Folder  # noqa: E402
from gitops.toolchain.tools import find  # noqa: E402

SAMPLED = Path(__file__).with_name("sampled.py")
CONFIG = "Pulumi.dev.yaml"
PACK = "policy/__main__.py"
MIB = 1024 * 1024
SAMPLING_SECONDS = 0.1

PULUMI_PREVIEW = "pulumi preview"
GITOPS_LOOK = "gitops preview, a look"
GITOPS_PREVIEW = "gitops preview"
PULUMI_UP = "pulumi up"
PULUMI_REFRESHED_UP = "pulumi up --refresh"
PULUMI_VERIFY = "pulumi preview --refresh"
GITOPS_UP = "gitops up"
UNVERIFIED = "gitops up, to the apply's end"
VERIFICATION = "applying._verify"
RATIOS = (
    (GITOPS_LOOK, (PULUMI_PREVIEW,)),
    (GITOPS_LOOK, (PULUMI_VERIFY,)),
    (GITOPS_PREVIEW, (PULUMI_VERIFY,)),
    (UNVERIFIED, (PULUMI_UP,)),
    (UNVERIFIED, (PULUMI_REFRESHED_UP,)),
    (GITOPS_UP, (PULUMI_UP,)),
    (GITOPS_UP, (PULUMI_REFRESHED_UP, PULUMI_VERIFY)),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of one command. `own` is the peak of the process itself, the rest that of all below it; in MiB."""

    seconds: float
    cpu: float
    own: float
    below: float
    largest_below: float


@dataclass
class Bench:
    """The sandbox's checkouts, and what was measured in them."""

    pulumi: str
    checkout: Path
    plain: Path
    variables: Mapping[str, str] = field(repr=False)
    runs: dict[str, list[Measured]] = field(default_factory=lambda: defaultdict(list))
    chains: dict[str, list[dict[str, float]]] = field(default_factory=lambda: defaultdict(list))

    def git(self, *arguments: str, folder: Path | None = None) -> None:
        """Run Git, unmeasured."""
        identity = ("-c", "user.name=bench", "-c", "user.email=bench@example.com")
        self.run(["git", *identity, *arguments], folder or self.checkout)

    def host(self, *arguments: str) -> str:
        """Do something on the simulated code host, unmeasured."""
        command = [sys.executable, "-P", "-m", "gitops", "sandbox", "pull-request", *arguments]
        return self.run(command, self.checkout)

    def run(self, command: Sequence[str], folder: Path) -> str:
        """Run a command that must succeed."""
        done = subprocess.run(command, cwd=folder, env=self.variables, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(command)} ended with exit code {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def measure_pulumi(self, name: str, *arguments: str) -> None:
        """Measure a command of the plain CLI in the plain clone, with the policy pack that gitops.yaml names."""
        options = ["--stack", "dev", "--non-interactive", "--color", "never", "--policy-pack", str(self.plain / PACK)]
        self._measure(name, [self.pulumi, *arguments, *options], self.plain, {})

    def measure_gitops(self, name: str, *arguments: str) -> None:
        """Measure a gitops command in the checkout, and where its time goes."""
        with tempfile.TemporaryDirectory(prefix="gitops-bench-") as scratch:
            output = Path(scratch) / "chains.json"
            command = [sys.executable, "-P", str(SAMPLED), str(output), *arguments]
            seconds = self._measure(name, command, self.checkout, {"BENCH_STARTED": repr(time.monotonic())})
            chains: dict[str, float] = json.loads(output.read_bytes())
        chains["(interpreter end)"] = max(0.0, seconds - sum(chains.values()))
        self.chains[name].append(chains)
        if name == GITOPS_UP:
            verifying = sum(taken for chain, taken in chains.items() if VERIFICATION in chain.split(" > "))
            # How much of the CPU time it was, nobody knows.
            self.runs[UNVERIFIED].append(replace(self.runs[name][-1], seconds=seconds - verifying, cpu=math.nan))

    def _measure(self, name: str, command: Sequence[str], folder: Path, more: Mapping[str, str]) -> float:
        with tempfile.TemporaryFile() as said:
            started = time.monotonic()
            process = subprocess.Popen(
                command, cwd=folder, env={**self.variables, **more}, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
            own = below = largest = 0.0
            while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
                own = max(own, peak_memory(process.pid))
                sizes = memory_below(process.pid)
                below, largest = max(below, sum(sizes)), max(largest, *sizes, 0.0)
                time.sleep(SAMPLING_SECONDS)
            seconds = time.monotonic() - started
            process.returncode = os.waitstatus_to_exitcode(ended[1])
            if process.returncode:
                said.seek(0)
                sys.exit(f"{name} ended with exit code {process.returncode}:\n{said.read().decode()}")
        cpu = ended[2].ru_utime + ended[2].ru_stime
        self.runs[name].append(Measured(seconds, cpu, own, below, largest))
        tell(f"  {name:28}{seconds:7.2f} s")
        return seconds


def tell(line: str) -> None:
    """A line of progress."""
    sys.stderr.write(f"{line}\n")


def peak_memory(pid: int) -> float:
    """The peak so far of the process alone. (ru_maxrss would be the largest of it and its children.)"""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def memory_below(pid: int) -> list[float]:
    """The resident memory now of each process below: the engine, its plugins and programs, and short Git commands."""
    sizes = []
    try:
        for process in psutil.Process(pid).children(recursive=True):
            with process.oneshot():
                sizes.append(process.memory_info().rss / MIB)
    except psutil.NoSuchProcess:
        pass
    return sizes


@contextmanager
def sandbox() -> Iterator[Bench]:
    """A sandbox made from the last commit, with dev deployed; gone afterwards."""
    scratch = Path(tempfile.mkdtemp(prefix="gitops-bench-"))
    folder = Folder(scratch / "sandbox")
    tools = find(["sandbox"])
    try:
        lifecycle.up(folder, ROOT, tools, tell)
        # The checkout of the sandbox holds a `gitops` folder of its own: what is measured is this one.
        variables = {**os.environ, **environment.of(folder, tools), "PYTHONPATH": str(ROOT)}
        bench = Bench(str(tools.path("pulumi")), folder.checkout, scratch / "plain", variables)
        first_deploy(bench)
        bench.git("clone", "--quiet", "--branch", "main", str(folder.remote), str(bench.plain), folder=scratch)
        yield bench
    finally:
        lifecycle.down(folder)
        shutil.rmtree(scratch, ignore_errors=True)


def first_deploy(bench: Bench) -> None:
    """Everything of dev, by the first pull request."""
    gitops = [sys.executable, "-P", "-m", "gitops"]
    bench.host("open", "--head", "first-deploy", "--base", "main", "--as", "ada")
    merging = ["--base", "origin/main", "--head", "first-deploy", "--pull-request", "1"]
    bench.run([*gitops, "preview", *merging], bench.checkout)
    bench.host("approve", "1", "--as", "grace")
    bench.host("merge", "1")
    bench.git("fetch", "--quiet")
    bench.run([*gitops, "up", "--environment", "dev"], bench.checkout)


def set_replicas(folder: Path, replicas: int) -> None:
    """The value that moves: one resource, the autoscaler, is updated for it."""
    file = folder / CONFIG
    text = re.sub(r'(webMaxReplicas: )"\d+"', rf'\g<1>"{replicas}"', file.read_text())
    file.write_text(text)


def one_round(bench: Bench, number: int) -> None:
    """Plain Pulumi takes the state to two values, a pull request to the next; of four, so that each is a change."""
    plain = [(PULUMI_UP, ("up", "--yes")), (PULUMI_REFRESHED_UP, ("up", "--yes", "--refresh"))]
    for step, (name, arguments) in enumerate(plain if number % 2 else reversed(plain), start=3 * number - 2):
        set_replicas(bench.plain, step % 4 + 3)
        bench.measure_pulumi(name, *arguments)
    bench.measure_pulumi(PULUMI_VERIFY, "preview", "--refresh")

    wanted = 3 * number % 4 + 3
    branch = f"replicas-{number}"
    bench.git("switch", "--quiet", "--create", branch, "--no-track", "origin/main")
    for folder in (bench.checkout, bench.plain):
        set_replicas(folder, wanted)
    bench.git("commit", "--quiet", "--message", f"At most {wanted} replicas", "--", CONFIG)
    bench.git("push", "--quiet", "origin", "HEAD")
    opened = re.search(r"\d+", bench.host("open", "--head", branch, "--base", "main", "--as", "ada"))
    request = opened[0] if opened else ""
    turns: list[Callable[[], None]] = [
        lambda: bench.measure_pulumi(PULUMI_PREVIEW, "preview"),
        lambda: bench.measure_gitops(GITOPS_LOOK, "preview", "--base", "origin/main"),
        lambda: bench.measure_gitops(GITOPS_PREVIEW, "preview", "--base", "origin/main", "--pull-request", request),
    ]
    for turn in turns if number % 2 else reversed(turns):
        turn()
    bench.host("approve", request, "--as", "grace")
    bench.host("merge", request)
    bench.git("fetch", "--quiet")
    bench.measure_gitops(GITOPS_UP, "up", "--environment", "dev")


def median(runs: Sequence[Measured], what: str) -> float:
    """The median of one figure."""
    return float(statistics.median(getattr(run, what) for run in runs))


def lines(bench: Bench, load: Sequence[str], depth: int) -> Iterator[str]:
    """The tables."""
    rounds = len(bench.runs[PULUMI_UP])
    yield f"Medians of {rounds} rounds, {os.cpu_count()} cores, load average at each round: {', '.join(load)}\n"
    yield f"{'':28}{'wall s':>8}{'best':>8}{'CPU s':>8}{'itself':>10}{'below it':>10}{'largest':>10}"
    for name, runs in bench.runs.items():
        if name == UNVERIFIED:
            continue
        seconds = median(runs, "seconds"), min(run.seconds for run in runs), median(runs, "cpu")
        memory = [max(getattr(run, what) for run in runs) for what in ("own", "below", "largest_below")]
        yield f"{name:28}" + "".join(f"{s:8.2f}" for s in seconds) + "".join(f"{m:6.0f} MiB" for m in memory)
    yield f"\n{'ratio':66}{'wall':>8}{'CPU':>8}"
    for ours, theirs in RATIOS:
        label = f"{ours} / {' + '.join(theirs)}"
        cpu = "" if ours == UNVERIFIED else f"{ratio(bench, ours, theirs, 'cpu'):8.2f}"
        yield f"{label:66}{ratio(bench, ours, theirs, 'seconds'):8.2f}{cpu}"
    for name, chains in bench.chains.items():
        yield f"\n{name}: where its time goes, mean seconds"
        yield from tree(chains, depth)


def ratio(bench: Bench, ours: str, theirs: Sequence[str], what: str) -> float:
    """The median of each round's own ratio: both sides of a round saw about the same load."""
    rounds = zip(*(bench.runs[name] for name in theirs), strict=True)
    against = [sum(getattr(run, what) for run in runs) for runs in rounds]
    pairs = zip(bench.runs[ours], against, strict=True)
    return float(statistics.median(getattr(run, what) / other for run, other in pairs))


def tree(chains: Sequence[Mapping[str, float]], depth: int, least: float = 0.03) -> Iterator[str]:
    """Each function with the seconds spent in it and below it, under its caller; less than `least` is left out."""
    total: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for one in chains:
        for text, seconds in one.items():
            parts = tuple(part for part in text.split(" > ") if not part.startswith("cli."))
            for end in range(1, min(len(parts), depth) + 1):
                total[parts[:end]] += seconds / len(chains)

    def below(prefix: tuple[str, ...], indent: str, label: str) -> Iterator[str]:
        inner = [(path, s) for path, s in total.items() if path[:-1] == prefix and s >= least]
        for path, seconds in sorted(inner, key=lambda one: -one[1]):
            # A row of functions that each only call the next is one line: where it begins … where it ends.
            begins = label or path[-1]
            if any(s > 0.98 * seconds for deeper, s in total.items() if deeper[:-1] == path):
                yield from below(path, indent, begins)
            else:
                yield f"{seconds:8.2f}  {indent}{begins if begins == path[-1] else f'{begins} … {path[-1]}'}"
                yield from below(path, f"{indent}  ", "")

    return below((), "", "")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--depth", type=int, default=12, help="how deep to show where the time goes")
    options = parser.parse_args()
    load = []
    with sandbox() as bench:
        for number in range(1, options.rounds + 1):
            load.append(f"{os.getloadavg()[0]:.1f}")
            one_round(bench, number)
    sys.stdout.write("".join(f"{line}\n" for line in lines(bench, load, options.depth)))


if __name__ == "__main__":
    main()
