"""The tools that a command works with: `find` returns them at once, or says which are missing.

No process is started, and nothing is written but the folder of links in which Pulumi finds the providers;
`gitops toolchain install` is what fills the cache.
"""

import contextlib
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gitops.errors import ToolchainError, ToolMissing
from gitops.toolchain import cache, environment, locate, pins
from gitops.toolchain.cache import Installed, Origin
from gitops.toolchain.places import Places

__all__ = ["ToolchainError", "Tools", "find"]


@dataclass(frozen=True)
class Tools:
    """Installed pieces by name, and how to run with them."""

    installed: Mapping[str, Installed]
    places: Places
    _pins: pins.Pins
    _plugin_home: Path | None

    def path(self, name: str) -> Path:
        """The file of an executable, such as `pulumi` or `kube-apiserver`.

        Raises ToolMissing when it was not among the needs that these tools were found for.
        """
        piece = self._pins.owner(name)
        if piece.name not in self.installed:
            raise _missing(self._pins, [piece.name])
        return self.installed[piece.name].folder / name

    @property
    def recipes(self) -> Path:
        """The folder of recipes: `aws-emulator` (run it with Python), `kwok/stages.yaml`, pins.toml."""
        return self.places.recipes

    def environment(self) -> dict[str, str]:
        """The variables to add to a process that uses the tools: PATH with them first, and Pulumi's own.

        PULUMI_HOME is set only where a provider was installed by us, so that a user's login stays in use otherwise.
        """
        commands = [one.folder for one in self.installed.values() if not one.piece.plugin]
        folders = dict.fromkeys([self.places.virtual_environment / "bin", *commands])
        path = os.pathsep.join([*map(str, folders), self.places.environ.get("PATH", os.defpath)])
        variables = {"PATH": path, "PULUMI_SKIP_UPDATE_CHECK": "1"}
        if self._plugin_home is not None:
            variables["PULUMI_HOME"] = str(self._plugin_home)
            variables["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
        return variables


def find(needs: Sequence[str], *, places: Places | None = None) -> Tools:
    """The tools for sets (`pipeline`, `sandbox`, `demo`, `test`, `all`), pieces or executables, within milliseconds.

    Raises ToolMissing, naming what is missing and the command that installs it; UsageError for an unknown name.
    """
    places = places or Places.from_environment()
    known = pins.read(places.recipes)
    installed: dict[str, Installed] = {}
    missing = []
    for name in known.resolve(needs):
        if name == pins.ENVIRONMENT:
            if not environment.is_current(places):
                missing.append(name)
            continue
        found = look_up(places, known, name)
        if found is None:
            missing.append(name)
        else:
            installed[name] = found
    if missing:
        raise _missing(known, missing)
    needs_home = any(one.piece.plugin for one in installed.values())
    return Tools(installed, places, known, plugin_home(places, known) if needs_home else None)


def is_complete(needs: Sequence[str], places: Places, known: pins.Pins) -> bool:
    """Whether there is nothing to install: all is usable, and no tool on PATH waits to be asked for its version."""
    names = known.resolve(needs)
    pieces = [name for name in names if name != pins.ENVIRONMENT]
    return (
        (pins.ENVIRONMENT not in names or environment.is_current(places))
        and not any(locate.is_unknown(places, known.pieces[name]) for name in pieces)
        and all(look_up(places, known, name) for name in pieces)
    )


def look_up(places: Places, known: pins.Pins, name: str) -> Installed | None:
    """A piece as the machine has it in a supported version, else as the cache has it, else None."""
    piece = known.pieces[name]
    return locate.present(places, known, piece) or cache.stored(
        places, piece, known.key(piece, places.recipes, places.platform)
    )


def plugin_home(places: Places, known: pins.Pins) -> Path | None:
    """The PULUMI_HOME that links every provider there is; None where the user's own home has them all.

    Its name comes from what it links to, so two checkouts with different pins do not disturb each other.
    """
    plugins = [one for name, piece in known.pieces.items() if piece.plugin and (one := look_up(places, known, name))]
    if all(one.origin is Origin.PRESENT for one in plugins):
        return None
    targets = "\n".join(sorted(str(one.folder) for one in plugins))
    home = places.cache / "pulumi-home" / hashlib.sha256(targets.encode()).hexdigest()[:16]
    if not home.is_dir():
        _link(places, plugins, home)
    return home


def _link(places: Places, plugins: Sequence[Installed], home: Path) -> None:
    """Lay the providers out the way Pulumi looks for them, in one step."""
    with cache.fresh_folder(places, "pulumi-home") as folder:
        for one in plugins:
            plugin = folder / "plugins" / f"resource-{one.piece.plugin}-v{one.piece.version}"
            plugin.mkdir(parents=True)
            for name in one.piece.executables:
                (plugin / name).symlink_to(one.folder / name)
        home.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # another process was faster
            folder.rename(home)


def _missing(known: pins.Pins, missing: Sequence[str]) -> ToolMissing:
    titles = [known.pieces[name].title if name in known.pieces else "the Python environment" for name in missing]
    return ToolMissing(
        f"Not installed: {', '.join(titles)}.",
        hint=f"Run: gitops toolchain install --for {known.set_for(missing)}",
    )
