"""Mentions: which reached modules name a file that nothing imports: a template, a function's source to upload.

A module names a file when a string in it is the file's name, or one of its folders, or a longer piece of its path.
Prose (docstrings, comments) does not count. An archive or asset whose path is not written out may be any file.
Known limit: a path put together from pieces that never spell the file's name or a folder's.
"""

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from gitops.flow.impact.imports import string_parts

# Above this many names, each source is cut into pieces once, instead of being searched for each name.
_FEW_NAMES = 64
# What may be a part of a path: what stands between quotes, slashes or backslashes (between two strings as well).
_PIECE = re.compile(rb"(?<=[\"'/\\])[^\"'/\\\n]+(?=[\"'/\\])")
_ASSETS = frozenset({"FileArchive", "FileAsset"})


class Strength(Enum):
    """How surely a mention means one file: by a path, or by a single word that other files may share."""

    PATH = auto()
    WORD = auto()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that somebody may name: folder names count from `depth` parts on (0: all; len of path: only its name).

    `in_assets`: it may be meant by an asset whose path is not written out.
    """

    path: str
    depth: int
    in_assets: bool = True


@dataclass(frozen=True, slots=True)
class Literals:
    """The paths in a file's strings: of several parts, of one part used as a path, of one part that may be anything."""

    paths: frozenset[tuple[str, ...]]
    joined: frozenset[str]
    words: frozenset[str]
    any_file: bool


class Mentions:
    """Looks up which of some sources (path → text) name which files."""

    def __init__(self, sources: Mapping[str, bytes], packages: frozenset[str]) -> None:
        self._sources = sources
        self._packages = packages  # folders with an __init__.py: their name is more often a subject than a path
        self._literals: dict[str, Literals] = {}

    def of(self, wanted: Iterable[Wanted]) -> Mapping[str, Mapping[str, Strength]]:
        """Each path that is named → the sources that name it, and how."""
        parts = {one.path: one.path.split("/") for one in wanted}
        names = {name for one in wanted for name in (*parts[one.path][one.depth :], parts[one.path][-1])}
        by_name = self._sources_with(names)
        any_file = [path for path in self._with_assets() if self._read(path).any_file]
        found: dict[str, Mapping[str, Strength]] = {}
        for one in wanted:
            searched = dict.fromkeys((*parts[one.path][one.depth :], parts[one.path][-1]))
            candidates = {source for name in searched for source in by_name.get(name, ())}
            naming = {source: how for source in candidates if (how := self._names(source, parts[one.path], one.depth))}
            if one.in_assets:
                naming |= dict.fromkeys(any_file, Strength.WORD)
            if naming:
                found[one.path] = naming
        return found

    def _with_assets(self) -> Iterator[str]:
        return (path for path, text in self._sources.items() if b"FileA" in text)

    def _sources_with(self, names: set[str]) -> Mapping[str, list[str]]:
        """Name → the sources in whose text it stands like a part of a path."""
        found: dict[str, list[str]] = {}
        encoded = {name.encode("utf-8", "surrogateescape"): name for name in names}
        if len(encoded) <= _FEW_NAMES:
            for text, name in encoded.items():
                ends = [text + end for end in (b'"', b"'", b"/", b"\\")]
                found[name] = [
                    path
                    for path, source in self._sources.items()
                    if text in source and any(end in source for end in ends)
                ]
            return found
        for path, source in self._sources.items():
            for text in encoded.keys() & set(_PIECE.findall(source)):
                found.setdefault(encoded[text], []).append(path)
        return found

    def _names(self, source: str, parts: Sequence[str], depth: int) -> Strength | None:
        literals = self._read(source)
        only_name = depth >= len(parts)
        for path in literals.paths:
            starts = [len(parts) - len(path)] if only_name else range(len(parts) - len(path) + 1)
            if any(start >= 0 and tuple(parts[start : start + len(path)]) == path for start in starts):
                return Strength.PATH
        if parts[-1] in literals.words or parts[-1] in literals.joined:
            return Strength.WORD
        for index, folder in enumerate(parts[depth:-1], start=depth):
            package = "/".join(parts[: index + 1]) in self._packages
            if folder in literals.joined or (folder in literals.words and not package):
                return Strength.WORD
        return None

    def _read(self, path: str) -> Literals:
        if path not in self._literals:
            self._literals[path] = read_literals(self._sources[path])
        return self._literals[path]


def read_literals(source: bytes) -> Literals:
    """The paths in a file's strings. A file that is not valid Python may name any file."""
    try:
        with warnings.catch_warnings(action="ignore"):
            nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Literals(frozenset(), frozenset(), frozenset(), any_file=True)
    prose = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    used_as_path = {id(side) for node in nodes if isinstance(node, ast.BinOp) for side in _sides(node)}
    cut = {id(text): edges for node in nodes if isinstance(node, ast.JoinedStr) for text, edges in _cut_edges(node)}
    paths: set[tuple[str, ...]] = set()
    joined: set[str] = set()
    words: set[str] = set()
    any_file = False
    for node in nodes:
        if isinstance(node, ast.Call):
            any_file |= _is_open_asset(node)
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in prose:
            continue
        raw = re.split(r"[/\\]", node.value)
        before, after = cut.get(id(node), (False, False))
        # Next to an unknown part of an f-string, a piece without its slash is only a piece of a name.
        whole = raw[1 if before else 0 : len(raw) - 1 if after else None]
        path = tuple(part for part in whole if part not in ("", ".", ".."))
        if len(path) > 1:
            paths.add(path)
        elif path:
            (joined if len(raw) > 1 or id(node) in used_as_path else words).update(path)
    return Literals(frozenset(paths), frozenset(joined), frozenset(words), any_file)


def _sides(node: ast.BinOp) -> Iterator[ast.expr]:
    if isinstance(node.op, ast.Div):
        yield node.left
        yield node.right


def _cut_edges(node: ast.JoinedStr) -> Iterator[tuple[ast.expr, tuple[bool, bool]]]:
    """Each part of an f-string, and whether something unknown stands before it and after it."""
    for index, part in enumerate(node.values):
        yield part, (index > 0, index < len(node.values) - 1)


def _is_open_asset(call: ast.Call) -> bool:
    """Whether a call makes an asset or archive of a file whose path the text does not tell."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name not in _ASSETS:
        return False
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    inner = (part for argument in arguments for node in ast.walk(argument) for part in _strings(node))
    return not any(part.strip("./\\") for part in inner)


def _strings(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.expr):
        yield from (part for part in string_parts(node) if isinstance(part, str))
