"""Records of any kind for tests, in no chain yet: each with a whole body, unless a test asks for another."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gitops.flow.ledger.chain import Author
from gitops.flow.plans import plan as plans
from gitops.flow.plans.values import pack
from gitops.model import (
    Check,
    Operation,
    Outcome,
    Record,
    RecordKind,
    RuleResult,
    SecretValue,
    Stack,
    UnknownValue,
    Verdict,
)
from tests.support.plans import HEAD, add, change, plan

DIGEST = "0" * 64
VERDICT = pack(Verdict((RuleResult("same plan", Outcome.REFUSE, "it differs", {"plan_digest": DIGEST}),)))
CHECKS = pack((Check("outputs", True, "3 outputs"),))
PLAN = plan(change(Operation.CREATE, "a:b:C", "x", add("n", SecretValue(DIGEST)), add("m", UnknownValue())))
BODIES: Mapping[RecordKind, Mapping[str, Any]] = {
    RecordKind.PLAN: {"plan": plans.to_body(PLAN), "shown_on": 7},
    RecordKind.APPLY_STARTED: {"plan_digest": DIGEST, "run": "5f0c", "host": "runner-1"},
    RecordKind.APPLIED: {"plan_digest": DIGEST},
    RecordKind.NOT_VERIFIED: {"plan_digest": DIGEST, "checks": CHECKS},
    RecordKind.APPLY_FAILED: {"plan_digest": DIGEST, "message": "no"},
    RecordKind.REFUSED: {"verdict": VERDICT},
    RecordKind.REPAIRED: {"repairs": ["adopted a bucket"]},
    RecordKind.RELEASE: {"plan_digest": DIGEST, "checks": CHECKS},
    RecordKind.SUPERSEDED: {"by": HEAD},
    RecordKind.ROLLBACK: {"to": HEAD, "head": HEAD, "pull_request": 7},
    RecordKind.BREAK_GLASS: {"reason": "fire", "plan_digest": DIGEST, "verdict": VERDICT},
    RecordKind.DESTROY_STARTED: {"run": "5f0c", "host": "runner-1"},
    RecordKind.DESTROYED: {"why": "pull request #7 is closed"},
    RecordKind.DESTROY_FAILED: {"message": "no"},
    RecordKind.DESTROY_APPROVED: {
        "plan_digest": DIGEST,
        "shown_on": 7,
        "comment": 5001,
        "address": "https://x.example",
    },
    RecordKind.COMMAND: {
        "command": "/gitops unlock shop/dev",
        "pull_request": 7,
        "comment": 5001,
        "outcome": "done",
        "answer": "The lease is gone.",
    },
}
"""A whole body of each kind, as plain JSON."""


def record_of(
    kind: RecordKind,
    author: Author,
    stack: Stack | None,
    commit: str,
    now: datetime,
    body: Mapping[str, Any] | None = None,
) -> Record:
    """A record whose body has these fields, and is whole."""
    label = stack.label if stack else ""
    return Record(0, "", kind, now, author.name, author.environment, label, commit, {**BODIES[kind], **(body or {})})
