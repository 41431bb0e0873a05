"""A running sandbox for tests: the real cluster, emulator, backend and remote.

`sandbox` is shared by all tests of a session (one for each worker of pytest-xdist, about 0.8 GiB); what a
test leaves in it, the next one finds. A test that needs one of its own takes `running_sandbox`, for about 4 s.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gitops.sandbox import environment, lifecycle
from gitops.sandbox.cluster import Client
from gitops.sandbox.folder import Folder
from gitops.sandbox.remote import git
from gitops.toolchain.tools import Tools, find

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Sandbox:
    """A sandbox that is up. `variables` is a whole process environment for working in it."""

    folder: Folder
    tools: Tools
    variables: dict[str, str]

    @property
    def checkout(self) -> Path:
        """The clone to work in, on `first-deploy`."""
        return self.folder.checkout

    @property
    def kubernetes(self) -> Client:
        """A few plain calls to the API server."""
        return Client(self.folder)


@contextmanager
def running_sandbox(root: Path, source: Path = REPOSITORY) -> Iterator[Sandbox]:
    """A sandbox in `root`, made from the last commit of `source`, gone afterwards whatever happens."""
    folder = Folder(root)
    tools = find(["sandbox"])
    try:
        lifecycle.up(folder, source, tools, lambda _line: None)
        yield Sandbox(folder, tools, {**os.environ, **environment.of(folder, tools)})
    finally:
        lifecycle.down(folder)


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The session's sandbox, made from this repository."""
    with running_sandbox(tmp_path_factory.mktemp("sandbox") / "shared") as made:
        yield made


GITOPS = """version: 1
environments:
  - {name: dev, branch: main, stacks: [dev]}
  - {name: prod, branch: prod, stacks: [prod]}
"""
PROGRAM = """import pulumi

pulumi.export("greeting", pulumi.Config().require("greeting"))
"""


def small_repository(folder: Path) -> Path:
    """A repository with a program that makes nothing, for tests that are not about the program."""
    folder.mkdir(parents=True)
    files = {
        "gitops.yaml": GITOPS,
        "Pulumi.yaml": "name: small\nruntime: python\nconfig: {greeting: {type: string}, kubeconfig: {default: ''}}\n",
        "Pulumi.dev.yaml": "# for developers\nconfig:\n  small:greeting: hello\n",
        "Pulumi.prod.yaml": "config:\n  small:greeting: good day\n",
        "__main__.py": PROGRAM,
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "Begin")
    return folder
