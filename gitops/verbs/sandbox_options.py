"""What all commands of `gitops sandbox` share: where one stands, and which sandbox is meant."""

import os
from pathlib import Path

import click

from gitops.context import Context
from gitops.sandbox.folder import Folder, locate


def here() -> Path:
    """The folder that `gitops -C` names, else the current one."""
    context = click.get_current_context(silent=True)
    world = context.find_object(Context) if context else None
    return (world.folder if world else Path.cwd()).resolve()


def _folder_of(_context: click.Context, _parameter: click.Parameter, chosen: Path | None) -> Folder:
    return locate(chosen, here(), os.environ)


folder_option = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    callback=_folder_of,
    help="Where the sandbox lives (default: GITOPS_SANDBOX_FOLDER, the one around, .sandbox in the repository).",
)
