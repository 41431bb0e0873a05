"""Which state backend a project has, in Pulumi's own order; a folder that is relative is one of the clone. Pure.

Pulumi takes PULUMI_BACKEND_URL, else `backend.url` of the project file, else what `pulumi login` noted
(pkg/workspace/creds.go, GetCurrentCloudURLWithSource). A path that is not absolute it takes from the folder in which
it is started (pkg/backend/diy/backend.go, massageBlobPath). Here that is a folder of a temporary checkout, with which
a state would be gone; so it is taken from the same folder of the clone, where Pulumi finds it when run by hand.
"""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from urllib.parse import quote, unquote, urlsplit

VARIABLE = "PULUMI_BACKEND_URL"
_FOLDER = "file://"
# Each is set by some CI, whose runners throw the clone away, or clean it before the next job.
_CI = ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "JENKINS_URL", "TEAMCITY_VERSION", "CODEBUILD_BUILD_ID")
_ROOT = PurePosixPath()
_NO = frozenset({"", "0", "false", "no"})


class Origin(StrEnum):
    """What names a backend."""

    VARIABLE = VARIABLE
    PROJECT = "`backend.url` of the project file"
    LOGIN = "`pulumi login`"


@dataclass(frozen=True, slots=True)
class Named:
    """The addresses that each of these names; "" where it names none."""

    variable: str = ""
    project: str = ""
    login: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a project lies: `folder` inside of the working tree `clone`; None where there is none, as in a bare clone.

    `passes`: the clone is gone after the run.
    """

    clone: PurePosixPath | None
    folder: PurePosixPath = _ROOT
    passes: bool = False


@dataclass(frozen=True, slots=True)
class Backend:
    """Where the state is, as an address that means the same from everywhere; "" where nothing names one."""

    address: str = ""
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Unusable:
    """A backend that no run may write to, why, and what to do about it."""

    why: str
    hint: str


def in_ci(environment: Mapping[str, str]) -> bool:
    """Whether this is a job of a CI, as its environment tells."""
    return any(environment.get(name, "").strip().lower() not in _NO for name in _CI)


def backend(named: Named, place: Place) -> Backend | Unusable:
    """The project's backend, or why it is none to work on."""
    address, origin = _chosen(named)
    if origin is None or not is_folder(address):
        return Backend(address, origin)
    where = f"{address.partition('?')[0]}, which {origin} names"
    if not address.startswith(_FOLDER) and not _is_absolute_url(address):
        return Unusable(f"{where}, is no address that says which folder", f"Write it as {_FOLDER}/FOLDER.")
    if place.passes and (is_relative(address) or _is_inside(address, place.clone)):
        return Unusable(
            f"{where}, is a folder of this clone, which a CI job does not keep: the state would be lost with it",
            "Keep the state in a bucket, or in a folder that stays, and name that: docs/state.md says how it moves.",
        )
    if not is_relative(address):
        return Backend(address, origin)
    if place.clone is None:
        return Unusable(f"{where}, is relative, and there is no working tree to take it from", "Name it absolutely.")
    return Backend(_taken_from(address, place.clone / place.folder), origin)


def is_folder(address: str) -> bool:
    """Whether it is a folder, and no bucket or service."""
    return urlsplit(address).scheme == "file"


def is_relative(address: str) -> bool:
    """Whether it is a folder that depends on where Pulumi is started. `~` does not."""
    return address.startswith(_FOLDER) and not address.removeprefix(_FOLDER).startswith(("/", "~"))


def folder_of(address: str) -> str | None:
    """The path of a folder's address, `~` not expanded; None for any other backend."""
    if not is_folder(address):
        return None
    parts = urlsplit(address)
    return unquote(parts.netloc + parts.path)


def _chosen(named: Named) -> tuple[str, Origin | None]:
    choices = ((named.variable, Origin.VARIABLE), (named.project, Origin.PROJECT), (named.login, Origin.LOGIN))
    return next(((address, origin) for address, origin in choices if address), ("", None))


def _is_absolute_url(address: str) -> bool:
    """Whether another way of writing it, such as file:/srv/state, still names one folder."""
    parts = urlsplit(address)
    return not parts.netloc and parts.path.startswith("/")


def _is_inside(address: str, clone: PurePosixPath | None) -> bool:
    path = folder_of(address)
    return bool(path and clone) and PurePosixPath(posixpath.normpath(str(path))).is_relative_to(clone or "/")


def _taken_from(address: str, folder: PurePosixPath) -> str:
    """Joined as Pulumi does it: by the letters of the path, whatever links it leads through."""
    path, question, query = address.removeprefix(_FOLDER).partition("?")
    return f"{_FOLDER}{posixpath.normpath(posixpath.join(quote(str(folder)), path))}{question}{query}"
