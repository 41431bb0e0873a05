"""The event that a workflow is started with when somebody comments: GitHub's JSON, from raw to valid."""

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from gitops.errors import UsageError
from gitops.model import Comment


@dataclass(frozen=True, slots=True)
class CommentEvent:
    """A comment, what was done with it (`created`, `edited`, `deleted`), and where it stands."""

    action: str
    number: int
    on_pull_request: bool
    comment: Comment
    default_branch: str


class _User(msgspec.Struct):
    login: str
    type: str


class _Comment(msgspec.Struct):
    id: int
    created_at: datetime
    html_url: str
    body: str | None = None
    user: _User | None = None


class _Issue(msgspec.Struct):
    number: int
    pull_request: dict[str, object] | None = None


class _Repository(msgspec.Struct):
    default_branch: str


class _Event(msgspec.Struct):
    action: str
    issue: _Issue
    comment: _Comment
    repository: _Repository


def parse(content: bytes) -> CommentEvent:
    """Read an `issue_comment` event. Raises UsageError for anything else."""
    try:
        raw = msgspec.json.decode(content, type=_Event)
    except msgspec.DecodeError as error:
        raise UsageError(
            f"The event is no comment on GitHub: {error}.",
            hint="`gitops command` is for workflows that `on: issue_comment` starts.",
        ) from None
    said, user = raw.comment, raw.comment.user
    return CommentEvent(
        action=raw.action,
        number=raw.issue.number,
        on_pull_request=raw.issue.pull_request is not None,
        comment=Comment(
            id=said.id,
            by=user.login if user else "",
            body=said.body or "",
            at=said.created_at.astimezone(UTC),
            by_person=user is not None and user.type == "User",
            address=said.html_url,
        ),
        default_branch=raw.repository.default_branch,
    )
