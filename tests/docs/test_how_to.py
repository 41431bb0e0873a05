"""The how-to pages: the changes that each shows apply to the repository as it is, and do what the page says."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "how-to"
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".*_cache", "__pycache__", ".sandbox*", ".hypothesis", "node_modules", "dist"
)


def changes(page: str) -> str:
    """All changes that a page shows, as one patch."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    return "".join(re.findall(r"^```diff\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def changed_files(page: str) -> list[str]:
    return re.findall(r"^\+\+\+ b/(.*)$", changes(page), re.MULTILINE)


def code_files(page: str) -> list[str]:
    """Those of them that are code of the pipeline, of the program or of the policy pack."""
    return [path for path in changed_files(page) if path.endswith(".py") and not path.startswith("tests/")]


def run(folder: Path, command: Sequence[str], given: str = "") -> str:
    """Run it in the folder, which belongs to no Git repository, and return what it prints; fails with its complaint."""
    surroundings = {
        **os.environ,
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    surroundings.pop("PYTEST_XDIST_WORKER", None)
    ended = subprocess.run(
        command, cwd=folder, env=surroundings, input=given, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}"
    return ended.stdout


def changed_copy(page: str, folder: Path) -> Path:
    """A copy of the repository with the changes of the page."""
    copy = folder / "copy"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT, symlinks=True)
    run(copy, ["git", "apply", "-"], changes(page))
    return copy


def passes(copy: Path, *tests: str) -> None:
    run(copy, [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not engine", *tests])


def keeps_the_style(copy: Path, page: str) -> None:
    """Fails where a file that the page changes is not written as the rest is."""
    sources = [path for path in changed_files(page) if path.endswith(".py")]
    run(copy, [sys.executable, "-m", "ruff", "check", "--no-cache", *sources])
    run(copy, [sys.executable, "-m", "ruff", "format", "--check", "--no-cache", *sources])


def test_every_page_is_held_here() -> None:
    held = {"add-a-gate-rule", "add-a-ledger-record", "add-a-policy-rule", "add-an-environment"}
    assert {page.stem for page in PAGES.glob("*.md")} == held


@pytest.fixture(scope="module")
def with_gate_rule(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return changed_copy("add-a-gate-rule", tmp_path_factory.mktemp("gate"))


def test_a_gate_rule_with_a_new_fact_is_three_files_of_code(with_gate_rule: Path) -> None:
    assert code_files("add-a-gate-rule") == [
        "gitops/flow/gate/case.py",
        "gitops/flow/gate/rules.py",
        "gitops/operations/judging.py",
    ]
    keeps_the_style(with_gate_rule, "add-a-gate-rule")


def test_the_new_gate_rule_decides_as_its_page_says(with_gate_rule: Path) -> None:
    passes(with_gate_rule, "tests/operations/test_freeze.py")


def test_a_ledger_record_is_two_files_of_code() -> None:
    page = "add-a-ledger-record"
    assert code_files(page) == ["gitops/model/record_bodies.py", "gitops/operations/chatops/actions.py"]


def test_the_new_record_is_written_read_and_described(tmp_path: Path) -> None:
    copy = changed_copy("add-a-ledger-record", tmp_path)
    keeps_the_style(copy, "add-a-ledger-record")
    schema = run(copy, [sys.executable, "-m", "gitops", "log", "--schema"])
    assert '"const": "lease taken away"' in schema
    (copy / "docs" / "schemas" / "ledger-record.json").write_text(schema, encoding="utf-8", newline="\n")
    run(copy, [sys.executable, "-m", "tests.docs.ledger_table"])
    assert "| `lease taken away` | when [`/gitops unlock`]" in (copy / "docs" / "ledger.md").read_text(encoding="utf-8")
    passes(
        copy,
        "tests/flow/ledger",
        "tests/operations/test_ledger_of_format_1.py",
        "tests/operations/test_chatops.py::test_who_takes_a_lease_away_is_on_record",
        "tests/docs/test_documents.py::test_the_table_of_records_is_the_one_that_the_code_gives",
    )


@pytest.fixture(scope="module")
def with_policy_rule(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = changed_copy("add-a-policy-rule", tmp_path_factory.mktemp("policy"))
    run(copy, [sys.executable, "-m", "policy.document"])
    return copy


def test_a_policy_rule_is_one_file_of_code(with_policy_rule: Path) -> None:
    assert code_files("add-a-policy-rule") == ["policy/aws/storage.py"]
    keeps_the_style(with_policy_rule, "add-a-policy-rule")


def test_the_new_policy_rule_is_in_the_documents_and_keeps_its_cases(with_policy_rule: Path) -> None:
    assert "`rds-copies-tags`" in (with_policy_rule / "docs" / "policy.md").read_text(encoding="utf-8")
    passes(with_policy_rule, "tests/policy/test_policy_rules.py", "tests/policy/test_policy_document.py")


@pytest.fixture(scope="module")
def with_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return changed_copy("add-an-environment", tmp_path_factory.mktemp("environment"))


def test_an_environment_is_two_files_of_code_and_no_test(with_environment: Path) -> None:
    assert code_files("add-an-environment") == ["stacks/uat.py", "stacks/bootstrap.py"]
    assert [path for path in changed_files("add-an-environment") if path.startswith("tests/")] == []
    keeps_the_style(with_environment, "add-an-environment")


def test_the_new_environment_is_built_and_delivered_as_the_others_are(with_environment: Path) -> None:
    passes(
        with_environment,
        "tests/infra/test_infra_settings.py",
        "tests/infra/test_infra_stacks.py",
        "tests/infra/test_bootstrap.py",
        "tests/docs/test_structure.py",
        "tests/operations/test_init.py::test_the_wheel_ships_what_a_checkout_has",
        "tests/policy/test_policy_levels.py",
    )


def test_a_forgotten_step_of_a_new_environment_is_found(tmp_path: Path) -> None:
    copy = changed_copy("add-an-environment", tmp_path)
    shutil.copy(ROOT / "stacks" / "bootstrap.py", copy / "stacks" / "bootstrap.py")
    with pytest.raises(AssertionError, match="test_its_environments_are_those_of_gitops_yaml"):
        passes(copy, "tests/infra/test_bootstrap.py")
