"""The plan: a reviewed preview as a record with two digests.

The plan digest covers what will be done (changes with their values, start state, policy findings) and decides
whether an approval stands. The input digest covers what it was computed from and explains a difference.
Neither covers a time, a commit, a path of the machine or the number of unchanged resources' details.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from gitops.errors import LedgerBroken, Refused
from gitops.flow.plans import values
from gitops.model import (
    EngineRun,
    Evaluation,
    Inputs,
    Plan,
    PlanOnRecord,
    PolicyCount,
    PolicyFinding,
    PolicyPack,
    ResourceChange,
    Severity,
    Stack,
    StartState,
)
from gitops.model.preview import unpack

FORMAT = 3


def build(  # noqa: PLR0913 - a plan binds exactly these together
    stack: Stack, environment: str, commit: str, *, run: EngineRun, start: StartState, inputs: Inputs, now: datetime
) -> Plan:
    """Bind an engine run to the state it started from and the inputs it was computed from."""
    return Plan(
        stack=stack,
        environment=environment,
        commit=commit,
        changes=run.changes,
        unchanged=run.unchanged,
        start=start,
        inputs=inputs,
        findings=run.findings,
        warnings=tuple(d for d in run.diagnostics if d.severity is Severity.WARNING),
        plan_digest=_plan_digest(stack, run.changes, start, (run.findings, run.policy_packs, run.packs)),
        input_digest=values.digest(inputs),
        created_at=now,
        policy_packs=run.policy_packs,
        drift=run.drift,
        packs=run.packs,
        evaluated=counts(run.evaluations),
        format=FORMAT,
    )


def counts(evaluations: Iterable[Evaluation]) -> tuple[PolicyCount, ...]:
    """How often each rule passed and did not."""
    passed = Counter((one.pack, rule) for one in evaluations for rule in one.passed)
    failed = Counter((one.pack, rule) for one in evaluations for rule in one.failed)
    return tuple(PolicyCount(*rule, passed[rule], failed[rule]) for rule in sorted(passed.keys() | failed.keys()))


def _plan_digest(
    stack: Stack,
    changes: tuple[ResourceChange, ...],
    start: StartState,
    policy: tuple[tuple[PolicyFinding, ...], Mapping[str, str], tuple[PolicyPack, ...]],
) -> str:
    findings, packs, run_here = policy
    return values.digest(
        {
            "format": FORMAT,
            "stack": stack.label,
            "changes": sorted((values.pack(change) for change in changes), key=values.digest),
            "start": start.digest,
            "findings": sorted((values.pack(finding) for finding in findings), key=values.digest),
            "policy packs": packs,
            # Left out where there is none: a plan without packs has the digest that it always had.
            **({"packs": sorted((values.pack(pack) for pack in run_here), key=values.digest)} if run_here else {}),
        }
    )


def unknowns(plan: Plan) -> tuple[tuple[str, str], ...]:
    """(URN, property path) of each value that the plan cannot show, since it exists only after the apply."""
    return tuple(
        (change.urn, path)
        for change in plan.changes
        for item in change.properties
        for path in values.unknown_paths(item.new, item.path)
    )


def on_record(plan: Plan) -> PlanOnRecord:
    """The plan for a ledger record."""
    return PlanOnRecord(to_body(plan))


def to_body(plan: Plan) -> dict[str, Any]:
    """The plan as plain JSON."""
    body: dict[str, Any] = values.pack(plan)
    return body


def from_body(body: Any) -> Plan:
    """Read a plan back. Raises as `parsed` does, and LedgerBroken when its content does not give its digests."""
    plan = parsed(body)
    wanted = (
        _plan_digest(plan.stack, plan.changes, plan.start, (plan.findings, plan.policy_packs, plan.packs)),
        values.digest(plan.inputs),
        state_digest(plan.start.resources, plan.start.pending),
    )
    if (plan.plan_digest, plan.input_digest, plan.start.digest) != wanted:
        raise LedgerBroken(
            f"The plan of {plan.stack.label} for {plan.commit[:12]} was altered after it was recorded: "
            "its content does not give its digest.",
            hint="Run `gitops log --verify`, then preview the change again.",
        )
    return plan


def parsed(body: Any) -> Plan:
    """A plan from plain JSON, its digests not checked.

    Raises LedgerBroken for what is no plan, Refused for one of another format: what that covers is not what ours
    covers, so the two cannot be compared.
    """
    recorded = body.get("format") if isinstance(body, Mapping) else None
    if isinstance(recorded, int) and recorded != FORMAT:
        raise Refused(
            f"A plan on record for commit {str(body.get('commit', ''))[:12]} has format {recorded}, and this release "
            f"makes and compares plans of format {FORMAT}.",
            hint="Preview the change again and have that plan approved.",
        )
    try:
        return msgspec.convert(_unpacked(body), Plan)
    except (msgspec.ValidationError, TypeError, AttributeError, RecursionError) as error:
        raise LedgerBroken(f"A plan record in the ledger cannot be read: {error}.") from None


def _unpacked(body: Mapping[str, Any]) -> dict[str, Any]:
    return {**body, **{part: [unpacked(one) for one in body.get(part, [])] for part in ("changes", "drift")}}


def unpacked(change: Mapping[str, Any]) -> dict[str, Any]:
    """A packed change, ready to be converted: the values of its properties unpacked."""
    properties = [
        {**one, "old": unpack(one.get("old")), "new": unpack(one.get("new"))} for one in change.get("properties", [])
    ]
    return {**change, "properties": properties}


def old_copy_of(urn: str) -> str:
    """The key in a start state for what a replacement of the resource left to be deleted."""
    return f"{urn} (old copy)"


def state_digest(resources: Mapping[str, str], pending: tuple[str, ...]) -> str:
    return values.digest({"resources": resources, "pending": pending})
