"""Pull requests, approvals, and a gate's answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody approved a pull request when its head was `commit`."""

    by: str
    commit: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Comment:
    """Something written below a pull request; `edited` says that it does not stand there as it was written.

    `by` is empty where the account is gone. `by_person` is false for bots and apps. `address` is the web page's.
    """

    id: int
    by: str
    body: str
    at: datetime
    edited: bool = False
    by_person: bool = True
    address: str = ""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request as the pipeline needs it; `merged_as` is the commit it became on `base` (None: it is not merged).

    `closed` is true for one that was closed without a merge, `from_fork` for one whose branch is somebody else's.
    `contributors` wrote or committed something in it; the author is one of them. `strangers` did so too, but no account
    goes with their name and address, so each of them may be anybody.
    """

    number: int
    title: str
    author: str
    base: str
    head: str
    approvals: tuple[Approval, ...] = ()
    merged_as: str | None = None
    contributors: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    closed: bool = False
    from_fork: bool = False


class Outcome(StrEnum):
    """A gate's answer."""

    ALLOW = "allow"
    WAIT = "wait"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule of a gate, what it looked at, what it found and why, and what would change that (empty: nothing)."""

    rule: str
    outcome: Outcome
    reason: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All rules of a gate; the outcome is the strictest of theirs."""

    rules: tuple[RuleResult, ...]

    @property
    def outcome(self) -> Outcome:
        """`REFUSE` if any rule refuses, else `WAIT` if any waits, else `ALLOW`."""
        outcomes = {rule.outcome for rule in self.rules}
        for outcome in (Outcome.REFUSE, Outcome.WAIT):
            if outcome in outcomes:
                return outcome
        return Outcome.ALLOW


class Conclusion(StrEnum):
    """How a check on a commit ended. Only `SUCCESS` and `NEUTRAL` let a required check pass."""

    SUCCESS = "success"
    NEUTRAL = "neutral"
    FAILURE = "failure"
    ACTION_REQUIRED = "action_required"


class AnnotationLevel(StrEnum):
    """How loud a remark on a line is."""

    NOTICE = "notice"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Annotation:
    """A remark on lines of a file of the commit (the first is 1): why it changes something, or what it violates."""

    path: str
    line: int
    level: AnnotationLevel
    title: str
    message: str
    last_line: int = 0

    @property
    def lines(self) -> tuple[int, int]:
        """First and last line."""
        return self.line, max(self.line, self.last_line)


@dataclass(frozen=True, slots=True)
class CheckReport:
    """One named check on a commit; `summary` is Markdown."""

    name: str
    conclusion: Conclusion
    title: str
    summary: str
    annotations: tuple[Annotation, ...] = ()
