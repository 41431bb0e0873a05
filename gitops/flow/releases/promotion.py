"""A promotion: what one environment would get from the one before it. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from gitops.model import AffectedStack, Commit


class Outcome(StrEnum):
    """How looking for something to promote ended."""

    PROPOSED = "proposed"
    WOULD_PROPOSE = "would propose"
    UP_TO_DATE = "up to date"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Content:
    """What a promotion brings: commits, changed paths, and the stacks that they affect.

    `unlike` are paths that would not be as they are released, since the branch has changes of its own there.
    `takes_up` is the rollback whose pull request is taken back by it, 0 for none.
    """

    commits: tuple[Commit, ...]
    changed: tuple[str, ...]
    affected: tuple[AffectedStack, ...]
    unlike: tuple[str, ...] = ()
    takes_up: int = 0


@dataclass(frozen=True, slots=True)
class Promotion:
    """One environment's answer. `reasons` say why not, or what of the environment before waits still."""

    environment: str
    before: str
    outcome: Outcome
    release: str = ""
    branch: str = ""
    head: str = ""
    pull_request: int | None = None
    reasons: tuple[str, ...] = ()
    body: str = ""


def branch_of(environment: str) -> str:
    """The branch of an environment's promotions."""
    return f"gitops/promote/{environment}"
