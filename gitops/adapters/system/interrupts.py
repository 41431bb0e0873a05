"""Ctrl-C, SIGTERM and SIGHUP: noted the moment they come, acted on from safe places.

An exception in the middle of starting a process would lose the process; one in the middle of a push, its answer. So
whoever does such a thing does it inside `noted()`. Signals reach the main thread only: other threads see in
`Noted.count` what it noted, and stop as well.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from gitops.errors import GitOpsError

# Somebody who asks for the third time wants to be rid of it, whatever is lost.
_DROP_EVERYTHING = 3


class _Signals:
    """The signals of this process; there is one of these, as there is one set of signal handlers."""

    def __init__(self) -> None:
        self.noted = 0
        self.noted_before: int | None = None  # when the outermost block of the main thread began; None: there is none
        self.handlers: dict[signal.Signals, Any] = {}

    def note(self, _number: int, _frame: object) -> None:
        self.noted += 1
        if self.noted - (self.noted_before or 0) >= _DROP_EVERYTHING:
            raise KeyboardInterrupt

    def install(self) -> None:
        self.noted_before = self.noted
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # What is ignored stays ignored: `nohup` and background jobs ask for it.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self.handlers[number] = signal.signal(number, self.note)

    def restore(self) -> None:
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        self.handlers.clear()
        self.noted_before = None


_SIGNALS = _Signals()


@dataclass
class Noted:
    """The interrupts since a block began; in another thread, or inside another block, since the outermost began.

    `acted_on` is how many of them need not be raised at the end of the block any more.
    """

    before: int
    acted_on: int = 0

    @property
    def count(self) -> int:
        """How many have come."""
        return _SIGNALS.noted - self.before


@contextmanager
def noted() -> Iterator[Noted]:
    """Nothing is interrupted within the block; what came is raised at the end of the outermost.

    An error of ours comes out as it is, since it ends the run as well. The third interrupt is raised at once.
    """
    outermost = threading.current_thread() is threading.main_thread() and _SIGNALS.noted_before is None
    if outermost:
        _SIGNALS.install()
    seen = Noted(_SIGNALS.noted if _SIGNALS.noted_before is None else _SIGNALS.noted_before)
    try:
        yield seen
    except GitOpsError:
        raise
    except Exception:
        if outermost and seen.count > seen.acted_on:
            raise KeyboardInterrupt from None
        raise
    finally:
        if outermost:
            _SIGNALS.restore()
    if outermost and seen.count > seen.acted_on:
        raise KeyboardInterrupt
