"""Stack files: values are set, and everything else stays as people wrote it."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops.sandbox.backend import Project, project_at, sandbox_values, with_values
from gitops.sandbox.folder import Folder

WRITTEN = """# the shop
config:
  # how many
  shop:replicas: 3  # for now
  shop:zones: [a, b]
  shop:labels:
    team: platform

    tier: web
  shop:last: x

environment: [base]
"""


def test_comments_order_and_other_keys_stay() -> None:
    changed = with_values(WRITTEN, {"shop:zones": ["c"]})
    assert changed == WRITTEN.replace("[a, b]", '["c"]')


def test_a_structured_value_is_replaced_as_a_whole() -> None:
    changed = with_values(WRITTEN, {"shop:labels": {"a": "b"}})
    assert yaml.safe_load(changed)["config"]["shop:labels"] == {"a": "b"}
    assert "tier" not in changed
    assert "shop:last: x" in changed


def test_a_new_key_goes_to_the_end_of_the_configuration() -> None:
    changed = with_values(WRITTEN, {"shop:new": "1"})
    assert changed == WRITTEN.replace("  shop:last: x\n", "  shop:last: x\n  shop:new: '1'\n")


@pytest.mark.parametrize("text", ["", "config: {}\n", "config:\n", "# nothing yet\n", "environment: [base]\n"])
def test_a_file_without_configuration_gets_one(text: str) -> None:
    assert yaml.safe_load(with_values(text, {"a:b": 1}))["config"] == {"a:b": 1}


def test_the_salt_stands_once() -> None:
    changed = with_values(f"encryptionsalt: v1:old\n{WRITTEN}", {}, "v1:new")
    assert yaml.safe_load(changed)["encryptionsalt"] == "v1:new"
    assert changed.count("encryptionsalt") == 1


KEYS = st.sampled_from([f"shop:{name}" for name in ("replicas", "zones", "labels", "last", "new", "more", "re")])
TEXTS = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="\u2028\u2029\x85\ufeff"), max_size=12)
VALUES = st.one_of(TEXTS, st.integers(), st.lists(TEXTS, max_size=3), st.dictionaries(TEXTS, TEXTS, max_size=3))


@settings(deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_what_is_set_is_what_is_read(values: dict[str, Any]) -> None:
    before = yaml.safe_load(WRITTEN)
    assert yaml.safe_load(with_values(WRITTEN, values)) == {**before, "config": {**before["config"], **values}}


def test_only_values_that_the_project_declares_are_set(tmp_path: Path) -> None:
    project = Project(tmp_path, "shop", frozenset({"kubeconfig", "owner"}), ("dev",))
    assert sandbox_values(project, Folder(Path("/s"))) == {"shop:kubeconfig": "/s/kubeconfig"}


def test_a_project_is_read_with_its_stacks(tmp_path: Path) -> None:
    assert project_at(tmp_path) is None
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\nconfig: {owner: {type: string}}\n")
    for stack in ("prod", "dev"):
        (tmp_path / f"Pulumi.{stack}.yaml").write_text("")
    assert project_at(tmp_path) == Project(tmp_path, "shop", frozenset({"owner"}), ("dev", "prod"))
