"""Runs `gitops` and looks, every five milliseconds, at what its main thread is doing: where the time goes.

    python bench/sampled.py OUTPUT.json preview --base origin/main

The code under the clock stays as it is: nothing is wrapped, no name is listed here. Each look is filed under the
chain of gitops' own functions on the stack. OUTPUT.json gets seconds by chain. Looking costs about 1% of a core.
"""

import atexit
import json
import os
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import FrameType

STARTED = "BENCH_STARTED"  # time.monotonic() of whoever started this process
PERIOD = 0.005
PACKAGE = str(Path(__file__).parents[1] / "gitops") + os.sep


def chain(frame: FrameType | None) -> list[str]:
    """gitops' functions on the stack, outermost first; an import ends the chain, whatever it imports."""
    found: list[str] = []
    frames: list[FrameType] = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    for one in reversed(frames):
        code = one.f_code
        if code.co_filename.startswith(PACKAGE):
            if code.co_name == "<module>":
                return [*found, "(imports)"]
            found.append(f"{Path(code.co_filename).stem}.{code.co_qualname}")
        elif code.co_filename == "<frozen importlib._bootstrap>":
            return [*found, "(imports)"]
    return found


def look(main: int, own: int) -> str:
    """What the main thread does, or waits for: a pool's busiest worker continues the chain of who waits for it."""
    frames = sys._current_frames()
    found = chain(frames.get(main))
    if found and found[-1].endswith("side_by_side"):
        workers = [chain(frame) for thread, frame in frames.items() if thread not in (main, own)]
        workers.sort(key=len)
        found += workers[-1] if workers else []
    return " > ".join(found) or "(interpreter)"


def watch(main: int, seconds: defaultdict[str, float], ended: threading.Event) -> None:
    """File the time since the last look under what is being done now."""
    before = time.monotonic()
    while not ended.wait(PERIOD):
        now = time.monotonic()
        seconds[look(main, threading.get_ident())] += now - before
        before = now


def main() -> None:
    """Watch a whole command."""
    output = Path(sys.argv[1])
    seconds: defaultdict[str, float] = defaultdict(float)
    ended = threading.Event()
    if STARTED in os.environ:
        seconds["(interpreter start)"] = time.monotonic() - float(os.environ.pop(STARTED))
    watcher = threading.Thread(target=watch, args=(threading.get_ident(), seconds, ended), daemon=True)

    def write() -> None:
        ended.set()
        watcher.join()
        output.write_text(json.dumps(seconds))

    atexit.register(write)
    watcher.start()
    from gitops import cli

    cli.main(sys.argv[2:])


if __name__ == "__main__":
    main()
