"""What the gate decides by: every fact about one plan of one stack, in one value. Pure.

`operations/judging.py` gathers the facts, `judgement.py` adds what the ledger says about them, and the rules read
them. A field that is marked with `InCel` is a name in expressions as well. To add a fact, see
docs/how-to/add-a-gate-rule.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Annotated, get_type_hints

from gitops.flow.gate.approvals import Voice
from gitops.model import Comment, Inputs, Plan, PullRequest, Stack


@dataclass(frozen=True, slots=True)
class InCel:
    """Marks a field that expressions can read."""

    name: str
    """Its name there, `variable` or `variable.member`."""
    unknown: str = "it is not known"
    """What an expression that reads it is told where the value is None."""


@dataclass(frozen=True, slots=True)
class Remarks:
    """The comments that records point at, by id, as the code host has them now, and those who may write."""

    comments: Mapping[int, Comment] = field(default_factory=dict)
    writers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Case:
    """Every fact that a rule may look at."""

    stack: Stack
    """The stack whose plan is judged."""
    commit: str
    """The commit that would be applied."""
    pull_request: Annotated[PullRequest | None, InCel("pull_request")]
    """The pull request that became the commit, or that is still open; None where there is none."""
    now: Annotated[datetime, InCel("now")]
    """The moment of the verdict."""
    plan: Annotated[Plan | None, InCel("plan")] = None
    """The fresh plan; before there is one, the reviewed plan."""
    approved: Plan | None = None
    """The plan that was shown for the head of the pull request."""
    voices: tuple[Voice, ...] = ()
    """The approvals of the plan, each with why it does not count."""
    destroy_voices: tuple[Voice, ...] = ()
    """The approvals of what the plan destroys, likewise."""
    files: Annotated[tuple[str, ...] | None, InCel("pull_request.files", "the paths are not known")] = ()
    """The paths that the pull request changes; None: not known, so any may be among them."""
    teams: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The logins of each team that a rule names."""
    soaking: Mapping[str, datetime] = field(default_factory=dict)
    """By environment, since when the promoted commit is released in it, in every stack that it holds."""
    vouched: bool = False
    """Whether this promotes what others approved in the environment before; its authors may approve it here."""
    program: Inputs | None = None
    """What the commit's plan would be computed from, where that was looked at before a preview."""
    resumed: bool = False
    """Whether part of the reviewed plan is applied already."""
    remarks: Remarks = field(default_factory=Remarks)
    """The comments that approve what is destroyed."""
    returns_to: str = ""
    """The release of the environment itself that a rollback returns to; empty where this is no rollback."""

    @property
    def strangers(self) -> tuple[str, ...]:
        """Those who contributed without an account: each may be one of the approvers."""
        return () if self.vouched or self.pull_request is None else self.pull_request.strangers


@cache
def in_cel() -> Mapping[str, InCel]:
    """By field of a case, how expressions read it, for those that they can read."""
    hints = get_type_hints(Case, include_extras=True)
    marks = {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}
    return {name: mark for name, given in marks.items() for mark in given if isinstance(mark, InCel)}
