"""What a file imports, and what a program reaches."""

import ast
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitops.flow.impact.import_graph import ImportGraph
from gitops.flow.impact.imports import ANY_MODULE, UNREADABLE, DynamicImport, Import, Imports, read_imports
from gitops.model import Stack
from tests.flow.impact.snapshots import snapshot

PROJECT = {"Pulumi.yaml": "name: shop\nruntime: python\n", "Pulumi.dev.yaml": "", "Pulumi.prod.yaml": ""}
PICKS_STACK = "import importlib, pulumi\nstack = pulumi.get_stack()\nimportlib.import_module(f'stacks.{stack}')\n"


def reached(files: Mapping[str, str], stack: str = "dev") -> set[str]:
    return set(ImportGraph(snapshot({**PROJECT, **files})).reached(Stack("shop", stack)))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a.b, c as d", [Import("a.b"), Import("c")]),
        ("from a.b import c as d, e", [Import("a.b", 0, ("c", "e"))]),
        ("from .. import x", [Import("", 2, ("x",))]),
        ("from .a import *  # all", [Import("a", 1, ("*",))]),
        ("from a import (\n    b,\n    c as d,\n)", [Import("a", 0, ("b", "c"))]),
        ("from a import (b,  # why (not)\n    c)", [Import("a", 0, ("b", "c"))]),
        ("from a import b, \\\n    c", [Import("a", 0, ("b", "c"))]),
        ("if True: import a\n", [Import("a")]),
        ("x = 1; import a; from b import c", [Import("a"), Import("b", 0, ("c",))]),
        ("import a\r\nfrom b import c\r\n", [Import("a"), Import("b", 0, ("c",))]),
        ("from a import b\rx = 1", [Import("a", 0, ("b",))]),
        ("\ufeffimport a", [Import("a")]),
        ("import größe", [Import("größe")]),
        ("def f():\n\timport a", [Import("a")]),
        ("import importlib\nimportlib.import_module('a.b')", [Import("importlib"), Import("a.b")]),
        ("__import__('a')", [Import("a")]),
    ],
)
def test_import_statements_are_read_however_they_are_written(source: str, expected: list[Import]) -> None:
    assert sorted(read_imports(source.encode()).imports, key=str) == sorted(expected, key=str)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("im(f'stacks.{stack}')", DynamicImport("stacks.", by_stack=True)),
        ("im('stacks.' + stack)", DynamicImport("stacks.", by_stack=True)),
        ("im('stacks.%s' % stack)", DynamicImport("stacks.", by_stack=True)),
        ("im('stacks.{}'.format(stack))", DynamicImport("stacks.", by_stack=True)),
        ("im(f'stacks.{pulumi.get_stack()}.main')", DynamicImport("stacks.", ".main", by_stack=True)),
        ("im(f'.{stack}', __package__)", DynamicImport("", level=1, by_stack=True)),
        ("im(f'parts.{kind}')", DynamicImport("parts.")),
        ("im(f'parts.{kind}.{stack}')", DynamicImport("parts.")),
        ("stack = config.get('x')\nim(f'stacks.{stack}')", DynamicImport("stacks.")),
        ("for stack in all:\n    im(f'stacks.{stack}')", DynamicImport("stacks.")),
        ("stack = get_stack()\nstack += 'x'\nim(f'stacks.{stack}')", DynamicImport("stacks.")),
        ("im(name)", ANY_MODULE),
        ("load = im", ANY_MODULE),
        ("im('.x', package)", ANY_MODULE),
        ("exec(text)", ANY_MODULE),
        ("runpy.run_path(p)", ANY_MODULE),
    ],
)
def test_an_import_by_the_stacks_name_is_told_from_one_that_can_be_anything(call: str, expected: DynamicImport) -> None:
    found = read_imports(f"from importlib import import_module as im\n{call}\n".encode())
    assert expected in found.dynamic


@pytest.mark.parametrize(
    "source", ["def (\nif x: import a", "if x: import a\n  b", "exec('\0')", "# coding: latin-99\n"]
)
def test_a_file_that_can_only_be_read_as_python_and_is_none_can_import_anything(source: str) -> None:
    assert read_imports(source.encode()) == UNREADABLE


