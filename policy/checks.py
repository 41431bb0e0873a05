"""Checks that many rules share, made from property names."""

from collections.abc import Callable, Collection
from typing import Any

from policy.rule import HOLDS, Check, Inputs, Resource, Stack, Verdict, Violated, attempt, worst
from policy.values import Values, at


def shown(value: Any) -> str:
    """A plain value as a reason shows it: numbers come from the engine as floats."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def is_true(*paths: str) -> Check:
    """Every one of these is true; where AWS takes the text "true", that will do."""
    return all_of(*(one_of(path, (True, "true")) for path in paths))


def is_not_true(*paths: str) -> Check:
    """None of these is true."""

    def check(path: str) -> Check:
        def look(inputs: Inputs) -> Verdict:
            return Violated(f"{path} is true") if at(inputs, path) in (True, "true") else HOLDS

        return look

    return all_of(*(check(path) for path in paths))


def one_of(path: str, allowed: Collection[Any]) -> Check:
    """The value is one of the allowed ones."""

    def check(inputs: Inputs) -> Verdict:
        value = at(inputs, path)
        return HOLDS if value in allowed else Violated(f"{path} is {shown(value)}")

    return check


def at_least(path: str, least: int) -> Check:
    """The number is that high, or higher."""

    def check(inputs: Inputs) -> Verdict:
        value = at(inputs, path)
        number = value if isinstance(value, int | float) else 0
        return HOLDS if number >= least else Violated(f"{path} is {shown(value)}, less than {least}")

    return check


def is_absent(*paths: str) -> Check:
    """None of these is set."""

    def check(path: str) -> Check:
        def look(inputs: Inputs) -> Verdict:
            return Violated(f"{path} is set") if at(inputs, path) else HOLDS

        return look

    return all_of(*(check(path) for path in paths))


def all_of(*checks: Check) -> Check:
    """Every one of these checks holds."""

    def check(inputs: Inputs) -> Verdict:
        return worst([_attempted(one, inputs) for one in checks])

    return check


def _attempted(check: Check, inputs: Inputs) -> Verdict:
    return attempt(lambda: check(inputs))


def is_given(name: str, *sources: str) -> Callable[[Resource, Stack], Verdict]:
    """The property is set: to a value that is known, or to one that comes from a resource of `sources` in the stack.

    A value that comes from anywhere else and is not known yet might turn out to be nothing.
    """

    def check(resource: Resource, stack: Stack) -> Verdict:
        values: Values = resource.values
        if not values.gives(name):
            return Violated(f"{name} is not set")
        if stack.comes_from(resource, name, sources):
            return HOLDS
        return HOLDS if values[name] else Violated(f"{name} is empty")

    return check
