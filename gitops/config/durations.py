"""Durations as gitops.yaml and the command line write them."""

import re

DEFAULT_LEASE, SHORTEST_LEASE, LONGEST_LEASE = 120, 3, 86_400
"""Seconds that a silent holder keeps a stack: where gitops.yaml says nothing, and what it may say.

A shorter lease cannot be kept alive over a network; a killed run must not hold its stacks for more than a day.
"""

_DURATION = re.compile(r"(\d+)(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> int | None:
    """How long a duration such as 90s, 10m, 24h or 7d is; None for anything else."""
    match = _DURATION.fullmatch(text.strip())
    return int(match.group(1)) * _SECONDS[match.group(2)] if match else None


def duration(length: int) -> str:
    """A number of seconds as it would be written: 86400 is 1d, 5400 is 90m."""
    unit = next((unit for unit in ("d", "h", "m") if length and length % _SECONDS[unit] == 0), "s")
    return f"{length // _SECONDS[unit]}{unit}"
