"""What the installation shows: one line when a job starts, one when it ends, and in between how far it should be.

On a terminal the last line is redrawn; elsewhere (CI logs) a line a minute says that the job is alive.
"""

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TextIO

_REDRAW_SECONDS = 0.5
_HEARTBEAT_SECONDS = 60.0


def duration(seconds: float) -> str:
    """A duration for people: `8 s`, `2 min 10 s`, `12 min`."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min {rest} s" if minutes < 5 and rest else f"{round(seconds / 60)} min"


@dataclass(frozen=True)
class _Task:
    title: str
    started: float
    expected: float

    def state(self, now: float) -> str:
        elapsed = now - self.started
        if not self.expected:
            return f"{self.title}: {duration(elapsed)}"
        over = ", taking longer than usual" if elapsed > 1.5 * self.expected else ""
        return f"{self.title}: {duration(elapsed)} of about {duration(self.expected)}{over}"


class Progress:
    """Safe to use from several threads. `live` redraws a status line; `colours` marks what is done."""

    def __init__(
        self, stream: TextIO, *, live: bool, colours: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream, self._live, self._colours, self._clock = stream, live, colours, clock
        self._lock = threading.Lock()
        self._tasks: dict[int, _Task] = {}
        self._quiet = threading.Event()

    @classmethod
    def on(cls, stream: TextIO, environ: Mapping[str, str]) -> "Progress":
        """Live on a terminal, plain elsewhere; NO_COLOR and TERM=dumb are respected."""
        live = stream.isatty() and environ.get("TERM") != "dumb"
        return cls(stream, live=live, colours=live and not environ.get("NO_COLOR"))

    def note(self, text: str) -> None:
        """Print a line for good."""
        with self._lock:
            self._print(text)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Keep the status up to date until the end of the block."""
        self._quiet.clear()
        ticker = threading.Thread(target=self._tick, daemon=True)
        ticker.start()
        try:
            yield
        finally:
            self._quiet.set()
            ticker.join()
            with self._lock:
                self._clear()

    @contextlib.contextmanager
    def task(self, title: str, doing: str, expected: float = 0) -> Iterator[None]:
        """Show one job from start to end; `expected` in seconds, 0 where nobody knows."""
        started = self._clock()
        with self._lock:
            self._tasks[threading.get_ident()] = _Task(title, started, expected)
            self._print(f"{title}: {doing}{f', about {duration(expected)}' if expected else ''}")
        try:
            yield
        finally:
            with self._lock:
                del self._tasks[threading.get_ident()]
        with self._lock:
            self._print(self._done(f"{title}: done in {duration(self._clock() - started)}"))

    def status(self) -> str:
        """All running jobs in one line."""
        now = self._clock()
        return " · ".join(task.state(now) for task in self._tasks.values())

    def _tick(self) -> None:
        while not self._quiet.wait(_REDRAW_SECONDS if self._live else _HEARTBEAT_SECONDS):
            with self._lock:
                if not self._tasks:
                    continue
                if self._live:
                    width = shutil.get_terminal_size().columns - 1
                    self._clear()
                    self._stream.write(self.status()[:width])
                    self._stream.flush()
                else:
                    self._print(f"… {self.status()}")

    def _print(self, text: str) -> None:
        self._clear()
        self._stream.write(text + "\n")
        self._stream.flush()

    def _clear(self) -> None:
        if self._live:
            self._stream.write("\r\x1b[K")

    def _done(self, text: str) -> str:
        return f"\x1b[32m{text}\x1b[0m" if self._colours else text
