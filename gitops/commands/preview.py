"""`gitops preview`: what a change would do to the stacks it affects, for its reviewers and for the gate."""

import json
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import click

from gitops.commands import reporting
from gitops.commands.affected import default_base, find_affected
from gitops.commands.duration import WAIT
from gitops.commands.judging import must_be_readable
from gitops.commands.planning import Program, checked_out, named, side_by_side, standing_release
from gitops.commands.telling import tell
from gitops.commands.undisturbed import Undisturbed
from gitops.config import Environment
from gitops.context import Context, Ledger, require_environment
from gitops.errors import ConfigError, EngineFailed, Failed, Refused
from gitops.flow import comment as comments
from gitops.flow import plan as plans
from gitops.flow import record as records
from gitops.flow import values, wording
from gitops.flow.comment import PreviewFailure, Review, StackReview
from gitops.flow.discover import take_snapshot
from gitops.flow.policies import Packs
from gitops.flow.record import Query
from gitops.model import AffectedStack, Plan, Reason, ReasonKind, RecordKind, Stack
from gitops.views import terminal

# An apply brings a stack to the whole commit, so what was merged before and never released is part of its plan.
_UNRELEASED = Reason(ReasonKind.UNRELEASED, "", "earlier changes of the target branch are not released yet")


@dataclass(frozen=True, slots=True)
class Request:
    """What to preview: a change by its two commits, for one environment, all its affected stacks or those named.

    With a pull request the review is shown there and its plans are kept; without one it is a look. `fresh`: run each
    preview, also where nothing moved since one on record. `wait` is for how many seconds to wait for an apply's end.
    """

    base: str | None = None
    head: str = "HEAD"
    environment: str | None = None
    stacks: tuple[str, ...] = ()
    pull_request: int | None = None
    fresh: bool = False
    wait: int = 0


def preview(context: Context, request: Request) -> Review:
    """Preview the affected stacks side by side; show a pull request's plans there, and keep them under its head.

    What is previewed is the result of merging the head into the base as it is now. Raises Refused for a conflict,
    UsageError for an unknown environment or stack; a failing stack is part of the result.
    """
    repository = context.repository
    head = repository.resolve(request.head)
    base = repository.resolve(request.base) if request.base else default_base(repository, head)
    unborn = base == repository.empty_tree()
    commit = head if unborn else context.git.merged(base, head)
    settings = context.config(commit)
    must_be_readable(settings.environments)
    environment = require_environment(settings, request.environment, _branch(context, request.base))
    ledger = context.ledger()
    history = ledger.history()
    affected = {one.stack: one for one in find_affected(repository, base, commit).stacks}
    with checked_out(context, commit) as program:
        held = settings.stacks_of(environment, program.snapshot.stacks)
        for stack in held:
            if stack not in affected and standing_release(context, history, stack, commit) is None:
                affected[stack] = AffectedStack(stack, (_UNRELEASED,))
        chosen = named(held, request.stacks) if request.stacks else [stack for stack in held if stack in affected]
        undisturbed = Undisturbed(context, ledger, request.wait, tell)
        reviews: list[StackReview] = []

        def review_of(stack: Stack) -> StackReview:
            reasons = affected.get(stack) or AffectedStack(stack, ())
            packs = program.packs(stack, environment.name, history)
            made = _review(program, (environment, head), reasons, packs, _on_record(history, stack, request))
            return replace(made, packs=packs.changes)

        for wave in program.in_order(chosen):
            tell(f"previewing {', '.join(stack.label for stack in wave)}")
            reviews += undisturbed.previews(lambda stacks: side_by_side(review_of, stacks), wave)
        gone = tuple(sorted(set(_held_at(context, base, environment)) - set(held)))
    unaffected = len(held) - len(reviews)
    review = Review(environment.name, base, head, tuple(reviews), unaffected=unaffected, undeclared=gone)
    if request.pull_request is not None:
        # The comment first: a plan that is on record can be approved, so its reviewers must be able to see it.
        context.host.comment(request.pull_request, comments.marker(review.environment), comments.render(review))
        _record(context, ledger, history, review, request.pull_request)
    return review


