"""`gitops preview`: what a change would do to the stacks it affects, for its reviewers and for the gate."""

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import click

from gitops.config.settings import Environment
from gitops.context import Context
from gitops.errors import EngineFailed, Refused, UsageError
from gitops.flow.impact import shards
from gitops.flow.ledger import chain as records
from gitops.flow.ledger.chain import Query
from gitops.flow.plans import shard_results, values
from gitops.flow.plans.policies import Packs
from gitops.model import AffectedStack, Plan, RecordKind, Stack
from gitops.operations.program import Program, checked_out, must_have_its_state, named, side_by_side
from gitops.operations.progress import tell, tell_free_text
from gitops.operations.review import downstream, publishing, report_file
from gitops.operations.review import scope as scopes
from gitops.operations.undisturbed import Undisturbed
from gitops.verbs.options import WAIT, NewFile
from gitops.views import wording
from gitops.views.markdown import review_comment as comments
from gitops.views.markdown.review_comment import PreviewFailure, Review, StackReview
from gitops.views.terminal import screen


@dataclass(frozen=True, slots=True)
class Request:
    """What to preview: a change by its two commits, for one environment, all its affected stacks or those named.

    With a pull request the review is shown there and its plans are kept; without one it is a look. `fresh`: run each
    preview, also where nothing moved since one on record. `wait` is for how many seconds to wait for an apply's end.
    `keep`: the review is somebody else's to show.
    """

    base: str | None = None
    head: str = "HEAD"
    environment: str | None = None
    stacks: tuple[str, ...] = ()
    pull_request: int | None = None
    fresh: bool = False
    wait: int = 0
    keep: bool = False


def preview(context: Context, request: Request) -> Review:
    """Preview the affected stacks side by side; show a pull request's plans there, and keep them under its head.

    What is previewed is the result of merging the head into the base as it is now. Raises Refused for a conflict,
    UsageError for an unknown environment or stack; a failing stack is part of the result.
    """
    ledger = context.ledger()
    history = ledger.history()
    scope = scopes.find(context, history, (request.base, request.head), request.environment)
    environment, head = scope.environment, scope.head
    with checked_out(context, scope.commit) as program:
        chosen = named(scope.held, request.stacks) if request.stacks else tuple(scope.affected)
        undisturbed = Undisturbed(context, ledger, request.wait, tell)
        reviews: list[StackReview] = []

        def review_of(stack: Stack) -> StackReview:
            started = context.clock.monotonic()
            reasons = scope.affected.get(stack) or AffectedStack(stack, ())
            packs = program.packs(stack, environment.name, history)
            recorded = _on_record(history, stack, request)
            made = _review(program, (environment, head), reasons, packs, recorded, history)
            seconds = 0 if made.same_as else round(context.clock.monotonic() - started)
            return replace(made, packs=packs.changes, seconds=seconds)

        for wave in program.in_order(chosen):
            tell(f"previewing {', '.join(stack.label for stack in wave)}")
            reviews += undisturbed.previews(lambda stacks: side_by_side(review_of, stacks), wave)
        reviews = downstream.follow(program, environment.name, history, reviews, scope.held, undisturbed)
    unaffected = len(scope.held) - len(reviews)
    review = Review(environment.name, scope.base, head, tuple(reviews), unaffected=unaffected, undeclared=scope.gone)
    if request.pull_request is not None and not request.keep:
        publishing.publish(context, history, review, request.pull_request)
    return review


def _review(
    program: Program,
    of: tuple[Environment, str],
    affected: AffectedStack,
    packs: Packs,
    recorded: Plan | None,
    history: records.History,
) -> StackReview:
    (environment, head), stack = of, affected.stack
    try:
        if recorded is not None and program.spared(stack, recorded, packs):
            tell(f"{stack.label}: {wording.same_inputs(recorded)}")
            plan = replace(recorded, environment=environment.name, commit=head)
            return StackReview(affected, plan, same_as=recorded)
        plan, graph = program.planned(stack, environment.name, head, packs)
        must_have_its_state(program, stack, plan.start, history)
        return StackReview(affected, plan, graph=graph)
    except EngineFailed as error:
        tell_free_text(stack.label, error)
        return StackReview(affected, PreviewFailure(error.message, error.details, error.hint))


def _on_record(history: records.History, stack: Stack, request: Request) -> Plan | None:
    """The pull request's newest plan of the stack; None where a preview has to run whatever it says."""
    if request.pull_request is None or request.fresh:
        return None
    kept = history.newest(Query(stack=stack.label, kinds=(RecordKind.PLAN,), shown_on=request.pull_request))
    if kept is None or history.newest(Query(stack=stack.label, kinds=(RecordKind.REFUSED,), after=kept.sequence)):
        return None  # refused since: what moved may be live, where no input shows it
    try:
        return history.latest_plan(stack, request.pull_request)
    except Refused:  # made by another release, in a format of its own
        return None


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
    Where nothing moved that a plan of the pull request came from, that plan is shown again and no preview runs.
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
