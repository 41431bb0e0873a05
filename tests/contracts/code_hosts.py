"""Code hosts that the contract of the two code-host ports is tested on, each with its people's side."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gitops.adapters.codehost.github.checks import GitHubChecks
from gitops.adapters.codehost.github.client import Client
from gitops.adapters.codehost.github.code_host import GitHub
from gitops.adapters.codehost.simulated.code_host import CODE_SCANNING, LocalHost
from gitops.adapters.system.clock import SystemClock
from gitops.model import Annotation, AnnotationLevel, CheckReport, Conclusion
from gitops.ports import Checks, CodeHostReader, CodeHostWriter
from tests.workflows.simulated_github import REPOSITORY, TOKEN, SimulatedGitHub


class Host(CodeHostReader, CodeHostWriter, Protocol):
    """The adapter under test."""


class People(Protocol):
    """What people do on the host while the pipeline looks on."""

    def open(self, branch: str, base: str, *, title: str, author: str) -> int:
        """Open a pull request; its number."""

    def approve(self, number: int, by: str) -> None:
        """Approve it at its head as it is now."""

    def merge(self, number: int, *, squash: bool = False) -> str:
        """Merge it; the commit it became."""

    def comments(self, number: int) -> list[str]:
        """The comments below it, oldest first."""

    def team(self, name: str, people: Sequence[str]) -> None:
        """Make a team, named as @organisation/team."""

    def say(self, number: int, by: str, body: str) -> int:
        """Write a comment; its id."""

    def announcements(self) -> list[str]:
        """What was announced, oldest first: each title, an empty line, the text."""

    def close(self, number: int) -> None:
        """Close it without a merge."""

    def text(self, number: int) -> str:
        """What is written at its top."""

    def check(self, commit: str, name: str) -> CheckReport:
        """The check of that name that is shown beside the commit."""

    def analysis(self) -> bytes:
        """The document that code scanning was given last."""


@dataclass(frozen=True)
class CodeHost:
    """An adapter, the people on its other side, and the bare repository between them."""

    adapter: Host
    people: People
    checks: Checks
    remote: Path

    def commit(self, branch: str, text: str, *, start: str = "main", by: str = "somebody") -> str:
        """A new commit on `branch` of the remote (made from `start` if it is new), as a push would put it there.

        `by` is its author and committer: both the name and the account of their address.
        """
        found = git(self.remote, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
        parent = found or git(self.remote, "for-each-ref", "--format=%(objectname)", f"refs/heads/{start}")
        blob = git(self.remote, "hash-object", "-w", "--stdin", text=text)
        listed = git(self.remote, "ls-tree", parent) if parent else ""
        kept = [line for line in listed.splitlines() if not line.endswith(f"\t{branch}.txt")]
        tree = git(self.remote, "mktree", text="\n".join([*kept, f"100644 blob {blob}\t{branch}.txt", ""]))
        parents = ["-p", parent] if parent else []
        commit = git(self.remote, "commit-tree", tree, *parents, "-m", text, by=by)
        git(self.remote, "update-ref", f"refs/heads/{branch}", commit)
        return commit


class PeopleOnGitHub:
    """People on the simulated GitHub."""

    def __init__(self, github: SimulatedGitHub) -> None:
        self._github = github

    def open(self, branch: str, base: str, *, title: str, author: str) -> int:
        return self._github.open(branch, base, title=title, author=author)

    def approve(self, number: int, by: str) -> None:
        self._github.review(number, by)

    def merge(self, number: int, *, squash: bool = False) -> str:
        return self._github.merge(number, squash=squash)

    def comments(self, number: int) -> list[str]:
        return [comment.body for comment in self._github.pull_requests[number].comments]

    def say(self, number: int, by: str, body: str) -> int:
        return self._github.say(number, by, body).identity

    def announcements(self) -> list[str]:
        return [f"{title}\n\n{body}" for title, body in self._github.issues]

    def team(self, name: str, people: Sequence[str]) -> None:
        self._github.teams[name.removeprefix("@")] = list(people)

    def close(self, number: int) -> None:
        self._github.close(number)

    def text(self, number: int) -> str:
        return self._github.pull_requests[number].body

    def check(self, commit: str, name: str) -> CheckReport:
        """GitHub shows the newest of a name."""
        *_, shown = [one for one in self._github.checks if (one.commit, one.fields["name"]) == (commit, name)]
        remarks = tuple(_annotation(one) for one in shown.annotations)
        conclusion = Conclusion(shown.fields["conclusion"])
        return CheckReport(name, conclusion, shown.output["title"], shown.output["summary"], remarks)

    def analysis(self) -> bytes:
        return self._github.analyses[-1].document


class PeopleHere(LocalHost):
    """The sandbox's code host, with what people look up in its files."""

    def text(self, number: int) -> str:
        return next(entry.body for entry in self.entries() if entry.number == number)

    def check(self, commit: str, name: str) -> CheckReport:
        return self.checks()[commit][name]

    def analysis(self) -> bytes:
        return (self._remote / CODE_SCANNING).read_bytes()


def _annotation(one: dict[str, Any]) -> Annotation:
    level = AnnotationLevel(one["annotation_level"])
    last = 0 if one["end_line"] == one["start_line"] else one["end_line"]
    return Annotation(one["path"], one["start_line"], level, one["title"], one["message"], last)


@contextmanager
def simulated_github(folder: Path) -> Iterator[CodeHost]:
    """The GitHub adapter against the simulated GitHub."""
    remote = bare_repository(folder)
    with SimulatedGitHub(remote) as github:
        client = Client(REPOSITORY, TOKEN, api=github.url, retries=0)
        yield CodeHost(GitHub(client), PeopleOnGitHub(github), GitHubChecks(client), remote)


@contextmanager
def local_host(folder: Path) -> Iterator[CodeHost]:
    """The sandbox's own code host; its adapter has the people's side as well."""
    remote = bare_repository(folder)
    host = PeopleHere(remote, SystemClock())
    yield CodeHost(host, host, host, remote)


def bare_repository(folder: Path) -> Path:
    """An empty bare repository with one commit on `main`."""
    remote = folder / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(remote)], check=True)
    tree = git(remote, "mktree", text="")
    git(remote, "update-ref", "refs/heads/main", git(remote, "commit-tree", tree, "-m", "Start"))
    return remote


def git(repository: Path, *arguments: str, text: str | None = None, by: str = "somebody") -> str:
    """Run Git there, as an author that needs no configuration; its output without the last newline."""
    parts = {"NAME": by, "EMAIL": f"{by}@example.com"}
    who = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in parts.items()}
    done = subprocess.run(
        ["git", *arguments],
        cwd=repository,
        env={**os.environ, **who},
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip("\n")
