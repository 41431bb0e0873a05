"""The one place that builds adapters: what a command needs of the world, made when it is first asked for."""

import getpass
import os
import socket
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from gitops.adapters.system.clock import SystemClock
from gitops.config.settings import FILE, Config, Environment, parse
from gitops.errors import ConfigError, UsageError
from gitops.flow.plans import backends
from gitops.model import Holder, PolicyPack
from gitops.ports import (
    Checks,
    Clock,
    CloudSettings,
    CodeHost,
    EngineReader,
    EngineWriter,
    Hosting,
    HostSettings,
    Issues,
    Leases,
    LedgerReader,
    LedgerWriter,
    Runs,
)

if TYPE_CHECKING:
    from gitops.adapters.git.command import GitCommand
    from gitops.adapters.git.repository import GitRepository


class Engine(EngineReader, EngineWriter, Protocol):
    """Both sides of the engine."""


class Ledger(LedgerReader, LedgerWriter, Protocol):
    """Both sides of the ledger."""


@dataclass
class Context:
    """The world of one command, around the repository that holds `folder`. Reading an attribute builds its adapter."""

    folder: Path
    environment: Mapping[str, str] = field(repr=False)
    purpose: str = "gitops"
    clock: Clock = field(default_factory=SystemClock)

    @cached_property
    def repository(self) -> "GitRepository":
        """Commits and files. Raises GitFailed outside a repository."""
        from gitops.adapters.git.repository import GitRepository

        return GitRepository(self.folder)

    @cached_property
    def git(self) -> "GitCommand":
        """Git as a command, for what goes to the remote."""
        from gitops.adapters.git.command import GitCommand

        return GitCommand(self.folder)

    def config(self, commit: str) -> Config:
        """gitops.yaml as the commit has it. Raises ConfigError."""
        if FILE not in self.repository.paths(commit):
            raise ConfigError(
                FILE,
                f"commit {commit[:12]} has no such file",
                hint=f"`gitops init` writes {FILE}, with the environments and their branches; commit it there.",
            )
        return parse(self.repository.read(commit, FILE))

    def packs(self, commit: str) -> tuple[PolicyPack, ...]:
        """The policy packs that a commit's gitops.yaml names, read once. Raises GitFailed, ConfigError."""
        found = self.repository.resolve(commit)
        if found not in self._packs:
            from gitops.flow.impact.discovery import take_snapshot
            from gitops.flow.plans.policies import pack_at

            packs: tuple[PolicyPack, ...] = ()
            if paths := self.config(found).packs:
                snapshot = take_snapshot(self.repository, found)
                packs = tuple(pack_at(snapshot, path, line) for path, line in paths.items())
            self._packs[found] = packs
        return self._packs[found]

    @cached_property
    def _packs(self) -> dict[str, tuple[PolicyPack, ...]]:
        """By full commit, which never changes; each stack's gate asks for the same few, several times."""
        return {}

    def ledger(self) -> Ledger:
        """The ledger on the remote, signed as gitops.yaml of the checked-out commit says. Raises ConfigError."""
        return self._ledger

    @cached_property
    def _ledger(self) -> Ledger:
        from gitops.adapters.git.ledger import GitLedger, Options

        return GitLedger(self.git, Options(self.signers(), tell=lambda text: print(text, file=sys.stderr)))  # noqa: T201 - progress

    def signers(self) -> bytes:
        """Who may sign records, as HEAD lists them; empty where they are not signed. Raises ConfigError."""
        head = self.repository.resolve("HEAD")
        path = self.config(head).ledger_signers
        signers = b""
        if path:
            signers = self.repository.read(head, path) if path in self.repository.paths(head) else b""
            if not signers.strip():
                raise ConfigError(
                    FILE,
                    f"{path} lists nobody at commit {head[:12]}",
                    key="ledger.signers",
                    hint="One line for each signer: NAME KEYTYPE PUBLICKEY, see docs/ledger.md.",
                )
        return signers

    @cached_property
    def leases(self) -> Leases:
        """The leases on the remote."""
        from gitops.adapters.git.leases import GitLeases

        return GitLeases(self.git)

    @cached_property
    def _address(self) -> str:
        """The remote's address as configured; `git remote get-url` would follow url.<base>.insteadOf.

        That says how to get there (a mirror on this disk, say) and not what it is.
        """
        status, configured, _ = self.git.attempt("config", "--get", f"remote.{self.git.remote}.url")
        if status:
            raise UsageError(
                f"This repository has no remote {self.git.remote!r}, so there is no code host to ask.",
                hint=f"Add it: git remote add {self.git.remote} ADDRESS",
            )
        return configured.decode().strip()

    @cached_property
    def _hosting(self) -> Hosting:
        """The code host: the one that this clone asks for by name, else the one that the remote's address names.

        The name is in the clone's own Git configuration, which no pull request can change.
        """
        from gitops.adapters.codehost import hosts

        name = self.git.attempt("config", "--local", "--get", hosts.SETTING)[1].decode().strip()
        return hosts.find(name, hosts.Place(self._address, self.repository.root, self.environment, self.clock))

    @cached_property
    def host(self) -> CodeHost:
        """Pull requests. Raises UsageError where no code host is known for the remote."""
        return self._hosting.host

    @cached_property
    def issues(self) -> Issues:
        """The code host's issues. Raises UsageError as for `host`."""
        return self._hosting.issues

    @cached_property
    def checks(self) -> Checks:
        """What the code host shows beside commits. Raises UsageError as for `host`."""
        return self._hosting.checks

    @cached_property
    def runs(self) -> Runs:
        """The workflow runs of the code host. Raises UsageError as for `host`, and for a host that has none."""
        return self._hosting.runs

    @cached_property
    def settings(self) -> HostSettings:
        """How the repository is set up at its code host. Raises UsageError as `host` does, and for a host without."""
        return self._hosting.settings

    @cached_property
    def cloud(self) -> CloudSettings:
        """What roles and state rest on in AWS."""
        from gitops.adapters.aws.settings import AwsSettings

        return AwsSettings()

    @cached_property
    def engine(self) -> Engine:
        """Pulumi, from the toolchain. Raises ToolMissing."""
        from gitops.adapters.pulumi.backends import Backends
        from gitops.adapters.pulumi.engine import PulumiEngine
        from gitops.adapters.pulumi.process import PulumiProcess
        from gitops.adapters.pulumi.recovery.killed_run import PROCESS_VARIABLE, RUN_VARIABLE
        from gitops.toolchain import tools

        found = tools.find(["pipeline"])
        marks = {RUN_VARIABLE: self.holder.run, PROCESS_VARIABLE: str(self.holder.process)}
        variables = {**self.environment, **found.environment(), **marks}
        where = Backends(self.repository.working_tree, self.repository.within, backends.in_ci(self.environment))
        return PulumiEngine(PulumiProcess(found.path("pulumi"), variables, backends=where))

    @cached_property
    def ambient(self) -> Mapping[str, str]:
        """What the environment points programs at: a cluster, a region."""
        from gitops.adapters.system import ambient

        return ambient.read(self.environment)

    @cached_property
    def holder(self) -> Holder:
        """Who this run is, for leases and records: the person or job, the machine, the process."""
        person = self.git.attempt("config", "user.name")[1].decode().strip()
        return Holder(
            name=self.environment.get("GITHUB_ACTOR") or person or getpass.getuser(),
            host=socket.gethostname(),
            process=os.getpid(),
            purpose=self.purpose,
            run=self.environment.get("GITHUB_RUN_ID") or uuid.uuid4().hex[:12],
        )


def require_environment(settings: Config, name: str | None, branch: str | None) -> Environment:
    """The environment of that name, else the one that follows the branch. Raises UsageError, naming the choices."""
    if name:
        return settings.environment(name)
    found = settings.environment_of_branch(branch) if branch else None
    if found is None:
        choices = ", ".join(f"{e.name} ({e.branch})" for e in settings.environments)
        raise UsageError(
            f"No environment follows the branch {branch!r}." if branch else "Which environment?",
            hint=f"Say it with --environment. There are: {choices}.",
        )
    return found
