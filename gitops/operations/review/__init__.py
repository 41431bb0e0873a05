"""A change before its merge: which stacks, what would happen to them, and where that is read.

Two commits come in. The review goes out: on the pull request, in the job's summary, as a report file; its plans go to
the ledger. Begin with `scope.py` (which stacks), then `preview.py` (their plans) and `review.py` (what several
machines found, shown as one).
"""