def by_syntax_tree(source: str) -> Imports | None:
    """What the syntax tree alone shows; None when there is none."""
    try:
        tree = ast.parse(source.encode())
    except (SyntaxError, ValueError):
        return None
    found = [Import(name.name) for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found.append(Import(node.module or "", node.level, tuple(name.name for name in node.names)))
    return Imports(tuple(found))


LINES = st.sampled_from(
    [
        "import a",
        "import a.b as c, d",
        "from .x import y",
        "from x import (\n    y,\n    z)",
        "from x import (a, # )\n b)",
        '"""',
        "'''",
        "x = 1; import e",
        "# import f",
        "import g # (",
        "if x: import h",
        "\\",
        "from x import \\",
        "    y",
        "    import i",
        "from j import *",
        "s = 'import k'",
        "exec('import l')",
        "",
        "import m\rimport n",
        ")",
        "from . import o",
    ]
)


@given(st.lists(LINES, max_size=8))
@settings(max_examples=400)
def test_the_quick_reader_misses_nothing_that_the_syntax_tree_shows(lines: list[str]) -> None:
    source = "\n".join(lines).encode()
    exact, quick = by_syntax_tree(source.decode()), read_imports(source)
    if exact is not None:
        assert set(exact.imports) <= set(quick.imports)


def test_a_stack_reaches_its_own_module_and_not_its_neighbours() -> None:
    files = {
        "__main__.py": PICKS_STACK,
        "stacks/dev.py": "from infra import net",
        "stacks/prod.py": "",
        "infra/net.py": "",
    }
    assert reached(files, "dev") == {"__main__.py", "stacks/dev.py", "infra/net.py"}
    assert reached(files, "prod") == {"__main__.py", "stacks/prod.py"}


def test_a_stack_without_a_module_reaches_all_that_might_be_meant() -> None:
    files = {"__main__.py": PICKS_STACK, "stacks/prod.py": "", "stacks/default.py": ""}
    assert reached(files, "dev") == set(files)


def test_a_dash_in_a_stacks_name_may_be_an_underscore_in_its_modules() -> None:
    files = {"Pulumi.eu-1.yaml": "", "__main__.py": PICKS_STACK, "stacks/eu_1.py": "", "stacks/prod.py": ""}
    assert reached(files, "eu-1") == {"__main__.py", "stacks/eu_1.py"}


@pytest.mark.parametrize(
    ("main", "expected"),
    [
        ("import importlib\nimportlib.import_module(f'parts.{kind}')", {"parts/a.py", "parts/deep/b.py"}),
        ("__import__(name)", {"parts/a.py", "parts/deep/b.py", "other.py"}),
        ("from parts import *", {"parts/a.py"}),
        ("import parts.deep.b", {"parts/deep/b.py"}),
        ("def (\nif x: import a", {"parts/a.py", "parts/deep/b.py", "other.py"}),
        ("import json, os.path, pulumi", set()),
    ],
)
def test_what_cannot_be_known_widens(main: str, expected: set[str]) -> None:
    files = {"__main__.py": main, "parts/a.py": "", "parts/deep/b.py": "", "other.py": ""}
    assert reached(files) == {"__main__.py"} | expected


def test_a_broken_module_widens_those_that_import_it_and_nobody_else() -> None:
    files = {"__main__.py": PICKS_STACK, "stacks/dev.py": "import broken", "stacks/prod.py": "", "broken.py": "exec("}
    assert "stacks/prod.py" in reached(files, "dev")
    assert reached(files, "prod") == {"__main__.py", "stacks/prod.py"}


def test_a_library_elsewhere_in_the_repository_is_found() -> None:
    files = {"__main__.py": "import common.tags", "libs/src/common/__init__.py": "", "libs/src/common/tags.py": ""}
    assert reached(files) == set(files)


def test_a_program_that_alters_its_search_path_may_load_from_anywhere() -> None:
    files = {"__main__.py": "import sys\nsys.path.insert(0, 'x')\nimport infra", "infra.py": "", "x/infra.py": ""}
    assert reached(files) == set(files)


NAMES = ["a", "b", "c"]
PLACES = [
    *(f"{n}.py" for n in NAMES),
    *(f"p/{n}.py" for n in NAMES),
    "p/__init__.py",
    "p/q/__init__.py",
    "p/q/a.py",
    "n/a.py",
]
STATEMENTS = [
    "import a",
    "import b",
    "import p",
    "import p.a",
    "import p.q.a",
    "from p import b",
    "from p import c as d",
    "from p import *",
    "from p.q import a",
    "import n.a",
    "from n import a",
    "from . import a",
    "from .b import x",
    "from .q import a",
    "from .. import b",
    "import importlib; importlib.import_module('p.b')",
    "import importlib; importlib.import_module(f'p.{\"c\"}')",
    "__all__ = ['a', 'c']",
    "x = 1",
]
GUARDED = "try:\n    {}\nexcept Exception:\n    pass\n"


@given(
    st.dictionaries(st.sampled_from(PLACES), st.lists(st.sampled_from(STATEMENTS), max_size=3), min_size=2),
    st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=3),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_an_import_really_loads_is_in_the_graph(
    tmp_path_factory: pytest.TempPathFactory, modules: dict[str, list[str]], main: list[str]
) -> None:
    def text(lines: list[str]) -> str:
        return "".join(line + "\n" if "=" in line[:8] else GUARDED.format(line) for line in lines)

    files = {place: text(lines) for place, lines in modules.items()} | {"__main__.py": text(main)}
    folder = tmp_path_factory.mktemp("program")
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    assert loaded_by_running(folder) <= reached(files)


def loaded_by_running(folder: Path) -> set[str]:
    """The files of `folder` that Python loads when it runs __main__.py."""
    report = (
        "import json, runpy, sys\nsys.path.insert(0, sys.argv[1])\nrunpy.run_path(sys.argv[1], run_name='__main__')\n"
    )
    report += "print(json.dumps([getattr(m, '__file__', None) for m in list(sys.modules.values())]))"
    command = [sys.executable, "-S", "-B", "-I", "-c", report, str(folder)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    files = [Path(name) for name in json.loads(output) if name]
    return {file.relative_to(folder).as_posix() for file in files if file.is_relative_to(folder)}
