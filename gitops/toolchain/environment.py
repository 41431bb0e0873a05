"""The Python environment of a checkout: `.venv`, filled from requirements.lock with every hash checked.

The package itself is not installed but linked: a `.pth` file with the checkout's path and the console scripts of
pyproject.toml. That needs no build backend, so nothing outside the lock file is ever fetched.
"""

import hashlib
import importlib.util
import shutil
import sys
import tomllib
from pathlib import Path

from gitops.errors import ToolchainError
from gitops.toolchain import cache
from gitops.toolchain.places import Places
from gitops.toolchain.process import Finished, Runner
from gitops.toolchain.progress import Progress

EXPECTED_SECONDS = 75
_STAMP = ".requirements"
_SCRIPT = """#!{python}
import sys

from {module} import {function}

sys.exit({function}())
"""


def is_current(places: Places) -> bool:
    """Whether the environment holds what the lock file says. An installed `gitops` brings its own environment."""
    if places.checkout is None:
        return True
    try:
        return (places.virtual_environment / _STAMP).read_text(encoding="utf-8") == wanted_stamp(places.checkout)
    except OSError:
        return False


def wanted_stamp(checkout: Path) -> str:
    """What the environment's stamp says when it is complete: the lock file's hash, the place and Python's version.

    The place is part of it because an environment cannot be moved.
    """
    lock = hashlib.sha256((checkout / "requirements.lock").read_bytes()).hexdigest()
    return f"{lock}\n{checkout}\n{sys.version_info.major}.{sys.version_info.minor}\n"


def install(places: Places, runner: Runner, progress: Progress) -> None:
    """Make the environment, or bring it up to date. Raises ToolchainError."""
    checkout, target = places.checkout, places.virtual_environment
    if checkout is None:
        return
    # The lock lies outside .venv: the folder may not exist yet, and `make clean` removes it.
    name = "environment-" + hashlib.sha256(str(target).encode()).hexdigest()[:12]
    with cache.lock(
        places, name, runner.stop, lambda pid: progress.note(f"Python environment: process {pid} is at it, waiting")
    ):
        if is_current(places):
            return
        with progress.task("Python environment", "installing requirements.lock", EXPECTED_SECONDS):
            (target / _STAMP).unlink(missing_ok=True)
            _create(places, runner)
            _fill(places, runner, checkout)
            _link_package(target, checkout)
            (target / _STAMP).write_text(wanted_stamp(checkout), encoding="utf-8")


def installer(places: Places) -> list[str] | None:
    """The command that installs packages from the registry: uv, this Python's pip, the environment's pip; or None."""
    uv = shutil.which("uv", path=places.environ.get("PATH"))
    if uv:
        return [uv, "pip"]
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    python = places.virtual_environment / "bin" / "python"
    if _has_pip(places.virtual_environment):
        return [str(python), "-m", "pip"]
    return None


def explain(doing: str, finished: Finished) -> ToolchainError:
    """What pip's or uv's output means, as one error with the way out."""
    output = finished.output.lower()
    if "do not match the hashes" in output or "hash mismatch" in output:
        return ToolchainError(
            f"{doing}: a package does not have the hash that is pinned for it.\n{finished.tail()}",
            hint="Do not go on with it. Clear the package cache and try again; if it happens again, the registry or "
            "something in between serves other files than those that were reviewed.",
        )
    if "no space left on device" in output:
        return ToolchainError(
            f"{doing}: the disk is full.", hint="Free some space and run the same command again: what is there is kept."
        )
    offline = (
        "connection",
        "temporary failure",
        "name resolution",
        "dns error",
        "timed out",
        "no matching distribution",
    )
    if any(word in output for word in offline):
        return ToolchainError(
            f"{doing}: the package registry cannot be reached, or does not have a package.\n{finished.tail(3)}",
            hint="Check the network and pip's settings (PIP_INDEX_URL, PIP_PROXY; UV_INDEX_URL for uv), and run the "
            "same command again.",
        )
    return ToolchainError(f"{doing} failed.\n{finished.tail()}", hint="The lines above are the installer's own.")


def _create(places: Places, runner: Runner) -> None:
    """An empty virtual environment of this Python; one that is there already is kept and updated."""
    target = places.virtual_environment
    if (target / "bin" / "python").exists() and _same_python(target) and _has_pip(target):
        return
    shutil.rmtree(target, ignore_errors=True)
    # With pip, however it is made: Pulumi's language host asks it what the program's packages are.
    if importlib.util.find_spec("ensurepip"):
        command: list[str | Path] = [sys.executable, "-m", "venv", target]
    elif uv := shutil.which("uv", path=places.environ.get("PATH")):
        command = [uv, "venv", "--seed", "--python", sys.executable, target]
    else:
        raise ToolchainError(
            "Making the Python environment: this Python lacks the venv module (Debian and Ubuntu package it apart).",
            hint=f"Run: sudo apt install python{sys.version_info.major}.{sys.version_info.minor}-venv   "
            "(or put uv on PATH), and run the same command again.",
        )
    _run(places, runner, "Making the Python environment", command)


def _has_pip(target: Path) -> bool:
    return next(target.glob("lib/python*/site-packages/pip"), None) is not None


def _same_python(target: Path) -> bool:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return (target / "lib" / f"python{version}").is_dir()


def _fill(places: Places, runner: Runner, checkout: Path) -> None:
    doing = "Installing the Python packages of requirements.lock"
    lock, python = checkout / "requirements.lock", places.virtual_environment / "bin" / "python"
    uv = shutil.which("uv", path=places.environ.get("PATH"))
    if uv:
        command: list[str | Path] = [uv, "pip", "sync", "--require-hashes", "--python", python, lock]
    else:
        # The lock file is complete, so nothing is resolved; wheels only, because a source package would fetch its
        # build backend outside the lock.
        command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--require-hashes", "--requirement", lock]
    _run(places, runner, doing, command)


def _run(places: Places, runner: Runner, doing: str, command: list[str | Path]) -> None:
    with cache.fresh_folder(places, "environment") as folder:
        done = runner.run(command, folder=folder, environ=places.environ)
    if done.code != 0:
        raise explain(doing, done)


def _link_package(target: Path, checkout: Path) -> None:
    """Make `import gitops` and the `gitops` command work from the checkout's own files."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (target / "lib" / version / "site-packages" / "gitops-checkout.pth").write_text(f"{checkout}\n", encoding="utf-8")
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name, entry in project.get("scripts", {}).items():
        module, function = entry.split(":")
        script = target / "bin" / name
        script.write_text(
            _SCRIPT.format(python=target / "bin" / "python", module=module, function=function), encoding="utf-8"
        )
        script.chmod(0o755)
