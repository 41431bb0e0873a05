"""What the cases of rules are made of."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from policy.rule import Resource, Stack

Inputs = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    """Inputs that keep a rule, that break it (with words of the reason), that leave it open (with what is unknown)."""

    keeps: tuple[Inputs, ...]
    breaks: tuple[tuple[Inputs, str], ...]
    unknown: tuple[tuple[Inputs, str], ...] = ()
    silent: tuple[Inputs, ...] = ()


@dataclass(frozen=True)
class World:
    """A stack, and the logical name of the resource in it that is judged."""

    subject: str
    resources: tuple[Resource, ...]

    @property
    def stack(self) -> Stack:
        return Stack(self.resources)

    @property
    def resource(self) -> Resource:
        (found,) = [one for one in self.resources if one.name == self.subject]
        return found


@dataclass(frozen=True, kw_only=True)
class StackCase:
    """The same for a rule over a stack."""

    keeps: tuple[World, ...]
    breaks: tuple[tuple[World, str], ...]
    unknown: tuple[tuple[World, str], ...] = ()
    silent: tuple[World, ...] = field(default=())


def made(type_: str, name: str, outputs: Inputs, **sources: str) -> Resource:
    """A resource; `sources` is, by property, the logical name and type of where its value comes from: `type::name`."""
    return Resource(urn(type_, name), type_, outputs, {key: frozenset({_urn(one)}) for key, one in sources.items()})


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:dev::shop::infra:x:X${type_}::{name}"


def _urn(source: str) -> str:
    type_, _, name = source.rpartition("::")
    return urn(type_, name)


def but(inputs: Inputs, path: str, value: Any) -> dict[str, Any]:
    """The same inputs with another value at a dotted path; numbers are places in lists."""
    key, _, rest = path.partition(".")
    place: Any = int(key) if key.isdecimal() else key
    copy: Any = list(inputs) if isinstance(inputs, list) else dict(inputs)
    within = copy[place] if isinstance(place, int) else copy.get(place, {})
    copy[place] = but(within, rest, value) if rest else value
    return copy  # type: ignore[no-any-return] # a list only further in


def without(inputs: Inputs, key: str) -> dict[str, Any]:
    return {name: value for name, value in inputs.items() if name != key}


def policy(*statements: Mapping[str, Any]) -> str:
    """A policy document as text, as resources hold it."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}
