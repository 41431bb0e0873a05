"""`gitops sandbox`: a place on this machine where everything may be tried."""

import json
from dataclasses import asdict

import click

from gitops.sandbox import environment, lifecycle, status
from gitops.sandbox.folder import Folder
from gitops.toolchain import tools
from gitops.verbs.sandbox_options import folder_option, here
from gitops.verbs.sandbox_pull_request import pull_request


@click.group(short_help="Try everything on this machine.")
def sandbox() -> None:
    """Run a real Kubernetes API, an AWS emulator, a state backend and a Git remote on this machine.

    \b
    gitops sandbox up
    """


@sandbox.command()
@folder_option
def up(folder: Folder) -> None:
    """Start the sandbox, or what of it has died.

    The Git remote is made from the last commit of the repository one stands in. What is not committed stays out.
    """
    outcome = lifecycle.up(folder, here(), tools.find(["sandbox"]), lambda line: click.echo(line, err=True))
    click.echo(_summary(outcome))


def _summary(outcome: lifecycle.Outcome) -> str:
    root = outcome.folder.root
    if not outcome.started and not outcome.fresh:
        return f"The sandbox in {root} is up already."
    lines = [f"The sandbox in {root} is up after {outcome.seconds:.1f} s."]
    if not outcome.fresh:
        lines = [f"Started again in {root}: {', '.join(outcome.started)}."]
        if "aws-emulator" in outcome.started:
            lines.append(
                "The AWS emulator keeps its data in memory: the simulated cloud is empty now, the stacks' state is not."
            )
    if outcome.uncommitted:
        lines.append("Changes of the repository that are not committed are not in it.")
    return "\n".join(
        [
            *lines,
            "",
            '  eval "$(gitops sandbox env)"              point this shell at it',
            f"  cd {outcome.folder.checkout}",
            "  gitops sandbox pull-request open          propose the first deploy",
            "  gitops sandbox down                       remove it with everything in it",
        ]
    )


@sandbox.command("status")
@folder_option
@click.option("--json", "as_json", is_flag=True, help="Print a document for machines.")
def status_command(folder: Folder, as_json: bool) -> None:
    """Show each part: port, process, memory, ready or not. Exits with 1 unless everything is ready."""
    found = status.look(folder)
    if as_json:
        click.echo(json.dumps({**asdict(found), "ready": found.ready}, indent=2))
    elif not found.parts:
        click.echo(f"There is no sandbox in {found.folder}. `gitops sandbox up` starts one.")
    else:
        _print_table(found)
    if not found.ready:
        raise SystemExit(1)


def _print_table(found: status.Status) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("part", "", "port", "pid", "MiB", "", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in (2, 3, 4):
        table.columns[column].justify = "right"
    for part in found.parts:
        table.add_row(
            part.title,
            "[green]ready[/]" if part.ready else "[red]not ready[/]",
            str(part.port or ""),
            str(part.pid or ""),
            f"{part.memory / 2**20:.0f}" if part.memory else "",
            part.detail.replace(f"{found.folder}/", ""),
        )
    click.echo(f"Sandbox in {found.folder}")
    Console().print(table)


@sandbox.command()
@folder_option
@click.option("--keep", is_flag=True, help="End the processes only; `up` continues with the files that are there.")
def down(folder: Folder, keep: bool) -> None:
    """End every process of the sandbox and delete its folder."""
    ended = lifecycle.down(folder, keep)
    if ended.removed:
        click.echo(f"The sandbox in {folder.root} is gone ({ended.processes} processes ended).")
    elif ended.processes or keep:
        click.echo(f"{ended.processes} processes of {folder.root} ended; no files were removed.")
    else:
        click.echo(f"There is no sandbox in {folder.root}.")


@sandbox.command()
@folder_option
def env(folder: Folder) -> None:
    """Print what a shell needs to work in the sandbox: eval "$(gitops sandbox env)"."""
    click.echo(environment.exports(environment.of(folder, tools.find(["sandbox"]))), nl=False)


sandbox.add_command(pull_request)
command = sandbox
