"""What a verb says while it works: on standard error, so that standard output holds its result alone."""

import sys

import click
from rich.console import RenderableType

from gitops.views import terminal


def tell(text: str) -> None:
    """A line for people who watch."""
    click.echo(text, err=True)


def print_view(view: RenderableType) -> None:
    """A view, for people who watch."""
    terminal.console(sys.stderr).print(view)
