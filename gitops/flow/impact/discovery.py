"""Discovery: the Pulumi projects and stacks of one commit, from its files alone.

A project is a folder with a `Pulumi.yaml`, anywhere in the repository. A stack is a `Pulumi.<stack>.yaml` in the
project's folder, or in its `stackConfigDir` when it names one. A stack without a file does not exist for us: what
is not in Git cannot be reviewed. Names and keys: Pulumi's project file reference.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import yaml

from gitops.errors import ConfigError, UsageError
from gitops.flow.impact.links import follow_links
from gitops.model import Stack
from gitops.ports import RepositoryReader

_PROJECT_FILE = re.compile(r"Pulumi\.(yaml|yml|json)")
_STACK_FILE = re.compile(r"Pulumi\.([A-Za-z0-9_.-]{1,100})\.(yaml|yml|json)")

# A project of `pulumi new` templates: its name is filled in when somebody uses it, so it can have no stacks.
_TEMPLATE_NAME = "${PROJECT}"


@dataclass(frozen=True, slots=True)
class Project:
    """One Pulumi project. `code` is the folder its program runs in (`main:`); `entry` the file that is run, or None.

    `backend` is the address of the state backend that its file names, "" where it names none.
    """

    name: str
    folder: str
    file: str
    runtime: str
    code: str
    entry: str | None
    stacks: tuple[Stack, ...] = ()
    config_files: Mapping[str, str] = field(default_factory=dict)
    backend: str = ""

    @property
    def is_python(self) -> bool:
        """Whether its program is Python, so that the import graph speaks for it."""
        return self.runtime == "python"


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One commit as the rules see it: files, projects, stacks, and contents on demand.

    `paths` maps each file to its object id, and also each path that leads to a file through a symbolic link;
    `real` says which file such a path stands for.
    """

    commit: str
    paths: Mapping[str, str]
    real: Mapping[str, str]
    projects: tuple[Project, ...]
    contents: Callable[[Sequence[str]], Iterator[tuple[str, bytes]]]

    @property
    def stacks(self) -> tuple[Stack, ...]:
        """Every stack, in the order of folders and names."""
        return tuple(stack for project in self.projects for stack in project.stacks)

    def project_of(self, stack: Stack) -> Project:
        """The stack's project. Raises UsageError for a stack that this commit does not have."""
        for project in self.projects:
            if project.folder == stack.folder and stack in project.stacks:
                return project
        raise UsageError(
            f"Commit {self.commit[:12]} has no stack {stack.label}",
            hint=f"Add {posixpath.normpath(posixpath.join(stack.folder, f'Pulumi.{stack.name}.yaml'))} and commit it.",
        )

    def read(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The contents of files, in the order asked, also through symbolic links."""
        real = [self.real.get(path, path) for path in paths]
        return zip(paths, (content for _, content in self.contents(real)), strict=True)


def take_snapshot(repository: RepositoryReader, commit: str) -> Snapshot:
    """Discover the projects and stacks of a commit. Raises ConfigError with file and line for a broken project file."""
    contents = partial(repository.read_many, commit)
    return snapshot_of(commit, repository.paths(commit), repository.symlinks(commit), contents)


def snapshot_of(
    commit: str,
    listing: Mapping[str, str],
    symlinks: Mapping[str, str],
    contents: Callable[[Sequence[str]], Iterator[tuple[str, bytes]]],
) -> Snapshot:
    """The snapshot of a listing (path → object id); `contents` reads its files. Raises ConfigError."""
    real = follow_links(listing, symlinks)
    paths = {**listing, **{path: listing[target] for path, target in real.items()}} if real else listing
    files = sorted(path for path in listing if _PROJECT_FILE.fullmatch(posixpath.basename(path)))
    folders = stack_files(listing)
    texts = ((file, text) for file, text in contents(files) if not _is_template(text))
    projects = tuple(parse_project(file, text, paths, folders) for file, text in texts)
    _reject_duplicates(projects)
    return Snapshot(commit, paths, real, projects, contents)


def stack_files(paths: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
    """Folder → stack name → its config file, for every stack file of a listing."""
    folders: dict[str, dict[str, str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        if name.startswith("Pulumi.") and (match := _STACK_FILE.fullmatch(name)):
            folders.setdefault(folder or ".", {})[match[1]] = path
    return folders


def parse_project(
    file: str, content: bytes, paths: Mapping[str, str], folders: Mapping[str, Mapping[str, str]]
) -> Project:
    """Read one project file. `folders` is what `stack_files` found. Raises ConfigError with the line."""
    keys = _top_level(file, content)
    folder = posixpath.dirname(file) or "."
    name = _text(file, keys, "name")
    if not name:
        raise ConfigError(file, "a project needs a name", line=1, key="name", hint="Add a line `name: <project>`.")
    runtime = _runtime(file, keys)
    code = _inside(file, keys, "main", folder)
    entry = None
    if code in paths:
        entry, code = code, posixpath.dirname(code) or "."
    elif runtime == "python":
        main = posixpath.normpath(posixpath.join(code, "__main__.py"))
        entry = main if main in paths else None
    # `config: <folder>` is the old spelling of stackConfigDir.
    old_style = "config" in keys and isinstance(keys["config"], yaml.ScalarNode) and "stackConfigDir" not in keys
    config_folder = _inside(file, keys, "config" if old_style else "stackConfigDir", folder)
    config_files = dict(sorted(folders.get(config_folder, {}).items()))
    stacks = tuple(Stack(name, stack, folder) for stack in config_files)
    return Project(name, folder, file, runtime, code, entry, stacks, config_files, _inner(file, keys, "backend", "url"))


def _top_level(file: str, content: bytes) -> Mapping[str, Any]:
    """The top-level keys with their YAML nodes, which know their lines."""
    try:
        root = yaml.compose(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(file, f"not valid YAML: {error.problem}", line=mark.line + 1 if mark else None) from error
    except yaml.YAMLError as error:
        raise ConfigError(file, f"not valid YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(file, "a project file is a mapping with at least `name` and `runtime`", line=1)
    return {key.value: value for key, value in root.value if isinstance(key, yaml.ScalarNode)}


def _text(file: str, keys: Mapping[str, Any], key: str) -> str:
    node = keys.get(key)
    if node is None:
        return ""
    if not isinstance(node, yaml.ScalarNode):
        raise ConfigError(file, "expected one line of text", line=node.start_mark.line + 1, key=key)
    return str(node.value)


def _runtime(file: str, keys: Mapping[str, Any]) -> str:
    if isinstance(keys.get("runtime"), yaml.MappingNode):
        return _inner(file, keys, "runtime", "name")
    return _text(file, keys, "runtime")


def _inner(file: str, keys: Mapping[str, Any], outer: str, key: str) -> str:
    """The text at `outer.key`; "" where `outer` is no mapping."""
    node = keys.get(outer)
    if not isinstance(node, yaml.MappingNode):
        return ""
    return _text(file, {k.value: value for k, value in node.value if isinstance(k, yaml.ScalarNode)}, key)


def _inside(file: str, keys: Mapping[str, Any], key: str, folder: str) -> str:
    """A folder or file named relative to the project, as a path in the repository; "." is the root."""
    place = posixpath.normpath(posixpath.join(folder, _text(file, keys, key)))
    if place.startswith(("/", "../")) or place == "..":
        line = keys[key].start_mark.line + 1
        raise ConfigError(
            file,
            f"{keys[key].value!r} leads out of the repository, where nothing can be reviewed",
            line=line,
            key=key,
            hint="Name a folder inside the repository.",
        )
    return place


def _is_template(content: bytes) -> bool:
    return _TEMPLATE_NAME.encode() in content


def _reject_duplicates(projects: Sequence[Project]) -> None:
    owners: dict[str, Project] = {}
    for project in projects:
        for stack in project.stacks:
            other = owners.setdefault(stack.label, project)
            if other is not project:
                raise ConfigError(
                    project.file,
                    f"stack {stack.label} also exists in {other.file}; a stack's name must be unique in a repository",
                    key="name",
                    hint="Rename one of the two projects.",
                )
