"""What `promote` and `rollback` share: the releases of an environment, and the commits between two of them."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from gitops.commands.planning import contains
from gitops.context import Context
from gitops.errors import ConfigError, GitFailed, UsageError
from gitops.flow.discover import take_snapshot
from gitops.flow.record import History, Query
from gitops.flow.release import Release, release_at, rollbacks
from gitops.model import Commit, RecordKind, Stack

# How GitHub's own token is limited, and what no Pulumi program reads: the pipeline's own workflows.
WORKFLOWS = (".github", "workflows")
_OUTSIDE_OF_WORKFLOWS = (":/", f":(exclude,top){'/'.join(WORKFLOWS)}")


def stacks_at(context: Context, environment: str, commit: str) -> tuple[Stack, ...]:
    """The stacks that the commit's own gitops.yaml gives the environment; none where it cannot be read."""
    try:
        settings = context.config(context.repository.resolve(commit))
        return settings.stacks_of(settings.environment(environment), take_snapshot(context.repository, commit).stacks)
    except (GitFailed, ConfigError, UsageError):
        return ()


def of_environment(context: Context, history: History, environment: str, branch: str) -> Iterator[Release]:
    """The releases of all the environment's stacks that are on `branch` (a commit), newest first."""
    seen: set[str] = set()
    for record in history.select(Query(kinds=(RecordKind.RELEASE,), environment=environment)):
        if record.commit in seen:
            continue
        seen.add(record.commit)
        if found := on_branch(context, history, environment, branch, record.commit):
            yield found


def on_branch(context: Context, history: History, environment: str, branch: str, commit: str) -> Release | None:
    """The environment's release of that commit, where it is on `branch` (a commit) and all its stacks were released."""
    if not contains(context, branch, commit):
        return None
    return release_at(history, environment, commit, stacks_at(context, environment, commit))


def returned_to(context: Context, history: History, environment: str, head: str) -> Release | None:
    """The release of this environment whose files a rollback's head has again; None for any other head."""
    asked = next((one for one in rollbacks(history, environment) if one.head == head), None)
    if asked is None:
        return None
    found = release_at(history, environment, asked.to, stacks_at(context, environment, asked.to))
    try:
        return None if found is None or differing(context, asked.to, head, with_workflows=False) else found
    except GitFailed:  # one of the two is not in this clone
        return None


def commits_between(context: Context, before: str, after: str) -> tuple[Commit, ...]:
    """The commits, merges aside, that `after` has and `before` has not, newest first."""
    output = context.git.run("log", "--no-merges", "-z", "--format=%H%n%an%n%cI%n%s", f"{before}..{after}")
    rows = (row.split("\n") for row in output.decode(errors="replace").split("\0") if row)
    return tuple(
        Commit(name, author, datetime.fromisoformat(at).astimezone(UTC), subject) for name, author, at, subject in rows
    )


def tree(context: Context, commit: str) -> str:
    """The commit's tree."""
    return context.git.text("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}")


def parents(context: Context, commit: str) -> tuple[str, ...]:
    """The commit's parents."""
    return tuple(context.git.text("log", "-1", "--format=%P", commit).split())


def differing(context: Context, one: str, other: str, *, with_workflows: bool = True) -> tuple[str, ...]:
    """The paths that differ between two commits or trees."""
    within = () if with_workflows else ("--", *_OUTSIDE_OF_WORKFLOWS)
    output = context.git.run("diff-tree", "-r", "--name-only", "--no-renames", "-z", one, other, *within)
    return tuple(sorted(path for path in output.decode("utf-8", "surrogateescape").split("\0") if path))


def grafted(context: Context, onto: str, given: str, path: Iterable[str]) -> str:
    """The tree `onto`, with what `given` has at that path in place of its own; both are trees, or "" for empty ones."""
    name, *rest = path
    entries = dict(_entries(context, onto))
    other = dict(_entries(context, given))
    if rest:
        below = grafted(context, _subtree(entries.get(name)), _subtree(other.get(name)), rest)
        wanted = f"040000 tree {below}\t{name}" if _entries(context, below) else None
    else:
        wanted = other.get(name)
    kept = [line for entry, line in entries.items() if entry != name]
    lines = [*kept, wanted] if wanted else kept
    stdin = "".join(f"{line}\0" for line in lines).encode("utf-8", "surrogateescape")
    return context.git.text("mktree", "-z", stdin=stdin) if stdin else context.git.text("mktree")


def _entries(context: Context, of: str) -> list[tuple[str, str]]:
    """Name → line, as `git ls-tree` prints it and `git mktree` reads it."""
    if not of:
        return []
    lines = context.git.run("ls-tree", "-z", of).decode("utf-8", "surrogateescape").split("\0")
    return [(line.partition("\t")[2], line) for line in lines if line]


def _subtree(line: str | None) -> str:
    """The tree that an entry is; "" for a file, or nothing."""
    kind, _, rest = (line or "").partition("\t")[0].partition(" ")
    return rest.split(" ")[1] if kind == "040000" else ""


def commit_of(context: Context, tree_id: str, onto: Iterable[str], message: str) -> str:
    """A new commit in this clone by whoever asked, so that they count as its author. It is on no branch yet."""
    who = f"{_identity(context)} {int(context.clock.now().timestamp())} +0000"
    lines = [
        f"tree {tree_id}",
        *(f"parent {one}" for one in onto),
        f"author {who}",
        f"committer {who}",
        "",
        message,
        "",
    ]
    return context.git.text("hash-object", "-t", "commit", "-w", "--stdin", stdin="\n".join(lines).encode())


def _identity(context: Context) -> str:
    """In a workflow the account that started it, by the address that GitHub itself gives it; else Git's own user."""
    name = context.holder.name
    address = f"{context.environment.get('GITHUB_ACTOR') or name}@users.noreply.github.com"
    if not context.environment.get("GITHUB_ACTOR"):
        address = context.git.attempt("config", "user.email")[1].decode().strip() or address
    name, address = ("".join(c for c in text if c.isprintable() and c not in "<>") for text in (name, address))
    return f"{name} <{address.replace(' ', '.')}>"
