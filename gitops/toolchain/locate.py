"""What is there already: tools on PATH and plugins in PULUMI_HOME, in a supported version.

Asking a tool for its version costs up to a second, so the answer is kept with the tool's path, size and modification
time, and holds for as long as these stay the same.
"""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from gitops.toolchain.cache import Installed, Origin
from gitops.toolchain.pins import Piece, Pins, Present
from gitops.toolchain.places import Places

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


def parse_version(text: str) -> tuple[int, int, int] | None:
    """The first version number in a tool's output."""
    match = _VERSION.search(text)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def in_range(version: str, supported: str) -> bool:
    """Whether a version lies in a range such as `>=3.250,<4`. What cannot be read is not in it."""
    found = parse_version(version)
    if found is None:
        return False
    for bound in supported.split(","):
        limit = parse_version(bound if "." in bound else bound + ".0")
        if limit is None:
            return False
        if bound.startswith(">=") and found < limit:
            return False
        if bound.startswith("<") and found >= limit:
            return False
    return True


@dataclass(frozen=True)
class _Record:
    path: str
    size: int
    modified: int
    version: str


def present(places: Places, pins: Pins, piece: Piece, *, ask: bool = False) -> Installed | None:
    """The piece as it is on the machine, or None. Only with `ask` is an unknown tool started to tell its version."""
    if piece.plugin:
        return _plugin(places, piece)
    rule = piece.present
    if rule is None:
        return None
    if rule.alongside:
        leader = present(places, pins, pins.pieces[rule.alongside], ask=ask)
        return Installed(piece, leader.version, Origin.PRESENT, leader.folder) if leader else None
    tool = _on_path(places, piece, rule)
    if tool is None:
        return None
    record = _recall(places, piece, tool)
    if record is None and ask:
        record = _ask(places, piece, rule, tool)
    if record is None or not in_range(record.version, rule.supported):
        return None
    return Installed(piece, record.version, Origin.PRESENT, tool.parent)


def is_unknown(places: Places, piece: Piece) -> bool:
    """Whether there is a tool on PATH that has not yet been asked for its version."""
    rule = piece.present
    tool = _on_path(places, piece, rule) if rule and not rule.alongside else None
    return tool is not None and _recall(places, piece, tool) is None


def pulumi_home(places: Places) -> Path:
    """The user's own PULUMI_HOME."""
    return Path(places.environ.get("PULUMI_HOME") or Path(places.environ.get("HOME") or Path.home()) / ".pulumi")


def _plugin(places: Places, piece: Piece) -> Installed | None:
    folder = pulumi_home(places) / "plugins" / f"resource-{piece.plugin}-v{piece.version}"
    if all((folder / name).is_file() for name in piece.executables):
        return Installed(piece, piece.version, Origin.PRESENT, folder)
    return None


def _on_path(places: Places, piece: Piece, rule: Present) -> Path | None:
    """The folder on PATH that has every executable of the piece and what belongs beside it; our own cache aside."""
    folders = [
        folder
        for folder in places.environ.get("PATH", os.defpath).split(os.pathsep)
        if folder and not Path(folder).is_relative_to(places.cache)
    ]
    tool = shutil.which(piece.executables[0], path=os.pathsep.join(folders))
    if tool is None:
        return None
    beside = (*piece.executables, *rule.beside)
    return Path(tool) if all((Path(tool).parent / name).is_file() for name in beside) else None


def _recall(places: Places, piece: Piece, tool: Path) -> _Record | None:
    try:
        record = _Record(**json.loads((places.found / f"{piece.name}.json").read_text(encoding="utf-8")))
        now = tool.stat()
    except (OSError, ValueError, TypeError):
        return None
    return record if (str(tool), now.st_size, now.st_mtime_ns) == (record.path, record.size, record.modified) else None


def _ask(places: Places, piece: Piece, rule: Present, tool: Path) -> _Record:
    """Start the tool for its version, and keep the answer; one that gives none is kept as version 0."""
    try:
        done = subprocess.run(
            [tool, *rule.version_arguments],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            env=dict(places.environ),
        )
        version = parse_version(done.stdout + done.stderr) if done.returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired):
        version = None
    now = tool.stat()
    record = _Record(str(tool), now.st_size, now.st_mtime_ns, ".".join(map(str, version or (0,))))
    places.found.mkdir(parents=True, exist_ok=True)
    (places.found / f"{piece.name}.json").write_text(json.dumps(record.__dict__), encoding="utf-8")
    return record
