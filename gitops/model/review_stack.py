"""What became of a pull request's own stack, as it is told there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Raised:
    """A review stack that is up: at which head of the pull request, merged into which branch, and what it gives."""

    stack: str
    head: str
    base: str
    at: datetime
    expires: datetime
    done: str
    label: str
    outputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotRaised:
    """An `up` that did not come to its end, and why; `messages` are without secrets."""

    stack: str
    head: str
    messages: tuple[str, ...]
    hint: str


@dataclass(frozen=True, slots=True)
class Gone:
    """A review stack that was destroyed, and why."""

    stack: str
    at: datetime
    why: str
    label: str
