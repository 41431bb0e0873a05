"""docs/how-to/add-a-ledger-record.md: its diffs apply to the package as it is, and make a kind of record that works."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "how-to" / "add-a-ledger-record.md").read_text(encoding="utf-8")
DIFFS = re.findall(r"^```diff\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
WRITER = "tests/operations/test_chatops.py::test_who_takes_a_lease_away_is_on_record"
TABLE = "tests/docs/test_documents.py::test_the_table_of_records_is_the_one_that_the_code_gives"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package, its documents and its tests, with the guide's changes."""
    for folder in ("gitops", "docs", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for diff in DIFFS:
        run(tmp_path, "git", "apply", "-", given=diff)
    return tmp_path


def run(folder: Path, *command: str, given: str = "") -> str:
    """Run it in the folder, which belongs to no Git repository, and return what it prints; fails with its complaint."""
    surroundings = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent), "PYTHONPATH": str(folder)}
    ended = subprocess.run(
        command, cwd=folder, env=surroundings, input=given, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}"
    return ended.stdout


def test_a_new_kind_is_two_files_of_the_package() -> None:
    code, tests = ({*re.findall(r"^\+\+\+ b/(\S+)$", diff, re.MULTILINE)} for diff in DIFFS)
    assert code == {"gitops/model/record_bodies.py", "gitops/operations/chatops/actions.py"}
    assert {path.partition("/")[0] for path in tests} == {"tests"}


def test_the_new_kind_is_written_read_and_described(copy: Path) -> None:
    schema = run(copy, sys.executable, "-m", "gitops", "log", "--schema")
    assert '"const": "lease taken away"' in schema
    (copy / "docs" / "schemas" / "ledger-record.json").write_text(schema, encoding="utf-8", newline="\n")
    run(copy, sys.executable, "-m", "tests.docs.ledger_table")
    assert "| `lease taken away` | when [`/gitops unlock`]" in (copy / "docs" / "ledger.md").read_text(encoding="utf-8")
    chosen = ("tests/flow/ledger", "tests/operations/test_ledger_of_format_1.py", WRITER, TABLE)
    printed = run(copy, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen)
    assert re.search(r"^\d+ passed", printed, re.MULTILINE)
