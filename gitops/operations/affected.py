"""Which stacks a change can alter: the rules, asked of the projects before it and after it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops.errors import ConfigError
from gitops.flow.impact.affected import affected_stacks
from gitops.flow.impact.discovery import take_snapshot
from gitops.model import AffectedStack, Change

if TYPE_CHECKING:
    from gitops.adapters.git.repository import GitRepository


@dataclass(frozen=True, slots=True)
class Affected:
    """The answer for one change; `unreadable_base` says why the projects before the change could not be read."""

    change: Change
    stacks: tuple[AffectedStack, ...]
    unreadable_base: str = ""


def find_affected(repository: "GitRepository", base: str | None = None, head: str = "HEAD") -> Affected:
    """The stacks that `head` affects since it left `base` (None: where it left the remote's default branch).

    Raises GitFailed for unknown commits, ConfigError when a project file of `head` is broken.
    """
    head = repository.resolve(head)
    change = repository.change(default_base(repository, head) if base is None else base, head)
    after = take_snapshot(repository, head)
    try:
        before = take_snapshot(repository, change.base)
    except ConfigError as error:
        # The change may well be the repair, so it must pass; it just cannot be told what it does not affect.
        return Affected(change, affected_stacks(change, None, after), unreadable_base=error.message)
    return Affected(change, affected_stacks(change, before, after))


def default_base(repository: "GitRepository", head: str) -> str:
    """Where `head` left the remote's default branch; on that branch, the commit before; of a first commit, nothing."""
    branch = repository.default_branch()
    base = repository.merge_base(repository.resolve(branch), head) if branch else None
    if base is not None and base != head:
        return base
    return repository.parent(head) or repository.empty_tree()
