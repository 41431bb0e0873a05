"""The state backend of the project in a folder: what names it on this machine, and the environment that Pulumi needs.

Every Pulumi of ours starts with it (`PulumiProcess`), so every verb honours the same.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from gitops.adapters.pulumi.settings_files import project_settings
from gitops.errors import EngineFailed
from gitops.flow.plans import backends
from gitops.flow.plans.backends import VARIABLE, Named, Place, Unusable


def _nowhere(_folder: Path) -> Path | None:
    return None


@dataclass(frozen=True)
class Backends:
    """Knows the clone that the checkouts are of.

    `within` tells where in the repository a folder lies, None for one that is in none of its working trees; `clone` is
    the user's own working tree, None where there is none; `passes`: it is gone after the run.
    """

    clone: Path | None = None
    within: Callable[[Path], Path | None] = field(default=_nowhere, repr=False)
    passes: bool = False

    def address(self, folder: Path, environment: Mapping[str, str]) -> str:
        """Where the state of the project in the folder is; "" where nothing names a backend. Raises EngineFailed."""
        variable = environment.get(VARIABLE, "")
        if variable and not backends.is_folder(variable):
            return variable
        named = Named(variable, *(() if variable else _named_beside(folder, environment)))
        inside = self.within(folder)
        clone = None if self.clone is None or inside is None else PurePosixPath(entered(self.clone, environment))
        found = backends.backend(named, Place(clone, PurePosixPath(inside or ""), self.passes))
        if isinstance(found, Unusable):
            name = project_settings(folder).get("name", folder.name)
            raise EngineFailed(f"Pulumi is not run for project {name}: {found.why}.", hint=found.hint)
        return found.address

    def environment(self, folder: Path, environment: Mapping[str, str]) -> Mapping[str, str]:
        """The environment for Pulumi in the folder. Raises EngineFailed.

        Pulumi's own order stands: an address is put into the variable, which comes first, only where it is a folder.
        """
        address = self.address(folder, environment)
        return {**environment, VARIABLE: address} if backends.is_folder(address) else environment


def entered(clone: Path, environment: Mapping[str, str]) -> Path:
    """The clone by the path that its user came by: a shell keeps symbolic links in PWD, and Pulumi goes by that."""
    here = Path(environment.get("PWD", ""))
    for one in (here, *here.parents) if here.is_absolute() else ():
        try:
            if one.samefile(clone):
                return one
        except OSError:
            continue
    return clone


def _named_beside(folder: Path, environment: Mapping[str, str]) -> tuple[str, str]:
    """What the project file and the login name. Raises EngineFailed for a login that cannot be read."""
    settings = project_settings(folder).get("backend")
    project = settings.get("url") if isinstance(settings, Mapping) else None
    return (project, "") if isinstance(project, str) and project else ("", _login(environment))


def _login(environment: Mapping[str, str]) -> str:
    """What `pulumi login` noted (sdk/go/common/workspace/creds.go). Raises EngineFailed for what is encrypted."""
    home = environment.get("PULUMI_CREDENTIALS_PATH") or environment.get("PULUMI_HOME")
    folder = Path(home) if home else Path(environment.get("HOME") or "~").expanduser() / ".pulumi"
    file = folder / "credentials.json"
    try:
        noted = json.loads(file.read_bytes())
        current = noted.get("current", "") if "$pulumiSecureStore" not in noted else None
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, AttributeError, TypeError):
        current = None
    if not isinstance(current, str):
        raise EngineFailed(
            f"Pulumi is not run: nobody can tell which backend `pulumi login` chose, since {file} cannot be read.",
            hint=f"Set {VARIABLE} to where the state is.",
        )
    return current
