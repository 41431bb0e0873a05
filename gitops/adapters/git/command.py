"""Git as a command, through GitPython: arguments in, bytes out, errors without credentials."""

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import git

from gitops.errors import GitFailed, Refused, RemoteUnreachable

# Git must ask nobody for a password in a job without a terminal, and speak English so that errors read alike.
# Commits that the pipeline makes (ledger records, leases) carry its own name, whatever the machine's configuration.
ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
    "GIT_AUTHOR_NAME": "gitops",
    "GIT_AUTHOR_EMAIL": "gitops@localhost",
    "GIT_COMMITTER_NAME": "gitops",
    "GIT_COMMITTER_EMAIL": "gitops@localhost",
}


@dataclass(frozen=True, slots=True)
class Move:
    """A remote ref, the value that must stand there, and the one to put in its place; "" stands for absent."""

    ref: str
    expected: str
    wanted: str


class GitCommand:
    """Runs Git in one repository. Safe to use from several threads."""

    def __init__(self, folder: Path | str, remote: str = "origin") -> None:
        """Raises GitFailed when `folder` is not inside a repository."""
        try:
            self.repo = git.Repo(folder, search_parent_directories=True)
        except (git.InvalidGitRepositoryError, git.NoSuchPathError) as error:
            raise GitFailed(
                f"{Path(folder).absolute()} is not inside a Git repository",
                hint="Run the command in a clone of the repository.",
            ) from error
        self.remote = remote

    def attempt(self, *arguments: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
        """Exit code, output and error text. Raises GitFailed only when there is no Git."""
        with _as_file(stdin) as given:
            try:
                status, output, errors = self.repo.git.execute(
                    ["git", *arguments],
                    istream=given,
                    with_extended_output=True,
                    with_exceptions=False,
                    stdout_as_string=False,
                    strip_newline_in_stdout=False,
                    env=ENVIRONMENT,
                )
            except git.GitCommandNotFound as error:
                raise GitFailed("Git is not installed, or not on PATH", hint="Install Git 2.38 or newer.") from error
        return int(status), bytes(output), _without_credentials(str(errors))

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """The output of a command that must succeed. Raises GitFailed."""
        status, output, errors = self.attempt(*arguments, stdin=stdin)
        if status:
            raise GitFailed(f"`git {' '.join(arguments)}` failed in {self.repo.git_dir}: {errors}")
        return output

    def text(self, *arguments: str, stdin: bytes = b"") -> str:
        """The output as stripped text."""
        return self.run(*arguments, stdin=stdin).decode().strip()

    def merged(self, base: str, head: str) -> str:
        """The commit that merging `head` into `base` would make: `head` itself where nothing has to be merged.

        Raises Refused when the two conflict.
        """
        if self.attempt("merge-base", "--is-ancestor", base, head)[0] == 0:
            return head
        status, output, errors = self.attempt("merge-tree", "--write-tree", "--name-only", "--no-messages", base, head)
        lines = output.decode(errors="replace").splitlines()
        if status == 1:
            files = ", ".join(sorted(set(lines[1:]))[:5])
            raise Refused(
                f"{head[:12]} conflicts with {base[:12]} in {files}: there is no merged program to preview.",
                hint="Merge or rebase onto the target branch, resolve the conflict, and push.",
            )
        if status:
            raise GitFailed(f"Could not merge {head[:12]} into {base[:12]}: {errors}")
        return self.text("commit-tree", lines[0], "-p", base, "-p", head, stdin=b"preview of the merge\n")

    def remote_refs(self, *patterns: str) -> Mapping[str, str]:
        """Ref → object id on the remote now. Raises RemoteUnreachable."""
        status, output, errors = self.attempt("ls-remote", self.remote, *patterns)
        if status:
            raise self._unreachable("read", errors)
        lines = (line.split("\t") for line in output.decode().splitlines())
        return {ref: object_id for object_id, ref in lines}

    def fetch(self, ref: str) -> None:
        """Bring the objects of a remote ref here. Raises RemoteUnreachable."""
        if not self.fetch_if_there(ref):
            raise self._unreachable("fetch from", f"it has no {ref}")

    def fetch_if_there(self, ref: str) -> bool:
        """Bring the objects of a remote ref here; False when the remote has no such ref. Raises RemoteUnreachable."""
        # No local ref is written (--refmap=): processes that share a clone would fight over its lock.
        options = ["--quiet", "--no-tags", "--refmap=", "--no-write-fetch-head", "--no-auto-maintenance"]
        status, _, errors = self.attempt("fetch", *options, self.remote, ref)
        if status and "couldn't find remote ref" in errors:
            return False
        if status:
            raise self._unreachable("fetch from", errors)
        return True

    def swap_ref(self, ref: str, expected: str, wanted: str) -> bool:
        """Compare and swap a remote ref; see `swap`."""
        return self.swap(Move(ref, expected, wanted))

    def swap(self, *moves: "Move") -> bool:
        """Compare and swap remote refs, all or none: False when something else stood at one of them.

        The remote checks the old values under the refs' locks, so of many writers exactly one wins. Raises
        RemoteUnreachable when the remote cannot be asked, or refuses for another reason (rights, a hook).
        """
        expectations = [f"--force-with-lease={move.ref}:{move.expected}" for move in moves]
        wanted = [f"{move.wanted}:{move.ref}" for move in moves]
        atomic = ["--atomic"] if len(moves) > 1 else []
        status, output, errors = self.attempt(
            "push", "--porcelain", "--no-verify", *atomic, *expectations, self.remote, *wanted
        )
        if status == 0:
            # Git is content where a ref stands at the wanted value already ("="), which another writer put there.
            lines = [line.split("\t") for line in output.decode().splitlines() if line.startswith("=")]
            already = {line[1].rpartition(":")[2] for line in lines}
            return not any(move.ref in already and move.wanted != move.expected for move in moves)
        verdicts = [line for line in output.decode().splitlines() if line.startswith("!")]
        if any(map(_LOST_RACE.search, verdicts)):
            return False
        raise self._unreachable("write to", "; ".join(verdicts).replace("\t", " ") or errors)

    def _unreachable(self, doing: str, errors: str) -> RemoteUnreachable:
        return RemoteUnreachable(
            f"Could not {doing} remote {self.remote!r}: {errors.strip() or 'it gave no reason'}",
            hint="Check address, network and credentials, then run the same command again: it looks at what was done.",
        )


# How Git words a lost race: our expectation is stale, or the remote's ref was locked or moved while it wrote.
_LOST_RACE = re.compile(
    r"stale info|fetch first|non-fast-forward|cannot lock ref|failed to update ref|reference already exists"
    r"|failed to lock|incorrect old value|remote ref is at"
    # Of several refs at once the remote tells no more than this; why it was goes to its own log.
    r"|atomic transaction failed"
)


@contextmanager
def _as_file(content: bytes) -> Iterator[BinaryIO | None]:
    """What a command reads: a real file, which GitPython hands on; None for nothing."""
    if not content:
        yield None
        return
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        yield file


def _without_credentials(text: str) -> str:
    return re.sub(r"(?<=://)[^/@\s]+@", "", text).strip()
