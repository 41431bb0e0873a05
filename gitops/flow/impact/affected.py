"""Affected: which stacks a change can alter, and why.

The rules, the first that speaks for a path decides; what no rule explains affects every stack:

=================================  ==============================================================================
`gitops.yaml`                      every stack
a submodule, an unknown status     every stack: Git does not say which files changed
`Pulumi.yaml`                      the project's stacks
`Pulumi.<stack>.yaml`              that stack
Python that programs reach         the stacks that reach it, by the import graph of either commit
policy packs                       every stack
`*.md`, images, licences, `docs/`,
`.github/`, `tests/`, `bench/`,
a state that Pulumi keeps in
`.pulumi/`                         none, unless a program imports or names them
lock files and requirements        the stacks of the projects in that folder and below
Python that no program reaches     none, unless a program names it or its folder (a function's source, say)
data beside Python modules         the stacks that reach a module of that folder, or that name the file
anything else                      the stacks of the project around it; outside of projects, every stack
=================================  ==============================================================================

Both commits count: a module that is deleted, or no longer imported, affects those that used it before.
"""

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from gitops.config.settings import parse
from gitops.errors import ConfigError
from gitops.flow.impact.discovery import Project, Snapshot
from gitops.flow.impact.file_references import Mentions, Strength, Wanted
from gitops.flow.impact.import_graph import ImportGraph, Sources
from gitops.flow.impact.order import dependencies
from gitops.model import AffectedStack, Change, FileStatus, Reason, ReasonKind, Stack

PIPELINE_CONFIG = "gitops.yaml"
_STATE_FOLDER = "/.pulumi/"  # workspace.BookkeepingDir of sdk/go/common/workspace/paths.go
_POLICY_FILE = "PulumiPolicy.yaml"
_POLICY_FOLDER = "policy"
_QUIET_FOLDERS = frozenset({"docs", "tests", "bench", ".github"})
_QUIET_FILE = re.compile(
    r".*\.(md|rst|png|jpe?g|gif|svg|webp|ico)|LICEN[CS]E(\..*)?|NOTICE|CODEOWNERS|\.gitignore", re.IGNORECASE
)
_LOCK_FILE = re.compile(
    r"(requirements|constraints)[^/]*\.(txt|in)|.*\.lock|pyproject\.toml|Pipfile|setup\.(py|cfg)|\.python-version"
)

# A first commit, or a reformatting, has more reasons than anybody reads; each stack keeps this many of one kind.
_MOST_OF_ONE_KIND = 50


def affected_stacks(change: Change, base: Snapshot | None, head: Snapshot) -> tuple[AffectedStack, ...]:
    """The affected stacks of both commits, in the order of projects and names.

    `base` is None when its projects cannot be read (a broken project file that the change repairs, say): then every
    stack is affected. Stacks that the change removes are listed too: their resources have lost their program.
    """
    sources = Sources()
    graph = ImportGraph(head, sources)
    graph.load_all()
    after = _Rules(graph, head.stacks)
    reasons = after.reasons(change, absent=FileStatus.DELETED)
    if base is None:
        unknown = Reason(ReasonKind.UNKNOWN, "", f"the projects at {change.base[:12]} cannot be read")
        _add(reasons, head.stacks, unknown)
        return _listed(reasons)
    base_graph = ImportGraph(base, sources)
    base_graph.follows(graph)
    before = _Rules(base_graph, base.stacks)
    known = {stack: {reason.path for reason in found} for stack, found in reasons.items()}
    for stack, found in before.reasons(change, absent=FileStatus.ADDED).items():
        _add_all(reasons, stack, [reason for reason in found if reason.path not in known.get(stack, ())])
    _add_moves(reasons, base, head)
    _add_downstream(reasons, after)
    return _listed(reasons)


def reached_files(snapshot: Snapshot, stack: Stack) -> frozenset[str]:
    """Every file whose change would affect the stack by these rules: what its plan is computed from.

    Paths through symbolic links are given as the files behind them. Raises UsageError for an unknown stack.
    """
    snapshot.project_of(stack)
    rules = _Rules(_graph_of(snapshot), (stack,))
    claims = rules.claims(dict.fromkeys(snapshot.paths, FileStatus.MODIFIED))
    files = {path for claim in claims if stack in claim.stacks for path in claim.paths}
    return frozenset(snapshot.real.get(path, path) for path in files)


@lru_cache(maxsize=4)
def _graph_of(snapshot: Snapshot) -> ImportGraph:
    return ImportGraph(snapshot)


