"""`gitops demo`: the whole story on this machine, every step run for real."""

import os
import sys
from pathlib import Path

import click

from gitops.demo import story
from gitops.demo.stage import Stage
from gitops.sandbox import environment, lifecycle
from gitops.sandbox.folder import Folder
from gitops.toolchain import tools
from gitops.verbs.sandbox_options import here


@click.command("demo", short_help="Tell the whole story in a sandbox.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where its sandbox lives (default: .sandbox-demo). One that is there is replaced.",
)
@click.option("--clean", is_flag=True, help="Destroy the environments at the end, and remove the sandbox.")
def command(folder: Path | None, clean: bool) -> None:
    """Tell the story of the pipeline in a sandbox: deploy, change, a refusal, promotion.

    Git, Pulumi, the Kubernetes API and the AWS provider are real; the nodes, the cloud and the code host are
    simulated. Ends with an error if any step goes otherwise than told.

    \b
    gitops demo --clean
    """
    sandbox = Folder((folder or here() / ".sandbox-demo").resolve())
    found = tools.find(["demo"])
    lifecycle.down(sandbox)
    outcome = lifecycle.up(sandbox, here(), found, lambda line: click.echo(line, err=True))
    click.echo(f"A sandbox is up in {sandbox.root} after {outcome.seconds:.1f} s.")
    try:
        variables = {**os.environ, **environment.of(sandbox, found), **_colours()}
        story.tell(Stage(sandbox.checkout, variables), tear_down=clean)
    finally:
        if clean:
            lifecycle.down(sandbox)
    click.echo(_NEXT.format(checkout=sandbox.checkout, folder=sandbox.root) if not clean else "The sandbox is gone.")


def _colours() -> dict[str, str]:
    """The commands write into a pipe; where a person watches, they are told to colour all the same."""
    watched = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    return {"FORCE_COLOR": "1"} if watched else {}


_NEXT = """
The sandbox is still up. Try it:

  eval "$(gitops sandbox env --folder {folder})"
  cd {checkout}
  gitops status                                  where each environment stands
  git switch -c mine origin/main                 change something, commit, push, then
  gitops sandbox pull-request open               … and preview, approve, merge, up as above
  gitops log --json                              whole records, with every plan
  gitops sandbox down --folder {folder}
"""
