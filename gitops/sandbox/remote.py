"""The Git remote: a bare repository made from the tree of the repository one stands in, without its history.

::

    prod, staging, main      o  nothing deployed yet (README, gitops.yaml)
                              \\
    first-deploy               o----------------o
                               the whole tree   the sandbox's configuration
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from gitops.errors import GitFailed, UsageError
from gitops.sandbox.folder import Folder

FIRST_DEPLOY = "first-deploy"
_AUTHOR = {
    **{f"GIT_{role}_NAME": "gitops sandbox" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_EMAIL": "sandbox@localhost" for role in ("AUTHOR", "COMMITTER")},
}
# The commits here are the sandbox's own: no signature and no hook of the user's applies to them.
_OWN = ("-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false")
_README = """# Nothing deployed yet

The branches of the environments start here. The pull request of `first-deploy` brings the program in.
"""


def git(folder: Path, *arguments: str, stdin: bytes | None = None, index: Path | None = None) -> bytes:
    """Run Git in the folder and return its output. Raises GitFailed with what Git said."""
    # A hook or an alias may have set these for the repository that it runs in; ours is another one.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_DIR", "GIT_WORK", "GIT_INDEX"))}
    environment |= _AUTHOR | ({"GIT_INDEX_FILE": str(index)} if index else {})
    result = subprocess.run(
        ["git", *_OWN, "-C", str(folder), *arguments],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        env=environment,
        check=False,
    )
    if result.returncode:
        said = result.stderr.decode(errors="replace").strip() or f"exit code {result.returncode}"
        raise GitFailed(f"git {' '.join(arguments[:2])} in {folder}: {said}")
    return result.stdout


def _id(output: bytes) -> str:
    return output.decode().strip()


def repository_around(here: Path) -> Path:
    """The top folder of the repository. Raises UsageError outside of one or before its first commit."""
    try:
        top = Path(_id(git(here, "rev-parse", "--show-toplevel")))
        git(top, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    except (GitFailed, OSError):
        raise UsageError(
            f"{here} is not in a Git repository that has a commit, and the sandbox's remote is made from one.",
            hint="Go to the repository that holds gitops.yaml.",
        ) from None
    return top


def left_out(source: Path) -> bool:
    """Whether the repository has changes that are in no commit, and so not in the sandbox."""
    return bool(git(source, "status", "--porcelain", "--untracked-files=no"))


def read(source: Path, path: str) -> bytes:
    """A file of HEAD. Raises GitFailed when there is none."""
    return git(source, "show", f"HEAD:{path}")


def create(folder: Folder, source: Path, branches: Sequence[str]) -> None:
    """Make the bare repository with the branches at their root commit and the tree on `first-deploy`, and the clone.

    `first-deploy` lacks the sandbox's configuration: `configure` adds it in the clone.
    """
    remote = folder.remote
    git(folder.root, "init", "--quiet", "--bare", f"--initial-branch={branches[0]}", str(remote))
    # Background maintenance would outlive `down`; reflogs tell what happened to a lease or to the ledger.
    for key, value in (("gc.auto", "0"), ("maintenance.auto", "false"), ("core.logAllRefUpdates", "always")):
        git(remote, "config", key, value)
    whole = _id(git(source, "rev-parse", "HEAD^{tree}"))
    pack = git(source, "pack-objects", "--revs", "--stdout", "-q", stdin=f"{whole}\n".encode())
    git(remote, "index-pack", "--stdin", "--fix-thin", stdin=pack)
    root = _root_commit(remote, source)
    for branch in branches:
        git(remote, "update-ref", f"refs/heads/{branch}", root)
    first = _id(git(remote, "commit-tree", whole, "-p", root, "-m", "Bring in the program and its pipeline"))
    git(remote, "update-ref", f"refs/heads/{FIRST_DEPLOY}", first)
    git(folder.root, "clone", "--quiet", f"--branch={FIRST_DEPLOY}", str(remote), str(folder.checkout))
    settings = {"gc.auto": "0", "maintenance.auto": "false", "push.autoSetupRemote": "true", "gitops.host": "simulated"}
    for key, value in settings.items():
        git(folder.checkout, "config", key, value)
    _sign_commits_as_someone(folder.checkout)


def _root_commit(remote: Path, source: Path) -> str:
    """The commit at which every environment starts: nothing to deploy, but the branches' meaning is known."""
    entries = []
    for name, content in (("README.md", _README.encode()), ("gitops.yaml", read(source, "gitops.yaml"))):
        blob = _id(git(remote, "hash-object", "-w", "--stdin", stdin=content))
        entries.append(f"100644 blob {blob}\t{name}\n")
    tree = _id(git(remote, "mktree", stdin="".join(entries).encode()))
    return _id(git(remote, "commit-tree", tree, "-m", "Start with nothing deployed"))


def _sign_commits_as_someone(checkout: Path) -> None:
    """Give the clone an author where the user has not told Git who they are, as on a test machine."""
    for key, value in (("user.name", "sandbox"), ("user.email", "sandbox@localhost")):
        try:
            git(checkout, "config", key)
        except GitFailed:
            git(checkout, "config", key, value)


def publish_configuration(folder: Folder) -> None:
    """Commit the changed stack files of the clone and push them to `first-deploy`."""
    checkout = folder.checkout
    git(checkout, "add", "--update")
    if git(checkout, "diff", "--cached", "--name-only"):
        git(checkout, "commit", "--quiet", "-m", "Point the stacks at the sandbox")
        git(checkout, "push", "--quiet", "origin", f"HEAD:{FIRST_DEPLOY}")
