"""All of GitHub: one connection, made when something is first asked for."""

from collections.abc import Mapping
from functools import cached_property

from gitops.adapters.ci.github.runs import GitHubRuns
from gitops.adapters.codehost.github.checks import GitHubChecks
from gitops.adapters.codehost.github.client import Client
from gitops.adapters.codehost.github.code_host import GitHub
from gitops.adapters.codehost.github.issues import GitHubIssues
from gitops.adapters.codehost.github.settings import GitHubSettings
from gitops.ports import Checks, CodeHost, HostSettings, Issues, Runs


class GitHubHosting:
    """Implements `gitops.ports.Hosting`. Each property raises UsageError, CodeHostFailed as `Client` does."""

    def __init__(self, environment: Mapping[str, str], address: str) -> None:
        self._environment = environment
        self._address = address

    @cached_property
    def _client(self) -> Client:
        return Client.from_environment(self._environment, self._address)

    @property
    def host(self) -> CodeHost:
        """See `Hosting.host`."""
        return GitHub(self._client)

    @property
    def issues(self) -> Issues:
        """See `Hosting.issues`."""
        return GitHubIssues(self._client)

    @property
    def checks(self) -> Checks:
        """See `Hosting.checks`."""
        return GitHubChecks(self._client)

    @property
    def runs(self) -> Runs:
        """See `Hosting.runs`."""
        return GitHubRuns(self._client)

    @property
    def settings(self) -> HostSettings:
        """See `Hosting.settings`."""
        return GitHubSettings(self._client)
