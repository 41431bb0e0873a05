"""`toolchain install`, `status` and `pack` as functions over text streams; two thin fronts call them.

One front is `python3 -m gitops.toolchain`, which needs nothing installed, the other is the `gitops` command.
"""

import json
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TextIO

from gitops.toolchain import pins, tools
from gitops.toolchain.places import Places
from gitops.toolchain.progress import Progress

SETS = ("pipeline", "sandbox", "demo", "test", "all")
HELP = {
    "toolchain": "Find, download or build the real tools: Pulumi, its providers, the sandbox cluster.",
    "install": "Install what a command needs; what is there already is used.",
    "status": "Show each piece: wanted version, where it comes from, where it is.",
    "pack": "Pack the installed pieces into FOLDER, to serve as GITOPS_TOOLCHAIN_MIRROR elsewhere.",
    "for": f"What to prepare for: {', '.join(SETS)}, or a piece by name.",
    "json": "Print JSON.",
}


def install(names: Sequence[str], stream: TextIO, places: Places | None = None) -> None:
    """Install and report on `stream`. Raises ToolchainError; KeyboardInterrupt, also for a termination signal."""
    places = places or Places.from_environment()
    if tools.is_complete(names, places, pins.read(places.recipes)):
        return
    from gitops.toolchain import install as installation  # what downloads and builds is not loaded for nothing

    _interrupt_on_termination()
    try:
        installation.install(names, places, Progress.on(stream, places.environ))
    except KeyboardInterrupt:
        stream.write(
            "Stopped before the tools were complete. Run the same command again: it goes on where it stopped.\n"
        )
        raise


def status(names: Sequence[str], stream: TextIO, *, as_json: bool, places: Places | None = None) -> None:
    """Print the state of the pieces."""
    from gitops.toolchain import status as state

    rows = state.rows(names, places or Places.from_environment())
    if as_json:
        stream.write(json.dumps([row.as_json() for row in rows], indent=2) + "\n")
    else:
        stream.write(state.table(rows) + "\n")


def pack(names: Sequence[str], folder: Path, stream: TextIO, places: Places | None = None) -> None:
    """Pack installed pieces for a mirror."""
    from gitops.toolchain import install as installation

    for archive in installation.pack(names, places or Places.from_environment(), folder):
        stream.write(f"{archive}\n")


def _interrupt_on_termination() -> None:
    """Let a termination end the installation as Ctrl-C does, so that no build goes on without us."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, interrupt)
        signal.signal(signal.SIGHUP, interrupt)
