"""Reads one stack's raw configuration, key by key, and collects everything that is wrong with it."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

Choice = TypeVar("Choice", bound=StrEnum)


class SettingsError(pulumi.RunError):
    """Configuration that cannot be used; lists every problem found, each with its key, expected type and file."""


def running() -> tuple[str, str, Mapping[str, str]]:
    """Project and stack that Pulumi is running, and all values of its configuration, with full keys."""
    # pulumi.Config answers for one key at a time, and a misspelled key is only found in the whole.
    return pulumi.get_project(), pulumi.get_stack(), CONFIG.get() or get_config_env()


class Reader:
    """Reads keys of one stack's configuration and collects what is wrong, so that one run reports everything.

    Messages never repeat a value: it may be a secret that ended up under the wrong key.
    """

    def __init__(self, project: str, stack: str, values: Mapping[str, str]) -> None:
        self._file = f"Pulumi.{stack}.yaml"
        self._prefix = f"{project}:"
        self._values = values
        self._read: set[str] = set()
        self._problems: list[str] = []

    def optional(self, key: str) -> str | None:
        """A text, or None where there is none."""
        self._read.add(self._prefix + key)
        return self._values.get(self._prefix + key) or None

    def text(self, key: str) -> str:
        """A text that is not empty."""
        value = self.optional(key)
        if value is None:
            self._problem(key, "must be a text that is not empty")
        return value or ""

    def path(self, key: str) -> str | None:
        """The path of a file, or None."""
        value = self.optional(key)
        if value is not None and "\n" in value.strip():
            self._problem(key, "must be the path of a file, and not the file's contents")
        return value

    def integer(self, key: str) -> int:
        """A whole number."""
        try:
            return int(self.optional(key) or "")
        except ValueError:
            self._problem(key, "must be an integer")
            return 0

    def truth(self, key: str) -> bool:
        """True or false, as Pulumi writes them."""
        value = self.optional(key)
        if value not in ("true", "false"):
            self._problem(key, "must be true or false")
        return value == "true"

    def choice(self, key: str, choices: type[Choice]) -> Choice:
        """One of the choices' values; the first of them where the value is none."""
        value = self.optional(key)
        for choice in choices:
            if value == choice.value:
                return choice
        self._problem(key, f"must be one of {', '.join(choices)}")
        return next(iter(choices))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list with at least one text."""
        return self._texts(key, "a list of texts with at least one item", 1)

    def any_texts(self, key: str) -> tuple[str, ...]:
        """A list of texts that may be empty."""
        return self._texts(key, "a list of texts, [] for none", 0)

    def unused(self, *keys: str) -> None:
        """Keys that this stack's other choices leave without a meaning; whatever stands there is not looked at."""
        self._read |= {self._prefix + key for key in keys}

    def _texts(self, key: str, expected: str, at_least: int) -> tuple[str, ...]:
        try:
            value = json.loads(self.optional(key) or "")
        except ValueError:
            value = None
        whole = isinstance(value, list) and all(isinstance(item, str) and item for item in value)
        if not whole or len(value) < at_least:
            self._problem(key, f"must be {expected} (quote items that look like numbers)")
            return ()
        return tuple(value)

    def finish(self) -> None:
        """Raise `SettingsError` if anything was wrong, or if there are keys that nobody reads."""
        for unknown in sorted(key for key in self._values if key.startswith(self._prefix) and key not in self._read):
            self._problems.append(f"{self._file}: {unknown} is not a setting; Pulumi.yaml lists those there are")
        if self._problems:
            raise SettingsError("The stack's configuration cannot be used:\n  " + "\n  ".join(self._problems))

    def _problem(self, key: str, expected: str) -> None:
        state = f", is {'set otherwise' if self._values.get(self._prefix + key) else 'missing or empty'}"
        self._problems.append(f"{self._file}: {self._prefix}{key} {expected}{state}")
