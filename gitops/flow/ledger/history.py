"""What the ledger says of plans: which one a pull request showed, read back with its digests checked. Pure."""

from datetime import datetime

from gitops.flow.plans import plan as plans
from gitops.model import History, Plan, Query, RecordKind, Stack


def plan_for(history: History, stack: Stack, commit: str, shown_on: int, until: datetime | None = None) -> Plan | None:
    """The newest plan of the stack at that commit that pull request `shown_on` showed, not after `until`.

    Raises LedgerBroken when it was altered.
    """
    kinds = (RecordKind.PLAN,)
    found = history.newest(Query(stack=stack.label, kinds=kinds, commit=commit, shown_on=shown_on, until=until))
    return None if found is None else plans.from_body(found.body.get("plan"))


def latest_plan(history: History, stack: Stack, shown_on: int, until: datetime | None = None) -> Plan | None:
    """The newest plan of the stack that pull request `shown_on` showed, at whatever head of it, not after `until`.

    Raises LedgerBroken when it was altered, Refused when it has another format.
    """
    found = history.newest(Query(stack=stack.label, kinds=(RecordKind.PLAN,), shown_on=shown_on, until=until))
    return None if found is None else plans.from_body(found.body.get("plan"))
