"""What is there already wins, in a supported version, and is asked only once."""

import os
from pathlib import Path

import pytest

from gitops.errors import ToolMissing
from gitops.toolchain import cache, locate, pins, tools
from gitops.toolchain.cache import Origin
from gitops.toolchain.places import Places, Platform
from tests.toolchain.fakes import Toolchain, times_asked, tool

REAL = pins.read(Places.from_environment().recipes)


@pytest.mark.parametrize(
    ("version", "supported", "expected"),
    [
        ("v3.259.0", ">=3.250,<4", True),
        ("3.249.9", ">=3.250,<4", False),
        ("4.0.0", ">=3.250,<4", False),
        ("etcd Version: 3.5.13", ">=3.5.13,<4", True),
        ("go1.26.8", ">=1.26", True),
        ("go1.9", ">=1.26", False),
        ("development build", ">=1.26", False),
    ],
)
def test_versions_are_compared_by_number(version: str, supported: str, expected: bool) -> None:
    assert locate.in_range(version, supported) is expected


def with_path(toolchain: Toolchain, *folders: Path) -> Places:
    path = os.pathsep.join([*map(str, folders), "/usr/bin", "/bin"])
    return toolchain.places({"PATH": path, "HOME": str(toolchain.root)})


def test_a_supported_tool_on_path_is_used_and_asked_once(toolchain: Toolchain) -> None:
    hello = tool(toolchain.root / "bin/hello", "1.5.0")
    places = with_path(toolchain, hello.parent)
    assert locate.is_unknown(places, toolchain.hello)
    found = locate.present(places, toolchain.pins, toolchain.hello, ask=True)
    assert found is not None
    assert (found.version, found.origin, found.folder) == ("1.5.0", Origin.PRESENT, hello.parent)
    assert locate.present(places, toolchain.pins, toolchain.hello) == found
    assert not locate.is_unknown(places, toolchain.hello)
    assert times_asked(hello) == 1


def test_a_tool_outside_the_supported_range_is_left_alone(toolchain: Toolchain) -> None:
    hello = tool(toolchain.root / "bin/hello", "2.0.0")
    places = with_path(toolchain, hello.parent)
    assert locate.present(places, toolchain.pins, toolchain.hello, ask=True) is None
    assert not locate.is_unknown(places, toolchain.hello)


def test_a_replaced_tool_is_asked_again(toolchain: Toolchain) -> None:
    hello = tool(toolchain.root / "bin/hello", "1.5.0")
    places = with_path(toolchain, hello.parent)
    locate.present(places, toolchain.pins, toolchain.hello, ask=True)
    tool(hello, "1.10.0")
    found = locate.present(places, toolchain.pins, toolchain.hello, ask=True)
    assert found is not None
    assert found.version == "1.10.0"


def test_a_tool_that_cannot_tell_its_version_is_not_used(toolchain: Toolchain) -> None:
    hello = tool(toolchain.root / "bin/hello", "1.5.0")
    hello.write_text("#!/bin/sh\nexit 1\n")
    places = with_path(toolchain, hello.parent)
    assert locate.present(places, toolchain.pins, toolchain.hello, ask=True) is None


def test_our_own_cache_on_path_does_not_count_as_already_there(toolchain: Toolchain) -> None:
    hello = tool(toolchain.root / "cache/pieces/hello-1/hello", "1.5.0")
    assert locate.present(with_path(toolchain, hello.parent), toolchain.pins, toolchain.hello, ask=True) is None


def test_a_cli_without_its_language_host_is_not_used(tmp_path: Path) -> None:
    pulumi = tool(tmp_path / "bin/pulumi", "3.260.0")
    places = real_places(tmp_path, {"PATH": f"{pulumi.parent}:/usr/bin:/bin"})
    assert locate.present(places, REAL, REAL.pieces["pulumi"], ask=True) is None
    assert locate.present(places, REAL, REAL.pieces["python-language-host"], ask=True) is None


