"""Where a review is read: the pull request's comment, the job's summary; and its plans' place, the ledger."""

from datetime import datetime
from pathlib import Path

from gitops.adapters.ci.github.job import tell_job
from gitops.context import Context
from gitops.errors import Failed, LedgerBroken, Refused
from gitops.flow.ledger import chain as records
from gitops.flow.ledger.history import plan_for
from gitops.flow.plans import plan as plans
from gitops.model import History, Plan, PreviewFailure, Review
from gitops.model.record_bodies import Planned
from gitops.views.markdown import review_comment as comments


def publish(context: Context, history: History, review: Review, number: int) -> str:
    """Show the review on its pull request, then keep each plan, unless the ledger's newest for this head is that one.

    Returns the comment's text. Raises CodeHostFailed, RemoteUnreachable.
    """
    text = comments.render(review)
    # The comment first: a plan that is on record can be approved, so its reviewers must be able to see it.
    context.host.comment(number, comments.marker(review.environment), text)
    author = records.Author(context.holder.name, review.environment)
    for one in review.ordered():
        if isinstance(one.result, Plan) and not _is_kept(history, one.result, number):
            body = Planned(plans.on_record(one.result), number, one.seconds)
            now = context.clock.now()
            context.ledger().append(records.ledger_record(author, one.stack, review.head, now, body))
    return text


def _is_kept(history: History, plan: Plan, shown_on: int) -> bool:
    try:
        known = plan_for(history, plan.stack, plan.commit, shown_on)
    except (Refused, LedgerBroken):  # of another format, or written anew without a value that had leaked
        return False
    # Computed from something else, or later, it takes the place of the one before: `gate.plan_age` and approvals of
    # plans with unknown values go by that. An approval of the same digest stands.
    return known is not None and _identity(known) == _identity(plan)


def _identity(plan: Plan) -> tuple[str, str, datetime]:
    return plan.plan_digest, plan.input_digest, plan.created_at


def write_step_summary(review: Review) -> None:
    """In a GitHub Actions job: the review as the job's summary."""
    tell_job("GITHUB_STEP_SUMMARY", lambda: comments.render(review, comments.STEP_SUMMARY_LIMIT))


def write_file(what: str, file: Path, content: bytes) -> None:
    """Write what somebody asked for to the file that they named. Raises Failed where that cannot be."""
    try:
        file.write_bytes(content)
    except OSError as error:
        raise Failed(
            f"Could not write the {what} to {file}: {error.strerror}.",
            hint="Name another file, or make room, and run the same command again.",
        ) from error


def end(review: Review) -> None:
    """How a preview ends: raises Failed where one failed, Refused where a plan violates a mandatory policy."""
    failed = [one.stack.label for one in review.stacks if isinstance(one.result, PreviewFailure)]
    if failed:
        raise Failed(f"The preview of {', '.join(failed)} failed.", hint="Its messages are above.")
    violating = [one.stack.label for one in review.stacks if isinstance(one.result, Plan) and one.result.violations]
    if violating:
        raise Refused(
            f"The plan of {', '.join(violating)} violates a mandatory policy, so it cannot be applied.",
            hint="Each finding above says what to do. Change the program, push, and preview again.",
        )
