"""The option that all commands of `gitops sandbox` share."""

import os
from pathlib import Path

import click

from gitops.sandbox.folder import Folder, locate


def _folder_of(_context: click.Context, _parameter: click.Parameter, chosen: Path | None) -> Folder:
    return locate(chosen, Path.cwd(), os.environ)


folder_option = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    callback=_folder_of,
    help="Where the sandbox lives (default: GITOPS_SANDBOX_FOLDER, the one around, .sandbox in the repository).",
)
