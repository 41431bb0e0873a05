"""Commits and files of the local repository, through GitPython.

Two ways into Git, chosen for speed: short commands for questions, and one `git cat-file --batch` process that lives
as long as the adapter and hands out file contents (20,000 files through one pipe, instead of 20,000 processes).
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import git

from gitops.adapters.git.command import ENVIRONMENT, GitCommand
from gitops.adapters.system import scratch
from gitops.errors import GitFailed, RemoteUnreachable
from gitops.flow.impact.change import parse_raw_diff
from gitops.model import Change, Commit

# Object names written per turn to `git cat-file`. 500 names are 20 KiB (32 with SHA-256), below a pipe's 64 KiB: Git
# can never be stuck writing an answer while we are stuck writing the next question.
_NAMES_PER_TURN = 500

_SYMLINK_MODE = b"120000"
_SUBMODULE_MODE = b"160000"
_CHECKOUT_PREFIX = "gitops-checkout-"


@dataclass(frozen=True, slots=True)
class _Tree:
    """The files of one commit."""

    paths: Mapping[str, str]
    symlinks: frozenset[str]


class GitRepository:
    """Implements `gitops.ports.RepositoryReader`; `folder` may be any folder inside the repository.

    Safe to use from several threads. Close it (or use it as a context manager) to end its Git process.
    """

    def __init__(self, folder: Path | str = ".", *, remote: str = "origin") -> None:
        self._command = GitCommand(folder, remote)
        self._repo = self._command.repo
        self._git, self._expect = self._command.attempt, self._command.run
        self.remote = remote
        self._objects = _Objects(self._repo)
        self._tree = lru_cache(maxsize=8)(self._read_tree)
        self._checkouts: set[Path] = set()

    @property
    def root(self) -> Path:
        """The folder of the working tree, or of the repository itself when it is bare."""
        return Path(self._repo.working_tree_dir or self._repo.git_dir)

    @property
    def working_tree(self) -> Path | None:
        """The user's own working tree; None in a bare repository."""
        found = self._repo.working_tree_dir
        return Path(found) if found else None

    def within(self, folder: Path) -> Path | None:
        """Where in the repository a folder of a working tree lies: of the user's own, or of a checkout that stands."""
        real = folder.resolve()
        own = (self.working_tree.resolve(),) if self.working_tree else ()
        trees = (tree for tree in (*self._checkouts, *own) if real.is_relative_to(tree))
        return next((real.relative_to(tree) for tree in trees), None)

    def __enter__(self) -> "GitRepository":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the Git process; the adapter starts another when it is used again."""
        self._objects.close()
        self._repo.close()

    def resolve(self, revision: str) -> str:
        """The commit that `revision` names. Raises GitFailed when there is none."""
        status, output, _ = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if status:
            hint = (
                "Fetch it first: `git fetch --unshallow` or `fetch-depth: 0` in the checkout."
                if self._shallow()
                else ""
            )
            if not hint and revision == "HEAD":
                hint = "Commit something first."
            raise GitFailed(
                f"{revision!r} names no commit of {self.root}", hint=hint or "See `git log --all` for what there is."
            )
        return output.decode().strip()

    def empty_tree(self) -> str:
        """The id of the tree without files: the base of a change that has no commit before it."""
        return self._expect("hash-object", "-t", "tree", os.devnull).decode().strip()

    def parent(self, commit: str) -> str | None:
        """The commit's first parent; None for a root commit. Raises GitFailed where a shallow clone ends."""
        output = self._expect("rev-list", "--parents", "--max-count=1", commit).split()
        if len(output) > 1:
            return output[1].decode()
        if self._shallow():
            raise GitFailed(
                f"The clone is too shallow to know what came before {commit[:12]}",
                hint="Name a --base, or fetch more: `git fetch --deepen 1`, or `fetch-depth: 0` in the checkout.",
            )
        return None

    def merge_base(self, first: str, second: str) -> str | None:
        """The commit where two lines of history parted; None for unrelated ones.

        Raises GitFailed for unknown commits, and in a clone too shallow to tell.
        """
        status, output, errors = self._git("merge-base", first, second)
        if status == 0:
            return output.decode().strip()
        if status == 1 and not self._shallow():
            return None
        raise GitFailed(
            f"Could not find where {second[:12]} left {first[:12]}: {errors or 'the clone is shallow'}",
            hint="Fetch the whole history: `git fetch --unshallow`, or `fetch-depth: 0` in the checkout.",
        )

    def change(self, base: str, head: str) -> Change:
        """What `head` changed since it left `base` (their merge base). Raises GitFailed for unknown commits.

        Without a common commit (or with `empty_tree()` as base) every difference between the two counts.
        """
        empty = self.empty_tree()
        head = self.resolve(head)
        if base != empty:
            base = self.resolve(base)
            base = self.merge_base(base, head) or base
        # diff-tree and not diff: the user's diff.* settings must not alter what counts as changed.
        output = self._expect("diff-tree", "-r", "--raw", "-z", "--no-renames", "--ignore-submodules=none", base, head)
        return Change(base, head, parse_raw_diff(output))

    def paths(self, commit: str) -> Mapping[str, str]:
        """Every file of the commit (or tree): path → object id."""
        return self._tree(commit).paths

    def symlinks(self, commit: str) -> Mapping[str, str]:
        """The commit's symbolic links: path → target as written in the link."""
        names = sorted(self._tree(commit).symlinks)
        return {path: os.fsdecode(target) for path, target in self.read_many(commit, names)}

    def read(self, commit: str, path: str) -> bytes:
        """A file's content. Raises GitFailed when the commit has no such file."""
        return next(self.read_many(commit, (path,)))[1]

    def read_many(self, commit: str, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The content of many files in one Git process, in the order asked."""
        known = self.paths(commit)
        missing = [path for path in paths if path not in known]
        if missing:
            raise GitFailed(f"Commit {commit[:12]} has no file {missing[0]!r}")
        return zip(paths, self._objects.read([known[path] for path in paths]), strict=True)

    def branch_head(self, branch: str) -> str:
        """The commit that the remote's branch is at now, asked of the remote. Raises RemoteUnreachable.

        Raises GitFailed when the remote answers that it has no such branch.
        """
        ref = f"refs/heads/{branch}"
        status, output, errors = self._git("ls-remote", "--exit-code", self.remote, ref)
        if status == 2:
            raise GitFailed(
                f"Remote {self.remote!r} has no branch {branch!r}",
                hint=f"Push it (`git push {self.remote} {branch}`) or correct the branch in gitops.yaml.",
            )
        if status:
            raise RemoteUnreachable(
                f"Could not ask remote {self.remote!r} for branch {branch!r}: {errors}",
                hint=f"Check `git ls-remote {self.remote}`: address, network, credentials. Nothing was changed.",
            )
        # ls-remote matches the end of names; the line that ends in exactly this ref is the branch.
        return next(line.split("\t")[0] for line in output.decode().splitlines() if line.endswith(f"\t{ref}"))

    def default_branch(self) -> str | None:
        """The remote's default branch as this clone remembers it, as a revision; None when it remembers none."""
        for name in (f"{self.remote}/HEAD", f"{self.remote}/main", f"{self.remote}/master"):
            ref = f"refs/remotes/{name}"
            if self._git("rev-parse", "--verify", "--quiet", ref)[0] == 0:
                return ref
        return None

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Whether `descendant` contains `ancestor`."""
        status, _, errors = self._git("merge-base", "--is-ancestor", ancestor, descendant)
        if status not in (0, 1):
            raise GitFailed(f"Could not compare commits {ancestor!r} and {descendant!r}: {errors}")
        return status == 0

    def commits_touching(self, paths: Sequence[str], since: datetime, until: str) -> tuple[Commit, ...]:
        """See `RepositoryReader.commits_touching`. A merge counts as a commit that changes what it brought."""
        if not paths:
            return ()
        output = self._expect(
            "log",
            "--first-parent",
            "--diff-merges=first-parent",
            "-z",
            "--name-only",
            "--no-renames",
            "--format=%x00%H%x00%an%x00%cI%x00%s",
            f"--since={since.isoformat()}",
            until,
            "--",
            *(f":(literal,top){path}" for path in paths),
        )
        return tuple(_commits(output))

    @contextmanager
    def checkout(self, commit: str) -> Iterator[Path]:
        """A clean, temporary working tree of exactly that commit, gone when the context ends.

        A crash cannot clean up; the next checkout removes what it left, told by a lock that died with its process. It
        sweeps the scratch folders as well: every run that makes any has a checkout, also one that needs no engine.
        """
        self._remove_leftovers()
        scratch.sweep()
        folder = Path(tempfile.mkdtemp(prefix=_CHECKOUT_PREFIX)).resolve()
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                # No hooks (they are other people's programs) and no line-end conversion (it would alter the files).
                settings = ("-c", f"core.hooksPath={os.devnull}", "-c", "core.autocrlf=false")
                self._expect(*settings, "worktree", "add", "--quiet", "--detach", str(folder / "tree"), commit)
                self._checkouts.add(folder / "tree")
                yield folder / "tree"
            finally:
                self._checkouts.discard(folder / "tree")
                self._remove_checkout(folder)

    def _remove_leftovers(self) -> None:
        listing = os.fsdecode(self._expect("worktree", "list", "--porcelain"))
        for line in listing.splitlines():
            folder = Path(line.removeprefix("worktree ")).parent
            if not line.startswith("worktree ") or not folder.name.startswith(_CHECKOUT_PREFIX):
                continue
            # No lock file: either half made just now by another process, or half removed; both resolve themselves.
            with suppress(OSError), (folder / "lock").open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._remove_checkout(folder)
        self._git("worktree", "prune")

    def _remove_checkout(self, folder: Path) -> None:
        # Force twice also takes a worktree that a crash left locked. What Git cannot remove, we remove and it forgets.
        self._git("worktree", "remove", "--force", "--force", str(folder / "tree"))
        shutil.rmtree(folder, ignore_errors=True)
        self._git("worktree", "prune")

    def _read_tree(self, commit: str) -> _Tree:
        paths: dict[str, str] = {}
        symlinks = set()
        for entry in self._expect("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")[:-1]:
            header, _, name = entry.partition(b"\t")
            mode, _, object_id = header.split(b" ")
            if mode == _SUBMODULE_MODE:
                continue
            path = os.fsdecode(name)
            paths[path] = object_id.decode()
            if mode == _SYMLINK_MODE:
                symlinks.add(path)
        return _Tree(paths, frozenset(symlinks))

    def _shallow(self) -> bool:
        return self._git("rev-parse", "--is-shallow-repository")[1].strip() == b"true"


class _Objects:
    """File contents through one long-lived `git cat-file --batch`."""

    def __init__(self, repo: git.Repo) -> None:
        self._repo = repo
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def read(self, object_ids: Sequence[str]) -> Iterator[bytes]:
        """The objects' contents, in the order asked. Raises GitFailed for an object that the clone does not have."""
        for start in range(0, len(object_ids), _NAMES_PER_TURN):
            with self._lock:
                contents = self._turn(object_ids[start : start + _NAMES_PER_TURN])
            yield from contents

    def close(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            if self._process is not None:
                self._process.communicate()
                self._process = None

    def _turn(self, object_ids: Sequence[str]) -> list[bytes]:
        process = self._process or self._start()
        assert process.stdin is not None  # noqa: S101 - asked for in _start
        try:
            process.stdin.write("".join(f"{name}\n" for name in object_ids).encode())
            process.stdin.flush()
            return [self._answer(process, name) for name in object_ids]
        except (OSError, GitFailed):
            # What is left in the pipe belongs to questions nobody asks any more.
            process.kill()
            process.communicate()
            self._process = None
            raise

    def _answer(self, process: "subprocess.Popen[bytes]", name: str) -> bytes:
        assert process.stdout is not None  # noqa: S101 - asked for in _start
        header = process.stdout.readline().split()
        if len(header) != 3 or not header[2].isdigit():
            raise GitFailed(
                f"Git does not have object {name}, which a commit of {self._repo.git_dir} names",
                hint="The clone is incomplete: fetch again without `--filter`, or check it with `git fsck`.",
            )
        size = int(header[2])
        content = process.stdout.read(size + 1)
        if len(content) != size + 1:
            raise GitFailed(f"Git stopped in the middle of object {name}", hint="Check the clone with `git fsck`.")
        return content[:-1]

    def _start(self) -> "subprocess.Popen[bytes]":
        # GitPython's own batch reader asks for one object at a time and copies it twice; this one asks for many.
        self._process = subprocess.Popen(
            ["git", "cat-file", "--batch"],
            cwd=self._repo.git_dir,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | ENVIRONMENT,
        )
        return self._process


def _commits(log: bytes) -> Iterator[Commit]:
    """The commits of a log as `commits_touching` asks for it: four fields, then paths up to an empty one."""
    parts = iter(log.decode(errors="surrogateescape").split("\0")[1:])
    for name in parts:
        author, at, subject = (next(parts) for _ in range(3))
        paths = tuple(path.removeprefix("\n") for path in iter(lambda: next(parts, ""), ""))
        yield Commit(name, author, datetime.fromisoformat(at).astimezone(UTC), subject, paths)
