"""Fixtures: a small toolchain, an environment whose Go builds reuse the machine's build cache, the simulated AWS."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitops.toolchain.places import Places
from tests.toolchain.emulator import emulator
from tests.toolchain.fakes import Toolchain


@pytest.fixture
def toolchain(tmp_path: Path) -> Toolchain:
    made = Toolchain(tmp_path)
    made.write()
    return made


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """The machine's environment with a cache of the test's own; Go's standard library comes from the shared one."""
    shared = Places.from_environment().build_cache
    shared.mkdir(parents=True, exist_ok=True)
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "go-build").symlink_to(shared)
    pulumi_home = tmp_path / "no-pulumi-home"
    return {**os.environ, "GITOPS_CACHE": str(cache), "PULUMI_HOME": str(pulumi_home), "NO_COLOR": "1"}


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the simulated AWS looks for the API server; tests write it."""
    return tmp_path_factory.mktemp("cluster") / "kubeconfig"


@pytest.fixture(scope="module")
def endpoint(kubeconfig: Path) -> Iterator[str]:
    """A simulated AWS of the test file's own."""
    with emulator({"AWS_EMULATOR_KUBECONFIG": str(kubeconfig)}) as address:
        yield address