@dataclass(frozen=True, slots=True)
class _Claim:
    """One rule's word: these stacks are affected by these paths, each for its reason."""

    stacks: Collection[Stack]
    kind: ReasonKind
    paths: Sequence[str]
    text: str  # with {path}

    def reasons(self) -> list[Reason]:
        """A reason for each path, up to the most that anybody reads."""
        shown = [Reason(self.kind, path, self.text.format(path=path)) for path in self.paths[:_MOST_OF_ONE_KIND]]
        more = len(self.paths) - len(shown)
        return [*shown, Reason(self.kind, "", f"and {more:,} more of the same kind")] if more else shown


class _Rules:
    """The rules on one commit, for some of its stacks."""

    def __init__(self, graph: ImportGraph, stacks: Collection[Stack]) -> None:
        self.graph = graph
        self.snapshot = graph.snapshot
        self.stacks = stacks
        wanted = set(stacks)
        self.of_project = {p.file: tuple(s for s in p.stacks if s in wanted) for p in self.snapshot.projects}

    def reasons(self, change: Change, absent: FileStatus) -> dict[Stack, list[Reason]]:
        """Each affected stack with its reasons; files of status `absent` are not in this commit."""
        found: dict[Stack, list[Reason]] = {}
        statuses = {file.path: file.status for file in change.files if file.status is not absent}
        # A path through a symbolic link changes with the file behind it.
        links = {alias: statuses[real] for alias, real in self.snapshot.real.items() if real in statuses}
        for claim in self.claims(links | statuses):
            reasons = claim.reasons()
            for stack in claim.stacks:
                _add_all(found, stack, reasons)
        return found

    def claims(self, paths: Mapping[str, FileStatus]) -> Iterator[_Claim]:
        """What the rules say to the changed paths; nothing for those that affect no stack."""
        silent: list[str] = []
        unknown: dict[tuple[str, ...], list[str]] = {}
        by_file: dict[str, Project] = {project.file: project for project in self.snapshot.projects}
        quiet_packages: dict[str, list[str]] = {}
        yield from self._imported([path for path in paths if path.endswith(".py")])
        for path, status in paths.items():
            folder, name = posixpath.dirname(path), posixpath.basename(path)
            if path == PIPELINE_CONFIG:
                yield _Claim(self.stacks, ReasonKind.PIPELINE_CONFIG, (path,), "{path} configures the pipeline")
            elif status is FileStatus.CHANGED:
                yield _Claim(self.stacks, ReasonKind.UNKNOWN, (path,), "Git does not say what changed in {path}")
            elif path in by_file:
                text = "{path} describes the project"
                yield _Claim(self.of_project[path], ReasonKind.PROJECT_FILE, (path,), text)
            elif path in self._config_files:
                yield _Claim(self._config_files[path], ReasonKind.STACK_CONFIG, (path,), "{path} holds its values")
            elif self._is_policy(path) and not _QUIET_FILE.fullmatch(name):
                yield _Claim(self.stacks, ReasonKind.POLICY, (path,), "{path} is part of a policy pack")
            elif self._is_quiet(path, name):
                silent.append(path)
            elif _LOCK_FILE.fullmatch(name) and (projects := self._projects_below(folder or ".")):
                stacks = [stack for project in projects for stack in self.of_project[project.file]]
                yield _Claim(stacks, ReasonKind.LOCK_FILE, (path,), "{path} pins what the program runs on")
            elif path.endswith(".py") and not self._foreign(path):
                silent.append(path)
            elif (package := self._package_of(folder)) is not None and not self._foreign(path):
                quiet_packages.setdefault(package, []).append(path)
                silent.append(path)
            else:
                unknown.setdefault(self._project_files_around(path), []).append(path)
        yield from self._data(quiet_packages)
        yield from self._mentioned(silent)
        for files, found in unknown.items():
            around = [stack for file in files for stack in self.of_project[file]] if files else self.stacks
            yield _Claim(around, ReasonKind.UNKNOWN, found, "{path} is covered by no rule, so it may matter")

    def _imported(self, paths: Collection[str]) -> Iterator[_Claim]:
        changed = frozenset(paths)
        if not changed:
            return
        for stack in self.stacks:
            reached = self.graph.reached(stack)
            hits = changed & reached.keys()
            if not hits:
                continue
            own = self.graph.modules_of(stack)
            for path in sorted(hits):
                importer = reached[path]
                if path in own:
                    yield _Claim((stack,), ReasonKind.STACK_MODULE, (path,), "{path} is its module")
                elif importer:
                    text = f"{{path}} is imported by {_braces(importer)}"
                    yield _Claim((stack,), ReasonKind.IMPORTED, (path,), text)
                else:
                    yield _Claim((stack,), ReasonKind.IMPORTED, (path,), "{path} is the program that is run")

    def _data(self, packages: Mapping[str, Sequence[str]]) -> Iterator[_Claim]:
        for package, paths in packages.items():
            modules = frozenset(self.graph.folders[package])
            stacks = [stack for stack in self.stacks if not modules.isdisjoint(self.graph.reached(stack))]
            text = f"{{path}} lies beside modules it imports from {_braces(package)}/"
            yield _Claim(stacks, ReasonKind.IMPORTED, paths, text)

    def _mentioned(self, paths: Sequence[str]) -> Iterator[_Claim]:
        """The silent paths that reached modules name all the same."""
        if not paths:
            return
        around = {path: self._around(path) for path in paths}
        wanted = [self._wanted(path, around[path]) for path in paths]
        for path, sources in self._mentions.of(wanted).items():
            # A single word such as "schema.json" means a file of one's own project, if it lies in any.
            neighbours = {stack for project in around[path] for stack in project.stacks} or set(self.stacks)
            for stack in self.stacks:
                reached = self.graph.reached(stack)
                naming = min(
                    (
                        source
                        for source, how in sources.items()
                        if source in reached and (how is Strength.PATH or stack in neighbours)
                    ),
                    default=None,
                )
                if naming is not None and path not in reached:
                    yield _Claim((stack,), ReasonKind.IMPORTED, (path,), f"{{path}} is named in {_braces(naming)}")

    def _wanted(self, path: str, around: Sequence[Project]) -> Wanted:
        """Which of the path's folders a program may name: those below its own.

        None of a document's or test's, and none of a module's that some stack imports: there, the import graph speaks.
        """
        quiet = self._is_quiet(path, posixpath.basename(path))
        if quiet or path in self._reached_by_any:
            return Wanted(path, path.count("/") + 1, in_assets=not quiet)
        codes = [project.code for project in around if _below(path, project.code)]
        return Wanted(path, min((0 if code == "." else code.count("/") + 1 for code in codes), default=0))

    @cached_property
    def _reached_by_any(self) -> frozenset[str]:
        """What some stack of the commit imports, whichever stacks are asked for."""
        return frozenset(path for stack in self.snapshot.stacks for path in self.graph.reached(stack))

    @cached_property
    def _mentions(self) -> Mentions:
        reached = {path for stack in self.stacks for path in self.graph.reached(stack)}
        self.graph.sources.load(self.snapshot, reached)
        packages = {posixpath.dirname(path) for path in self.graph.python_files if path.endswith("/__init__.py")}
        return Mentions({path: self.graph.text(path) for path in reached}, frozenset(packages))

    @cached_property
    def _config_files(self) -> Mapping[str, tuple[Stack, ...]]:
        found: dict[str, tuple[Stack, ...]] = {}
        for project in self.snapshot.projects:
            for stack in project.stacks:
                file = project.config_files[stack.name]
                found[file] = (*found.get(file, ()), stack)  # several projects may keep their values in one folder
        return found

    @cached_property
    def _policy_folders(self) -> frozenset[str]:
        packs = {posixpath.dirname(p) for p in self.snapshot.paths if posixpath.basename(p) == _POLICY_FILE}
        return frozenset(packs | {_POLICY_FOLDER} | self._named_packs) - {""}

    @cached_property
    def _named_packs(self) -> frozenset[str]:
        """The paths that gitops.yaml names as policy packs: each runs for every stack, wherever it lies."""
        if PIPELINE_CONFIG not in self.snapshot.paths:
            return frozenset()
        ((_, content),) = self.snapshot.read([PIPELINE_CONFIG])
        try:
            return frozenset(parse(content).packs)
        except ConfigError:  # told by whoever needs it
            return frozenset()

    def _is_policy(self, path: str) -> bool:
        if path == _POLICY_FILE or path in self._named_packs:
            return True
        return any(folder in self._policy_folders for folder in _folders_above(path))

    def _is_quiet(self, path: str, name: str) -> bool:
        if _QUIET_FILE.fullmatch(name) or _STATE_FOLDER in f"/{path}":
            return True
        for folder in _folders_above(path):
            parent, _, last = folder.rpartition("/")
            if last in _QUIET_FOLDERS and (parent or ".") in self._areas:
                return True
        return False

    @cached_property
    def _areas(self) -> Mapping[str, tuple[Project, ...]]:
        """Folder → the projects that live, or run their program, there; the root is always one."""
        areas: dict[str, tuple[Project, ...]] = {".": ()}
        for project in self.snapshot.projects:
            # A project without stacks (an example, a template) must not hide the one around it.
            for folder in dict.fromkeys((project.folder, project.code)) if project.stacks else ():
                areas[folder] = (*areas.get(folder, ()), project)
        return areas

    def _around(self, path: str) -> tuple[Project, ...]:
        """The projects of the nearest folder above a path that has any."""
        for folder in (*_folders_above(path), "."):
            if projects := self._areas.get(folder):
                return projects
        return ()

    def _project_files_around(self, path: str) -> tuple[str, ...]:
        return tuple(project.file for project in self._around(path))

    def _foreign(self, path: str) -> bool:
        """Whether the project around a path is not Python, so that the import graph does not speak for it."""
        return any(not project.is_python for project in self._around(path))

    def _projects_below(self, folder: str) -> list[Project]:
        prefix = "" if folder == "." else f"{folder}/"
        return [
            p for p in self.snapshot.projects if f"{p.folder}/".startswith(prefix) or f"{p.code}/".startswith(prefix)
        ]

    def _package_of(self, folder: str) -> str | None:
        """The nearest folder with Python modules, `folder` or above; None at a program's root, where all may read."""
        while folder and folder not in self._areas:
            if self.graph.folders.get(folder):
                return folder
            folder = posixpath.dirname(folder)
        return None


