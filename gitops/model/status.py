"""One environment at a glance, as `gitops status` shows it."""

from dataclasses import dataclass
from datetime import datetime

from gitops.model.change import FileChange
from gitops.model.ledger import Lease, Ticket
from gitops.model.record_bodies import RecordKind


@dataclass(frozen=True, slots=True)
class LastApply:
    """The latest apply of any stack of an environment: when, by whom, and how it ended."""

    at: datetime
    by: str
    outcome: RecordKind


@dataclass(frozen=True, slots=True)
class EnvironmentStatus:
    """Where an environment stands. `branch_head` None: the branch does not exist; `released` None: never released.

    `waiting` are those who stand in line for its stacks, first come first. `pending_commits` are on the branch but not
    released, newest first; `pending_files` are what they change.
    """

    environment: str
    branch: str
    branch_head: str | None = None
    released: str | None = None
    last_apply: LastApply | None = None
    leases: tuple[Lease, ...] = ()
    pending_commits: tuple[str, ...] = ()
    pending_files: tuple[FileChange, ...] = ()
    waiting: tuple[Ticket, ...] = ()
