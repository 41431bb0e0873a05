"""What `gitops` brings along for other repositories: its own workflows, its example, and where its action is."""

import json
from importlib import metadata
from pathlib import Path

import git

from gitops.adapters.codehost.github.client import repository_of
from gitops.config.settings import FILE, parse

DISTRIBUTION = "gitops-pulumi"
WORKFLOWS = ".github/workflows"
_EXAMPLE = (
    ".gitignore",
    "Pulumi.yaml",
    "__main__.py",
    "bootstrap",
    FILE,
    "infra",
    "policy",
    "stacks",
)

_PACKAGE = Path(__file__).resolve().parents[2]


def root() -> Path:
    """The folder that holds them: inside the package when it came from a wheel, around it in a checkout."""
    inside = _PACKAGE / "shipped"
    return inside if inside.is_dir() else _PACKAGE.parent


def example() -> tuple[str, ...]:
    """Paths of the example; with the workflows, the wheel has them in `gitops/shipped` (pyproject.toml)."""
    environments = parse((root() / FILE).read_bytes()).environments
    return (*_EXAMPLE, *(f"Pulumi.{one.name}.yaml" for one in environments))


def workflow_files() -> dict[str, bytes]:
    """The workflows, and the gitops.yaml they were written for, by path."""
    files = [*sorted((root() / WORKFLOWS).glob("*.yml")), root() / FILE]
    return {file.relative_to(root()).as_posix(): file.read_bytes() for file in files}


def example_files() -> dict[str, Path]:
    """The files of the example: path → where it lies."""
    found: dict[str, Path] = {}
    for name in example():
        place = root() / name
        for file in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if file.is_file() and "__pycache__" not in file.parts:
                found[file.relative_to(root()).as_posix()] = file
    return found


def action() -> str:
    """This very version of the action as OWNER/REPOSITORY@COMMIT; "" where neither pip nor Git can tell."""
    if root() == _PACKAGE.parent:
        return _of_checkout(root())
    return _of_installation()


def _of_checkout(folder: Path) -> str:
    try:
        repository = git.Repo(folder)
        name, commit = repository_of(repository.remotes["origin"].url), repository.head.commit.hexsha
    except (git.InvalidGitRepositoryError, git.NoSuchPathError, ValueError, IndexError):
        return ""
    return f"{name}@{commit}" if name else ""


def _of_installation() -> str:
    """What pip notes of a package that it installed from a repository (PEP 610)."""
    try:
        noted = metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
        origin = json.loads(noted or "{}")
        name, commit = repository_of(origin["url"]), origin["vcs_info"]["commit_id"]
    except (metadata.PackageNotFoundError, ValueError, KeyError):
        return ""
    return f"{name}@{commit}" if name else ""
