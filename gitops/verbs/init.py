"""`gitops init`: the pipeline for a repository that has Pulumi programs, or a new repository from the example."""

from pathlib import Path

import click

from gitops import __version__
from gitops.adapters.system import shipped
from gitops.config.settings import FILE
from gitops.context import Context
from gitops.errors import UsageError
from gitops.flow import init
from gitops.flow.doctor.workflows import Action
from gitops.flow.init import Wanted
from gitops.operations.init import join, start


class Environment(click.ParamType[Wanted]):
    """Turns NAME=BRANCH:STACK,STACK into an environment."""

    name = "environment"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Wanted:
        """See `click.ParamType.convert`."""
        try:
            return init.wanted(str(value))
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


@click.command("init", short_help="Put the pipeline onto a repository, or start a new one.")
@click.option(
    "--environment",
    "environments",
    multiple=True,
    type=Environment(),
    metavar="NAME=BRANCH[:STACK,…]",
    help="An environment; give it once for each, in promotion order. Default: asked, or from the stacks.",
)
@click.option(
    "--action",
    default="",
    metavar="OWNER/REPO@COMMIT",
    help="The action that the workflows use. Default: this version's own repository and commit.",
)
@click.option(
    "--new",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Start a new repository in this folder, from the example.",
)
@click.option("--yes", is_flag=True, help="Ask nothing: take what is proposed.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@click.pass_obj
def command(
    context: Context, /, environments: tuple[Wanted, ...], action: str, new: Path | None, yes: bool, dry_run: bool
) -> None:
    """Write gitops.yaml and the workflows for the Pulumi projects and stacks of this repository; nothing else.

    A file that is there and differs is never overwritten. With --new: a whole new repository, with the example's
    program, stacks and policies, and a first commit.

    \b
    gitops init
    gitops init --environment dev=main --environment prod=prod:prod,network-prod
    gitops init --yes --dry-run
    gitops init --new infrastructure
    """
    used = _action(action)
    if new is not None:
        if environments:
            raise UsageError("--new brings the example's own environments.", hint=f"Change {FILE} afterwards.")
        start(context.folder / new, used, dry_run=dry_run)
    else:
        join(context, environments, used, ask=not yes and not environments, dry_run=dry_run)


def _action(given: str) -> Action:
    found = given or shipped.action()
    if not found:
        raise UsageError(
            "Which action shall the workflows use? This installation does not tell where it came from.",
            hint="Say --action OWNER/REPOSITORY@COMMIT: where you have this pipeline, and its full commit.",
        )
    if not init.is_action(found):
        raise UsageError(f"{found!r} is not OWNER/REPOSITORY@COMMIT, with the full commit of 40 digits.")
    return Action(found, __version__)
