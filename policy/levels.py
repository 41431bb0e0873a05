"""Which finding stops a deploy, by environment; `levels.yaml` says it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase

from policy.files import Entry, parse
from policy.rule import Severity


class Level(Enum):
    """What becomes of a violation, the mildest first: nothing, a remark, no deploy."""

    DISABLED = "disabled"
    ADVISORY = "advisory"
    MANDATORY = "mandatory"


_ORDER = tuple(Level)


@dataclass(frozen=True)
class Environment:
    """The levels of one environment: by severity, and for some rules by name."""

    severities: Mapping[Severity, Level]
    rules: Mapping[str, Level]

    def of(self, rule: str, severity: Severity) -> Level:
        """The level of a rule."""
        return self.rules.get(rule, self.severities[severity])


@dataclass(frozen=True)
class Levels:
    """The levels of all environments, which are called like their stacks.

    `like` has patterns of stacks that are judged as one of them; a stack of an environment's own name is its own.
    """

    environments: Mapping[str, Environment]
    like: Mapping[str, str] = field(default_factory=dict)

    def of(self, rule: str, severity: Severity, environment: str | None) -> Level:
        """The level of a rule in an environment; the strictest of all where the environment is not one of these."""
        name = environment or ""
        model = next((one for pattern, one in self.like.items() if fnmatchcase(name, pattern)), name)
        known = self.environments.get(name) or self.environments.get(model)
        if known is not None:
            return known.of(rule, severity)
        return max((one.of(rule, severity) for one in self.environments.values()), key=_ORDER.index)


def read(text: str, file: str, rules: Collection[str]) -> Levels:
    """The levels that a file says. Raises `FileError`, with line and key."""
    top = parse(text, file).mapping(required=("environments",), optional=("like",))
    found = top["environments"].mapping(optional=None)
    if not found:
        raise top["environments"].error("must name an environment")
    like = top["like"].mapping(optional=None) if "like" in top else {}
    return Levels(
        {name: _environment(entry, rules) for name, entry in found.items()},
        {pattern: entry.one_of(found) for pattern, entry in like.items()},
    )


def _environment(entry: Entry, rules: Collection[str]) -> Environment:
    keys = entry.mapping(required=("severities",), optional=("rules",))
    severities = keys["severities"].mapping(required=[one.value for one in Severity])
    overrides = keys["rules"].mapping(optional=None) if "rules" in keys else {}
    for name, one in overrides.items():
        if name not in rules:
            raise one.error("is not a rule; docs/policy.md lists them all")
    return Environment(
        {Severity(name): _level(one) for name, one in severities.items()},
        {name: _level(one) for name, one in overrides.items()},
    )


def _level(entry: Entry) -> Level:
    return Level(entry.one_of(one.value for one in reversed(_ORDER)))
