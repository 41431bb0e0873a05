"""What the promise rests on outside of the code: settings of the code host and of the cloud."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from gitops.model import BranchSettings, BucketSettings, JobEnvironment, RoleTrust, WorkflowSettings


class HostSettingsReader(Protocol):
    """How a repository is set up at its code host."""

    @property
    def name(self) -> str:
        """The repository as owner/name."""

    def branch(self, branch: str) -> BranchSettings:
        """The rules over a branch; what may not be read is told in the answer. Raises CodeHostFailed."""

    def environments(self) -> Mapping[str, JobEnvironment]:
        """The environments of jobs, by name. Raises CodeHostFailed."""

    def workflows(self) -> WorkflowSettings:
        """What workflows may do unasked. Raises CodeHostFailed."""

    def now(self) -> datetime:
        """The host's clock, to the second. Raises CodeHostFailed."""


class HostSettingsWriter(Protocol):
    """Settings that can be added without taking anything from anybody."""

    def create_environment(self, name: str, branch: str) -> None:
        """Make an environment that is not there; only jobs of `branch` may use it, of any where that is empty.

        Raises CodeHostFailed.
        """

    def protect(self, branch: str) -> None:
        """Forbid force pushes to a branch, and its deletion. Raises CodeHostFailed."""


class CloudSettings(Protocol):
    """What the pipeline's roles and its state rest on in AWS. All raise Failed, also where there are no credentials."""

    def trust(self, role: str) -> RoleTrust:
        """Who may take the role of that ARN."""

    def bucket(self, address: str) -> BucketSettings:
        """The bucket that a backend's address such as `s3://name?region=…` names."""

    def keep_versions(self, address: str) -> None:
        """Turn on the versioning of that bucket."""
