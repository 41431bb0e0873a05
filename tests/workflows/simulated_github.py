"""A simulated GitHub: the few API calls that `gitops` makes, answered from state over a real bare Git repository.

Pull requests follow their branch until they are merged, reviews keep the commit they were given for, a merge
is a real Git merge in the bare repository. Lists are paged as GitHub pages them, tokens speak for accounts
and lack permissions, and the next answers can be told to be faults.
"""

import os
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

from tests.workflows import github_shapes as shapes
from tests.workflows.github_api import handler
from tests.workflows.github_checks import Analysis, SimulatedCheck
from tests.workflows.github_labels import GREY, label_json
from tests.workflows.github_runs import SimulatedRun
from tests.workflows.github_settings import Settings
from tests.workflows.github_shapes import Json

REPOSITORY = "example/infrastructure"
BOT = "github-actions[bot]"
TOKEN = "simulated-workflow-token"


@dataclass
class Review:
    """One press of "Review changes"; dismissing it changes `state`, as on GitHub."""

    by: str
    state: str
    commit: str
    at: datetime


@dataclass
class Comment:
    """One comment below a pull request; `edits` counts how often it was replaced, a second later each time."""

    identity: int
    by: str
    body: str
    edits: int = 0
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class SimulatedPullRequest:
    """A pull request from `branch` into `base`; `head` is the branch's commit, fixed once merged."""

    number: int
    title: str
    author: str
    branch: str
    base: str
    head: str
    merged_as: str | None = None
    merged_at: datetime | None = None
    reviews: list[Review] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    body: str = ""
    labels: list[str] = field(default_factory=list)
    closed_at: datetime | None = None
    fork: str = ""
    """The repository that its branch is in, where that is another one."""


@dataclass
class Fault:
    """An answer given instead of the right one, `times` times, to requests whose `METHOD /path` matches.

    `page` is sent as HTML in place of the message: what a proxy in between would do.
    """

    pattern: str
    status: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    page: bytes | None = None


class AgainstGitHubsDescription(AssertionError):
    """A request or an answer that GitHub's published description of its API does not allow."""


class MergeConflict(Exception):
    """The branches cannot be merged without a person."""


