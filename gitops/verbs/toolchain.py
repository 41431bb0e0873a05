"""`gitops toolchain`: find, download or build the tools that the other commands run."""

import sys
from pathlib import Path

import click

from gitops.toolchain import verbs

_needs = click.option("--for", "needs", multiple=True, default=("all",), metavar="NAME", help=verbs.HELP["for"])


_HELP = f"{verbs.HELP['toolchain']}\n\n\b\ngitops toolchain install --for pipeline"


@click.group(help=_HELP, short_help="Install the tools that the others run.")
def toolchain() -> None:
    """The group; its commands are below."""


@toolchain.command(help=verbs.HELP["install"])
@_needs
def install(needs: tuple[str, ...]) -> None:
    """Install the pieces."""
    verbs.install(needs, sys.stderr)


@toolchain.command(help=verbs.HELP["status"])
@_needs
@click.option("--json", "as_json", is_flag=True, help=verbs.HELP["json"])
def status(needs: tuple[str, ...], as_json: bool) -> None:
    """Print the state of the pieces."""
    verbs.status(needs, sys.stdout, as_json=as_json)


@toolchain.command(help=verbs.HELP["pack"])
@_needs
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def pack(needs: tuple[str, ...], folder: Path) -> None:
    """Pack the pieces for a mirror."""
    verbs.pack(needs, folder, sys.stdout)
