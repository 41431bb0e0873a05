"""A simulated code host: pull requests of a local bare repository, kept in a file inside of it.

Everything Git is real: heads are read from the branches, a merge is Git's own. What is played are the
people's side of GitHub: pull requests, approvals, comments. Anybody may act as anybody here.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gitops.adapters.codehost.simulated import files
from gitops.adapters.git import objects
from gitops.errors import CodeHostFailed, Refused, UsageError
from gitops.model import Approval, CheckReport, PullRequest
from gitops.model import Comment as Remark
from gitops.ports import Clock

if TYPE_CHECKING:  # GitPython takes 0.1 s to import
    from gitops.adapters.git.command import GitCommand

FILE = "pull-requests.json"
TEAMS = "teams.json"
ANNOUNCEMENTS = "announcements.jsonl"
CHECKS = "checks.json"
CODE_SCANNING = "code-scanning.sarif"
# Who the pipeline's comments are by; a comment of a person that copies a marker is left alone.
PIPELINE = "gitops"


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment below a pull request; its id is its place there, from 1 on. `at` is told of a person's only."""

    by: str
    body: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A pull request as the file has it. `head` is the branch's commit when the entry was last written."""

    number: int
    title: str
    author: str
    base: str
    branch: str
    head: str
    approvals: tuple[Approval, ...] = ()
    comments: tuple[Comment, ...] = ()
    body: str = ""
    merged_as: str | None = None
    labels: tuple[str, ...] = ()
    closed: bool = False


