"""A repository with its remote, its people and its pipeline: real Git, a simulated code host, a fake engine."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from gitops.adapters.codehost.simulated.code_host import LocalHost
from gitops.adapters.git.command import GitCommand
from gitops.adapters.git.leases import GitLeases
from gitops.adapters.git.ledger import GitLedger
from gitops.context import Context
from gitops.model import Holder, Lease, Query, Record, RecordKind, Review, Stack
from gitops.operations.apply import run as upping
from gitops.operations.review import preview as previewing
from tests.fakes.clock import FakeClock
from tests.fakes.engine import FakeEngine
from tests.support import git

DEV, PROD = Stack("shop", "dev"), Stack("shop", "prod")
GITOPS = """version: 1
lease: {{duration: 3s}}
environments:
  - {{name: dev, branch: main, stacks: [dev], approvals: {approvals}}}
  - {{name: prod, branch: prod, stacks: [prod]}}
"""


def wanting(**sizes: int) -> str:
    """A stack's config file that wants these things."""
    return json.dumps({"config": {"shop:things": sizes}}) + "\n"


@dataclass
class World:
    """Everything around one clone, `folder/clone`, of the bare `folder/remote.git`."""

    folder: Path
    engine: FakeEngine = field(default_factory=FakeEngine)
    clock: FakeClock = field(default_factory=FakeClock)
    approvals: int = 1
    opened: int | None = None

    def __post_init__(self) -> None:
        files = {
            "gitops.yaml": GITOPS.format(approvals=self.approvals),
            "Pulumi.yaml": "name: shop\nruntime: python\n",
            "Pulumi.dev.yaml": wanting(web=12),
            "Pulumi.prod.yaml": wanting(web=120),
            "__main__.py": "import pulumi\n",
        }
        seed = git.create(self.folder / "seed", files)
        git.git(seed, "branch", "prod")
        git.git(self.folder, "clone", "--quiet", "--bare", str(seed), "remote.git")
        git.git(self.folder, "clone", "--quiet", "--config=gitops.host=simulated", "remote.git", "clone")
        self.engine.states.setdefault("dev", {"web": 12})

    @property
    def clone(self) -> Path:
        """The clone in which everything is run."""
        return self.folder / "clone"

    @property
    def remote(self) -> Path:
        """The bare repository."""
        return self.folder / "remote.git"

    @cached_property
    def host(self) -> LocalHost:
        """The simulated code host."""
        return LocalHost(self.remote, self.clock)

    def context(self, name: str = "ada", **environment: str) -> Context:
        """A run's own context."""
        made = Context(self.clone, environment, "up", self.clock)
        made.engine = self.engine
        made.holder = Holder(name, "laptop", 1, "up", f"run of {name}")
        return made

    def commit(self, files: Mapping[str, str | None], branch: str = "feature") -> str:
        """Commit on top of the branch as it is here, and push it."""
        git.git(self.clone, "fetch", "--quiet", "origin")
        if git.git(self.clone, "branch", "--list", branch):
            git.git(self.clone, "checkout", "--quiet", branch)
        else:
            git.git(self.clone, "checkout", "--quiet", "-b", branch, "origin/main")
        made = git.commit(self.clone, files)
        git.git(self.clone, "push", "--quiet", "origin", branch)
        return made

    def push_to_main(self, files: Mapping[str, str | None]) -> str:
        """A direct push, past every pull request."""
        git.git(self.clone, "checkout", "--quiet", "-B", "straight", self.main())
        made = git.commit(self.clone, files)
        git.git(self.clone, "push", "--quiet", "origin", "HEAD:main")
        return made

    def main(self) -> str:
        """The newest commit of main on the remote, brought here."""
        git.git(self.clone, "fetch", "--quiet", "origin")
        return git.git(self.clone, "rev-parse", "origin/main")

    def open(self, files: Mapping[str, str | None], branch: str = "feature") -> int:
        """Ada's pull request with these files."""
        self.commit(files, branch)
        self.opened = self.host.open(branch, "main", title="Change", author="ada")
        return self.opened

    def preview(self, head: str = "HEAD", base: str = "origin/main", **request: Any) -> Review:
        """Preview into main, or into another base, on the pull request that was opened last."""
        git.git(self.clone, "fetch", "--quiet", "origin")
        wanted = {"pull_request": self.opened, **request}
        return previewing.preview(self.context(), previewing.Request(base, head, **wanted))

    def reviewed(self, files: Mapping[str, str | None], *approvers: str, branch: str = "feature") -> str:
        """A pull request previewed, approved and merged; the commit it became."""
        number = self.open(files, branch)
        self.preview()
        for name in approvers:
            self.host.approve(number, name)
        return self.host.merge(number)

    def up(self, name: str = "ada", **request: Any) -> tuple[upping.StackResult, ...]:
        """Apply what is on main."""
        return upping.up(self.context(name), upping.Request("dev", **request))

    def run(self, command: click.Command, *arguments: str) -> None:
        """A verb's own command line, with this world's context."""
        command.main(list(arguments), obj=self.context(), standalone_mode=False)

    @property
    def ledger(self) -> GitLedger:
        """The ledger, as another clone than the one that everything is run in."""
        return GitLedger(GitCommand(self.remote.parent / "seed", str(self.remote)))

    @property
    def records(self) -> tuple[Record, ...]:
        """The ledger."""
        return tuple(self.ledger.history().select(Query(), oldest_first=True))

    @property
    def kinds(self) -> list[str]:
        """What the ledger tells, without the plans."""
        return [record.kind.value for record in self.records if record.kind is not RecordKind.PLAN]

    @property
    def leases(self) -> tuple[Lease, ...]:
        """The leases on the remote."""
        return GitLeases(GitCommand(self.remote.parent / "seed", str(self.remote))).all()
