"""What a change is, and the stacks that it affects."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class FileStatus(StrEnum):
    """What a change did to a file; what Git cannot name counts as changed."""

    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file that differs between two commits. A rename is a deletion and an addition."""

    path: str
    status: FileStatus


@dataclass(frozen=True, slots=True)
class Change:
    """The difference between two commits; `base` is the point where the change left its target branch."""

    base: str
    head: str
    files: tuple[FileChange, ...]


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as history tells of it; `at` is when it was made part of that line, `paths` the files it changed."""

    id: str
    author: str
    at: datetime
    subject: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Stack:
    """One deployed instance of a Pulumi project. `folder` is the project's folder, "." for the root."""

    project: str
    name: str
    folder: str = "."

    @property
    def label(self) -> str:
        """How people and refs name it: `project/name`, unique in a repository."""
        return f"{self.project}/{self.name}"


class ReasonKind(StrEnum):
    """Why a stack can be altered by a change."""

    STACK_CONFIG = "stack config"
    STACK_MODULE = "stack module"
    IMPORTED = "imported"
    PROJECT_FILE = "project file"
    LOCK_FILE = "lock file"
    POLICY = "policy"
    PIPELINE_CONFIG = "pipeline config"
    UPSTREAM = "upstream stack"
    UNRELEASED = "unreleased"
    UNKNOWN = "unknown path"


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """Why a stack is affected: the kind, the path that changed, and a sentence for people."""

    kind: ReasonKind
    path: str
    text: str


@dataclass(frozen=True, slots=True)
class AffectedStack:
    """A stack that a change can alter; `reasons` is never empty."""

    stack: Stack
    reasons: tuple[Reason, ...]
