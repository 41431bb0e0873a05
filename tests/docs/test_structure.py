"""What keeps the code findable: files of a readable length, and a row in the decision for each workflow."""

from pathlib import Path

import pytest
import yaml

from gitops.config.settings import parse

ROOT = Path(__file__).parents[2]
LONGEST_FILE = 400
SOURCES = [file for folder in ("gitops", "infra", "policy", "stacks") for file in (ROOT / folder).rglob("*.py")]


def test_no_file_is_longer_than_a_reader_keeps_in_mind() -> None:
    lengths = {file.relative_to(ROOT): len(file.read_text(encoding="utf-8").splitlines()) for file in SOURCES}
    assert {file: length for file, length in lengths.items() if length > LONGEST_FILE} == {}


def test_the_workflows_run_for_the_branches_of_gitops_yaml() -> None:
    wanted = [one.branch for one in parse((ROOT / "gitops.yaml").read_bytes()).environments]
    lists = {}
    for name in ("preview", "apply"):
        text = (ROOT / f".github/workflows/{name}.yml").read_text(encoding="utf-8")
        # YAML 1.1 takes a bare `on` for true.
        events = yaml.safe_load(text)[True]
        lists |= {(name, event): asked["branches"] for event, asked in events.items() if "branches" in (asked or {})}
    assert lists == dict.fromkeys([("preview", "pull_request"), ("preview", "merge_group"), ("apply", "push")], wanted)


@pytest.mark.parametrize("workflow", sorted(file.stem for file in (ROOT / ".github/workflows").glob("*.yml")))
def test_every_workflow_has_a_row_in_its_decision(workflow: str) -> None:
    decision = (ROOT / "docs/decisions/0005-github.md").read_text(encoding="utf-8")
    assert any(line.startswith(f"| `{workflow}` |") for line in decision.splitlines())
