"""gitops.yaml: from text to a valid `Config`, once; every error names file, line and key."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import msgspec
import yaml

from gitops.errors import ConfigError, UsageError
from gitops.model import Stack

FILE = "gitops.yaml"
_DURATION = re.compile(r"(\d+)(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment: the branch it follows, the stacks it holds, the approvals in front of it."""

    name: str
    branch: str
    stacks: tuple[str, ...]
    approvals: int = 1

    def holds(self, stack: Stack) -> bool:
        """Whether the stack belongs here: a pattern matches its name or its `project/name` label."""
        return any(fnmatchcase(stack.name, p) or fnmatchcase(stack.label, p) for p in self.stacks)


@dataclass(frozen=True, slots=True)
class Config:
    """A valid gitops.yaml. `environments` are in promotion order; a silent holder keeps a stack for `lease_seconds`."""

    environments: tuple[Environment, ...]
    ledger: str = "gitops/ledger"
    lease_seconds: int = 120

    def environment(self, name: str) -> Environment:
        """The environment of that name. Raises UsageError, naming those there are."""
        for environment in self.environments:
            if environment.name == name:
                return environment
        names = ", ".join(e.name for e in self.environments)
        raise UsageError(f"There is no environment {name!r} in {FILE}.", hint=f"It names: {names}.")

    def environment_of_branch(self, branch: str) -> Environment | None:
        """The environment that follows the branch, if any."""
        return next((e for e in self.environments if e.branch == branch), None)

    def environment_of(self, stack: Stack) -> Environment | None:
        """The environment that holds the stack, if any."""
        return next((e for e in self.environments if e.holds(stack)), None)


class _RawLease(msgspec.Struct, forbid_unknown_fields=True):
    duration: str = "2m"


class _RawEnvironment(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    branch: str
    stacks: list[str]
    approvals: int = 1


class _RawConfig(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    environments: list[_RawEnvironment]
    ledger: str = "gitops/ledger"
    lease: _RawLease = msgspec.field(default_factory=_RawLease)


def parse(content: bytes, file: str = FILE) -> Config:
    """Read a gitops.yaml. Raises ConfigError with file, line and key for anything that is not right."""
    lines, value = _load(content, file)
    try:
        raw = msgspec.convert(value, _RawConfig)
    except msgspec.ValidationError as error:
        problem, key = _problem(error)
        raise ConfigError(file, problem, line=_line(lines, key), key=key) from None

    def wrong(key: str, problem: str) -> ConfigError:
        return ConfigError(file, problem, line=_line(lines, key), key=key)

    if raw.version != 1:
        raise wrong("version", f"this release reads version 1, not {raw.version}")
    if not raw.environments:
        raise wrong("environments", "name at least one environment")
    seconds = _seconds(raw.lease.duration)
    if seconds is None:
        raise wrong("lease.duration", f"{raw.lease.duration!r} is not a duration such as 90s, 2m or 1h")
    if seconds < 3:
        raise wrong("lease.duration", "a lease shorter than 3s cannot be kept alive over a network")
    seen: dict[tuple[str, str], str] = {}
    for index, environment in enumerate(raw.environments):
        key = f"environments[{index}]"
        if environment.approvals < 0:
            raise wrong(f"{key}.approvals", "cannot be negative")
        if not environment.stacks:
            raise wrong(f"{key}.stacks", "name at least one stack")
        for what, text in (("name", environment.name), ("branch", environment.branch)):
            if not text or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", text):
                raise wrong(f"{key}.{what}", f"{text!r} is not a usable {what}")
            if (what, text) in seen:
                raise wrong(f"{key}.{what}", f"{text!r} is already the {what} of {seen[what, text]}")
            seen[what, text] = key
    return Config(
        environments=tuple(
            Environment(name=e.name, branch=e.branch, stacks=tuple(e.stacks), approvals=e.approvals)
            for e in raw.environments
        ),
        ledger=raw.ledger,
        lease_seconds=seconds,
    )


def _load(content: bytes, file: str) -> tuple[dict[str, int], Any]:
    """The YAML value, and the line of each dotted key."""
    try:
        node = yaml.compose(content, Loader=yaml.SafeLoader)
        value = yaml.safe_load(content)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "is not valid YAML"
        raise ConfigError(file, str(problem), line=mark.line + 1 if mark else None) from None
    if node is None:
        raise ConfigError(file, "is empty", hint="Name at least `version: 1` and `environments`.")
    lines: dict[str, int] = {}
    _collect_lines(node, "", lines)
    return lines, value


def _collect_lines(node: yaml.Node, key: str, lines: dict[str, int]) -> None:
    lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for name, child in node.value:
            path = f"{key}.{name.value}" if key else str(name.value)
            lines[path] = name.start_mark.line + 1
            _collect_lines(child, path, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            _collect_lines(child, f"{key}[{index}]", lines)


def _problem(error: msgspec.ValidationError) -> tuple[str, str]:
    """msgspec's message as (problem, dotted key): it ends in "- at `$.environments[0].name`"."""
    text = str(error)
    match = re.fullmatch(r"(.*?)(?: - at `\$\.?(.*)`)?", text, re.DOTALL)
    problem, key = (match.group(1), match.group(2) or "") if match else (text, "")
    unknown = re.search(r"unknown field `(.+)`", problem)
    if unknown:
        name = unknown.group(1)
        return f"unknown key {name!r}", f"{key}.{name}" if key else name
    missing = re.search(r"missing required field `(.+)`", problem)
    if missing:
        return f"the key {missing.group(1)!r} is missing", key
    return problem.replace("`", ""), key


def _line(lines: dict[str, int], key: str) -> int | None:
    """The line of the key, or of the nearest key above it that stands in the file."""
    while key:
        if key in lines:
            return lines[key]
        key = key.rpartition(".")[0] if key.rfind(".") > key.rfind("[") else key.rpartition("[")[0]
    return lines.get("")


def _seconds(text: str) -> int | None:
    match = _DURATION.fullmatch(text.strip())
    return int(match.group(1)) * _SECONDS[match.group(2)] if match else None
