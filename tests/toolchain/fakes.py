"""A toolchain in small: one Go module of a few lines in place of the real ones, in folders of the test's own."""

import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gitops.toolchain.pins import Piece, Pins, read
from gitops.toolchain.places import Places, Platform
from gitops.toolchain.progress import Progress

PLATFORM = Platform("linux", "amd64")
GREETER = """package main

import "os"

func main() { os.Stdout.WriteString("hello 1.2.3\\n") }
"""
PINS = """
[sets]
pipeline = ["hello"]
all = ["pipeline", "other"]

[go]
minimum = "{minimum}"
wheel = "1.26.6"
hashes = ["sha256:{zeros}"]

[pieces.hello]
title = "Hello"
version = "1.2.3"
executables = ["hello"]
present = {{ supported = ">=1.2,<2", version-arguments = [] }}
recipe = "hello"
packages = ["."]
seconds = 5
{download}

[pieces.other]
title = "Other"
version = "2.0.0"
executables = ["other"]
recipe = "other"
packages = ["."]
seconds = 5

[recipes.hello]
{recipe}

[recipes.other]
"""


class Screen(io.StringIO):
    """A stream that is no terminal."""


@dataclass
class Toolchain:
    """Folders of one fake toolchain; change the recipes before `places` is used."""

    root: Path
    screen: Screen = field(default_factory=Screen)

    def write(
        self, *, minimum: str = "1.20", download: str = "", recipe: str = "", go_mod: str = "", main: str = GREETER
    ) -> None:
        recipes = self.root / "recipes"
        for name in ("hello", "other"):
            (recipes / name).mkdir(parents=True, exist_ok=True)
            (recipes / name / "go.mod").write_text(f"module {name}\n\ngo 1.20\n{go_mod}")
            (recipes / name / "main.go").write_text(main)
        text = PINS.format(minimum=minimum, zeros="0" * 64, download=download, recipe=recipe)
        (recipes / "pins.toml").write_text(text)

    def places(self, environ: Mapping[str, str], *, mirror: Path | None = None) -> Places:
        return Places(
            cache=Path(environ.get("GITOPS_CACHE", self.root / "cache")),
            recipes=self.root / "recipes",
            checkout=None,
            mirror=mirror,
            environ=environ,
            platform=PLATFORM,
        )

    @property
    def pins(self) -> Pins:
        return read(self.root / "recipes")

    @property
    def hello(self) -> Piece:
        return self.pins.pieces["hello"]

    def progress(self) -> Progress:
        return Progress(self.screen, live=False)

    def key(self, name: str = "hello") -> str:
        return self.pins.key(self.pins.pieces[name], self.root / "recipes", PLATFORM)


def archive(path: Path, members: Mapping[str, bytes]) -> str:
    """Write a tar.gz; its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tool(path: Path, version: str) -> Path:
    """An executable that prints a version and counts how often it is asked, in `<path>.asked`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho x >> "$0.asked"\necho "tool version v{version} (linux)"\n')
    path.chmod(0o755)
    return path


def times_asked(tool: Path) -> int:
    asked = tool.with_name(tool.name + ".asked")
    return len(asked.read_text().splitlines()) if asked.exists() else 0
