"""Policy packs, pure: what a commit has at their paths, which of them took part in a run, how they differ."""

import hashlib
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gitops.config.settings import FILE
from gitops.errors import ConfigError
from gitops.flow.impact.discovery import Snapshot
from gitops.flow.plans import values
from gitops.model import PackChange, PackFate, PolicyPack

PROJECT_FILE = "PulumiPolicy.yaml"
ENTRY = "__main__.py"
WHAT_A_PACK_IS = f"A pack is an executable file, or a folder with {PROJECT_FILE} and an executable {ENTRY}."
# Pulumi names a pack in its summary by the path that it was given, shortened so (`pkg/engine/update.go`).
_LONGEST_PATH = 75


@dataclass(frozen=True, slots=True)
class Packs:
    """The packs of one stack's runs at a commit: `named` by its gitops.yaml or, still there, by the released one.

    A change that stops naming a pack is held to it once more. `released` are the packs that the release named, as they
    were there.
    """

    now: tuple[PolicyPack, ...] = ()
    released: tuple[PolicyPack, ...] = ()
    named: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple["PackChange", ...]:
        """How they differ from the released ones, by path; nothing before a first release."""
        return differences(self.released, self.now, self.named) if self.released else ()


NO_PACKS = Packs()


def exists(snapshot: Snapshot, path: str) -> bool:
    """Whether the commit has a pack at that path."""
    return path in snapshot.paths or all(file in snapshot.paths for file in _files(path))


def _files(path: str) -> list[str]:
    return [posixpath.join(path, PROJECT_FILE), posixpath.join(path, ENTRY)]


def entry(snapshot: Snapshot, path: str, line: int | None = None) -> str:
    """The file of a pack that is run. Raises ConfigError where the commit has no pack there; `line` names it."""
    if path in snapshot.paths:
        return path
    wanted = _files(path)
    missing = [file for file in wanted if file not in snapshot.paths]
    if missing:
        what = f"{missing[0]} is missing" if len(missing) == 1 else "there is neither such a file nor such a pack"
        raise ConfigError(
            FILE,
            f"commit {snapshot.commit[:12]} has no policy pack at {path!r}: {what}",
            line=line,
            key="policy.packs",
            hint=WHAT_A_PACK_IS,
        )
    return wanted[1]


def pack_at(snapshot: Snapshot, path: str, line: int | None = None) -> PolicyPack:
    """The pack as the commit has it: all files of its folder, or the file alone where no PulumiPolicy.yaml is beside.

    What a pack loads from outside of its folder is not covered. Raises ConfigError.
    """
    main = entry(snapshot, path, line)
    folder = posixpath.dirname(main)
    files = [main]
    if posixpath.join(folder, PROJECT_FILE) in snapshot.paths:
        below = f"{folder}/" if folder else ""
        files = sorted(file for file in snapshot.paths if file.startswith(below))
    digests = {file: hashlib.sha256(content).hexdigest() for file, content in snapshot.read(files)}
    return PolicyPack(
        path, values.digest({posixpath.relpath(file, folder or "."): one for file, one in digests.items()})
    )


def differences(
    released: Iterable[PolicyPack], now: Iterable[PolicyPack], named: Sequence[str]
) -> tuple[PackChange, ...]:
    """How the packs differ from the released ones; `named` are the paths that the commit's own gitops.yaml names."""
    before = {pack.path: pack.digest for pack in released}
    after = {pack.path: pack.digest for pack in now}
    found = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path, ""), after.get(path, "")
        if path not in named:
            found.append(PackChange(path, PackFate.DROPPED if new else PackFate.GONE, old, new))
        elif not old:
            found.append(PackChange(path, PackFate.NEW, "", new))
        elif old != new:
            found.append(PackChange(path, PackFate.CHANGED, old, new))
    return tuple(found)


def took_part(summary: Mapping[str, str], executables: Mapping[str, PolicyPack]) -> tuple[PolicyPack, ...] | None:
    """The packs with the names and versions they told; None unless the summary has each of them.

    `summary` is Pulumi's: `<name>|local|<path>` → version. `executables` are the paths that Pulumi was given.
    """
    told = {path: (name, version) for key, version in summary.items() for name, _, path in (_parts(key),) if path}
    found = []
    for path, pack in executables.items():
        if _shortened(path) not in told:
            return None
        name, version = told[_shortened(path)]
        found.append(PolicyPack(pack.path, pack.digest, name, version))
    return tuple(sorted(found, key=lambda one: one.path)) if len(told) == len(executables) else None


def _parts(key: str) -> tuple[str, str, str]:
    name, _, rest = key.partition("|")
    kind, _, path = rest.partition("|")
    return name, kind, path if kind == "local" else ""


def _shortened(path: str) -> str:
    if len(path) <= _LONGEST_PATH:
        return path
    parts = path.split("/")
    return "/".join((*parts[:2], "...", *parts[-2:])) if len(parts) > 4 else path