class SimulatedGitHub:
    """One repository. Use it as a context manager: it listens on `url` in between."""

    def __init__(self, remote: Path, repository: str = REPOSITORY) -> None:
        self.remote = remote
        self.repository = repository
        self.tokens = {TOKEN: BOT}
        # Who is not listed may write, so that a test names only what it is about.
        self.permissions: dict[str, str] = {}
        # Requests, as patterns of `METHOD /path`, for which the token lacks a permission.
        self.forbidden: list[str] = []
        self.faults: list[Fault] = []
        # Addresses that belong to no account; any other belongs to the login before its "@".
        self.strangers: set[str] = set()
        # Team, as organisation/slug → who belongs to it.
        self.teams: dict[str, list[str]] = {}
        self.issues: list[tuple[str, str]] = []
        self.closed_issues: set[int] = set()
        self.authors_of_issues: dict[int, str] = {}
        # GitHub's largest page; a test that wants many pages makes it small instead of writing 101 comments.
        self.largest_page = 100
        # GitHub lists no more of a comparison.
        self.most_compared = 10_000
        # Right after a merge GitHub does not know a commit's pull requests yet.
        self.index_is_late = False
        self.requests: list[str] = []
        # What broke GitHub's description of its API; the end of the context raises it.
        self.violations: list[str] = []
        # Label → colour.
        self.labels: dict[str, str] = {}
        self.checks: list[SimulatedCheck] = []
        self.analyses: list[Analysis] = []
        self.has_code_scanning = True
        self.workflows = ["preview.yml", "apply.yml"]
        self.runs: list[SimulatedRun] = []
        self.settings = Settings()
        self.pull_requests: dict[int, SimulatedPullRequest] = {}
        self.lock = threading.RLock()
        self._identities = 5000
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))

    def __enter__(self) -> "SimulatedGitHub":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        if self.violations:
            raise AgainstGitHubsDescription("\n".join(dict.fromkeys(self.violations)))

    @property
    def url(self) -> str:
        """What GITHUB_API_URL is set to."""
        return f"http://127.0.0.1:{self._server.server_port}"

    # --- what people do on the web site ---------------------------------------------------------

    def open(self, branch: str, base: str, *, title: str = "A change", author: str = "author") -> int:
        """Open a pull request and return its number."""
        with self.lock:
            number = len(self.pull_requests) + 1
            head = self.git("rev-parse", "--verify", f"refs/heads/{branch}")
            self.pull_requests[number] = SimulatedPullRequest(number, title, author, branch, base, head)
            return number

    def review(self, number: int, by: str, state: str = "APPROVED") -> None:
        """Submit a review for the head as it is now."""
        with self.lock:
            pull_request = self.follow(self.pull_requests[number])
            pull_request.reviews.append(Review(by, state, pull_request.head, _now()))

    def dismiss(self, number: int, by: str) -> None:
        """Dismiss that reviewer's last review."""
        with self.lock:
            [*_, last] = [r for r in self.pull_requests[number].reviews if r.by == by]
            last.state = "DISMISSED"

    def say(self, number: int, by: str, body: str) -> Comment:
        """Write a comment as somebody."""
        with self.lock:
            self._identities += 1
            comment = Comment(self._identities, by, body)
            self.pull_requests[number].comments.append(comment)
            return comment

    def find_comment(self, identity: int) -> tuple[SimulatedPullRequest, Comment]:
        """The comment and where it stands. Raises KeyError."""
        for pull_request in self.pull_requests.values():
            for comment in pull_request.comments:
                if comment.identity == identity:
                    return pull_request, comment
        raise KeyError(identity)

    def merge(self, number: int, *, squash: bool = False) -> str:
        """Press the merge button: a merge or squash commit on the base branch of the bare repository."""
        with self.lock:
            pull_request = self.follow(self.pull_requests[number])
            base = self.git("rev-parse", f"refs/heads/{pull_request.base}")
            merged = subprocess.run(
                ["git", "merge-tree", "--write-tree", base, pull_request.head],
                cwd=self.remote,
                capture_output=True,
                text=True,
                check=False,
            )
            if merged.returncode != 0:
                raise MergeConflict(merged.stdout)
            parents = ["-p", base] if squash else ["-p", base, "-p", pull_request.head]
            message = f"{pull_request.title} (#{number})"
            commit = self.git("commit-tree", merged.stdout.split()[0], *parents, "-m", message)
            self.git("update-ref", f"refs/heads/{pull_request.base}", commit, base)
            pull_request.merged_as, pull_request.merged_at = commit, _now()
            return commit

    def close(self, number: int) -> None:
        """Close it without a merge."""
        self.pull_requests[number].closed_at = _now()

    def put_label(self, number: int, name: str) -> None:
        """Put a label on a pull request; one that the repository does not have is made."""
        with self.lock:
            carried = self.pull_requests[number].labels
            self.labels.setdefault(name, GREY)
            if name not in carried:
                carried.append(name)

    def run(self, workflow: str, branch: str, *, event: str = "push", status: str = "completed") -> SimulatedRun:
        """Have a workflow run at the branch as it is now."""
        with self.lock:
            number = 1 + sum(run.workflow == workflow for run in self.runs)
            commit = self.git("rev-parse", f"refs/heads/{branch}")
            made = SimulatedRun(70_000 + len(self.runs), number, workflow, commit, branch, event, status)
            self.runs.append(made)
            return made

    # --- what a workflow is told -----------------------------------------------------------------

    def pull_request_event(self, number: int, action: str = "opened") -> Json:
        """The payload of a `pull_request` event."""
        pull_request = self.follow(self.pull_requests[number])
        return {
            "action": action,
            "number": number,
            "pull_request": self.pull_request_json(pull_request),
            "repository": shapes.repository(self.url, self.repository),
            "sender": self.user_json(pull_request.author),
        }

    def push_event(self, branch: str) -> Json:
        """The payload of the `push` event for the branch as it is now; before, it was at its first parent."""
        after = self.git("rev-parse", f"refs/heads/{branch}")
        return {
            "ref": f"refs/heads/{branch}",
            "before": self.git("rev-parse", f"{after}^1"),
            "after": after,
            "repository": shapes.repository(self.url, self.repository),
            "pusher": {"name": "merger", "email": "merger@example.com"},
            "sender": self.user_json("merger"),
        }

    def comment_event(self, number: int, comment: Comment, action: str = "created") -> Json:
        """The payload of the `issue_comment` event for a comment below a pull request."""
        pull_request = self.follow(self.pull_requests[number])
        link = {"url": f"{self.url}/repos/{self.repository}/pulls/{number}"}
        return {
            "action": action,
            "issue": {"number": number, "title": pull_request.title, "state": "open", "pull_request": link},
            "comment": self.comment_json(pull_request, comment),
            "repository": {**shapes.repository(self.url, self.repository), "default_branch": "main"},
            "sender": self.user_json(comment.by),
        }

    # --- state to JSON ---------------------------------------------------------------------------

    def user_json(self, login: str) -> Json:
        return shapes.user(self.url, login, "Bot" if login.endswith("[bot]") else "User")

    def pull_request_json(self, pull_request: SimulatedPullRequest, *, listed: bool = False) -> Json:
        """One pull request; a list says less of it."""
        self.follow(pull_request)
        merged = pull_request.merged_at
        closed = merged or pull_request.closed_at
        place = pull_request.fork or self.repository
        base = self.git("rev-parse", f"refs/heads/{pull_request.base}")
        fields: Json = {
            "state": "closed" if closed else "open",
            "title": pull_request.title,
            "user": self.user_json(pull_request.author),
            "created_at": shapes.instant(_now()),
            "updated_at": shapes.instant(_now()),
            "closed_at": shapes.instant(closed),
            "merged_at": shapes.instant(merged),
            # On an open pull request GitHub puts its own trial merge here, which is on no branch.
            "merge_commit_sha": pull_request.merged_as or "f" * 40,
            "body": pull_request.body,
            "labels": [label_json(self, name) for name in pull_request.labels],
            "head": shapes.branch_end(self.url, place, pull_request.branch, pull_request.head),
            "base": shapes.branch_end(self.url, self.repository, pull_request.base, base),
        }
        if not listed:
            commits = int(self.git("rev-list", "--count", f"{self._before(pull_request)}..{pull_request.head}"))
            fields |= {"commits": commits, "comments": len(pull_request.comments), "merged": merged is not None}
        return shapes.pull_request(self.url, self.repository, pull_request.number, fields)

    def review_json(self, pull_request: SimulatedPullRequest, review: Review, identity: int) -> Json:
        fields: Json = {
            # The reviews of a deleted account stay, without a user.
            "user": self.user_json(review.by) if review.by else None,
            "state": review.state,
            "commit_id": review.commit,
            "submitted_at": shapes.instant(review.at),
        }
        return shapes.review(self.url, self.repository, pull_request.number, identity, fields)

    def comment_json(self, pull_request: SimulatedPullRequest, comment: Comment) -> Json:
        fields: Json = {
            "user": self.user_json(comment.by) if comment.by else None,
            "body": comment.body,
            "created_at": shapes.instant(comment.at),
            "updated_at": shapes.instant(comment.at + timedelta(seconds=comment.edits)),
        }
        return shapes.comment(self.url, self.repository, pull_request.number, comment.identity, fields)

    def commits_json(self, pull_request: SimulatedPullRequest) -> list[Json]:
        """Its commits, oldest first; no more than GitHub lists."""
        return self.span_json(f"{self._before(pull_request)}..{self.follow(pull_request).head}")[: shapes.MOST_COMMITS]

    def span_json(self, span: str) -> list[Json]:
        """The commits of a span, oldest first."""
        listed = self.git("log", "--reverse", "--format=%H%x1f%an%x1f%ae%x1f%cn%x1f%ce%x1f%B%x1f%P%x00", span)
        rows = [row.strip("\n").split("\x1f") for row in listed.split("\0") if row.strip("\n")]
        return [
            {
                **shapes.commit(
                    self.url, self.repository, row[0], row[5], tuple(map(self._person, row[1:5:2], row[2:5:2]))
                ),
                "parents": [{"sha": sha, "url": f"{self.url}/commits/{sha}"} for sha in row[6].split()],
            }
            for row in rows
        ]

    def compared_json(self, base: str, head: str) -> tuple[list[Json], Json]:
        """The commits that `head` has and `base` has not, and what a comparison says beside them.

        Two commits of one line: they meet in the older.
        """
        commits = self.span_json(f"{base}..{head}")
        [before] = self.span_json(f"{base}^!")
        return commits[: self.most_compared], {
            "url": f"{self.url}/repos/{self.repository}/compare/{base}...{head}",
            "base_commit": before,
            "merge_base_commit": before,
            "status": "ahead" if commits else "identical",
            "ahead_by": len(commits),
            "total_commits": len(commits),
        }

    def _person(self, name: str, address: str) -> tuple[Json, Json | None]:
        """How a commit names a person, and the account that the address belongs to."""
        login = "web-flow" if address == "noreply@github.example" else address.partition("@")[0]
        return {"name": name, "email": address}, None if address in self.strangers else self.user_json(login)

    def files_json(self, pull_request: SimulatedPullRequest) -> list[Json]:
        """What it changes since it left its base; a rename names the old path as well."""
        span = f"{self._before(pull_request)}...{self.follow(pull_request).head}"
        listed = self.git("diff", "--name-status", "--find-renames", span)
        return [shapes.file(*reversed(line.split("\t")[1:])) for line in listed.splitlines()]

    def _before(self, pull_request: SimulatedPullRequest) -> str:
        return f"{pull_request.merged_as}^1" if pull_request.merged_as else f"refs/heads/{pull_request.base}"

    # --- helpers ---------------------------------------------------------------------------------

    def follow(self, pull_request: SimulatedPullRequest) -> SimulatedPullRequest:
        """Move the head to where the branch is now; a merged pull request stands still."""
        if pull_request.merged_at is None:
            pull_request.head = self.git("rev-parse", f"refs/heads/{pull_request.branch}")
        return pull_request

    def belongs(self, pull_request: SimulatedPullRequest, commit: str) -> bool:
        """GitHub lists a commit's pull requests by any of their commits, not only by the merge commit."""
        if pull_request.merged_as == commit:
            return True
        return commit in self.git("rev-list", self.follow(pull_request).head, f"^{self._before(pull_request)}").split()

    def git(self, *arguments: str, text: str | None = None) -> str:
        identity = {
            "GIT_AUTHOR_NAME": "Simulated GitHub",
            "GIT_AUTHOR_EMAIL": "noreply@github.example",
            "GIT_COMMITTER_NAME": "Simulated GitHub",
            "GIT_COMMITTER_EMAIL": "noreply@github.example",
        }
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.remote,
            env={**os.environ, **identity},
            input=text,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()


def _now() -> datetime:
    return datetime.now(UTC)
