"""All that a code host offers, as one."""

from typing import Protocol

from gitops.ports.host import Checks, CodeHostReader, CodeHostWriter, Issues, Runs
from gitops.ports.settings import HostSettingsReader, HostSettingsWriter


class CodeHost(CodeHostReader, CodeHostWriter, Protocol):
    """Both sides of the code host."""


class HostSettings(HostSettingsReader, HostSettingsWriter, Protocol):
    """Both sides of the code host's settings."""


class Hosting(Protocol):
    """A code host. What it does not have raises UsageError, with the way on, as soon as it is asked for."""

    @property
    def host(self) -> CodeHost:
        """Pull requests, approvals, comments and people."""

    @property
    def issues(self) -> Issues:
        """Issues that tell of drift and the like."""

    @property
    def checks(self) -> Checks:
        """What is shown beside commits."""

    @property
    def runs(self) -> Runs:
        """Runs of workflows."""

    @property
    def settings(self) -> HostSettings:
        """How the repository is set up."""
