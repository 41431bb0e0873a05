"""Reach: the Python files that a stack's program can load, by the static import graph of one commit.

The graph is drawn as Python would search, and wider wherever it cannot be sure: both candidates when two could
win, all submodules for a star import, every module under a prefix for a name that is put together at run time,
and every Python file there is when the name is wholly unknown.
"""

import posixpath
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from gitops.flow.impact.discovery import Project, Snapshot
from gitops.flow.impact.imports import DynamicImport, Import, Imports, read_imports
from gitops.model import Stack

# One unit of what a program reaches: file → the file that loads it ("" for the program's own entry).
Importers = Mapping[str, str]


@dataclass(slots=True)
class Sources:
    """Python sources and what they import, by object id, so that two commits read and parse each file once."""

    text: dict[str, bytes] = field(default_factory=dict)
    imports: dict[str, Imports] = field(default_factory=dict)

    def load(self, snapshot: Snapshot, paths: Iterable[str]) -> None:
        """Read and parse those of `paths` that are not known yet, in one go."""
        missing = {snapshot.paths[path]: path for path in paths if snapshot.paths[path] not in self.imports}
        if not missing:
            return
        for path, content in snapshot.read(list(missing.values())):
            object_id = snapshot.paths[path]
            self.text[object_id] = content
            self.imports[object_id] = read_imports(content)


@dataclass(frozen=True, slots=True)
class _Edges:
    """Where one file leads: the files it loads whatever the stack, and its imports that depend on the stack."""

    files: tuple[str, ...]  # sorted, so that reasons read the same each time
    by_stack: tuple[DynamicImport, ...]
    anything: bool
    alters_path: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """What was found from some starting files."""

    importers: dict[str, str]
    by_stack: tuple[tuple[str, DynamicImport], ...]
    anything: bool
    alters_path: bool


class ImportGraph:
    """The import graph of one commit, computed piece by piece as it is asked."""

    def __init__(self, snapshot: Snapshot, sources: Sources | None = None) -> None:
        self.snapshot = snapshot
        self.sources = sources or Sources()
        self._programs: dict[str, _Program] = {}
        self._stacks: dict[Stack, Importers] = {}

    def follows(self, other: "ImportGraph") -> None:
        """Take over from another commit's graph what is surely the same here, for the stacks it was asked for.

        With the same projects and Python files, a stack that reaches no file with other imports reaches the same files.
        """
        ours, theirs = self.snapshot, other.snapshot
        if ours.projects != theirs.projects or self.python_files != other.python_files or ours.real != theirs.real:
            return
        differing = [path for path in self.python_files if ours.paths[path] != theirs.paths[path]]
        self.sources.load(ours, differing)
        self.sources.load(theirs, differing)
        imports = self.sources.imports
        rewired = {path for path in differing if imports[ours.paths[path]] != imports[theirs.paths[path]]}
        self._stacks = {stack: found for stack, found in other._stacks.items() if rewired.isdisjoint(found)}
        if not rewired:
            self._programs = other._programs

    def load_all(self) -> None:
        """Read the Python files around the programs in one go: faster than following the imports file by file."""
        folders = tuple("" if folder == "." else f"{folder}/" for folder in self.code_folders)
        self.sources.load(self.snapshot, [path for path in self.python_files if path.startswith(folders)])

    def reached(self, stack: Stack) -> Importers:
        """Every Python file that the stack's program can load, with the file that loads it."""
        if stack not in self._stacks:
            self._stacks[stack] = self._program(stack).reached(stack.name)
        return self._stacks[stack]

    def modules_of(self, stack: Stack) -> frozenset[str]:
        """The files that the program loads for this stack by its name, such as `stacks/<stack>.py`."""
        return self._program(stack).modules_of(stack.name)

    def shared(self, project: Project) -> Importers:
        """The Python files that the project's program loads whatever the stack."""
        return self._program_of(project).shared.importers

    def text(self, path: str) -> bytes:
        """The source of a file that is reached."""
        return self.sources.text[self.snapshot.paths[path]]

    def _program(self, stack: Stack) -> "_Program":
        return self._program_of(self.snapshot.project_of(stack))

    def _program_of(self, project: Project) -> "_Program":
        # Projects may run the same program (`main: ../shared`); then they share the graph too.
        key = f"{project.code}\0{project.entry}"
        if key not in self._programs:
            self._programs[key] = _Program(self, project)
        return self._programs[key]

    @cached_property
    def python_files(self) -> frozenset[str]:
        """Every Python file of the commit."""
        return frozenset(path for path in self.snapshot.paths if path.endswith(".py"))

    @cached_property
    def folders(self) -> Mapping[str, Sequence[str]]:
        """Folder → the Python files directly in it; folders that only lead to others have none."""
        folders: dict[str, list[str]] = {".": []}
        for path in self.python_files:
            folder = posixpath.dirname(path) or "."
            files = folders.get(folder)
            if files is None:
                files = folders[folder] = []
                parent = posixpath.dirname(folder) or "."
                while parent not in folders:
                    folders[parent] = []
                    parent = posixpath.dirname(parent) or "."
            files.append(path)
        return folders

    @cached_property
    def roots_by_name(self) -> Mapping[str, Sequence[str]]:
        """Top-level module name → the folders that have such a module, wherever they are."""
        roots: dict[str, list[str]] = {}
        for path in (*self.python_files, *self.folders):
            folder, _, name = path.rpartition("/")
            roots.setdefault(name.removesuffix(".py"), []).append(folder or ".")
        return roots

    @cached_property
    def code_folders(self) -> frozenset[str]:
        """The folders in which the projects' programs run."""
        return frozenset(project.code for project in self.snapshot.projects)


