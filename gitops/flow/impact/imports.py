"""Imports: which modules one Python file can load, read from its text without running it.

Most files only have import statements that a pattern reads exactly; the syntax tree is fifty times slower and is
built for the rest. The pattern's answer is taken only if it accounts for every "import" in the file and nothing in
the file loads code by other means, so a file it cannot read for certain never passes as read.
Known limit: code loaded by a compiled extension, or by an installed package that is handed a name, is not seen.
"""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement. `level` counts leading dots; `names` is empty for `import module`, ("*",) for a star."""

    module: str
    level: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DynamicImport:
    """An import of a name put together at run time: `prefix`, something unknown, `suffix`.

    `by_stack`: the unknown part is the stack's name. An empty prefix that is not by stack can be any module.
    """

    prefix: str
    suffix: str = ""
    level: int = 0
    by_stack: bool = False


@dataclass(frozen=True, slots=True)
class Imports:
    """What one file loads. `alters_path`: it changes where modules are looked for."""

    imports: tuple[Import, ...] = ()
    dynamic: tuple[DynamicImport, ...] = ()
    alters_path: bool = False


ANY_MODULE = DynamicImport("")
UNREADABLE = Imports(dynamic=(ANY_MODULE,), alters_path=True)

# --- the quick reader -----------------------------------------------------------------------

_DOTTED = rb"[A-Za-z_][\w.]*"
_ALIAS = rb"(?:[ \t]+as[ \t]+\w+)?"
_STATEMENT = re.compile(
    rb"^[ \t]*(?:"
    rb"import[ \t]+(?P<modules>" + _DOTTED + _ALIAS + rb"(?:[ \t]*,[ \t]*" + _DOTTED + _ALIAS + rb")*)"
    rb"|from[ \t]+(?P<dots>\.*)[ \t]*(?P<module>[\w.]*)[ \t]+import[ \t]+"
    rb"(?:(?P<names>[\w \t,*]+?)|\((?P<block>[\w\s,]*)\))"
    rb")[ \t]*(?:#[^\r\n]*)?\r?$",
    re.MULTILINE,
)
# Ways to load code, or to move where it is looked for, that need not spell "import"; and source in another encoding.
# The words first: looking for plain words is ten times faster than the pattern that looks at them closely.
_SPECIAL_WORDS: tuple[bytes, ...] = (
    b"exec",
    b"eval",
    b"builtins",
    b"Loader",
    b"_file_location",
    b"load_module",
    b"run_",
)
_SPECIAL_WORDS += (b"find_loader", b"walk_packages", b"entry_points", b"__path__", b"addsitedir", b"sys", b"coding")
_SPECIAL = re.compile(
    rb"\b(?:exec|eval|builtins|__builtins__|SourceFileLoader|spec_from_file_location|load_module|exec_module|find_loader"
    rb"|run_path|run_module|walk_packages|entry_points|__path__|addsitedir)\b"
    rb"|\bsys\s*\.\s*(?:path|meta_path)\b|\bsys[ \t]+(?:as|import)\b|\A(?:[^\n]*\n)?[ \t\f]*\#[^\n]*coding[:=]"
)


def read_imports(source: bytes) -> Imports:
    """What the file imports.

    A file that needs the syntax tree and is not valid Python (or valid in a newer Python only) can import anything.
    """
    if not _is_special(source):
        last = source.rfind(b"import")
        # Imports stand at the top of most files: look no further than the line of the last one, unless it goes on.
        end = source.find(b"\n", last)
        end = len(source) if end < 0 or b"(" in source[last:end] else end
        found = list(_STATEMENT.finditer(source, 0, end)) if last >= 0 else []
        if len(found) == source.count(b"import"):
            return Imports(tuple(one for match in found for one in _from_pattern(match)))
    try:
        with warnings.catch_warnings(action="ignore"):  # the program's odd string escapes are not our news
            return _Reader().read(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return UNREADABLE


def _is_special(source: bytes) -> bool:
    for word in _SPECIAL_WORDS:  # any() with a generator would take twice as long
        if word in source:
            return _SPECIAL.search(source) is not None
    return False


def _from_pattern(match: re.Match[bytes]) -> Iterator[Import]:
    modules = match["modules"]
    if modules is not None:
        for part in modules.decode().split(","):
            yield Import(part.split()[0])
        return
    names = (match["names"] or match["block"] or b"").decode()
    yield Import(
        match["module"].decode(),
        len(match["dots"]),
        tuple(part.split()[0] for part in names.split(",") if part.strip()),
    )


# --- the thorough reader --------------------------------------------------------------------

_IMPORTERS = frozenset({"import_module", "__import__"})
# Each runs or finds code that no import statement names. As a bare name or as an attribute of anything.
_LOADERS = frozenset(
    {"spec_from_file_location", "SourceFileLoader", "load_module", "exec_module", "run_path", "run_module"}
    | {"walk_packages", "entry_points", "find_loader"}
)
_LOADING_NAMES = _LOADERS | {"exec", "eval", "builtins", "__builtins__"}
_STACK_WORDS = frozenset({"stack", "stack_name", "environment", "environment_name", "env", "env_name"})


class _Reader:
    """Collects the imports of one syntax tree."""

    def __init__(self) -> None:
        self.imports: list[Import] = []
        self.dynamic: list[DynamicImport] = []
        self.alters_path = False
        self.importers = set(_IMPORTERS)
        self.assigned: dict[str, list[ast.expr]] = {}
        self.called: set[int] = set()
        self.names_of_sys = {"sys"}

    def read(self, tree: ast.Module) -> Imports:
        nodes = list(ast.walk(tree))
        for node in nodes:
            self._note(node)
        for node in nodes:
            self._visit(node)
        return Imports(tuple(self.imports), tuple(self.dynamic), self.alters_path)

    def _note(self, node: ast.AST) -> None:
        """First pass: what names stand for."""
        if isinstance(node, ast.ImportFrom):
            for name in node.names:
                if name.name in _IMPORTERS and name.asname:
                    self.importers.add(name.asname)
        elif isinstance(node, ast.Import):
            self.names_of_sys.update(name.asname for name in node.names if name.name == "sys" and name.asname)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self._note_assignment(target, node.value)
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            self._note_assignment(node.target, node.value)
        elif isinstance(node, (ast.For, ast.comprehension)):
            # A loop variable takes many values; what it runs over is surely no call of get_stack().
            self._note_assignment(node.target, node.iter)
        elif isinstance(node, ast.AugAssign):
            self._note_assignment(node.target, node.value)
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            self._note_assignment(node.optional_vars, node.context_expr)

    def _note_assignment(self, target: ast.expr, value: ast.expr) -> None:
        for name in ast.walk(target):
            if isinstance(name, ast.Name):
                self.assigned.setdefault(name.id, []).append(value)

    def _visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            self.imports.extend(Import(name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(name.name for name in node.names)
            self.imports.append(Import(node.module or "", node.level, names))
            self.alters_path |= node.module == "sys" and bool({"path", "meta_path", "*"} & set(names))
        elif isinstance(node, ast.Call):
            if _last_name(node.func) in self.importers:
                self.called.add(id(node.func))
                self._add(self._called_import(node))
        elif isinstance(node, ast.Name):
            self._visit_name(node)
        elif isinstance(node, ast.Attribute):
            self._visit_attribute(node)

    def _visit_name(self, node: ast.Name) -> None:
        if node.id in _LOADING_NAMES or (node.id in self.importers and id(node) not in self.called):
            self.dynamic.append(ANY_MODULE)
        self.alters_path |= node.id in ("__path__", "addsitedir")

    def _visit_attribute(self, node: ast.Attribute) -> None:
        if node.attr in _LOADERS or (node.attr in _IMPORTERS and id(node) not in self.called):
            self.dynamic.append(ANY_MODULE)
        on_sys = isinstance(node.value, ast.Name) and node.value.id in self.names_of_sys
        self.alters_path |= node.attr in ("__path__", "addsitedir") or (on_sys and node.attr in ("path", "meta_path"))

    def _add(self, found: Import | DynamicImport) -> None:
        if isinstance(found, Import):
            self.imports.append(found)
        else:
            self.dynamic.append(found)

    def _called_import(self, call: ast.Call) -> Import | DynamicImport:
        """The import that a call of import_module or __import__ makes."""
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        arguments = [*call.args, *(keywords.pop(key) for key in ("name", "package") if key in keywords)]
        most = 1 if _last_name(call.func) == "__import__" else 2
        if keywords or not 1 <= len(arguments) <= most:
            return ANY_MODULE
        parts = string_parts(arguments[0])
        first = parts[0] if parts and isinstance(parts[0], str) else ""
        prefix = first.lstrip(".")
        level = len(first) - len(prefix)
        if level and (len(arguments) == 1 or not _is_own_package(arguments[1])):
            return ANY_MODULE
        unknown = [part for part in parts if not isinstance(part, str)]
        if not unknown:
            return Import(prefix, level)
        suffix = parts[-1] if isinstance(parts[-1], str) and len(unknown) == 1 else ""
        return DynamicImport(prefix, suffix, level, len(unknown) == 1 and is_stack_name(unknown[0], self.assigned))


def string_parts(node: ast.expr) -> list[str | ast.expr]:
    """A string expression as literal text and unknown parts: f-strings, `+`, `%s` and `.format` with one slot each."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return _joined([part for value in node.values for part in string_parts(value)])
    if isinstance(node, ast.FormattedValue) and node.format_spec is None and node.conversion == -1:
        return [node.value]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _joined([*string_parts(node.left), *string_parts(node.right)])
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return _filled(node.left, "%s", [node.right])
    if isinstance(node, ast.Call) and _last_name(node.func) == "format" and isinstance(node.func, ast.Attribute):
        return _filled(node.func.value, "{}", node.args)
    return [node]


