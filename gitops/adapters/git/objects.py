"""Trees and commits as Git's own objects: read without a checkout, and made without a working tree."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gitops.model import Commit

if TYPE_CHECKING:  # GitPython takes 0.1 s to import
    from gitops.adapters.git.command import GitCommand


def tree(git: "GitCommand", commit: str) -> str:
    """The commit's tree. Raises GitFailed."""
    return git.text("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}")


def parents(git: "GitCommand", commit: str) -> tuple[str, ...]:
    """The commit's parents. Raises GitFailed."""
    return tuple(git.text("log", "-1", "--format=%P", commit).split())


def commits_between(git: "GitCommand", before: str, after: str) -> tuple[Commit, ...]:
    """The commits, merges aside, that `after` has and `before` has not, newest first. Raises GitFailed."""
    output = git.run("log", "--no-merges", "-z", "--format=%H%n%an%n%cI%n%s", f"{before}..{after}")
    rows = (row.split("\n") for row in output.decode(errors="replace").split("\0") if row)
    return tuple(
        Commit(name, author, datetime.fromisoformat(at).astimezone(UTC), subject) for name, author, at, subject in rows
    )


def differing(git: "GitCommand", one: str, other: str, within: Sequence[str] = ()) -> tuple[str, ...]:
    """The paths that differ between two commits or trees; `within` are pathspecs. Raises GitFailed."""
    output = git.run("diff-tree", "-r", "--name-only", "--no-renames", "-z", one, other, "--", *within)
    return tuple(sorted(path for path in output.decode("utf-8", "surrogateescape").split("\0") if path))


def grafted(git: "GitCommand", onto: str, given: str, path: Iterable[str]) -> str:
    """The tree `onto`, with what `given` has at that path in place of its own; both are trees, or "" for empty ones."""
    name, *rest = path
    entries = dict(_entries(git, onto))
    other = dict(_entries(git, given))
    if rest:
        below = grafted(git, _subtree(entries.get(name)), _subtree(other.get(name)), rest)
        wanted = f"040000 tree {below}\t{name}" if _entries(git, below) else None
    else:
        wanted = other.get(name)
    kept = [line for entry, line in entries.items() if entry != name]
    lines = [*kept, wanted] if wanted else kept
    stdin = "".join(f"{line}\0" for line in lines).encode("utf-8", "surrogateescape")
    return git.text("mktree", "-z", stdin=stdin) if stdin else git.text("mktree")


def _entries(git: "GitCommand", of: str) -> list[tuple[str, str]]:
    """Name → line, as `git ls-tree` prints it and `git mktree` reads it."""
    if not of:
        return []
    lines = git.run("ls-tree", "-z", of).decode("utf-8", "surrogateescape").split("\0")
    return [(line.partition("\t")[2], line) for line in lines if line]


def _subtree(line: str | None) -> str:
    """The tree that an entry is; "" for a file, or nothing."""
    kind, _, rest = (line or "").partition("\t")[0].partition(" ")
    return rest.split(" ")[1] if kind == "040000" else ""


def commit_of(git: "GitCommand", tree_id: str, onto: Iterable[str], by: tuple[str, datetime], message: str) -> str:
    """A new commit, on no branch yet; `by` is who writes it, as `name <address>`, and when.

    Written as an object, because `git commit-tree` takes its author from the environment only.
    """
    name, at = by
    who = f"{name} {int(at.timestamp())} +0000"
    lines = [f"tree {tree_id}", *(f"parent {one}" for one in onto), f"author {who}", f"committer {who}", "", message]
    return git.text("hash-object", "-t", "commit", "-w", "--stdin", stdin="\n".join([*lines, ""]).encode())