def test_a_cli_with_its_language_host_brings_both(tmp_path: Path) -> None:
    pulumi = tool(tmp_path / "bin/pulumi", "3.260.0")
    tool(tmp_path / "bin/pulumi-language-python", "3.260.0")
    places = real_places(tmp_path, {"PATH": f"{pulumi.parent}:/usr/bin:/bin"})
    for name in ("pulumi", "python-language-host"):
        found = locate.present(places, REAL, REAL.pieces[name], ask=True)
        assert found is not None
        assert found.version == "3.260.0"


def test_plugins_in_the_users_own_home_are_used_with_that_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for name in ("aws", "kubernetes"):
        piece = REAL.pieces[f"{name}-provider"]
        tool(home / f"plugins/resource-{name}-v{piece.version}/pulumi-resource-{name}", piece.version)
    places = real_places(tmp_path, {"PULUMI_HOME": str(home), "PATH": "/usr/bin"})
    found = tools.find(["aws-provider"], places=places)
    assert found.path("pulumi-resource-aws").is_relative_to(home)
    assert "PULUMI_HOME" not in found.environment()


def test_installed_plugins_are_linked_into_a_home_where_pulumi_finds_them(tmp_path: Path) -> None:
    places = real_places(tmp_path, {"PULUMI_HOME": str(tmp_path / "none"), "PATH": "/usr/bin"})
    stored(places, "kubernetes-provider")
    environment = tools.find(["kubernetes-provider"], places=places).environment()
    version = REAL.pieces["kubernetes-provider"].version
    plugin = Path(environment["PULUMI_HOME"]) / f"plugins/resource-kubernetes-v{version}/pulumi-resource-kubernetes"
    assert plugin.read_text() == "kubernetes-provider"
    assert environment["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
    stored(places, "aws-provider")
    both = tools.find(["kubernetes-provider"], places=places).environment()["PULUMI_HOME"]
    assert sorted(path.name[:12] for path in Path(both, "plugins").iterdir()) == ["resource-aws", "resource-kub"]


def test_the_pipeline_alone_leaves_pulumi_home_to_the_user(tmp_path: Path) -> None:
    places = real_places(tmp_path, {"PATH": "/usr/bin"})
    for name in ("pulumi", "python-language-host"):
        stored(places, name)
    found = tools.find(["pulumi", "python-language-host"], places=places)
    environment = found.environment()
    assert "PULUMI_HOME" not in environment
    assert environment["PULUMI_SKIP_UPDATE_CHECK"] == "1"
    assert environment["PATH"].split(os.pathsep)[1] == str(found.path("pulumi").parent)


def test_what_is_missing_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    places = real_places(tmp_path, {"PATH": "/usr/bin"})
    stored(places, "etcd")
    with pytest.raises(ToolMissing) as caught:
        tools.find(["etcd", "kwok", "act"], places=places)
    assert caught.value.message == "Not installed: kwok, act."
    assert caught.value.hint == "Run: gitops toolchain install --for test"


def test_an_executable_that_was_not_asked_for_is_refused_by_name(tmp_path: Path) -> None:
    places = real_places(tmp_path, {"PATH": "/usr/bin"})
    stored(places, "etcd")
    with pytest.raises(ToolMissing, match="kwok"):
        tools.find(["etcd"], places=places).path("kwok")


def test_a_piece_that_lost_a_file_is_missing(tmp_path: Path) -> None:
    places = real_places(tmp_path, {"PATH": "/usr/bin"})
    stored(places, "etcd").joinpath("etcd").unlink()
    with pytest.raises(ToolMissing):
        tools.find(["etcd"], places=places)


def real_places(root: Path, environ: dict[str, str]) -> Places:
    """The repository's own recipes, with a cache and a home of the test's own."""
    recipes = Places.from_environment().recipes
    return Places(root / "cache", recipes, None, None, {"HOME": str(root), **environ}, Platform("linux", "amd64"))


def stored(places: Places, name: str) -> Path:
    """Put a fake of a piece into the cache; its folder."""
    piece = REAL.pieces[name]
    key = REAL.key(piece, places.recipes, places.platform)
    with cache.fresh_folder(places, name) as folder:
        for executable in piece.executables:
            (folder / executable).write_text(name)
        return cache.store(places, piece, key, folder, Origin.BUILT).folder
