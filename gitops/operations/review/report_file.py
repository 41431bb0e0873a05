"""The report file of a review, with each stack's newest records."""

from itertools import islice
from pathlib import Path

from gitops.context import Context
from gitops.model import Query, Review
from gitops.operations.review import publishing


def write(context: Context, review: Review, file: Path) -> None:
    """Write the review's HTML report to `file`, over what is there.

    Raises RemoteUnreachable and LedgerBroken for the histories in it, Failed for a file that cannot be written.
    """
    from gitops.views.html import report

    history = context.ledger().history()
    histories = {
        one.stack: tuple(islice(history.select(Query(stack=one.stack.label)), report.HISTORY))
        for one in review.stacks
        if not one.is_quiet
    }
    publishing.write_file("report", file, report.render(review, histories).encode())