def _filled(template: ast.expr, slot: str, values: list[ast.expr]) -> list[str | ast.expr]:
    if not isinstance(template, ast.Constant) or not isinstance(template.value, str):
        return [template]
    before, found, after = template.value.partition(slot)
    if not found or len(values) != 1 or set("%{}") & set(before + after):
        return [template, template]  # several unknowns: nothing is known of the whole
    return [part for part in (before, values[0], after) if part != ""]


def _joined(parts: list[str | ast.expr]) -> list[str | ast.expr]:
    joined: list[str | ast.expr] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def is_stack_name(node: ast.expr, assigned: dict[str, list[ast.expr]]) -> bool:
    """Whether an expression is the stack's name: `get_stack()`, or a variable that holds nothing else.

    A parameter counts when it is called like one (`stack`, `environment`, …).
    """
    if isinstance(node, ast.Call):
        return _last_name(node.func) == "get_stack"
    if isinstance(node, ast.Name) and node.id in assigned:
        return all(isinstance(value, ast.Call) and is_stack_name(value, assigned) for value in assigned[node.id])
    return isinstance(node, (ast.Name, ast.Attribute)) and _last_name(node) in _STACK_WORDS


def assignments(tree: ast.AST) -> dict[str, list[ast.expr]]:
    """Every name that the file assigns, with what it is assigned."""
    reader = _Reader()
    for node in ast.walk(tree):
        reader._note(node)
    return reader.assigned


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _is_own_package(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("__package__", "__name__")
