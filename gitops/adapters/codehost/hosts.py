"""Which code host a clone's pull requests are on: a name, or the remote's address. A new host is a line in `HOSTS`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from gitops.errors import UsageError
from gitops.flow.redaction import without_credentials
from gitops.ports import Clock, Hosting

SETTING = "gitops.host"
GITHUB, SIMULATED = "github", "simulated"


@dataclass(frozen=True, slots=True)
class Place:
    """What a code host is found by."""

    address: str = field(repr=False)
    """The remote's address, as it is configured; it may hold a token."""
    working_tree: Path
    """The top folder of the clone; a relative address begins there."""
    environment: Mapping[str, str] = field(repr=False)
    """The process's environment: tokens, and addresses of an API."""
    clock: Clock

    @property
    def folder(self) -> Path | None:
        """The remote as a folder on this disk; None for any other remote."""
        path = self.working_tree / (urlsplit(self.address).path if self.address.startswith("file://") else self.address)
        return path if path.is_dir() else None


def _github(place: Place) -> Hosting:
    from gitops.adapters.codehost.github.hosting import GitHubHosting

    return GitHubHosting(place.environment, place.address)


def _simulated(place: Place) -> Hosting:
    from gitops.adapters.codehost.simulated.hosting import SimulatedHosting

    if place.folder is None:
        raise UsageError(
            f"The remote is {without_credentials(place.address)}, and a simulated code host is beside a remote on this "
            "disk only.",
            hint=f"If it is a repository on GitHub, take the setting away: git config --local --unset {SETTING}",
        )
    return SimulatedHosting(place.folder, place.clock)


HOSTS: Mapping[str, Callable[[Place], Hosting]] = {GITHUB: _github, SIMULATED: _simulated}


def find(name: str, place: Place) -> Hosting:
    """The host of that name; without a name, the one that the address tells.

    A folder tells none: on the simulated host anybody may approve as anybody, so it is never chosen unasked. Raises
    UsageError.
    """
    if name and name not in HOSTS:
        raise UsageError(
            f"{SETTING} is {name!r} in this clone's Git configuration, and no code host has that name.",
            hint=f"There are: {', '.join(HOSTS)}. Change it: git config --local {SETTING} NAME",
        )
    if not name and place.folder is not None:
        raise UsageError(
            f"The remote {without_credentials(place.address)} is a folder, which has no pull requests, so nothing can "
            "be approved there.",
            hint="Use a remote on GitHub. To try things out, `gitops sandbox up` makes a remote with a simulated code "
            f"host; in another clone of that one: git config --local {SETTING} {SIMULATED}",
        )
    return HOSTS[name or GITHUB](place)
