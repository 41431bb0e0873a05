"""All of the simulated code host: what is kept beside one bare repository."""

from pathlib import Path

from gitops.adapters.codehost.simulated.code_host import LocalHost
from gitops.adapters.codehost.simulated.issues import LocalIssues
from gitops.errors import UsageError
from gitops.ports import Checks, Clock, CodeHost, HostSettings, Issues, Runs


class SimulatedHosting:
    """Implements `gitops.ports.Hosting`, without workflows and settings."""

    def __init__(self, remote: Path, clock: Clock) -> None:
        self._host = LocalHost(remote, clock)

    @property
    def host(self) -> CodeHost:
        """See `Hosting.host`."""
        return self._host

    @property
    def issues(self) -> Issues:
        """See `Hosting.issues`."""
        return LocalIssues(self._host.remote)

    @property
    def checks(self) -> Checks:
        """See `Hosting.checks`."""
        return self._host

    @property
    def runs(self) -> Runs:
        """Raises UsageError."""
        raise UsageError("The simulated code host runs no workflows.", hint="Run the verb itself.")

    @property
    def settings(self) -> HostSettings:
        """Raises UsageError."""
        raise UsageError(
            "the simulated code host has no settings", hint="run it where the remote is a repository on GitHub"
        )
