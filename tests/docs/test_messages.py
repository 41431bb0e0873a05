"""Every message that a document quotes is one that the code can print.

A quoted message is a line of output in a `console` block, a cell of a table's column "it says", or a sentence in bold
quotation marks. Its words, between the values that differ from run to run, have to stand in this order in a text of the
code. So a message that is worded anew is found in the documents as well.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
# What stands for a value in the examples: people, stacks, resources of the shipped program.
VALUES = {"grace", "ci", "up", "dev", "staging", "prod", "main", "controls", "web", "update", "updated", "mandatory"}
_PLAIN = re.compile(r"[A-Za-z']+")


def words(text: str) -> list[str]:
    """The words of a text without punctuation; what is no plain word is kept, as one token."""
    return [token for raw in text.split() if (token := raw.strip("\"'“”`.,:;!?()[]*"))]


def runs(message: str) -> Iterator[tuple[str, ...]]:
    """The plain words that follow each other in a message, between its values, columns and commas."""
    run: list[str] = []
    for token in [*words(re.sub(r"  +|[,:;.](?=\s|$)|…", " … ", message)), "…"]:
        if _PLAIN.fullmatch(token) and token not in VALUES:
            run.append(token)
            continue
        if run:
            yield tuple(run)
        run = []


def literals() -> Iterator[str]:
    """The texts in the code, with … in the place of what is filled in; a docstring is text of a help as well."""
    for path in sorted(ROOT.glob("gitops/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else " … " for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


PRINTED = "\n".join(f" {' '.join(words(text))} " for text in literals())


def is_printed(run: tuple[str, ...]) -> bool:
    """Whether a text of the code has these words in a row, or one text fills in where another ends."""
    parts = [(run[:cut], run[cut:]) for cut in range(len(run))]
    return any(all(f" {' '.join(part)} " in PRINTED for part in pair if part) for pair in parts)


def console_lines(text: str) -> Iterator[str]:
    for block in re.findall(r"^ *```console\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE):
        yield from (line for line in block.splitlines() if not line.lstrip().startswith(("$", "…")))


def said_in_tables(text: str) -> Iterator[str]:
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in row.strip("|\n").split("|")] for row in table.splitlines()]
        says = [number for number, cell in enumerate(rows[0]) if cell in ("it says", "says", "`gitops promote` says")]
        for number in says:
            yield from (row[number] for row in rows[2:])


def quoted(text: str) -> Iterator[str]:
    yield from re.findall(r"\*\*\"(.+?)\"\*\*", text)


MESSAGES = [
    (path.name, message)
    for path in DOCUMENTS
    for text in [path.read_text(encoding="utf-8")]
    for message in [*console_lines(text), *said_in_tables(text), *quoted(text)]
    if path.name not in ("policy.md", "faults.md")  # a pack's outcomes; generated from the runs themselves
]


def test_documents_quote_messages() -> None:
    assert len({name for name, _ in MESSAGES}) >= 3
    assert len(MESSAGES) >= 40


@pytest.mark.parametrize(("document", "message"), MESSAGES)
def test_every_quoted_message_is_one_that_the_code_prints(document: str, message: str) -> None:
    unknown = [" ".join(run) for run in runs(message) if not is_printed(run)]
    assert unknown == [], f"{document} quotes {message!r}; no text of the code says that"


def test_a_message_that_no_code_prints_is_noticed() -> None:
    assert list(runs("shop/dev is leased, expires in 102s.")) == [("is", "leased"), ("expires", "in")]
    assert is_printed(("is", "leased", "to"))
    assert not is_printed(("lease", "expires", "by", "itself"))
