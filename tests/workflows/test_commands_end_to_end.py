"""Comments on a pull request on their way through the real workflow and the real verb, to a simulated GitHub.

act runs the workflow on this host; Git and the ledger are real. Nothing here has a stack to preview.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gitops.sandbox.remote import git as tree_git
from tests.contracts.code_hosts import git
from tests.workflows.acting import ROOT, Act, Finished, Settings
from tests.workflows.simulated_github import BOT, TOKEN, SimulatedGitHub


@dataclass(frozen=True)
class Threads:
    """This repository on the simulated GitHub, with a pull request that changes nothing, and act as its runners."""

    github: SimulatedGitHub
    act: Act
    number: int

    def say(self, by: str, body: str) -> Finished:
        """Somebody comments, and the workflow runs."""
        return self.act.comment(self.number, self.github.say(self.number, by, body))

    def answers(self) -> list[str]:
        """What the workflow's token has said."""
        return [one.body for one in self.github.pull_requests[self.number].comments if one.by == BOT]

    def ledger(self) -> str:
        """The ledger's branch; empty while nothing is on record."""
        return self.github.git("for-each-ref", "--format=%(objectname)", "refs/heads/gitops/ledger")


@pytest.fixture(scope="module")
def threads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Threads]:
    folder = tmp_path_factory.mktemp("commands")
    remote = folder / "remote.git"
    main = commit_of_the_tree(folder)
    tree_git(folder, "clone", "--quiet", "--bare", str(ROOT), str(remote))
    tree_git(ROOT, "push", "--quiet", "--force", str(remote), f"{main}:refs/heads/main")
    change = git(remote, "commit-tree", f"{main}^{{tree}}", "-p", main, "-m", "Change nothing", by="ada")
    git(remote, "update-ref", "refs/heads/feature", change)
    runner = {"SIMULATED_PYTHON": sys.executable}
    runner |= {name: os.environ[name] for name in ("GITOPS_CACHE", "XDG_CACHE_HOME") if name in os.environ}
    with SimulatedGitHub(remote) as github:
        github.permissions["mallory"] = "read"
        number = github.open("feature", "main", title="Change nothing", author="ada")
        yield Threads(github, Act(github, folder / "runs", Settings(runner=runner)), number)


def commit_of_the_tree(folder: Path) -> str:
    """A commit of the repository as it lies here, with what is not committed yet."""
    index = folder / "index"
    tree_git(ROOT, "add", "--all", index=index)
    tree = tree_git(ROOT, "write-tree", index=index).decode().strip()
    return tree_git(ROOT, "commit-tree", tree, "-m", "As it lies here").decode().strip()


def succeeded(run: Finished) -> None:
    assert run.code == 0, run.output
    assert TOKEN not in run.output


def test_who_may_not_write_is_told_so_once_and_nothing_is_done(threads: Threads) -> None:
    before = threads.github.git("for-each-ref")
    for body in ("/gitops preview", "/gitops unlock $(touch pwned)"):
        succeeded(threads.say("mallory", body))
    told = [one for one in threads.answers() if "gitops:no-rights" in one]
    assert len(told) == 1
    assert "`mallory` may not write to this repository, so commands do nothing." in told[0]
    assert threads.github.git("for-each-ref") == before
    assert [one for one in threads.github.requests if "/actions/" in one] == []


def test_a_hostile_comment_is_answered_as_text(threads: Threads) -> None:
    run = threads.say("grace", "/gitops unlock $(touch${IFS}pwned)`id`\n::error::pwned\n'; touch pwned; '")
    succeeded(run)
    assert "cannot be meant: write `/gitops unlock [STACK]`" in threads.answers()[-1]
    assert "::error::pwned" not in run.output.split("gitops command")[-1]


def test_a_command_is_answered_below_it_and_on_record_once(threads: Threads) -> None:
    comment = threads.github.say(threads.number, "grace", "/gitops unlock")
    for _ in range(2):
        succeeded(threads.act.comment(threads.number, comment))
    [answer] = [one for one in threads.answers() if f"gitops:answer:{comment.identity} " in one]
    assert "Nobody holds a stack of this environment." in answer
    subject = threads.github.git("log", "--format=%s", threads.ledger())
    assert subject.splitlines()[0].endswith(" by grace")
    assert len(subject.splitlines()) == 1


def test_the_gate_is_explained_in_the_thread(threads: Threads) -> None:
    succeeded(threads.say("grace", "/gitops explain"))
    answer = threads.answers()[-1]
    assert "The gate of `dev`, asked now about commit" in answer
    assert "refuse  reviewed: the ledger has no plan of infrastructure/dev" in answer


def test_what_is_started_is_started_on_github(threads: Threads) -> None:
    github = threads.github
    github.workflows.append("rollback.yml")
    run = github.run("preview.yml", "feature", event="pull_request")
    succeeded(threads.say("grace", "/gitops preview"))
    assert (run.status, run.attempt) == ("queued", 2)
    assert f"](https://github.com/{github.repository}/actions/runs/{run.identity}) of `" in threads.answers()[-1]
    succeeded(threads.say("grace", "/gitops rollback 4967091b2510"))
    started = github.runs[-1]
    assert (started.workflow, started.branch, started.event) == ("rollback.yml", "main", "workflow_dispatch")
    assert started.inputs == {"environment": "dev", "to": "4967091b2510"}


def test_what_github_refuses_is_said_in_the_thread_and_fails_the_run(threads: Threads) -> None:
    threads.github.forbidden.append(r"POST .*/dispatches")
    run = threads.say("grace", "/gitops rollback")
    threads.github.forbidden.clear()
    assert run.code != 0
    assert "**Failed.** Because:" in threads.answers()[-1]
    assert "answered 403" in threads.answers()[-1]
    assert TOKEN not in threads.answers()[-1]
