"""Which provider plugin Pulumi would start, told without starting it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gitops.adapters.pulumi import plugins


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    return tmp_path / "project"


def executable(file: Path, content: str = "one") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    file.chmod(0o755)
    return file


def in_the_project(project: Path) -> tuple[Path, dict[str, str]]:
    text = "name: shop\nplugins:\n  providers:\n    - {name: things, path: ./provider}\n"
    (project / "Pulumi.yaml").write_text(text)
    return executable(project / "provider" / "pulumi-resource-things"), {}


def on_path(project: Path) -> tuple[Path, dict[str, str]]:
    file = executable(project.parent / "bin" / "pulumi-resource-things")
    return file, {"PATH": str(file.parent)}


@pytest.mark.parametrize("place", [in_the_project, on_path])
def test_a_plugin_that_no_version_picks_is_told_by_its_content(
    project: Path, place: Callable[[Path], tuple[Path, dict[str, str]]]
) -> None:
    file, environment = place(project)
    before = plugins.moving(project, environment, {"things": "1.0.0"})
    assert before["things"].startswith("sha256:")
    assert plugins.moving(project, environment, {"things": "1.0.0"}) == before
    file.write_text("two")
    assert plugins.moving(project, environment, {"things": "1.0.0"}) != before


def test_a_cache_beside_a_plugin_is_not_part_of_it(project: Path) -> None:
    file, _ = in_the_project(project)
    before = plugins.moving(project, {}, {"things": ""})
    (file.parent / "__pycache__").mkdir()
    (file.parent / "__pycache__" / "x.pyc").write_text("x")
    assert plugins.moving(project, {}, {"things": ""}) == before
    (file.parent / "helper.py").write_text("x")
    assert plugins.moving(project, {}, {"things": ""}) != before


def test_an_installed_plugin_follows_from_the_version_that_is_asked_for(project: Path) -> None:
    assert plugins.moving(project, {"PULUMI_HOME": str(project)}, {"aws": "7.21.0"}) == {}


def test_without_a_version_the_newest_installed_plugin_counts(project: Path) -> None:
    for version in ("7.9.0", "7.21.0-alpha.1", "7.21.0"):
        (project / "plugins" / f"resource-aws-v{version}").mkdir(parents=True)
    (project / "plugins" / "resource-aws-v9.0.0.lastused").touch()
    assert plugins.moving(project, {"PULUMI_HOME": str(project)}, {"aws": ""}) == {"aws": "7.21.0"}


def test_path_does_not_count_where_pulumi_is_told_to_ignore_it(project: Path) -> None:
    _, environment = on_path(project)
    ignoring = {**environment, "PULUMI_IGNORE_AMBIENT_PLUGINS": "true", "PULUMI_HOME": str(project)}
    assert plugins.moving(project, ignoring, {"things": "1.0.0"}) == {}
