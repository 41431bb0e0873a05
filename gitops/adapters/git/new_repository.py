"""A new Git repository with a first commit."""

from pathlib import Path

import git

from gitops.errors import GitFailed


def must_know_author() -> None:
    """Raises GitFailed where Git does not know who commits."""
    try:
        git.Git().var("GIT_AUTHOR_IDENT")
    except git.GitCommandError as error:
        raise GitFailed(
            "Git does not know who you are, so it can make no first commit",
            hint='git config --global user.name "YOUR NAME" && git config --global user.email YOU@EXAMPLE.COM',
        ) from error


def create(folder: Path, branch: str, message: str) -> str:
    """Put all of the folder's files into a new repository's first commit; the commit. Raises GitFailed."""
    try:
        repository = git.Repo.init(folder, initial_branch=branch)
        repository.git.add("--all")
        repository.git.commit("--quiet", "--message", message)
    except git.GitCommandError as error:
        raise GitFailed(
            f"Git could not make a first commit in {folder}: {str(error.stderr).strip()}",
            hint=f"The files are written: cd {folder} && git init && git add --all && git commit",
        ) from error
    return repository.head.commit.hexsha
