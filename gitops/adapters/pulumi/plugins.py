"""Which provider plugins Pulumi would start, where the version that a program asks for does not say it.

Pulumi's own order (`getPluginInfoAndPath`, `sdk/go/common/workspace/plugins.go`): a path in Pulumi.yaml, then PATH
whatever the version, then its plugin folder; there the newest where no version is asked for.
"""

import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

_KEPT_OUT = frozenset({"__pycache__", "node_modules"})
_FALSE = frozenset({"", "0", "false"})


def moving(folder: Path, environment: Mapping[str, str], versions: Mapping[str, str]) -> dict[str, str]:
    """Package → what tells its plugin from another one: a digest of its content, or the version of the newest.

    `versions` are the packages that took part, each with the version that was asked for, or "". A package whose plugin
    follows from that version alone is left out.
    """
    paths = _project_plugins(folder)
    found = {}
    for package, version in versions.items():
        name = f"pulumi-resource-{package}"
        if package in paths:
            found[package] = _digest(paths[package], _files(paths[package]))
        elif _ambient(environment) and (ambient := shutil.which(name, path=environment.get("PATH"))):
            found[package] = _digest(Path(ambient).parent, [Path(ambient)])
        elif not version:
            found[package] = _newest(environment, package)
    return {package: one for package, one in found.items() if one}


def _project_plugins(folder: Path) -> dict[str, Path]:
    settings: Any = yaml.safe_load((folder / "Pulumi.yaml").read_bytes()) or {}
    listed = (settings.get("plugins") or {}).get("providers") or []
    return {str(one["name"]): folder / str(one["path"]) for one in listed if one.get("name") and one.get("path")}


def _ambient(environment: Mapping[str, str]) -> bool:
    return environment.get("PULUMI_IGNORE_AMBIENT_PLUGINS", "").lower() in _FALSE


def _files(folder: Path) -> Iterator[Path]:
    """A plugin's files; caches and hidden folders are not part of it."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part in _KEPT_OUT or part.startswith(".") for part in parts):
            yield path


def _digest(folder: Path, files: Iterator[Path] | list[Path]) -> str:
    whole = hashlib.sha256()
    for path in files:
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        whole.update(f"{path.relative_to(folder).as_posix()}\0{digest}\n".encode())
    return f"sha256:{whole.hexdigest()}"


def _newest(environment: Mapping[str, str], package: str) -> str:
    home = Path(environment.get("PULUMI_HOME") or Path.home() / ".pulumi")
    folders = (one for one in home.glob(f"plugins/resource-{package}-v*") if one.is_dir())
    return max((one.name.removeprefix(f"resource-{package}-v") for one in folders), key=_numbers, default="")


def _numbers(version: str) -> tuple[list[int], bool, str]:
    """7.21.0 comes after 7.9.0, and after 7.21.0-alpha."""
    core, _, rest = version.partition("-")
    return [int(number) for number in re.findall(r"\d+", core)], not rest, rest
