"""Each kind of noise in docs/plan-format.md has the test that its row names, and each such test has a row."""

import re
from pathlib import Path

from gitops.flow.plans.plan import FORMAT

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "plan-format.md").read_text(encoding="utf-8")
TESTS = (ROOT / "tests" / "adapters" / "pulumi" / "test_noise.py").read_text(encoding="utf-8")


def test_each_row_of_noise_names_its_test_and_each_test_has_a_row() -> None:
    section = DOCUMENT.partition("## What is left out as noise")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    named = [re.search(r"`(test_\w+)` \|$", row) for row in rows]
    assert all(named), [row for row, name in zip(rows, named, strict=True) if not name]
    assert sorted(name[1] for name in named if name) == sorted(re.findall(r"^def (test_\w+)", TESTS, re.MULTILINE))


def test_the_format_that_is_described_is_the_one_that_is_made() -> None:
    assert DOCUMENT.startswith(f"# Plan format {FORMAT}\n")
    assert f'"format": {FORMAT},' in DOCUMENT
