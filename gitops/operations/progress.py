"""What a verb says while it works: on standard error, so that standard output holds its result alone."""

import sys
from collections.abc import Callable

import click
from rich.console import RenderableType

from gitops.errors import EngineFailed, GitOpsError
from gitops.model import ResourceStep
from gitops.views.terminal import screen


def tell(text: str) -> None:
    """A line for people who watch."""
    click.echo(text, err=True)


def tell_free_text(label: str, error: GitOpsError) -> None:
    """What Pulumi wrote about a stack whose failure is part of a result: a terminal alone may have it."""
    if isinstance(error, EngineFailed) and (error.text.lines or error.text.left_out):
        print_view(screen.free_text(label, error.text))


def progress_of(stack: str) -> Callable[[ResourceStep], None]:
    """Shows each resource of the stack that an apply or a destroy is done with."""

    def show_step(step: ResourceStep) -> None:
        if step.done:
            print_view(screen.progress(stack, step))

    return show_step


def print_view(view: RenderableType) -> None:
    """A view, for people who watch."""
    screen.console(sys.stderr).print(view)
