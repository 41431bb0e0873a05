"""What is installed, from where, and what is missing, as rows and as a table."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gitops.toolchain import cache, environment, install, locate, pins
from gitops.toolchain.places import Places
from gitops.toolchain.progress import duration

MISSING = "missing"
_ENVIRONMENT_TITLE = "Python environment"


@dataclass(frozen=True)
class Row:
    """One piece. `origin` is present, mirror, downloaded, built or missing; `build_seconds` is expected, if missing."""

    piece: str
    title: str
    wanted: str
    version: str
    origin: str
    path: str
    build_seconds: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def rows(names: Sequence[str], places: Places) -> list[Row]:
    """The state of every piece that sets, pieces or executables stand for."""
    known = pins.read(places.recipes)
    return [
        _environment(places) if name == pins.ENVIRONMENT else _row(places, known, known.pieces[name])
        for name in known.resolve(names)
    ]


def table(rows: Sequence[Row]) -> str:
    """Rows for people."""
    cells = [("piece", "wanted", "from", "version", "where, or how long it takes to build")]
    cells += [(row.title, row.wanted, row.origin, row.version, _place(row)) for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[4]]).rstrip()
        for line in cells
    )


def _row(places: Places, known: pins.Pins, piece: pins.Piece) -> Row:
    found = locate.present(places, known, piece, ask=True) or cache.stored(
        places, piece, known.key(piece, places.recipes, places.platform)
    )
    if found is None:
        seconds = round(install.here(piece.seconds))
        return Row(piece.name, piece.title, piece.version, "", MISSING, "", seconds)
    return Row(piece.name, piece.title, piece.version, found.version, found.origin.value, str(found.folder), 0)


def _environment(places: Places) -> Row:
    current = environment.is_current(places)
    return Row(
        piece=pins.ENVIRONMENT,
        title=_ENVIRONMENT_TITLE,
        wanted="lock file",
        version="lock file" if current else "",
        origin=cache.Origin.PRESENT.value if current else MISSING,
        path=str(places.virtual_environment) if current else "",
        build_seconds=0 if current else environment.EXPECTED_SECONDS,
    )


def _place(row: Row) -> str:
    return f"about {duration(row.build_seconds)}" if row.origin == MISSING else row.path
