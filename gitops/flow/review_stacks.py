"""Review stacks: their config, their place in a program, when each was used last, and which have to go. Pure."""

import hashlib
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import yaml

from gitops.config.review_stacks import ENVIRONMENT, ReviewStacks, name_of, number_of
from gitops.errors import ConfigError
from gitops.flow.impact.discovery import Snapshot
from gitops.flow.words import minute
from gitops.model import History, Query, Record, RecordKind, Stack

_TEXT = "tag:yaml.org,2002:str"
_MAPPING = "tag:yaml.org,2002:map"
_UPS = (RecordKind.APPLY_STARTED, RecordKind.APPLIED, RecordKind.NOT_VERIFIED, RecordKind.APPLY_FAILED)
_DESTROYS = (RecordKind.DESTROY_STARTED, RecordKind.DESTROY_FAILED, RecordKind.DESTROYED)


def copied_config(content: bytes, file: str, differs: Mapping[str, str]) -> bytes:
    """A stack's config file with these values in it, and everything else as it was, encrypted values included.

    The copy opens with the model's own secrets provider: salt and key are part of the file. Raises ConfigError.
    """
    try:
        root = yaml.compose(content, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        raise ConfigError(file, "is not valid YAML, so it cannot be copied") from None
    root = root or yaml.MappingNode(_MAPPING, [])
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(file, "is not a mapping, so it cannot be copied", line=1)
    keys = {key.value: value for key, value in root.value}
    config = keys.get("config")
    if config is None or not isinstance(config, yaml.MappingNode):
        config = yaml.MappingNode(_MAPPING, [])
        root.value = [pair for pair in root.value if pair[0].value != "config"]
        root.value.append((yaml.ScalarNode(_TEXT, "config"), config))
    config.value = [pair for pair in config.value if pair[0].value not in differs]
    # Quoted, so that they are texts whatever they look like.
    config.value += [
        (yaml.ScalarNode(_TEXT, key), yaml.ScalarNode(_TEXT, value, style='"')) for key, value in differs.items()
    ]
    text: str = yaml.serialize(root, Dumper=yaml.SafeDumper, allow_unicode=True, width=_UNFOLDED)
    return text.encode()


_UNFOLDED = 1_000_000


@dataclass(frozen=True, slots=True)
class Copy:
    """A review stack's config file: where it goes in a checkout, and what is in it."""

    stack: Stack
    path: str
    content: bytes


def copy_of(snapshot: Snapshot, model: Stack, settings: ReviewStacks, number: int) -> Copy:
    """The config of the pull request's stack, made from the model's. Raises ConfigError.

    A commit must not have such a file itself: what is in Git belongs to an environment.
    """
    project = snapshot.project_of(model)
    stack = Stack(model.project, name_of(number), model.folder)
    if stack in project.stacks:
        raise ConfigError(
            project.config_files[stack.name],
            "is in Git, but this name belongs to a review stack, whose config is made from another one's",
            hint="Rename the stack, or take `review_stacks` out of gitops.yaml.",
        )
    source = project.config_files[model.name]
    [(_, content)] = snapshot.read([source])
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), f"Pulumi.{stack.name}.yaml"))
    return Copy(stack, path, copied_config(content, source, settings.config_of(number)))


def with_copy(snapshot: Snapshot, copy: Copy) -> Snapshot:
    """The commit as if it had that stack."""

    def contents(paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        others = snapshot.contents([path for path in paths if path != copy.path])
        return ((path, copy.content) if path == copy.path else next(others) for path in paths)

    projects = tuple(
        replace(
            project,
            stacks=(*project.stacks, copy.stack),
            config_files={**project.config_files, copy.stack.name: copy.path},
        )
        if (project.name, project.folder) == (copy.stack.project, copy.stack.folder)
        else project
        for project in snapshot.projects
    )
    paths = {**snapshot.paths, copy.path: hashlib.sha256(copy.content).hexdigest()}
    return replace(snapshot, paths=paths, projects=projects, contents=contents)


@dataclass(frozen=True, slots=True)
class Use:
    """What the ledger tells of one review stack: its last up (None: it never had one), and its newest record."""

    number: int
    up: Record | None
    last: Record

    @property
    def is_gone(self) -> bool:
        """Whether all that it had was destroyed."""
        return self.last.kind is RecordKind.DESTROYED

    def expires(self, settings: ReviewStacks) -> datetime | None:
        """When it expires, counted from its last use; None for one that was never used."""
        return self.up.at + timedelta(seconds=settings.expires) if self.up else None


def uses(history: History, project: str) -> dict[int, Use]:
    """Pull request → what the ledger tells of its stack in that project."""
    found: dict[int, Use] = {}
    for record in history.select(Query(environment=ENVIRONMENT, kinds=(*_UPS, *_DESTROYS, RecordKind.RELEASE))):
        owner, _, name = record.stack.rpartition("/")
        number = number_of(name)
        if number is None or owner != project:
            continue
        known = found.setdefault(number, Use(number, None, record))
        if known.up is None and record.kind is RecordKind.APPLY_STARTED:
            found[number] = replace(known, up=record)
    return found


def standing(backend: Sequence[str], used: Mapping[int, Use]) -> tuple[int, ...]:
    """The review stacks of which something may be there: those in the backend, and those whose end is not on record.

    A stack that was killed on its way out may be gone from the backend, with its end not on record.
    """
    there = {number for name in backend if (number := number_of(name)) is not None}
    return tuple(sorted(there | {number for number, use in used.items() if not use.is_gone}))


def why_swept(number: int, claimed: bool, use: Use | None, settings: ReviewStacks, now: datetime) -> str:
    """Why a standing review stack has to go; "" where it stays. `claimed`: an open pull request carries the label."""
    if not claimed:
        if use is None:
            return "nobody knows where it comes from: no labelled pull request claims it, and it is in no record"
        return f"pull request #{number} is closed, or does not carry the label {settings.label!r}"
    expires = use.expires(settings) if use else None
    if use and use.last.kind in (RecordKind.DESTROY_STARTED, RecordKind.DESTROY_FAILED):
        return "it was being destroyed, and that did not come to its end"
    if expires is not None and now >= expires:
        return f"it expired at {minute(expires)}"
    return ""
