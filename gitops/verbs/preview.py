"""`gitops preview`: what a change would do to the stacks it affects, for its reviewers and for the gate."""

import json
import sys
from pathlib import Path

import click

from gitops.context import Context
from gitops.errors import UsageError
from gitops.flow.impact import shards
from gitops.flow.plans import shard_results, values
from gitops.model import Plan, Review
from gitops.operations.review import publishing, report_file
from gitops.operations.review.preview import Request, preview
from gitops.verbs.options import WAIT, NewFile
from gitops.views.markdown import review_comment as comments
from gitops.views.terminal import screen


def as_document(review: Review) -> dict[str, object]:
    """The JSON form."""
    return {
        "format": 1,
        "environment": review.environment,
        "base": review.base,
        "head": review.head,
        "undeclared": [stack.label for stack in review.undeclared],
        "stacks": [
            {
                "stack": one.stack.label,
                "reasons": values.pack(one.affected.reasons),
                "plan": values.pack(one.result),
                "policy_packs_changed": values.pack(one.packs),
            }
            if isinstance(one.result, Plan)
            else {"stack": one.stack.label, "reasons": values.pack(one.affected.reasons), "error": one.result.message}
            for one in review.ordered()
        ],
        "downstream": values.pack(review.downstream),
    }


@click.command("preview")
@click.argument("stacks", nargs=-1, metavar="[STACK]...")
@click.option("--base", metavar="COMMIT", help="The branch or commit to merge into, e.g. origin/main.")
@click.option("--head", metavar="COMMIT", default="HEAD", show_default=True, help="The commit with the change.")
@click.option("--environment", metavar="NAME", help="Default: the environment that follows the base branch.")
@click.option("--pull-request", type=int, metavar="NUMBER", help="Show it there, and keep the plans for its approvals.")
@click.option("--fresh", is_flag=True, help="Run each preview, also where nothing moved since one on record.")
@click.option("--report", type=NewFile(), metavar="FILE", help="Write an HTML report.")
@WAIT
@click.option("--leg", metavar="JSON", help="Stacks as `gitops matrix` gives them to one machine: a list of names.")
@click.option(
    "--output",
    type=NewFile(),
    metavar="FILE",
    help="Write the result for `gitops review`, and show it nowhere else; a failed preview is in there too.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the view for people.")
@click.option("--markdown", is_flag=True, help="Print the comment's Markdown.")
@click.pass_obj
def command(
    context: Context,
    /,
    stacks: tuple[str, ...],
    base: str | None,
    head: str,
    environment: str | None,
    pull_request: int | None,
    fresh: bool,
    wait: int,
    report: Path | None,
    leg: str | None,
    output: Path | None,
    as_json: bool,
    markdown: bool,
) -> None:
    """Preview the stacks that a change affects.

    With --pull-request it is shown there, and each stack's plan goes into the ledger under the change's head:
    approving the pull request approves that plan, and `gitops up` applies nothing else. Without, it is only a look.
    While an apply of a stack runs, its preview waits; where one came in between, it is done again.
    Where a plan moves outputs that other stacks of the environment read, those are looked at with the new ones: what
    will follow is shown, and is no plan.
    A plan on record is shown again, without a preview, if none of its inputs has changed since.
    The policy packs that gitops.yaml names take part; a plan that violates a mandatory policy is shown with what to
    do, and refused (3).

    \b
    gitops preview --base origin/main
    gitops preview --base origin/main --pull-request 5
    gitops preview --environment prod --base origin/prod --head origin/staging
    gitops preview --base origin/main --report review.html
    """
    if output is not None and (report is not None or as_json or markdown):
        raise UsageError(
            "--output shows the review nowhere else, so --report, --json and --markdown have nothing to say beside it.",
            hint="Leave them away here; `gitops review --report FILE` writes the report.",
        )
    chosen = shards.chosen(stacks, leg)
    request = Request(base, head, environment, chosen, pull_request, fresh, wait, keep=output is not None)
    review = preview(context, request)
    if output is not None:
        publishing.write_file("result", output, shard_results.to_bytes(review.stacks))
        screen.console(sys.stdout).print(screen.review(review))
        return
    publishing.write_step_summary(review)
    if report is not None:
        report_file.write(context, review, report)
    if as_json:
        click.echo(json.dumps(as_document(review), indent=2))
    elif markdown:
        click.echo(comments.render(review))
    else:
        screen.console(sys.stdout).print(screen.review(review))
    publishing.end(review)
