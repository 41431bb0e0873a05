"""A released stack to go on from, made once for each test worker: that takes longer than most tests that need one."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.engine.journey import PASSWORD, Journey, wanting
from tests.support.tiny import Tiny


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    """A released stack that no test alters: `one` is 12. The provider's plugin is on PATH, not in the repository."""
    begun = Journey.begin(tmp_path_factory.mktemp("released") / "journey", wanting(), {"tiny:pw": PASSWORD})
    plugins = begun.folder / "plugins"
    shutil.move(begun.clone / "provider", plugins)
    path = f"{plugins}{os.pathsep}{begun.tiny.environment['PATH']}"
    journey = Journey(begun.folder, Tiny(begun.tiny.root, {"PATH": path}))
    journey.push({"Pulumi.yaml": "name: tiny\nruntime: python\n", "requirements.txt": "pulumi-things==1.0.0\n"})
    journey.host.merge(journey.review())
    assert "released" in journey.gitops("up", "--environment", "dev")
    return journey


@pytest.fixture
def journey(released: Journey, tmp_path: Path) -> Journey:
    """Going on from there: the plan for 12 → 20, on the branch `scale`, is reviewed and approved as pull request 2."""
    made = released.copied(tmp_path / "journey")
    made.branch("scale")
    made.push({"wanted.json": json.dumps(wanting(20))})
    assert made.review() == 2
    return made
