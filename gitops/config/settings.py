"""gitops.yaml: from text to a valid `Config`, once; every error names file, line and key."""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import msgspec
import yaml

from gitops.config import gate
from gitops.config.durations import DEFAULT_LEASE, LONGEST_LEASE, SHORTEST_LEASE, duration, seconds
from gitops.config.gate import Approvals, Expression, Gate, RawApprovals, RawGate
from gitops.config.review_stacks import RawReviewStacks, ReviewStacks, problems_of_review_stacks, review_stacks_of
from gitops.errors import ConfigError, UsageError
from gitops.model import Stack

__all__ = ["FILE", "LEDGER_BRANCH", "Config", "Environment", "parse"]

FILE = "gitops.yaml"
# Fixed: a branch that gitops.yaml could name would let a change choose another, empty ledger to be judged by.
LEDGER_BRANCH = "gitops/ledger"
_MOST_RUNNERS = 256  # what a matrix of GitHub Actions may have
_ONE_APPROVAL, _NO_RULES = Approvals(), Gate()
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment: the branch it follows, the stacks it holds, the gate in front of it, who may go past it."""

    name: str
    branch: str
    stacks: tuple[str, ...]
    approvals: Approvals = _ONE_APPROVAL
    gate: Gate = _NO_RULES
    break_glass: tuple[str, ...] = ()

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """Every CEL expression of its gate; whether they can be read is checked by those who evaluate them."""
        found = tuple(rule.unless for rule in self.gate.rules)
        return (*found, self.gate.auto_approve) if self.gate.auto_approve else found

    def holds(self, stack: Stack) -> bool:
        """Whether the stack belongs here: a pattern matches its name or its `project/name` label."""
        return any(fnmatchcase(stack.name, p) or fnmatchcase(stack.label, p) for p in self.stacks)


@dataclass(frozen=True, slots=True)
class Config:
    """A valid gitops.yaml. `environments` are in promotion order; a silent holder keeps a stack for `lease_seconds`.

    The ledger's branch is not to be chosen: a change could name an empty one. `ledger_signers` is the path of the file
    that lists who may sign records, empty for unsigned ones. `packs` maps each policy
    pack's path in the repository to the line that names it. On how many machines a preview and an apply are spread is
    at most `preview_runners` and `apply_runners`. `review_stacks` is None where there are none.
    """

    environments: tuple[Environment, ...]
    ledger_signers: str = ""
    lease_seconds: int = DEFAULT_LEASE
    packs: Mapping[str, int | None] = field(default_factory=dict)
    preview_runners: int = 20
    apply_runners: int = 1
    review_stacks: ReviewStacks | None = None

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

    def stacks_of(self, environment: Environment, stacks: Iterable[Stack]) -> tuple[Stack, ...]:
        """Those of the stacks that the environment holds.

        Raises ConfigError for one that another environment holds as well: its gate would be whichever was named.
        """
        held = tuple(stack for stack in stacks if environment.holds(stack))
        for stack in held:
            owners = [one.name for one in self.environments if one.holds(stack)]
            if len(owners) > 1:
                raise ConfigError(
                    FILE,
                    f"stack {stack.label} belongs to {' and to '.join(owners)}",
                    key="environments",
                    hint="Write the patterns under `stacks` so that each stack matches in one environment.",
                )
        return held

    def before(self, environment: Environment) -> Environment | None:
        """The environment that changes are promoted from, None for the first."""
        index = [one.name for one in self.environments].index(environment.name)
        return self.environments[index - 1] if index else None

    def environment_of(self, stack: Stack) -> Environment | None:
        """The environment that holds the stack, if any."""
        return next((e for e in self.environments if e.holds(stack)), None)


class _RawLease(msgspec.Struct, forbid_unknown_fields=True):
    duration: str = duration(DEFAULT_LEASE)


class _RawLedger(msgspec.Struct, forbid_unknown_fields=True):
    signers: str = ""


class _RawPolicy(msgspec.Struct, forbid_unknown_fields=True):
    packs: list[str] = []


class _RawRunners(msgspec.Struct, forbid_unknown_fields=True):
    preview: int = 20
    apply: int = 1


class _RawBreakGlass(msgspec.Struct, forbid_unknown_fields=True):
    by: list[str] = []


class _RawEnvironment(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    branch: str
    stacks: list[str]
    approvals: int | RawApprovals = 1
    gate: RawGate = msgspec.field(default_factory=RawGate)
    break_glass: _RawBreakGlass = msgspec.field(default_factory=_RawBreakGlass)


class _RawConfig(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    environments: list[_RawEnvironment]
    ledger: _RawLedger = msgspec.field(default_factory=_RawLedger)
    lease: _RawLease = msgspec.field(default_factory=_RawLease)
    policy: _RawPolicy = msgspec.field(default_factory=_RawPolicy)
    runners: _RawRunners = msgspec.field(default_factory=_RawRunners)
    review_stacks: RawReviewStacks | None = None


def parse(content: bytes, file: str = FILE) -> Config:
    """Read a gitops.yaml. Raises ConfigError with file, line and key for anything that is not right."""
    lines, value = _load(content, file)
    try:
        raw = msgspec.convert(value, _RawConfig)
    except msgspec.ValidationError as error:
        problem, key = _problem(error)
        raise ConfigError(file, problem, line=_line(lines, key), key=key) from None
    for key, problem in _problems(raw):
        raise ConfigError(file, problem, line=_line(lines, key), key=key)
    return Config(
        environments=tuple(
            Environment(
                name=one.name,
                branch=one.branch,
                stacks=tuple(one.stacks),
                approvals=gate.approvals_of(one.approvals),
                gate=gate.gate_of(one.gate, f"environments[{index}].gate", lines),
                break_glass=tuple(one.break_glass.by),
            )
            for index, one in enumerate(raw.environments)
        ),
        ledger_signers=raw.ledger.signers,
        lease_seconds=seconds(raw.lease.duration) or 0,
        packs={path: lines.get(f"policy.packs[{index}]") for index, path in enumerate(raw.policy.packs)},
        preview_runners=raw.runners.preview,
        apply_runners=raw.runners.apply,
        review_stacks=review_stacks_of(raw.review_stacks),
    )


def _problems(raw: _RawConfig) -> Iterator[tuple[str, str]]:
    """What is wrong with it, each with the dotted key."""
    if raw.version != 1:
        yield "version", f"this release reads version 1, not {raw.version}"
    if not raw.environments:
        yield "environments", "name at least one environment"
    lease = seconds(raw.lease.duration)
    if lease is None:
        yield "lease.duration", f"{raw.lease.duration!r} is not a duration such as 90s, 2m or 1h"
    elif lease < SHORTEST_LEASE:
        yield "lease.duration", f"a lease shorter than {SHORTEST_LEASE}s cannot be kept alive over a network"
    elif lease > LONGEST_LEASE:
        yield "lease.duration", "a killed run would hold its stacks for more than a day"
    for key, count in (("preview", raw.runners.preview), ("apply", raw.runners.apply)):
        if not 1 <= count <= _MOST_RUNNERS:
            yield f"runners.{key}", f"{count} is not a number of machines from 1 to {_MOST_RUNNERS}"
    yield from _problems_of_packs(raw.policy.packs)
    owners: dict[tuple[str, str], str] = {}
    for index, environment in enumerate(raw.environments):
        key = f"environments[{index}]"
        yield from _problems_of(environment, key, owners)
        yield from gate.problems_of_approvals(environment.approvals, f"{key}.approvals")
        yield from gate.problems_of_gate(environment.gate, f"{key}.gate", first=index == 0)
    yield from problems_of_review_stacks(raw.review_stacks, [(one.name, one.stacks) for one in raw.environments])
    if ("branch", LEDGER_BRANCH) in owners:
        yield f"{owners['branch', LEDGER_BRANCH]}.branch", f"{LEDGER_BRANCH!r} is the ledger's own branch"


def _problems_of_packs(packs: list[str]) -> Iterator[tuple[str, str]]:
    for index, path in enumerate(packs):
        key = f"policy.packs[{index}]"
        if path in packs[:index]:
            yield key, f"{path!r} stands twice"
        # A path that is written in one way only can be compared with what is released.
        if path in ("", ".") or path.startswith(("/", "../")) or posixpath.normpath(path) != path:
            yield key, f"{path!r} is not a plain path below the repository's root, such as policy or policies/aws"
        elif alike := [one for one in packs[:index] if one != path and _end_of_pack(one) == _end_of_pack(path)]:
            yield key, f"Pulumi cannot tell {path!r} from {alike[0]!r}: rename the file or the last folder of one"


def _end_of_pack(path: str) -> tuple[str, ...]:
    """The last two names in the path of what is run: all that Pulumi's summary has of the end of a long path."""
    is_file = "." in posixpath.basename(path)
    return tuple((path if is_file else f"{path}/__main__.py").split("/")[-2:])


