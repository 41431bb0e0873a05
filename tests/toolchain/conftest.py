"""Fixtures: a small toolchain, and an environment whose Go builds reuse the machine's build cache."""

import os
from pathlib import Path

import pytest

from gitops.toolchain.places import Places
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
