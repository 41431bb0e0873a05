"""The order of stacks by their references."""

from itertools import pairwise

import pytest

from gitops.errors import ConfigError
from gitops.flow.impact.import_graph import ImportGraph
from gitops.flow.impact.order import dependencies, waves
from gitops.model import Stack
from tests.flow.impact.snapshots import snapshot

FILES = {
    f"{project}/{path}": text.replace("NAME", project)
    for project in ("net", "db", "app")
    for path, text in {
        "Pulumi.yaml": "name: NAME\nruntime: python\n",
        "Pulumi.dev.yaml": "",
        "Pulumi.prod.yaml": "",
        "__main__.py": "",
    }.items()
}
HEADER = "import pulumi\nfrom pulumi import StackReference\nstack = pulumi.get_stack()\n"


def read(project: str, main: str, name: str = "dev") -> tuple[list[str], bool]:
    """What the project's stack depends on, and whether anything in it could not be read."""
    graph = ImportGraph(snapshot({**FILES, f"{project}/__main__.py": HEADER + main}))
    stack = Stack(project, name, project)
    found = dependencies(graph, [stack])
    return sorted(one.label for one in found.upstream.get(stack, ())), stack in found.unresolved


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("StackReference('organization/net/dev')", ["net/dev"]),
        ("pulumi.StackReference(f'organization/net/{stack}')", ["net/dev"]),
        ("StackReference(f'{pulumi.get_organization()}/net/{pulumi.get_stack()}')", ["net/dev"]),
        ("StackReference('network', stack_name=f'acme/net/{stack}')", ["net/dev"]),
        ("StackReference(name='net/prod')", ["net/prod"]),
        ("StackReference('prod')", ["app/prod"]),
        ("StackReference(f'acme/net/{region}')", ["net/dev", "net/prod"]),
        ("StackReference(f'acme/net/p{x}')", ["net/prod"]),
        ("StackReference('acme/elsewhere/dev')", []),
    ],
)
def test_a_reference_names_the_stacks_it_reads(call: str, expected: list[str]) -> None:
    assert read("app", call) == (expected, False)


@pytest.mark.parametrize("name", ["config.require('network')", "f'acme/{project}/dev'", "*names"])
def test_a_reference_that_cannot_be_read_is_told(name: str) -> None:
    assert read("app", f"StackReference({name})") == ([], True)


def labels(found: tuple[tuple[Stack, ...], ...]) -> list[list[str]]:
    return [[stack.label for stack in wave] for wave in found]


NET, DB, APP = (Stack(project, "dev", project) for project in ("net", "db", "app"))
UPSTREAM = {APP: frozenset({DB}), DB: frozenset({NET})}


def test_each_wave_reads_only_from_earlier_ones() -> None:
    assert labels(waves([APP, NET, DB], UPSTREAM)) == [["net/dev"], ["db/dev"], ["app/dev"]]


def test_stacks_that_do_not_depend_on_each_other_share_a_wave() -> None:
    assert labels(waves([APP, NET, DB], {APP: frozenset({NET, DB})})) == [["db/dev", "net/dev"], ["app/dev"]]


def test_the_order_holds_through_stacks_that_are_not_selected() -> None:
    assert labels(waves([APP, NET], UPSTREAM)) == [["net/dev"], ["app/dev"]]


def test_a_circle_is_an_error_that_names_it() -> None:
    with pytest.raises(ConfigError, match="app/dev → db/dev → net/dev → app/dev"):
        waves([APP], {**UPSTREAM, NET: frozenset({APP})})


def test_a_very_long_chain_is_ordered() -> None:
    chain = [Stack("chain", f"s{number:04}") for number in range(3_000)]
    upstream = {stack: frozenset({before}) for before, stack in pairwise(chain)}
    assert waves(chain, upstream) == tuple((stack,) for stack in chain)
