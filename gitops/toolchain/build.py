"""Builds from the Go module proxy: one recipe, one `go build` for all of its pieces that are missing.

Go's build cache lies in our cache, so a build that was interrupted goes on where it stopped.
"""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gitops.errors import ToolchainError
from gitops.toolchain import cache, golang
from gitops.toolchain.cache import Installed, Origin
from gitops.toolchain.golang import Go
from gitops.toolchain.pins import Edit, Piece, Recipe, Source
from gitops.toolchain.places import Places
from gitops.toolchain.process import Runner


@dataclass(frozen=True)
class Builder:
    """Builds the pieces of a recipe; `lock` is the descriptor that other processes wait for."""

    go: Go
    places: Places
    runner: Runner
    lock: int

    def build(self, recipe: Recipe, pieces: Sequence[tuple[Piece, str]]) -> list[Installed]:
        """Build pieces, given with their keys, and put them into the cache. Raises ToolchainError."""
        with cache.fresh_folder(self.places, recipe.name) as folder:
            work = folder / "work"
            shutil.copytree(self.places.recipes / recipe.name, work, ignore=shutil.ignore_patterns("__pycache__"))
            for source in recipe.sources:
                self._bring(source, work)
            for edit in recipe.edits:
                apply_edit(work, edit)
            self._compile(recipe, work, [package for piece, _ in pieces for package in piece.packages])
            return [self._store(piece, key, work / "bin", folder) for piece, key in pieces]

    def _bring(self, source: Source, work: Path) -> None:
        module = golang.download(self.go, source, self.places, self.runner)
        for origin, target in source.copy.items():
            copy_writable(module / origin, work / target)
        if source.script:
            script, target = source.script
            command: list[str | Path] = [sys.executable, "-B", work / script, module, work / target]
            done = self.runner.run(command, folder=work, environ=self.places.environ)
            if done.code != 0:
                raise ToolchainError(
                    f"Preparing {source.module}: {script} failed.\n{done.tail()}",
                    hint="The recipe does not fit the module's version; see the script.",
                )

    def _compile(self, recipe: Recipe, work: Path, packages: Sequence[str]) -> None:
        (work / "bin").mkdir(exist_ok=True)
        link = " ".join(["-s", "-w", *recipe.link])
        temporary = work.parent / "tmp"
        temporary.mkdir()
        command: list[str | Path] = [self.go.program, "build", "-trimpath", "-buildvcs=false", "-mod=readonly"]
        done = self.runner.run(
            [*command, "-o", "bin/", "-ldflags", link, *packages],
            folder=work,
            # on the cache's disk: packages of the larger tools do not fit into a small /tmp
            environ=self.go.environ | {"GOTMPDIR": str(temporary)},
            keep_open=(self.lock,),
        )
        if done.code != 0:
            raise golang.explain(f"Building {recipe.name}", done, self.places)

    def _store(self, piece: Piece, key: str, built: Path, folder: Path) -> Installed:
        own = folder / "finished" / piece.name
        own.mkdir(parents=True)
        for name in piece.executables:
            if (built / name).is_file():
                (built / name).rename(own / name)
        return cache.store(self.places, piece, key, own, Origin.BUILT)


def copy_writable(origin: Path, target: Path) -> None:
    """Copy a file or folder of the module cache, which is read only, so that the copy is not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if origin.is_file():
        shutil.copyfile(origin, target)
        return
    for file in origin.rglob("*"):
        if file.is_file():
            copy = target / file.relative_to(origin)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)


def apply_edit(work: Path, edit: Edit) -> None:
    """Replace the one place an edit names. Raises ToolchainError when it is not there exactly once."""
    file = work / edit.file
    text = file.read_text(encoding="utf-8")
    if text.count(edit.old) != 1:
        raise ToolchainError(
            f"Preparing {edit.file}: {edit.old.strip()!r} is there {text.count(edit.old)} times instead of once.",
            hint="The recipe's edits in pins.toml do not fit the module's version.",
        )
    file.write_text(text.replace(edit.old, edit.new), encoding="utf-8")
