"""Reading a YAML file so that an error names the file, the line and the key."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml


class FileError(Exception):
    """A settings file is wrong; the message says where, and what to write."""


@dataclass(frozen=True)
class Entry:
    """One node of a YAML file, with its full key and the file it is in."""

    file: str
    key: str
    node: yaml.Node | None

    def error(self, problem: str) -> FileError:
        """An error about this entry."""
        line = 1 if self.node is None else self.node.start_mark.line + 1
        return FileError(f"{self.file}:{line}: {self.key or 'the file'} {problem}")

    def mapping(self, *, required: Iterable[str] = (), optional: Iterable[str] | None = ()) -> Mapping[str, "Entry"]:
        """Its entries by key. `optional` None: any key will do."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.error("must be a mapping of keys to values")
        found: dict[str, Entry] = {}
        for key_node, value in self.node.value:
            key = str(key_node.value)
            entry = Entry(self.file, f"{self.key}.{key}" if self.key else key, value)
            if key in found:
                raise Entry(self.file, entry.key, key_node).error("occurs twice")
            if optional is not None and key not in {*required, *optional}:
                known = ", ".join((*required, *optional))
                raise Entry(self.file, entry.key, key_node).error(f"is not known here; known are {known}")
            found[key] = entry
        for key in required:
            if key not in found:
                raise self.error(f"lacks the key {key}")
        return found

    def list(self) -> tuple["Entry", ...]:
        """Its elements."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.error("must be a list")
        return tuple(Entry(self.file, f"{self.key}[{index}]", one) for index, one in enumerate(self.node.value))

    def text(self) -> str:
        """Its text, which is not empty and has no line breaks."""
        if not isinstance(self.node, yaml.ScalarNode) or not str(self.node.value).strip():
            raise self.error("must be a text that is not empty")
        return " ".join(str(self.node.value).split())

    def one_of(self, allowed: Iterable[str]) -> str:
        """Its text, which is one of these."""
        found, words = self.text(), list(allowed)
        if found not in words:
            raise self.error(f"must be one of {', '.join(words)}; got {found}")
        return found


def parse(text: str, file: str) -> Entry:
    """The whole file. Raises `FileError` when it is no YAML."""
    try:
        return Entry(file, "", yaml.compose(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark: Any = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise FileError(f"{file}:{line}: the file is not YAML: {getattr(error, 'problem', error)}") from None
