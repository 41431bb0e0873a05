"""What a gate says of a plan that was reviewed as it is, for tests of its rules."""

from datetime import timedelta
from typing import Any

from gitops.config.gate import Approvals, Gate
from gitops.config.settings import Environment
from gitops.flow.gate import judgement
from gitops.flow.gate.case import Case
from gitops.flow.gate.rules import RuleSet
from gitops.flow.ledger import chain as records
from gitops.model import (
    Approval,
    History,
    Operation,
    Plan,
    PullRequest,
    RecordKind,
    RuleResult,
)
from tests.support.plans import DEV, HEAD, NOW, change, plan, update
from tests.support.records import record_of

BUCKET, QUEUE, DATABASE = "aws:s3/bucket:Bucket", "aws:sqs/queue:Queue", "aws:rds/instance:Instance"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SCALE = change(Operation.UPDATE, QUEUE, "jobs", update("size", 12, 20))
PLAN = plan(SCALE)
NO_RULES = Gate()
STAGING = Environment("staging", "staging", ("staging",))


def request(*approvers: str, minutes: int = 5, **more: Any) -> PullRequest:
    """Ada's pull request, approved by these some minutes after it was previewed."""
    given = tuple(Approval(name, HEAD, NOW + minutes * MINUTE) for name in approvers)
    return PullRequest(7, "Scale", "ada", "main", HEAD, given, merged_as="c" * 40, **more)


def judged(
    one: Plan = PLAN, asked: PullRequest | None = None, *, rules_of: Gate = NO_RULES, **more: Any
) -> dict[str, RuleResult]:
    """Each rule's result for a plan that was reviewed as it is."""
    wanted = more.pop("approvals", Approvals(0))
    environment = Environment("dev", "main", ("dev",), approvals=wanted, gate=rules_of)
    facts = Case(DEV, "c" * 40, asked or request(), **{"now": NOW + 10 * MINUTE, **more})
    author = records.Author("ada", "dev")
    body = {"plan": records.values.pack(one), "shown_on": 7}
    history = History((record_of(RecordKind.PLAN, author, DEV, HEAD, NOW, body),))
    verdict = judgement.decide((RuleSet(environment, STAGING),), judgement.gather(one, facts, history))
    assert (
        judgement.foresee((RuleSet(environment, STAGING),), judgement.gather(None, facts, history)).outcome
        is verdict.outcome
    )
    return {rule.rule: rule for rule in verdict.rules}


def destroyed(count: int, operation: Operation = Operation.DELETE, token: str = BUCKET) -> Plan:
    """A plan with so many of these."""
    return plan(*(change(operation, token, f"b{n}") for n in range(count)))
