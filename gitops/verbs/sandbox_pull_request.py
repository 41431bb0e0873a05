"""`gitops sandbox pull-request`: what people do on the web pages of a code host, on the simulated one."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from gitops.adapters.codehost.simulated.code_host import Entry, LocalHost
from gitops.adapters.system.clock import SystemClock
from gitops.config.settings import FILE, parse
from gitops.errors import GitFailed, UsageError
from gitops.sandbox.folder import Folder
from gitops.sandbox.remote import git
from gitops.verbs.sandbox_options import folder_option, here

NOTICE = "simulated code host"


def host_of(folder: Folder) -> LocalHost:
    """The simulated code host of a sandbox. Raises UsageError when there is none."""
    if not folder.remote.is_dir():
        raise UsageError(f"There is no sandbox in {folder.root}.", hint="Start one with `gitops sandbox up`.")
    return LocalHost(folder.remote, SystemClock())


_as_option = click.option("--as", "person", metavar="NAME", help="Who does it (default: Git's user.name).")
_number = click.argument("number", type=int)


@click.group("pull-request")
def pull_request() -> None:
    """Open, approve and merge pull requests on the simulated code host; anybody may act as anybody."""


@pull_request.command("open")
@click.option("--head", metavar="BRANCH", help="The pushed branch with the change (default: the current one).")
@click.option("--base", metavar="BRANCH", help="Where it shall go (default: the first environment's branch).")
@click.option("--title", help="One line (default: the subject of the branch's last commit).")
@_as_option
@folder_option
def open_command(folder: Folder, head: str | None, base: str | None, title: str | None, person: str | None) -> None:
    """Open a pull request for a branch of the sandbox's remote."""
    host = host_of(folder)
    head = head or _current_branch(folder)
    base = base or parse(git(folder.remote, "show", f"HEAD:{FILE}")).environments[0].branch
    number = host.open(head, base, title=title or host.subject(head), author=_person(folder, person))
    click.echo(f"Pull request {number} is open: {head} into {base} ({NOTICE}).")


@pull_request.command()
@_number
@_as_option
@folder_option
def approve(folder: Folder, number: int, person: str | None) -> None:
    """Approve a pull request at its head as it is now."""
    approval = host_of(folder).approve(number, _person(folder, person))
    click.echo(f"{approval.by} approved pull request {number} at {approval.commit[:12]} ({NOTICE}).")


@pull_request.command()
@_number
@click.option("--squash", is_flag=True, help="One new commit instead of a merge commit.")
@_as_option
@folder_option
def merge(folder: Folder, number: int, squash: bool, person: str | None) -> None:
    """Merge a pull request into its base branch. Refused (exit code 3) when the branches conflict."""
    host = host_of(folder)
    commit = host.merge(number, squash=squash, by=_person(folder, person))
    click.echo(f"Pull request {number} is merged into {host.pull_request(number).base} as {commit[:12]} ({NOTICE}).")


@pull_request.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a document for machines.")
@folder_option
def list_command(folder: Folder, as_json: bool) -> None:
    """List the pull requests, oldest first."""
    entries = host_of(folder).entries()
    if as_json:
        click.echo(json.dumps([asdict(entry) for entry in entries], indent=2, default=str))
        return
    click.echo(f"{len(entries)} pull request{'' if len(entries) == 1 else 's'} ({NOTICE})")
    for entry in entries:
        click.echo(f"  {_line(entry)}")


@pull_request.command()
@_number
@folder_option
def show(folder: Folder, number: int) -> None:
    """Print a pull request with the checks of its head and its comments, as Markdown."""
    host = host_of(folder)
    entry = next((one for one in host.entries() if one.number == number), None)
    if entry is None:
        host.pull_request(number)  # says that there is none
        return
    click.echo(f"{_line(entry)} ({NOTICE})")
    for check in host.checks().get(entry.head, {}).values():
        click.echo(f"  {check.name}: {check.conclusion}, {check.title}")
    for comment in entry.comments:
        click.echo(f"\n--- {comment.by} ---\n{comment.body}")


def _line(entry: Entry) -> str:
    valid = [a.by for a in entry.approvals if a.commit == entry.head]
    stale = len(entry.approvals) - len(valid)
    state = f"{'closed' if entry.closed else 'open'} at {entry.head[:12]}"
    if entry.merged_as:
        state = f"merged as {entry.merged_as[:12]}"
    approved = f", approved by {', '.join(valid)}" if valid else ""
    outdated = f", {stale} approved an earlier head" if stale else ""
    what = f"#{entry.number} {entry.branch} -> {entry.base}: {entry.title}"
    labels = f", labelled {', '.join(entry.labels)}" if entry.labels else ""
    return f"{what} (by {entry.author}; {state}{approved}{outdated}{labels})"


def _current_branch(folder: Folder) -> str:
    """The branch one stands on, in a clone of the sandbox's remote; the sandbox's own clone otherwise."""
    for place in (here(), folder.checkout):
        try:
            if Path(git(place, "remote", "get-url", "origin").decode().strip()) == folder.remote:
                return git(place, "symbolic-ref", "--short", "HEAD").decode().strip()
        except GitFailed:
            continue
    raise UsageError("It is not clear which branch is meant.", hint="Name it with --head.")


def _person(folder: Folder, given: str | None) -> str:
    if given:
        return given
    return git(folder.checkout, "config", "user.name").decode().strip()
