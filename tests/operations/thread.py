"""People who comment on pull requests of a `World`, and the workflows that their commands start."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gitops.adapters.ci.github import event as events
from gitops.adapters.ci.github.event import CommentEvent
from gitops.adapters.codehost.simulated.code_host import LocalHost
from gitops.context import Context
from gitops.errors import CodeHostFailed
from gitops.model import Comment, Record, RecordKind
from gitops.operations.chatops import comments as commanding
from tests.operations.world import World


@dataclass
class FakeRuns:
    """Implements `gitops.ports.Runs`: remembers what was started. `ended` are runs that are known."""

    started: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    again: list[tuple[str, str]] = field(default_factory=list)
    ended: dict[str, bool] = field(default_factory=dict)
    broken: CodeHostFailed | None = None

    def start(self, workflow: str, branch: str, inputs: Mapping[str, str]) -> None:
        """See `Runs.start`."""
        if self.broken:
            raise self.broken
        self.started.append((workflow, branch, dict(inputs)))

    def start_again(self, workflow: str, commit: str) -> str:
        """See `Runs.start_again`."""
        if self.broken:
            raise self.broken
        self.again.append((workflow, commit))
        return "https://github.example/runs/1"

    def has_ended(self, run: str) -> bool | None:
        """See `Runs.has_ended`."""
        return self.ended.get(run)


class TalkingHost(LocalHost):
    """The simulated host, where some may not write, and comments can be edited and deleted."""

    strangers: frozenset[str] = frozenset()
    edited: frozenset[int] = frozenset()
    deleted: frozenset[int] = frozenset()

    def may_write(self, login: str) -> bool:
        """Everybody but the strangers."""
        return login not in self.strangers

    def find_comment(self, number: int, comment: int) -> Comment | None:
        """As it stands there."""
        found = super().find_comment(number, comment)
        if found is None or comment in self.deleted:
            return None
        return replace(found, edited=comment in self.edited)


@dataclass
class Thread:
    """What is said below the pull requests of a world."""

    world: World
    host: TalkingHost = field(init=False)
    runs: FakeRuns = field(default_factory=FakeRuns)

    def __post_init__(self) -> None:
        self.host = TalkingHost(self.world.remote, self.world.clock)

    def context(self, **environment: str) -> Context:
        """The world of a run that a comment started."""
        made = self.world.context("ci", **environment)
        made.host, made.runs = self.host, self.runs
        return made

    def event(self, body: str, by: str = "grace", **more: Any) -> CommentEvent:
        """Somebody comments on the pull request that was opened last, and GitHub tells of it."""
        assert self.world.opened
        identity = self.host.say(self.world.opened, by, body)
        return events.parse(json.dumps(payload(self.world.opened, identity, by, body, self.now(), **more)).encode())

    def say(self, body: str, by: str = "grace", **more: Any) -> str:
        """The same, and the command is done; what is answered in the thread, or "" where nothing was."""
        return self.run(self.event(body, by, **more))

    def run(self, event: CommentEvent) -> str:
        """The workflow's run for the event; what it answers."""
        before = len(self.all())
        commanding.obey(self.context(), event)
        return self.all()[-1] if len(self.all()) > before else ""

    def all(self) -> list[str]:
        """Every comment, oldest first."""
        assert self.world.opened
        return self.host.comments(self.world.opened)

    def now(self) -> datetime:
        """GitHub tells whole seconds."""
        return self.world.clock.now().astimezone(UTC).replace(microsecond=0)

    @property
    def commands(self) -> list[Record]:
        """What the ledger has of commands."""
        return [one for one in self.world.records if one.kind is RecordKind.COMMAND]


def payload(number: int, identity: int, by: str, body: str, at: datetime, **more: Any) -> dict[str, Any]:
    """An `issue_comment` event, with what is read of it; `kind` is the user's, `action` the event's."""
    return {
        "action": more.get("action", "created"),
        "issue": {"number": number, **({"pull_request": {"url": "x"}} if more.get("pull_request", True) else {})},
        "comment": {
            "id": identity,
            "body": body,
            "created_at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "html_url": f"https://github.example/pull/{number}#issuecomment-{identity}",
            "user": {"login": by, "type": more.get("kind", "User")},
        },
        "repository": {"default_branch": "main"},
    }


def event_file(folder: Path, content: Mapping[str, Any]) -> str:
    """The file that GITHUB_EVENT_PATH names."""
    file = folder / "event.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return str(file)
