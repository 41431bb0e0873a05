"""`gitops command`: do what a comment on a pull request asks for, if its author may, and answer in the thread."""

from pathlib import Path

import click

from gitops.adapters.ci.github import event as events
from gitops.context import Context
from gitops.errors import UsageError
from gitops.flow.words import visible
from gitops.operations.chatops.comments import EVENT, obey


@click.command("command", short_help="Do what a comment on a pull request asks for.")
@click.pass_obj
def command(context: Context, /) -> None:
    """Do what a comment such as `/gitops explain` asks for, if its author may, and answer in the thread.

    For a workflow that `on: issue_comment` starts: the comment is read from the event's file, never from an argument.
    What the commands are, and who may: docs/chatops.md.

    \b
    GITHUB_EVENT_PATH=event.json gitops command
    """
    place = context.environment.get(EVENT)
    if not place:
        raise UsageError(f"{EVENT} names no file.", hint="This is for a workflow that `on: issue_comment` starts.")
    click.echo(visible(obey(context, events.parse(Path(place).read_bytes()))))
