"""The table of ledger records in docs/ledger.md. `python -m tests.docs.ledger_table` writes it anew."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from gitops.flow.ledger.schema import words_of
from gitops.model import RecordKind
from gitops.model.record_bodies import DESCRIPTIONS, Body

FILE = Path(__file__).parents[2] / "docs" / "ledger.md"
BEGIN = "<!-- Written by `python -m tests.docs.ledger_table` from gitops/model/record_bodies.py. -->\n"
END = "<!-- End of what is written. -->\n"
HEAD = "| kind | written | body |\n|---|---|---|\n"


def render() -> str:
    """The table: a line for each class of bodies, in the order of the classes."""
    lines = (_line(described, about.kind, about.written) for described, about in DESCRIPTIONS.items())
    return HEAD + "".join(lines)


def with_table(document: str) -> str:
    """The document with the table as it is now."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{FILE.name} has not both of the lines that stand around the table")
    return f"{before}{BEGIN}{render()}{END}{after}"


def _line(described: type[Body], kind: RecordKind, written: str) -> str:
    return f"| `{kind.value}` | {written} | {'<br>'.join(_fields(described))} |\n"


def _fields(described: type[Body]) -> Iterator[str]:
    words = words_of(described)
    for field in dataclasses.fields(described):
        optional = "" if field.default is dataclasses.MISSING else ", may be missing"
        yield f"`{field.name}`{optional}: {words[field.name]}"


if __name__ == "__main__":
    FILE.write_text(with_table(FILE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
