"""What keeps the code findable: files of a readable length, and a row in the decision for each workflow."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_FILE = 400
SOURCES = [file for folder in ("gitops", "infra", "policy", "stacks") for file in (ROOT / folder).rglob("*.py")]


def test_no_file_is_longer_than_a_reader_keeps_in_mind() -> None:
    lengths = {file.relative_to(ROOT): len(file.read_text(encoding="utf-8").splitlines()) for file in SOURCES}
    assert {file: length for file, length in lengths.items() if length > LONGEST_FILE} == {}


@pytest.mark.parametrize("workflow", sorted(file.stem for file in (ROOT / ".github/workflows").glob("*.yml")))
def test_every_workflow_has_a_row_in_its_decision(workflow: str) -> None:
    decision = (ROOT / "docs/decisions/0005-github.md").read_text(encoding="utf-8")
    assert any(line.startswith(f"| `{workflow}` |") for line in decision.splitlines())
