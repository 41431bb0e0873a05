"""The documents hold: links lead somewhere, every verb, option and exit code is described, decisions are listed."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gitops import errors
from gitops.cli import INTERRUPTED, gitops
from gitops.config.settings import parse
from gitops.model import Operation, RecordKind
from tests.docs import ledger_table

ROOT = Path(__file__).parents[2]
DECISIONS = ROOT / "docs" / "decisions"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
COMMANDS = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def verbs(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Every command below, with its full name; groups as well."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found is not None
            yield from verbs(found, f"{name} {below}")


VERBS = dict(verbs(gitops, "gitops"))


def section(verb: str) -> str:
    """The text below the heading of a verb, up to the next heading."""
    match = re.search(rf"^#+ {re.escape(verb)}(?: [A-Z\[][^\n]*)?\n(.*?)(?=^#|\Z)", COMMANDS, re.MULTILINE | re.DOTALL)
    assert match, f"docs/commands.md has no section {verb!r}"
    return match[1]


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives a document's headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    text = without_code(document.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{link} does not exist"
        if anchor:
            assert anchor in anchors(target), f"{link} names no heading"


def test_every_gitops_yaml_that_is_shown_is_valid() -> None:
    texts = [document.read_text(encoding="utf-8") for document in DOCUMENTS]
    blocks = [block for text in texts for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    shown = [block for block in blocks if re.match(r"\s*version: 1\n", block)]
    assert len(shown) >= 2
    for block in shown:
        parse(block.encode())


@pytest.mark.parametrize("verb", [name for name in VERBS if name != "gitops"])
def test_every_verb_is_described_with_all_its_options(verb: str) -> None:
    words = verb.split()
    # What all commands of a group share stands in the group's own section.
    text = "".join(section(" ".join(words[:count])) for count in range(2, len(words) + 1))
    options = [one for one in VERBS[verb].params if isinstance(one, click.Option)]
    names = [name for option in options for name in option.opts]
    assert [name for name in names if f"`{name}`" not in text and f"`{name} " not in text] == []


def test_no_verb_is_described_that_does_not_exist() -> None:
    described = re.findall(r"^#+ (gitops [a-z\- ]+?)(?: [A-Z\[].*)?$", COMMANDS, re.MULTILINE)
    assert set(described) == set(VERBS) - {"gitops"}


def test_every_exit_code_is_described() -> None:
    def codes(error: type[errors.GitOpsError]) -> set[int]:
        return {error.exit_code}.union(*(codes(below) for below in error.__subclasses__()))

    described = {int(code) for code in re.findall(r"^\| (\d+) \|", COMMANDS, re.MULTILINE)}
    assert described == codes(errors.GitOpsError) | {0, INTERRUPTED}


def test_the_table_of_records_is_the_one_that_the_code_gives() -> None:
    document = ledger_table.FILE.read_text(encoding="utf-8")
    assert document == ledger_table.with_table(document), "write it anew: python -m tests.docs.ledger_table"
    assert [kind for kind in RecordKind if f"| `{kind.value}` |" not in document] == []


def test_every_operation_is_described() -> None:
    plan = (ROOT / "docs" / "plan-format.md").read_text(encoding="utf-8")
    row = re.search(r"^\| `operation` \|(.*)\|$", plan, re.MULTILINE)
    assert row
    # A refresh changes nothing, so no plan holds one.
    assert [one for one in Operation if one.value not in row[1] and one is not Operation.REFRESH] == []


def test_every_decision_has_a_number_of_its_own_and_a_line_in_the_index() -> None:
    files = sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))
    numbers = [name.partition("-")[0] for name in files]
    assert len(set(numbers)) == len(numbers)
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    assert [name for name in files if f"]({name})" not in index] == []
    for name in files:
        title = (DECISIONS / name).read_text(encoding="utf-8").partition("\n")[0]
        assert title.startswith(f"# {name[:4]}"), f"{name} begins with {title!r}"