def _add_moves(reasons: dict[Stack, list[Reason]], base: Snapshot, head: Snapshot) -> None:
    """Name the stacks that only one of the two commits has."""
    before, after = set(base.stacks), set(head.stacks)
    for stack in after - before:
        file = head.project_of(stack).config_files[stack.name]
        reasons.setdefault(stack, []).insert(
            0, Reason(ReasonKind.STACK_CONFIG, file, f"{file} is new, and with it the stack")
        )
    for stack in before - after:
        file = base.project_of(stack).config_files[stack.name]
        text = (
            f"the stack is gone from the repository, with {file}"
            if file not in head.paths
            else f"{file} now names another stack"
        )
        reasons.setdefault(stack, []).insert(0, Reason(ReasonKind.STACK_CONFIG, file, text))


def _add_downstream(reasons: dict[Stack, list[Reason]], rules: _Rules) -> None:
    """Stacks that read outputs of affected stacks are affected too, however many stacks lie between."""
    readers: dict[Stack, list[Stack]] = {}
    for reader, upstream in dependencies(rules.graph, rules.stacks).upstream.items():
        for stack in upstream:
            readers.setdefault(stack, []).append(reader)
    waiting = [stack for stack in reasons if stack in readers]
    while waiting:
        stack = waiting.pop()
        for reader in readers.get(stack, ()):
            if reader not in reasons:
                waiting.append(reader)
            _add(
                reasons,
                (reader,),
                Reason(ReasonKind.UPSTREAM, "", f"it reads outputs of {stack.label}, which is affected"),
            )


def _listed(reasons: Mapping[Stack, Sequence[Reason]]) -> tuple[AffectedStack, ...]:
    order = list(ReasonKind)
    ordered = sorted(reasons, key=lambda stack: (stack.folder, stack.name))
    return tuple(
        AffectedStack(stack, tuple(sorted(dict.fromkeys(reasons[stack]), key=lambda reason: order.index(reason.kind))))
        for stack in ordered
    )


def _add(reasons: dict[Stack, list[Reason]], stacks: Iterable[Stack], reason: Reason) -> None:
    for stack in stacks:
        reasons.setdefault(stack, []).append(reason)


def _add_all(reasons: dict[Stack, list[Reason]], stack: Stack, more: Sequence[Reason]) -> None:
    if more:
        reasons.setdefault(stack, []).extend(more)


def _folders_above(path: str) -> Iterator[str]:
    """The folders around a path, the nearest first, without the root."""
    folder = posixpath.dirname(path)
    while folder:
        yield folder
        folder = posixpath.dirname(folder)


def _below(path: str, folder: str) -> bool:
    return folder == "." or path.startswith(f"{folder}/")


def _braces(path: str) -> str:
    return path.replace("{", "{{").replace("}", "}}")