class _Program:
    """What one project's program loads."""

    def __init__(self, graph: ImportGraph, project: Project) -> None:
        self.graph = graph
        self.code = project.code
        self.entry = project.entry
        self.searches_everywhere = False
        self._edges: dict[str, _Edges] = {}
        self._resolved: dict[str, frozenset[str]] = {}
        self.shared = self._find({project.entry: ""} if project.entry else {})
        if self.shared.alters_path:
            self._search_everywhere()

    def _search_everywhere(self) -> None:
        """Start again, taking every folder for one in which modules are looked for."""
        self.searches_everywhere = True
        self._edges.clear()
        self._resolved.clear()
        self.shared = self._find({self.entry: ""} if self.entry else {})

    def reached(self, stack: str) -> Importers:
        """The files loaded for one stack."""
        if self.entry is None or self.shared.anything:
            return {**self._everything(), **self.shared.importers}
        found = dict(self.shared.importers)
        open_imports = self.shared.by_stack
        while open_imports:
            start = {
                path: importer
                for importer, one in open_imports
                for path in self._stack_modules(importer, one, stack)
                if path not in found
            }
            part = self._find(start, found)
            if part.alters_path and not self.searches_everywhere:
                self._search_everywhere()
                return self.reached(stack)
            found.update(part.importers)
            if part.anything:
                return {**self._everything(), **found}
            open_imports = part.by_stack
        return found

    def modules_of(self, stack: str) -> frozenset[str]:
        """The files loaded by the stack's name."""
        modules = (self._named_modules(importer, one, stack)[0] for importer, one in self.shared.by_stack)
        return frozenset(path for named in modules for path in named)

    def _everything(self) -> Importers:
        """Every Python file but those of other projects' programs, each as if loaded by the entry."""
        others = {folder for folder in self.graph.code_folders if not _inside(self.code, folder)}
        # A program that moves its search path can reach into other projects as well.
        skipped = () if self.searches_everywhere else tuple(f"{f}/" for f in others if not _inside(f, self.code))
        return {path: self.entry or "" for path in self.graph.python_files if not path.startswith(skipped)}

    def _find(self, start: Mapping[str, str], known: Mapping[str, str] | None = None) -> _Part:
        """Everything reachable from `start` (file → importer) that is not in `known`, level by level."""
        importers: dict[str, str] = {}
        by_stack: list[tuple[str, DynamicImport]] = []
        anything = alters_path = False
        level = dict(start)
        while level:
            importers.update(level)
            self.graph.sources.load(self.graph.snapshot, [path for path in level if path not in self._edges])
            following: dict[str, str] = {}
            for path in level:
                edges = self._edges_of(path)
                anything |= edges.anything
                alters_path |= edges.alters_path
                by_stack.extend((path, one) for one in edges.by_stack)
                for target in edges.files:
                    if target not in importers and (known is None or target not in known):
                        following.setdefault(target, path)
            level = following
        return _Part(importers, tuple(by_stack), anything, alters_path)

    def _edges_of(self, path: str) -> _Edges:
        edges = self._edges.get(path)
        if edges is None:
            snapshot = self.graph.snapshot
            read = self.graph.sources.imports[snapshot.paths[path]]
            files: set[str] = set()
            for one in read.imports:
                files |= self._imported(path, one)
            anything = False
            by_stack = []
            for dynamic in read.dynamic:
                if dynamic.by_stack:
                    by_stack.append(dynamic)
                    continue
                under = self._under_prefix(path, dynamic)
                anything |= under is None
                files |= under or frozenset()
            edges = _Edges(tuple(sorted(files)), tuple(by_stack), anything, read.alters_path)
            self._edges[path] = edges
        return edges

    def _imported(self, path: str, one: Import) -> frozenset[str]:
        """The files that one import statement loads."""
        if one.level:
            base = _above(path, one.level)
            key = f"{base}\0{one.module}\0{one.names}"
            if key not in self._resolved:
                self._resolved[key] = frozenset(self._in_folder(base, one.module, one.names))
            return self._resolved[key]
        key = f"{one.module}\0{one.names}"
        if key not in self._resolved:
            bases = self._search_path(one.module.partition(".")[0])
            self._resolved[key] = frozenset(
                file for base in bases for file in self._in_folder(base, one.module, one.names)
            )
        return self._resolved[key]

    def _search_path(self, top: str) -> Sequence[str]:
        """The folders in which Python may look for a top-level module."""
        everywhere = self.graph.roots_by_name.get(top, ())
        if self.searches_everywhere:
            return everywhere
        own = posixpath.normpath(posixpath.join(self.code, top))
        files = self.graph.python_files
        if f"{own}.py" in files or f"{own}/__init__.py" in files:
            return (self.code,)
        if own in self.graph.folders:
            # Without __init__.py, a package installed from another folder of the repository would win.
            installed = [
                f for f in everywhere if f not in self.graph.code_folders and _join(f, top, "__init__.py") in files
            ]
            return (self.code, *installed)
        if top in sys.stdlib_module_names:
            return ()
        # Not the program's own: perhaps installed from a folder of this repository, which is never itself a package.
        return [folder for folder in everywhere if _join(folder, "__init__.py") not in files]

    def _in_folder(self, base: str, dotted: str, names: Sequence[str] = ()) -> Iterable[str]:
        """The files that `import dotted` (`from dotted import names`) loads when `base` is where it is looked for."""
        folders, files = self.graph.folders, self.graph.python_files
        place = base
        for name in dotted.split(".") if dotted else ():
            place = _join(place, name)
            if (module := f"{place}.py") in files:
                yield module
            if place not in folders:
                return
            if (init := f"{place}/__init__.py") in files:
                yield init
        if not dotted and (init := _join(place, "__init__.py")) in files:
            yield init
        for name in names:
            if name == "*":
                yield from folders.get(place, ())
                yield from (init for folder in self._children(place) if (init := f"{folder}/__init__.py") in files)
            else:
                yield from self._in_folder(place, name)

    def _children(self, place: str) -> Iterable[str]:
        return (folder for folder in self.graph.folders if posixpath.dirname(folder) == place)

    def _under_prefix(self, path: str, dynamic: DynamicImport) -> frozenset[str] | None:
        """Every Python file that an import with an unknown part may load; None for any file at all."""
        package, _, _ = dynamic.prefix.rpartition(".")
        if not package and not dynamic.level:
            return None
        key = f"{_above(path, dynamic.level) if dynamic.level else ''}\0{package}\0*"
        if key not in self._resolved:
            top = package.partition(".")[0]
            bases = (_above(path, dynamic.level),) if dynamic.level else self._search_path(top)
            self._resolved[key] = frozenset(file for base in bases for file in self._below(base, package))
        return self._resolved[key]

    def _below(self, base: str, package: str) -> Iterable[str]:
        yield from self._in_folder(base, package)
        folder = _join(base, *package.split(".")) if package else base
        yield from (file for file in self.graph.python_files if _inside(file, folder))

    def _stack_modules(self, path: str, dynamic: DynamicImport, stack: str) -> frozenset[str]:
        """What an import by the stack's name loads for one stack; everything it might, when there is no such module."""
        named, found = self._named_modules(path, dynamic, stack)
        if named:
            return found
        under = self._under_prefix(path, dynamic)
        return frozenset(self._everything()) if under is None else under

    def _named_modules(self, path: str, dynamic: DynamicImport, stack: str) -> tuple[frozenset[str], frozenset[str]]:
        """The files named like the stack, and with them the packages that lead there; none when no file is."""
        for spelling in dict.fromkeys((stack, stack.replace("-", "_"), stack.replace("-", "_").replace(".", "_"))):
            name = f"{dynamic.prefix}{spelling}{dynamic.suffix}"
            found = self._imported(path, Import(name, dynamic.level))
            own = name.rpartition(".")[2]
            ends = (f"/{own}.py", f"/{own}/__init__.py")
            if named := frozenset(file for file in found if f"/{file}".endswith(ends)):
                return named, found
        return frozenset(), frozenset()


def _inside(path: str, folder: str) -> bool:
    return folder in (".", path) or path.startswith(f"{folder}/")


def _join(*parts: str) -> str:
    return posixpath.normpath("/".join(parts))


def _above(path: str, level: int) -> str:
    """The folder that `level` leading dots stand for in `path`."""
    folder = posixpath.dirname(path) or "."
    for _ in range(level - 1):
        folder = posixpath.dirname(folder) or "."
    return folder
