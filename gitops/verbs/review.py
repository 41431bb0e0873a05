"""`gitops review`: show a pull request what machines previewed, and keep its plans; or judge what a queue merges."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from gitops.context import Context
from gitops.errors import Refused, Waiting
from gitops.flow.gate import judgement
from gitops.model import Outcome, Verdict
from gitops.operations.progress import print_view, tell
from gitops.operations.review import publishing, report_file
from gitops.operations.review.review import Request, judge, review
from gitops.verbs.options import NewFile
from gitops.views.terminal import screen


@click.command("review", short_help="Show a pull request what machines previewed.")
@click.argument("places", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE|FOLDER]...")
@click.option("--base", metavar="COMMIT", required=True, help="The commit to merge into.")
@click.option("--head", metavar="COMMIT", required=True, help="The commit with the change.")
@click.option("--environment", metavar="NAME", help="Default: the environment that follows the base branch.")
@click.option("--pull-request", type=int, metavar="NUMBER", required=True, help="Where to show it.")
@click.option("--report", type=NewFile(), metavar="FILE", help="Write an HTML report.")
@click.option("--queued", is_flag=True, help="The head is what a merge queue would merge: judge it, and keep nothing.")
@click.pass_obj
def command(
    context: Context,
    /,
    places: tuple[Path, ...],
    base: str,
    head: str,
    environment: str | None,
    pull_request: int,
    report: Path | None,
    queued: bool,
) -> None:
    """Show a pull request what `gitops preview --output` found out on one or several machines, and keep its plans.

    The program of the change does not run here, so this is the only step of a preview whose token may write. Of a
    folder, every *.json in it is read. A stack that is affected and that no file tells of counts as failed.

    With --queued nothing is shown or kept: the gate judges the plans as if they were to be applied, sets the check of
    the merge, and refuses (3) unless each is the one that was approved on the pull request.

    \b
    gitops review --base origin/main --head "$HEAD" --pull-request 5 previews/
    """
    request = Request(_files(places), base, head, pull_request, environment)
    if queued:
        _must_be_allowed(judge(context, request))
        return
    found = review(context, request)
    if report is not None:
        report_file.write(context, found, report)
    publishing.write_step_summary(found)
    screen.console(sys.stdout).print(screen.review(found))
    publishing.end(found)


def _files(places: Iterable[Path]) -> tuple[Path, ...]:
    """The files that are meant. A place that is not there has nothing to tell, and what is missing fails the review."""
    found: set[Path] = set()
    for place in places:
        if place.is_dir():
            found |= set(place.rglob("*.json"))
        elif place.exists():
            found.add(place)
        else:
            tell(f"there is no {place}: no machine has told anything there")
    return tuple(sorted(found))


def _must_be_allowed(verdicts: Mapping[str, Verdict]) -> None:
    """Raises Refused or Waiting with the reasons unless every stack's plan may be applied as it is."""
    for verdict in verdicts.values():
        print_view(screen.verdict(verdict))
    if stop := judgement.stop(verdicts.items()):
        error = Refused if stop.outcome is Outcome.REFUSE else Waiting
        raise error(
            f"Not to be merged: {stop.reasons}.",
            hint="Bring the pull request up to date with its base, have the new plan approved, and queue it again.",
        )
