"""Where the toolchain keeps things and reads things: cache, recipes, checkout, mirror."""

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Platform:
    """An operating system and a processor, by Go's names (linux, darwin; amd64, arm64)."""

    system: str
    architecture: str

    @classmethod
    def here(cls) -> "Platform":
        machine = platform.machine().lower()
        return cls(sys.platform, {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine))

    def __str__(self) -> str:
        return f"{self.system}-{self.architecture}"


@dataclass(frozen=True)
class Places:
    """The folders of one run. `checkout` is None where `gitops` was installed from a wheel."""

    cache: Path
    recipes: Path
    checkout: Path | None
    mirror: Path | None
    environ: Mapping[str, str] = field(repr=False)
    platform: Platform = field(default_factory=Platform.here)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Places":
        """The folders that the environment names: GITOPS_CACHE, XDG_CACHE_HOME, GITOPS_TOOLCHAIN_MIRROR."""
        environ = os.environ if environ is None else environ
        caches = environ.get("XDG_CACHE_HOME") or str(Path(environ.get("HOME") or Path.home()) / ".cache")
        mirror = environ.get("GITOPS_TOOLCHAIN_MIRROR")
        recipes, checkout = _recipes_and_checkout()
        return cls(
            cache=Path(environ.get("GITOPS_CACHE") or Path(caches) / "gitops").expanduser().absolute(),
            recipes=recipes,
            checkout=checkout,
            mirror=Path(mirror).expanduser().absolute() if mirror else None,
            environ=environ,
        )

    @property
    def pieces(self) -> Path:
        """Finished pieces, one folder each, named by version, platform and the hash of their pins."""
        return self.cache / "pieces"

    @property
    def work(self) -> Path:
        """Builds and downloads that are under way; safe to delete when nothing runs."""
        return self.cache / "work"

    @property
    def locks(self) -> Path:
        return self.cache / "locks"

    @property
    def found(self) -> Path:
        """What was found on the machine in a supported version, so that it need not be asked again."""
        return self.cache / "found"

    @property
    def build_cache(self) -> Path:
        """Go's build cache. It is what makes an interrupted build resume."""
        return self.cache / "go-build"

    @property
    def virtual_environment(self) -> Path:
        """The checkout's Python environment; for an installed `gitops`, the one that runs it."""
        return self.checkout / ".venv" if self.checkout else Path(sys.prefix)


def _recipes_and_checkout() -> tuple[Path, Path | None]:
    """The recipes: inside the package when it came from a wheel, beside it in a checkout."""
    inside = _PACKAGE / "recipes"
    if inside.is_dir():
        return inside, None
    checkout = _PACKAGE.parents[1]
    return checkout / "toolchain", checkout
