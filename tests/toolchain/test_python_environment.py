"""The Python environment of a checkout: real pip, a wheel made on the spot, no registry."""

import base64
import hashlib
import os
import shutil
import subprocess
import threading
import zipfile
from pathlib import Path

import pytest

from gitops.errors import ToolchainError
from gitops.toolchain import environment
from gitops.toolchain.places import Places
from gitops.toolchain.process import Runner
from gitops.toolchain.progress import Progress
from tests.toolchain.fakes import Screen

PROJECT = '[project]\nname = "shop"\nversion = "1"\n\n[project.scripts]\nshop = "shop:main"\n'


def wheel(folder: Path) -> str:
    """Write a wheel of the package `greeting`; its SHA-256."""
    folder.mkdir()
    path = folder / "greeting-1.0-py3-none-any.whl"
    files = {
        "greeting.py": "TEXT = 'hello'\n",
        "greeting-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n",
        "greeting-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},\n"
        for name, text in files.items()
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in (files | {"greeting-1.0.dist-info/RECORD": record}).items():
            archive.writestr(name, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """A checkout with a package of its own, and no registry to ask; making its environment is the slow part."""
    root = tmp_path_factory.mktemp("environment")
    checkout = root / "shop"
    checkout.mkdir()
    (checkout / "pyproject.toml").write_text(PROJECT)
    (checkout / "shop.py").write_text("import greeting\n\ndef main():\n    print(greeting.TEXT)\n")
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(root / "wheels"), "PIP_CONFIG_FILE": os.devnull}
    environ = {**os.environ, **offline, "PATH": "/usr/bin:/bin"}
    lock(checkout, wheel(root / "wheels"))
    return Places(root / "cache", root / "recipes", checkout, None, environ)


def lock(checkout: Path | None, digest: str, package: str = "greeting==1.0") -> None:
    assert checkout is not None
    (checkout / "requirements.lock").write_text(f"{package} --hash=sha256:{digest}\n")


def install(places: Places) -> None:
    environment.install(places, Runner(threading.Event()), Progress(Screen(), live=False))


def digest(places: Places) -> str:
    assert places.checkout is not None
    found = next((places.checkout.parent / "wheels").glob("*.whl"))
    return hashlib.sha256(found.read_bytes()).hexdigest()


def test_the_environment_has_the_locked_packages_and_the_checkouts_own_command(shop: Places) -> None:
    lock(shop.checkout, digest(shop))
    install(shop)
    assert environment.is_current(shop)
    command = shop.virtual_environment / "bin/shop"
    assert subprocess.run([command], capture_output=True, text=True, check=True).stdout == "hello\n"


def test_a_changed_lock_file_makes_the_environment_out_of_date(shop: Places) -> None:
    lock(shop.checkout, digest(shop))
    install(shop)
    lock(shop.checkout, "b" * 64)
    assert not environment.is_current(shop)


def test_a_package_with_another_hash_is_refused_and_the_environment_stays_unfinished(shop: Places) -> None:
    lock(shop.checkout, "a" * 64)
    uninstall(shop)  # pip does not look at the hash of what is installed already
    with pytest.raises(ToolchainError, match="does not have the hash that is pinned") as caught:
        install(shop)
    assert "Do not go on with it" in caught.value.hint
    assert not environment.is_current(shop)


def test_a_registry_that_does_not_answer_is_named_as_the_reason(shop: Places) -> None:
    lock(shop.checkout, "a" * 64, "absent==1.0")
    with pytest.raises(ToolchainError, match="package registry cannot be reached") as caught:
        install(shop)
    assert "PIP_INDEX_URL" in caught.value.hint


UV = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/calls"
"""


def test_an_environment_filled_by_uv_has_pip_which_pulumi_asks_for_packages(shop: Places, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/uv").write_text(UV)
    (tmp_path / "bin/uv").chmod(0o755)
    shutil.copytree(shop.checkout or "", tmp_path / "shop", ignore=shutil.ignore_patterns(".venv"))
    environ = {**shop.environ, "PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    places = Places(tmp_path / "cache", shop.recipes, tmp_path / "shop", None, environ)
    install(places)
    assert "pip sync" in (tmp_path / "bin/calls").read_text()
    python = places.virtual_environment / "bin/python"
    subprocess.run([python, "-m", "pip", "list", "--format", "json"], capture_output=True, check=True)


def uninstall(places: Places) -> None:
    """Take the package out again, so that pip has to look at the wheel."""
    for path in places.virtual_environment.glob("lib/python*/site-packages/greeting*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_an_installed_package_needs_no_environment_of_its_own(tmp_path: Path) -> None:
    assert environment.is_current(Places(tmp_path, tmp_path, None, None, {}))
