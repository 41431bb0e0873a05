"""The report file of a review, with each stack's newest records."""

from itertools import islice
from pathlib import Path

from gitops.context import Context
from gitops.errors import Failed
from gitops.flow.comment import Review
from gitops.flow.record import Query


def write(context: Context, review: Review, file: Path) -> None:
    """Write the review's HTML report to `file`, over what is there.

    Raises RemoteUnreachable and LedgerBroken for the histories in it, Failed for a file that cannot be written.
    """
    from gitops.views import report

    history = context.ledger().history()
    histories = {
        one.stack: tuple(islice(history.select(Query(stack=one.stack.label)), report.HISTORY))
        for one in review.stacks
        if not one.is_quiet
    }
    try:
        file.write_text(report.render(review, histories), encoding="utf-8", newline="\n")
    except OSError as error:
        raise Failed(
            f"Could not write the report to {file}: {error.strerror}.", hint="Name a file in a folder that exists."
        ) from error