def _problems_of(
    environment: _RawEnvironment, key: str, owners: dict[tuple[str, str], str]
) -> Iterator[tuple[str, str]]:
    """What is wrong with one environment; `owners` holds what those before it claimed."""
    if not environment.stacks:
        yield f"{key}.stacks", "name at least one stack"
    for what, text in (("name", environment.name), ("branch", environment.branch)):
        if not _NAME.fullmatch(text):
            yield f"{key}.{what}", f"{text!r} is not a usable {what}"
    claims = [("name", environment.name), ("branch", environment.branch)]
    claims += [("stacks", pattern) for pattern in dict.fromkeys(environment.stacks)]
    for what, text in claims:
        if (what, text) in owners:
            yield f"{key}.{what}", f"{text!r} already belongs to {owners[what, text]}"
        owners[what, text] = key


def _load(content: bytes, file: str) -> tuple[dict[str, int], Any]:
    """The YAML value, and the line of each dotted key."""
    try:
        for token in yaml.scan(content, Loader=yaml.SafeLoader):
            if isinstance(token, yaml.AliasToken):
                raise ConfigError(file, "write the value out: aliases are not read", line=token.start_mark.line + 1)
        node = yaml.compose(content, Loader=yaml.SafeLoader)
        value = yaml.safe_load(content)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "is not valid YAML"
        raise ConfigError(file, str(problem), line=mark.line + 1 if mark else None) from None
    if node is None:
        raise ConfigError(file, "is empty", hint="Name at least `version: 1` and `environments`.")
    lines: dict[str, int] = {}
    _collect_lines(node, "", lines, file)
    return lines, value


def _collect_lines(node: yaml.Node, key: str, lines: dict[str, int], file: str) -> None:
    """Note each key's line. Raises ConfigError for a key that stands twice: YAML would quietly take the last."""
    lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for name, child in node.value:
            path = f"{key}.{name.value}" if key else str(name.value)
            line = name.start_mark.line + 1
            if path in lines:
                raise ConfigError(file, f"stands here and in line {lines[path]}", line=line, key=path)
            lines[path] = line
            _collect_lines(child, path, lines, file)
    elif isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            _collect_lines(child, f"{key}[{index}]", lines, file)


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
