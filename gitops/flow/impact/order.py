"""Order: which stack must be deployed before which, read from the StackReferences in their programs.

A reference names `[organization/]project/stack`, or a stack of its own project. `{stack}` in it stands for the
stack that runs. What cannot be read from the text (a name from configuration, say) orders nothing and is listed as
unresolved, for people to know.
"""

import ast
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from gitops.errors import ConfigError
from gitops.flow.impact.discovery import Snapshot
from gitops.flow.impact.import_graph import ImportGraph
from gitops.flow.impact.imports import assignments, is_stack_name, string_parts
from gitops.model import Stack

_THIS_STACK = "\0"
_UNKNOWN = "\1"


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Stack → the stacks whose outputs it reads; and the files with references that could not be read."""

    upstream: Mapping[Stack, frozenset[Stack]]
    unresolved: Mapping[Stack, tuple[str, ...]]


def dependencies(graph: ImportGraph, stacks: Iterable[Stack]) -> Dependencies:
    """What each of the stacks reads from others of the same commit. References to stacks of elsewhere order nothing."""
    by_source: dict[str, tuple[str, ...]] = {}
    known: dict[str, list[Stack]] = {}
    for stack in graph.snapshot.stacks:
        known.setdefault(stack.project, []).append(stack)
    upstream: dict[Stack, frozenset[Stack]] = {}
    unresolved: dict[Stack, tuple[str, ...]] = {}
    for stack in stacks:
        found: set[Stack] = set()
        unread: list[str] = []
        for path in graph.reached(stack):
            if path not in by_source:
                by_source[path] = _references_in(graph, path)
            for reference in by_source[path]:
                targets = _targets(reference, stack, known)
                found |= targets or set()
                if targets is None:
                    unread.append(path)
        if found:
            upstream[stack] = frozenset(found)
        if unread:
            unresolved[stack] = tuple(sorted(set(unread)))
    return Dependencies(upstream, unresolved)


def upstream_of(snapshot: Snapshot) -> Mapping[Stack, frozenset[Stack]]:
    """Stack → the stacks of the same commit whose outputs it reads."""
    return dependencies(ImportGraph(snapshot), snapshot.stacks).upstream


def waves(stacks: Collection[Stack], upstream: Mapping[Stack, frozenset[Stack]]) -> tuple[tuple[Stack, ...], ...]:
    """The stacks in waves: each wave only reads from earlier ones, so its stacks can run side by side.

    Also orders stacks that are connected through stacks outside the selection. Raises ConfigError for a circle.
    """
    depth: dict[Stack, int] = {}
    for stack in sorted(stacks):
        _measure(stack, upstream, depth)
    found: dict[int, list[Stack]] = {}
    for stack in sorted(stacks):
        found.setdefault(depth[stack], []).append(stack)
    return tuple(tuple(found[level]) for level in sorted(found))


def read_references(source: bytes) -> tuple[str, ...]:
    """The names in a file's `StackReference(...)` calls, with marks where the stack or something unknown stands."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return (_UNKNOWN,)
    assigned = assignments(tree)
    return tuple("".join(_marked(part, assigned) for part in string_parts(name)) for name in _referenced_names(tree))


def _referenced_names(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if (function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")) != "StackReference":
            continue
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        # StackReference(name, stack_name=None, opts=None): the stack is stack_name, or else the name.
        name = keywords.get("stack_name") or (node.args[1] if len(node.args) > 1 else None)
        name = name or (node.args[0] if node.args else keywords.get("name"))
        yield name or ast.Constant(_UNKNOWN)


def _marked(part: str | ast.expr, assigned: dict[str, list[ast.expr]]) -> str:
    if isinstance(part, str):
        return part
    return _THIS_STACK if is_stack_name(part, assigned) else _UNKNOWN


def _references_in(graph: ImportGraph, path: str) -> tuple[str, ...]:
    graph.sources.load(graph.snapshot, (path,))
    source = graph.text(path)
    return read_references(source) if b"StackReference" in source else ()


def _targets(reference: str, stack: Stack, known: Mapping[str, list[Stack]]) -> set[Stack] | None:
    """The stacks that a reference means when `stack` runs; None when it cannot be told."""
    project, _, name = reference.rpartition("/")
    project = project.rpartition("/")[2] if project else stack.project
    if _UNKNOWN in project or (not reference.count("/") and name == _UNKNOWN):
        return None
    project = project.replace(_THIS_STACK, stack.name)
    pattern = name.replace(_THIS_STACK, stack.name)
    if _UNKNOWN not in pattern:
        return {other for other in known.get(project, ()) if other.name == pattern}
    # Part of the stack's name is unknown: it may be any that fits, but surely not the stack that runs.
    pattern = pattern.replace("[", "[[]").replace(_UNKNOWN, "*")
    return {other for other in known.get(project, ()) if other != stack and fnmatchcase(other.name, pattern)}


def _measure(start: Stack, upstream: Mapping[Stack, frozenset[Stack]], depth: dict[Stack, int]) -> None:
    """Write into `depth` the longest way from a stack to one that reads nothing. Iterative: chains can be long."""
    path: list[Stack] = [start]
    on_path = {start}
    while path:
        stack = path[-1]
        waiting = [other for other in sorted(upstream.get(stack, ())) if other not in depth]
        if not waiting:
            depth[stack] = 1 + max((depth[other] for other in upstream.get(stack, ())), default=-1)
            on_path.discard(path.pop())
        elif waiting[0] in on_path:
            circle = [*path[path.index(waiting[0]) :], waiting[0]]
            raise ConfigError(
                f"Pulumi.{stack.name}.yaml" if stack.folder == "." else f"{stack.folder}/Pulumi.{stack.name}.yaml",
                f"the stacks wait for each other: {' → '.join(one.label for one in circle)}",
                hint="Remove one of the StackReferences; a stack cannot read from one that reads from it.",
            )
        else:
            path.append(waiting[0])
            on_path.add(waiting[0])