def _review(
    program: Program, of: tuple[Environment, str], affected: AffectedStack, packs: Packs, recorded: Plan | None
) -> StackReview:
    (environment, head), stack = of, affected.stack
    try:
        if recorded is not None and program.spared(stack, recorded, packs):
            tell(f"{stack.label}: {wording.same_inputs(recorded)}")
            plan = replace(recorded, environment=environment.name, commit=head)
            return StackReview(affected, plan, same_as=recorded)
        plan, graph = program.planned(stack, environment.name, head, packs)
        return StackReview(affected, plan, graph=graph)
    except EngineFailed as error:
        return StackReview(affected, PreviewFailure(error.message, error.diagnostics, error.hint))


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


def _held_at(context: Context, commit: str, environment: Environment) -> tuple[Stack, ...]:
    """The environment's stacks as another commit declares them; none where that cannot be read."""
    if commit == context.repository.empty_tree():
        return ()
    try:
        before = context.config(commit)
        then = next((one for one in before.environments if one.name == environment.name), environment)
        return before.stacks_of(then, take_snapshot(context.repository, commit).stacks)
    except ConfigError:
        return ()


def _record(context: Context, ledger: Ledger, history: records.History, review: Review, shown_on: int) -> None:
    """Append each plan, unless the ledger's newest one for this stack and commit is the same."""
    author = records.Author(context.holder.name, review.environment)
    for one in review.ordered():
        if isinstance(one.result, Plan) and not _is_kept(history, one.result, shown_on):
            body = {"plan": plans.to_body(one.result), "shown_on": shown_on}
            now = context.clock.now()
            ledger.append(records.make(RecordKind.PLAN, author, one.stack, review.head, now, body))


def _is_kept(history: records.History, plan: Plan, shown_on: int) -> bool:
    try:
        known = history.plan_for(plan.stack, plan.commit, shown_on)
    except Refused:
        return False
    return known is not None and known.plan_digest == plan.plan_digest


def _branch(context: Context, base: str | None) -> str | None:
    return base.removeprefix(f"{context.git.remote}/") if base else None


def write_step_summary(review: Review) -> None:
    """In a GitHub Actions job: the review as the job's summary."""
    target = os.environ.get("GITHUB_STEP_SUMMARY")
    if target:
        with Path(target).open("a", encoding="utf-8") as summary:
            summary.write(comments.render(review, comments.STEP_SUMMARY_LIMIT))


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
    }


@click.command("preview")
@click.argument("stacks", nargs=-1, metavar="[STACK]...")
@click.option("--base", metavar="COMMIT", help="The branch or commit to merge into, e.g. origin/main.")
@click.option("--head", metavar="COMMIT", default="HEAD", show_default=True, help="The commit with the change.")
@click.option("--environment", metavar="NAME", help="Default: the environment that follows the base branch.")
@click.option("--pull-request", type=int, metavar="NUMBER", help="Show it there, and keep the plans for its approvals.")
@click.option("--fresh", is_flag=True, help="Run each preview, also where nothing moved since one on record.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write an HTML report.")
@WAIT
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
    as_json: bool,
    markdown: bool,
) -> None:
    """Preview the stacks that a change affects.

    With --pull-request it is shown there, and each stack's plan goes into the ledger under the change's head:
    approving the pull request approves that plan, and `gitops up` applies nothing else. Without, it is only a look.
    While an apply of a stack runs, its preview waits; where one came in between, it is done again.
    Where nothing moved that a plan of the pull request came from, that plan is shown again and no preview runs.
    The policy packs that gitops.yaml names take part; a plan that violates a mandatory policy is shown with what to
    do, and refused (3).

    \b
    gitops preview --base origin/main
    gitops preview --base origin/main --pull-request 5
    gitops preview --environment prod --base origin/prod --head origin/staging
    gitops preview --base origin/main --report review.html
    """
    review = preview(context, Request(base, head, environment, stacks, pull_request, fresh, wait))
    write_step_summary(review)
    if report is not None:
        reporting.write(context, review, report)
    if as_json:
        click.echo(json.dumps(as_document(review), indent=2))
    elif markdown:
        click.echo(comments.render(review))
    else:
        terminal.console(sys.stdout).print(terminal.review(review))
    failed = [one.stack.label for one in review.stacks if isinstance(one.result, PreviewFailure)]
    if failed:
        raise Failed(f"The preview of {', '.join(failed)} failed.", hint="Its messages are above.")
    violating = [one.stack.label for one in review.stacks if isinstance(one.result, Plan) and one.result.violations]
    if violating:
        raise Refused(
            f"The plan of {', '.join(violating)} violates a mandatory policy, so it cannot be applied.",
            hint="Each finding above says what to do. Change the program, push, and preview again.",
        )
