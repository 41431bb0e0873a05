"""Sets, keys and the pins of this repository."""

from pathlib import Path

import pytest

from gitops.errors import UsageError
from gitops.toolchain import pins
from gitops.toolchain.places import Places, Platform
from tests.toolchain.fakes import PLATFORM, Toolchain

REAL = pins.read(Places.from_environment().recipes)


def test_sets_nest_and_keep_the_order_of_need(toolchain: Toolchain) -> None:
    assert toolchain.pins.resolve(["all"]) == ("hello", "other")
    assert toolchain.pins.resolve(["other", "all"]) == ("other", "hello")


def test_an_executable_stands_for_its_piece() -> None:
    assert REAL.resolve(["kube-scheduler"]) == ("kubernetes",)


def test_an_unknown_name_is_a_usage_error_that_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="'demos'") as caught:
        REAL.resolve(["demos"])
    assert "sandbox" in caught.value.hint


@pytest.mark.parametrize(
    ("missing", "expected"),
    [(["pulumi"], "pipeline"), (["etcd", "environment"], "sandbox"), (["act"], "test")],
)
def test_a_hint_names_the_smallest_set_that_holds_what_is_missing(missing: list[str], expected: str) -> None:
    assert REAL.set_for(missing) == expected


def test_the_key_changes_with_a_file_of_the_recipe_of_that_piece_only(toolchain: Toolchain) -> None:
    hello, other = toolchain.key("hello"), toolchain.key("other")
    (toolchain.root / "recipes/hello/extra.go").write_text("package main\n")
    assert toolchain.key("hello") != hello
    assert toolchain.key("other") == other


def test_the_key_changes_with_the_platform_and_the_version(toolchain: Toolchain) -> None:
    recipes, known = toolchain.root / "recipes", toolchain.pins
    assert known.key(toolchain.hello, recipes, Platform("darwin", "arm64")) != toolchain.key()
    before = toolchain.key()
    file = recipes / "pins.toml"
    file.write_text(file.read_text().replace('version = "1.2.3"', 'version = "1.2.4"'))
    assert toolchain.key() != before


@pytest.mark.parametrize("change", [("seconds = 5", "seconds = 9"), ('title = "Hello"', 'title = "Hi"'), ("<2", "<3")])
def test_figures_titles_and_supported_ranges_do_not_change_the_key(
    toolchain: Toolchain, change: tuple[str, str]
) -> None:
    before = toolchain.key()
    file = toolchain.root / "recipes/pins.toml"
    file.write_text(file.read_text().replace(*change))
    assert toolchain.key() == before


def test_every_piece_of_this_repository_has_a_recipe_with_a_complete_module() -> None:
    recipes = Places.from_environment().recipes
    for piece in REAL.pieces.values():
        assert piece.recipe in REAL.recipes
        assert (recipes / piece.recipe / "go.sum").is_file()
        assert piece.seconds > 0
        assert REAL.key(piece, recipes, PLATFORM).startswith(f"{piece.name}-{piece.version}-linux-amd64-")


def test_the_pins_agree_with_the_python_packages_of_the_same_tools() -> None:
    lock = (Path(__file__).parents[2] / "requirements.lock").read_text()
    for package, piece in (
        ("pulumi", "pulumi"),
        ("pulumi-aws", "aws-provider"),
        ("pulumi-kubernetes", "kubernetes-provider"),
    ):
        assert f"\n{package}=={REAL.pieces[piece].version} " in lock
