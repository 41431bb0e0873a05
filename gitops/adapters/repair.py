"""Settle what a killed update left pending."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gitops.adapters.pulumi_process import PulumiProcess


def settle(
    process: PulumiProcess, folder: Path, stack: str, deployment: Mapping[str, Any]
) -> tuple[str, ...]:
    """Adopt what exists, drop the rest; one sentence for each pending operation."""
    return ()
