"""Pulumi's settings files in a checkout: a project's and a stack's."""

import contextlib
from pathlib import Path
from typing import Any

import yaml


def project_name(folder: Path) -> str:
    """The name of the project in the folder."""
    return str(project_settings(folder).get("name", ""))


def stack_settings(folder: Path, stack: str) -> dict[str, Any]:
    """The stack's settings file: in the project's folder, or where the project's `stackConfigDir` says."""
    project = project_settings(folder)
    # `config: <folder>` is the old spelling.
    named = project.get("stackConfigDir") or project.get("config")
    place = folder / named if isinstance(named, str) else folder
    for name in (f"Pulumi.{stack}.yaml", f"Pulumi.{stack}.yml"):
        with contextlib.suppress(FileNotFoundError):
            return dict(yaml.safe_load((place / name).read_bytes()) or {})
    return {}


def project_settings(folder: Path) -> dict[str, Any]:
    """The project file in the folder; nothing where there is none."""
    for name in ("Pulumi.yaml", "Pulumi.yml", "Pulumi.json"):
        with contextlib.suppress(FileNotFoundError):
            return dict(yaml.safe_load((folder / name).read_bytes()) or {})
    return {}