class LocalHost:
    """One bare repository's pull requests, as `CodeHostReader`, `CodeHostWriter` and `Checks`; and its people."""

    def __init__(self, remote: Path, clock: Clock) -> None:
        self._remote = remote
        self._clock = clock

    @property
    def remote(self) -> Path:
        """The bare repository."""
        return self._remote

    # --- what the pipeline asks ---------------------------------------------------------------

    def pull_request(self, number: int) -> PullRequest:
        """One pull request with its approvals. Raises CodeHostFailed when there is none of that number."""
        return self._as_pull_request(self._current(self._find(self._read(), number)))

    def pull_request_of(self, commit: str, branch: str) -> PullRequest | None:
        """The pull request that became `commit` on `branch`, or None. Raises CodeHostFailed."""
        for entry in self._read():
            current = self._current(entry)
            if current.base == branch and current.merged_as == commit:
                return self._as_pull_request(current)
        return None

    def files(self, number: int) -> tuple[str, ...] | None:
        """The paths that it changes; None when its branch was pushed to the base, since where that was before is lost.

        Raises CodeHostFailed when there is none of that number.
        """
        before, head = self._span(self._current(self._find(self._read(), number)))
        if not before:
            return None
        listed = self._git.text("diff", "--name-only", "--no-renames", "-z", f"{before}...{head}")
        return tuple(sorted(filter(None, listed.split("\0"))))

    def contributors(self, base: str, head: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names on the commits that `head` has and `base` has not, merges aside: names are accounts here."""
        return self._names("--no-merges", f"{base}..{head}"), ()

    def members(self, team: str) -> frozenset[str]:
        """Who belongs to the team; nobody to one that was never made."""
        return frozenset(self._teams().get(team, ()))

    def find_comment(self, number: int, comment: int) -> Remark | None:
        """The person's comment of that id; nobody can edit or delete one here. Raises CodeHostFailed."""
        comments = self._find(self._read(), number).comments
        one = comments[comment - 1] if 0 < comment <= len(comments) else None
        return Remark(comment, one.by, one.body, one.at) if one and one.at else None

    def comment(self, number: int, marker: str, body: str) -> None:
        """Keep exactly one comment of the pipeline that starts with `marker`. Raises CodeHostFailed."""
        if not body.startswith(marker):
            body = f"{marker}\n{body}"
        with self._changing(number) as entry:
            ours = Comment(PIPELINE, body)
            old = [c for c in entry.comments if c.by == PIPELINE and c.body.startswith(marker)]
            kept = tuple(ours if c in old[:1] else c for c in entry.comments) if old else (*entry.comments, ours)
            self._put(replace(entry, comments=kept))

    def may_write(self, login: str) -> bool:  # noqa: ARG002 - the port's signature
        """Anybody may: names are accounts here."""
        return True

    def labelled(self, label: str) -> tuple[PullRequest, ...]:
        """The open pull requests with that label."""
        entries = [self._current(entry) for entry in self._read()]
        open_ = [entry for entry in entries if not entry.merged_as and not entry.closed]
        return tuple(
            PullRequest(entry.number, entry.title, entry.author, entry.base, entry.head, labels=entry.labels)
            for entry in open_
            if label.casefold() in {name.casefold() for name in entry.labels}
        )

    def label(self, number: int, wanted: Collection[str], ours: Collection[str]) -> None:
        """Of the labels `ours`, exactly `wanted`. Raises CodeHostFailed."""
        with self._changing(number) as entry:
            kept = {one for one in entry.labels if one not in ours} | set(wanted)
            self._put(replace(entry, labels=tuple(sorted(kept))))

    def propose(self, branch: str, base: str, title: str, body: str) -> int:
        """Open a pull request of the pipeline's, or bring the open one up to date. Raises CodeHostFailed."""
        for entry in map(self._current, self._read()):
            if (entry.branch, entry.base, entry.merged_as, entry.closed) == (branch, base, None, False):
                number = entry.number
                break
        else:
            try:
                number = self.open(branch, base, title=title, author=PIPELINE)
            except UsageError as error:
                raise CodeHostFailed(error.message, hint=error.hint) from error
        with self._changing(number) as entry:
            self._put(replace(entry, title=title, body=body))
        return number

    def report(self, commit: str, report: CheckReport) -> None:
        """Keep the commit's check of that name beside the pull requests."""
        with self._locked():
            checks = self.checks()
            checks.setdefault(commit, {})[report.name] = report
            files.write(self._remote / CHECKS, checks)

    def findings(self, commit: str, ref: str, sarif: bytes) -> None:  # noqa: ARG002 - the port's signature
        """Keep the newest document beside the pull requests."""
        with self._locked():
            (self._remote / CODE_SCANNING).write_bytes(sarif)

    # --- what people do -----------------------------------------------------------------------

    def close(self, number: int) -> None:
        """Close it without a merge."""
        with self._changing(number) as entry:
            self._put(replace(entry, closed=True))

    def checks(self) -> dict[str, dict[str, CheckReport]]:
        """Commit → name → the check as it was reported last."""
        return files.read(self._remote / CHECKS, dict[str, dict[str, CheckReport]], {})

    def open(self, branch: str, base: str, *, title: str, author: str) -> int:
        """Open a pull request; its number. Raises UsageError when there is nothing to merge."""
        head, target = self._branch(branch), self._branch(base)
        for name, commit in ((branch, head), (base, target)):
            if commit is None:
                raise _no_branch(name, self._remote)
        if self._succeeds("merge-base", "--is-ancestor", f"{head}", f"{target}"):
            raise UsageError(f"{base!r} contains {branch!r} already: there is nothing to merge.")
        with self._locked():
            entries = self._read()
            for entry in map(self._current, entries):
                if (entry.branch, entry.base, entry.merged_as, entry.closed) == (branch, base, None, False):
                    raise UsageError(f"Pull request {entry.number} from {branch!r} into {base!r} is open already.")
            number = max((entry.number for entry in entries), default=0) + 1
            self._write([*entries, Entry(number, title, author, base, branch, str(head))])
        return number

    def team(self, name: str, people: Sequence[str]) -> None:
        """Make a team, or change who belongs to it."""
        with self._locked():
            files.write(self._remote / TEAMS, {**self._teams(), name: list(people)})

    def approve(self, number: int, by: str) -> Approval:
        """Approve the pull request at its head as it is now. Raises UsageError for the author.

        A merged one can be approved too: when the state moves after the merge, its new plan needs a new approval.
        """
        with self._changing(number) as entry:
            if entry.author == by:
                raise UsageError(
                    f"{by} opened pull request {number} and cannot approve it.", hint="Name somebody else with --as."
                )
            approval = Approval(by=by, commit=entry.head, at=self._clock.now())
            others = tuple(a for a in entry.approvals if a.by != by)
            self._put(replace(entry, approvals=(*others, approval)))
            return approval

    def say(self, number: int, by: str, body: str) -> int:
        """Write a comment as somebody; its id. Raises CodeHostFailed."""
        with self._changing(number) as entry:
            self._put(replace(entry, comments=(*entry.comments, Comment(by, body, self._clock.now()))))
            return len(entry.comments) + 1

    def merge(self, number: int, *, squash: bool = False, by: str = "") -> str:
        """Merge into the base branch; the commit it became. Raises Refused when the branches conflict.

        Like the web page of a code host it asks no gate: the pipeline's gate comes before the apply.
        """
        with self._changing(number) as entry:
            if entry.merged_as:
                raise UsageError(f"Pull request {number} is merged already, as {entry.merged_as[:12]}.")
            if entry.closed:
                raise UsageError(f"Pull request {number} is closed.", hint="Open another one.")
            old = self._branch(entry.base)
            if old is None:
                raise CodeHostFailed(f"The branch {entry.base!r} of pull request {number} is gone.")
            tree = self._merged_tree(entry, old)
            if squash:
                commit = self._commit(tree, [old], entry.author, f"{entry.title} (#{number})")
            else:
                message = f"Merge pull request #{number} from {entry.branch}\n\n{entry.title}"
                commit = self._commit(tree, [old, entry.head], by or entry.author, message)
            if not self._succeeds("update-ref", f"refs/heads/{entry.base}", commit, old):
                raise CodeHostFailed(f"{entry.base!r} moved while pull request {number} was merged.", hint="Try again.")
            self._put(replace(entry, merged_as=commit))
            return commit

    def subject(self, branch: str) -> str:
        """The first line of the branch's last commit message. Raises UsageError when there is no such branch."""
        commit = self._branch(branch)
        if commit is None:
            raise _no_branch(branch, self._remote)
        return self._git.text("log", "-1", "--format=%s", commit)

    def entries(self) -> tuple[Entry, ...]:
        """All pull requests, oldest first."""
        return tuple(map(self._current, self._read()))

    def announce(self, title: str, body: str) -> None:
        """Keep it beside the pull requests, one JSON object a line."""
        line = msgspec.json.encode({"at": self._clock.now(), "title": title, "body": body})
        with self._locked(), (self._remote / ANNOUNCEMENTS).open("ab") as file:
            file.write(line + b"\n")

    def announcements(self) -> list[str]:
        """What was announced, oldest first: each title, an empty line, the text."""
        file = self._remote / ANNOUNCEMENTS
        told = [msgspec.json.decode(line) for line in file.read_bytes().splitlines()] if file.exists() else []
        return [f"{one['title']}\n\n{one['body']}" for one in told]

    def comments(self, number: int) -> list[str]:
        """The comments below a pull request, oldest first."""
        return [comment.body for comment in self._find(self._read(), number).comments]

    # --- the file and the repository ----------------------------------------------------------

    def _current(self, entry: Entry) -> Entry:
        """The entry with the head its branch has now; merged, when its head was merged and pushed by hand."""
        if entry.merged_as:
            return entry
        entry = replace(entry, head=self._branch(entry.branch) or entry.head)
        base = self._branch(entry.base)
        if base is None or not self._succeeds("merge-base", "--is-ancestor", entry.head, base):
            return entry
        # The oldest commit of the base branch that has the head behind it; the head itself when it was a fast-forward.
        after = self._git.text("rev-list", "--first-parent", "--ancestry-path", f"{entry.head}..{base}").split()
        on_base = entry.head in self._git.text("rev-list", "--first-parent", base).split()
        return replace(entry, merged_as=entry.head if on_base else after[-1])

    def _as_pull_request(self, entry: Entry) -> PullRequest:
        """The entry as the pipeline knows it. Names are accounts here, so nobody is a stranger."""
        before, head = self._span(entry)
        names = self._names(f"{before}..{head}" if before else head)
        return PullRequest(
            number=entry.number,
            title=entry.title,
            author=entry.author,
            base=entry.base,
            head=entry.head,
            approvals=entry.approvals,
            merged_as=entry.merged_as,
            contributors=tuple(sorted({entry.author, *names})),
            labels=entry.labels,
            closed=entry.closed and not entry.merged_as,
        )

    def _names(self, *span: str) -> tuple[str, ...]:
        """Authors, committers and co-authors of these commits."""
        names = "%an%n%cn%n%(trailers:key=Co-authored-by,valueonly)"
        lines = self._git.text("log", f"--format={names}", *span).splitlines()
        return tuple(sorted({line.partition(" <")[0] for line in lines if line}))

    def _span(self, entry: Entry) -> tuple[str, str]:
        """Its commits: those behind the head that are not behind the first. "" for all: its head is on the base."""
        if not entry.merged_as:
            return f"refs/heads/{entry.base}", entry.head
        return ("", entry.head) if entry.merged_as == entry.head else (f"{entry.merged_as}^1", entry.head)

    def _teams(self) -> dict[str, list[str]]:
        return files.read(self._remote / TEAMS, dict[str, list[str]], {})

    def _merged_tree(self, entry: Entry, base: str) -> str:
        options = ("--write-tree", "--name-only", "--no-messages", "-z")
        status, out, errors = self._git.attempt("merge-tree", *options, base, entry.head)
        tree, *conflicts = out.decode(errors="replace").rstrip("\0").split("\0")
        if status == 1:
            raise Refused(
                f"Pull request {entry.number} conflicts with {entry.base!r} in {', '.join(conflicts)}.",
                hint=f"Merge {entry.base} into {entry.branch}, settle the conflicts and push.",
            )
        if status:
            raise CodeHostFailed(f"Git cannot merge {entry.branch!r} into {entry.base!r}: {errors}")
        return tree

    def _branch(self, name: str) -> str | None:
        status, commit, _ = self._git.attempt("rev-parse", "--verify", "--quiet", f"refs/heads/{name}^{{commit}}")
        return None if status else commit.decode().strip()

    def _commit(self, tree: str, parents: Sequence[str], by: str, message: str) -> str:
        return objects.commit_of(self._git, tree, parents, (f"{by} <{by}@localhost>", self._clock.now()), message)

    def _succeeds(self, *arguments: str) -> bool:
        return self._git.attempt(*arguments)[0] == 0

    @property
    def _git(self) -> "GitCommand":
        from gitops.adapters.git.command import GitCommand

        if not self._remote.is_dir():
            raise CodeHostFailed(f"The simulated code host's repository {self._remote} does not exist.")
        return GitCommand(self._remote)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with files.locked(self._remote / FILE):
            yield

    @contextmanager
    def _changing(self, number: int) -> Iterator[Entry]:
        """The entry as it is now, under the lock in which `_put` replaces it."""
        with self._locked():
            yield self._current(self._find(self._read(), number))

    def _find(self, entries: Sequence[Entry], number: int) -> Entry:
        for entry in entries:
            if entry.number == number:
                return entry
        raise CodeHostFailed(
            f"There is no pull request {number} on {self._remote} (simulated code host).",
            hint="See `gitops sandbox pull-request list`.",
        )

    def _read(self) -> list[Entry]:
        return files.read(self._remote / FILE, list[Entry], [])

    def _put(self, changed: Entry) -> None:
        self._write([changed if entry.number == changed.number else entry for entry in self._read()])

    def _write(self, entries: Sequence[Entry]) -> None:
        files.write(self._remote / FILE, entries)


def _no_branch(name: str, remote: Path) -> UsageError:
    return UsageError(f"There is no branch {name!r} on {remote}.", hint="Push it first.")
