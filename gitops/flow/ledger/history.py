"""What the ledger says of plans: which one a pull request showed, read back with its digests checked. Pure.

In: a history, or one record. Out: a plan, or nothing where the body of a record is whole.
"""

from datetime import datetime

from gitops.errors import LedgerBroken, Refused
from gitops.flow.plans import plan as plans
from gitops.model import History, Plan, Query, Record, RecordKind, Stack
from gitops.model.record_bodies import Planned


def plan_for(history: History, stack: Stack, commit: str, shown_on: int, until: datetime | None = None) -> Plan | None:
    """The newest plan of the stack at that commit that pull request `shown_on` showed, not after `until`.

    Raises LedgerBroken when it was altered.
    """
    kinds = (RecordKind.PLAN,)
    found = history.newest(Query(stack=stack.label, kinds=kinds, commit=commit, shown_on=shown_on, until=until))
    return None if found is None else plans.from_body(found.read_as(Planned).plan.content)


def latest_plan(history: History, stack: Stack, shown_on: int, until: datetime | None = None) -> Plan | None:
    """The newest plan of the stack that pull request `shown_on` showed, at whatever head of it, not after `until`.

    Raises LedgerBroken when it was altered, Refused when it has another format.
    """
    found = history.newest(Query(stack=stack.label, kinds=(RecordKind.PLAN,), shown_on=shown_on, until=until))
    return None if found is None else plans.from_body(found.read_as(Planned).plan.content)


def must_be_whole(record: Record) -> None:
    """Raises LedgerBroken, naming the record, for a body that no decision could read.

    A plan's digests are not checked: a leaked value may have been taken out of it. Nor is one of another format read.
    """
    body = record.read()
    if isinstance(body, Planned):
        try:
            plans.parsed(body.plan.content)
        except Refused:
            return
        except LedgerBroken as error:
            raise LedgerBroken(
                f"Ledger record {record.sequence} ({record.kind.value}) cannot be used: {error.message}",
                hint="Preview that pull request again: its new plan takes the place of this one.",
            ) from None
