"""The stacks' configuration as the engine hands it to the program: the committed files, with the project's defaults."""

import json
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS: tuple[str, ...] = tuple(
    one["name"] for one in yaml.safe_load((ROOT / "gitops.yaml").read_text(encoding="utf-8"))["environments"]
)
"""The names in gitops.yaml, in promotion order."""


def declared() -> dict[str, dict[str, Any]]:
    """The project's own keys, as Pulumi.yaml declares them."""
    config = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    return {key: rule for key, rule in config.items() if ":" not in key}


def values(stack: str) -> dict[str, Any]:
    """What the stack's file holds, with full keys."""
    config: dict[str, Any] = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    return config


def as_engine_sends(stack: str, **changes: Any) -> dict[str, str]:
    """Everything as text, structures as JSON; `changes` are keys without the project, and None takes one away."""
    merged: dict[str, Any] = {
        f"infrastructure:{key}": rule["default"] for key, rule in declared().items() if "default" in rule
    }
    merged |= values(stack)
    merged |= {f"infrastructure:{key}": value for key, value in changes.items()}
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in merged.items()
        if value is not None
    }
