"""Inputs as a rule reads them: plain values, except that reading one which is not known yet ends the rule.

So no rule can pass, or fail, because of a value that only exists after the apply.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any


class _Unknown(Enum):
    UNKNOWN = "not known at preview"


UNKNOWN = _Unknown.UNKNOWN


class NotKnown(Exception):
    """A rule needs a value that is not known yet; `path` names it, as in `rules[0].kmsKeyId`."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class NoDocument(Exception):
    """A value that has to be a JSON document is none."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Values(Mapping[str, Any]):
    """An object of which each value is known when it is read, or `NotKnown` is raised."""

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        self._values = values
        self._path = path

    def __getitem__(self, key: str) -> Any:
        return _read(self._values[key], self.path(key))

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def path(self, key: str) -> str:
        """The full name of one of its properties."""
        return f"{self._path}.{key}" if self._path else key

    def gives(self, key: str) -> bool:
        """Whether the property is there and not null, be its value known or not."""
        return self._values.get(key) is not None


class Items(Sequence[Any]):
    """A list of which each element is known when it is read, or `NotKnown` is raised."""

    def __init__(self, items: Sequence[Any], path: str) -> None:
        self._items = items
        self._path = path

    def __getitem__(self, index: Any) -> Any:
        return _read(self._items[index], f"{self._path}[{index}]")

    def __len__(self) -> int:
        return len(self._items)


def _read(value: Any, path: str) -> Any:
    if value is UNKNOWN:
        raise NotKnown(path)
    if isinstance(value, Mapping):
        return Values(value, path)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return Items(value, path)
    return value


def at(values: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path; None where a property on the way is missing or null."""
    found: Any = values
    for key in path.split("."):
        if not isinstance(found, Mapping) or key not in found:
            return None
        found = found[key]
    return found


def items(values: Mapping[str, Any], path: str) -> Sequence[Any]:
    """The list at a dotted path; a single value counts as a list of one, nothing as an empty one."""
    found = at(values, path)
    if found is None:
        return ()
    return found if isinstance(found, Items | list | tuple) else (found,)


def document(values: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """The JSON object at a dotted path, whether it is written as text or as an object; empty when there is none."""
    found = at(values, path)
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except ValueError:
            raise NoDocument(path) from None
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise NoDocument(path)
    return found
