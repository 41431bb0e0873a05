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

from gitops.adapters.pulumi import options
from gitops.errors import LedgerBroken, Refused
from gitops.flow.plans import values
from gitops.model import (
    EngineRun,
    Evaluation,
    Inputs,
    Plan,
    PolicyCount,
    PolicyFinding,
    PolicyPack,
    PropertyValue,
    ResourceChange,
    Severity,
    Stack,
    StartState,
)

FORMAT = 3
STACK_TYPE = "pulumi:pulumi:Stack"
_VALUES = frozenset({"inputs", "outputs"})
_DEFAULTS: tuple[Any, ...] = (None, False, "", [], {})
# What the engine notes about a resource that says nothing about infrastructure, and where it is with a replacement: the
# one note is told by the entry's key, from the other a change follows in each preview.
_NOISE = frozenset({"created", "modified", "sourcePosition", "stackTrace", "delete", "pendingReplacement"})


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


def to_body(plan: Plan) -> dict[str, Any]:
    """The plan as plain JSON for a ledger record."""
    body: dict[str, Any] = values.pack(plan)
    return body


def from_body(body: Any) -> Plan:
    """Read a plan back.

    Raises LedgerBroken when its content no longer gives the digests it carries, Refused for one of another format:
    what that covers is not what ours covers, so the two cannot be compared.
    """
    recorded = body.get("format") if isinstance(body, Mapping) else None
    if isinstance(recorded, int) and recorded != FORMAT:
        raise Refused(
            f"A plan on record for commit {str(body.get('commit', ''))[:12]} has format {recorded}, and this release "
            f"makes and compares plans of format {FORMAT}.",
            hint="Preview the change again and have that plan approved.",
        )
    try:
        plan = msgspec.convert(_unpacked(body), Plan)
    except (msgspec.ValidationError, TypeError, AttributeError) as error:
        raise LedgerBroken(f"A plan record in the ledger cannot be read: {error}.") from None
    wanted = (
        _plan_digest(plan.stack, plan.changes, plan.start, (plan.findings, plan.policy_packs, plan.packs)),
        values.digest(plan.inputs),
        _state_digest(plan.start.resources, plan.start.pending),
    )
    if (plan.plan_digest, plan.input_digest, plan.start.digest) != wanted:
        raise LedgerBroken(
            f"The plan of {plan.stack.label} for {plan.commit[:12]} was altered after it was recorded: "
            "its content does not give its digest.",
            hint="Run `gitops log --verify`, then preview the change again.",
        )
    return plan


def _unpacked(body: Mapping[str, Any]) -> dict[str, Any]:
    return {**body, **{part: [unpacked(one) for one in body.get(part, [])] for part in ("changes", "drift")}}


def unpacked(change: Mapping[str, Any]) -> dict[str, Any]:
    """A packed change, ready to be converted: the values of its properties unpacked."""
    properties = [
        {**one, "old": values.unpack(one.get("old")), "new": values.unpack(one.get("new"))}
        for one in change.get("properties", [])
    ]
    return {**change, "properties": properties}


def start_state(
    deployment: Mapping[str, Any], secret_digests: Mapping[str, str], rewritten: frozenset[str] = frozenset()
) -> StartState:
    """Digest a Pulumi deployment document; `secret_digests` gives the keyed digest of each ciphertext in it.

    A stack that was never deployed ({}), and one with no resources, have the same start state: nothing. `rewritten`
    are the resources that an apply would write otherwise although it changes nothing of them.
    """
    found: dict[str, list[str]] = {}
    for index, resource in enumerate(resources_of(deployment)):
        urn = str(resource.get("urn", f"#{index}"))
        key = old_copy_of(urn) if resource.get("delete") else urn
        found.setdefault(key, []).append(values.digest(values.read(content_of(resource), secret_digests)))
    # Several of one key are in no order.
    resources = {key: many[0] if len(many) == 1 else values.digest(sorted(many)) for key, many in found.items()}
    pending = tuple(str(operation.get("resource", {}).get("urn", "")) for operation in pending_operations(deployment))
    unfinished = tuple(str(one.get("urn", "")) for one in resources_of(deployment) if one.get("initErrors"))
    return StartState(_state_digest(resources, pending), resources, pending, unfinished, tuple(sorted(rewritten)))


def old_copy_of(urn: str) -> str:
    """The key in a start state for what a replacement of the resource left to be deleted."""
    return f"{urn} (old copy)"


def content_of(resource: Mapping[str, Any]) -> dict[str, Any]:
    """What counts of a resource in a state: all that is there, without noise, and whatever way it is written."""
    ignored = _NOISE | {"outputs"} if _is_read_anew(resource) else _NOISE
    found = {key: _as_set(key, value) for key, value in resource.items() if key not in ignored}
    # An option at its default is absent, null or empty, as the engine happened to write it.
    return {key: value for key, value in found.items() if key in _VALUES or value not in _DEFAULTS}


def _is_read_anew(resource: Mapping[str, Any]) -> bool:
    """Whether a run replaces the outputs in the state by what its provider reads, before it decides anything."""
    return bool(resource.get("custom")) and resource.get("type") != STACK_TYPE


def _state_digest(resources: Mapping[str, str], pending: tuple[str, ...]) -> str:
    return values.digest({"resources": resources, "pending": pending})


def resources_of(deployment: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The resources in a deployment document."""
    return list((deployment.get("deployment") or {}).get("resources") or [])


def pending_operations(deployment: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The operations that were running when the last update was killed."""
    return list((deployment.get("deployment") or {}).get("pending_operations") or [])


def inputs_in_state(deployment: Mapping[str, Any], secret_digests: Mapping[str, str]) -> dict[str, PropertyValue]:
    """URN → inputs (of the stack itself: outputs), secrets digested, of every live resource in the state."""
    return {
        str(resource["urn"]): values.read(resource.get(_contract(resource)) or {}, secret_digests)
        for resource in _live(deployment)
    }


def inputs_in_saved_plan(saved_plan: Mapping[str, Any], secret_digests: Mapping[str, str]) -> dict[str, PropertyValue]:
    """URN → the inputs (of the stack itself: outputs) that a saved Pulumi plan adds or updates, secrets digested."""
    goals: dict[str, PropertyValue] = {}
    for urn, resource in (saved_plan.get("resourcePlans") or {}).items():
        goal = resource.get("goal") or {}
        difference = goal.get("outputDiff" if _contract(goal) == "outputs" else "inputDiff") or {}
        asked = {**(difference.get("adds") or {}), **(difference.get("updates") or {})}
        goals[urn] = values.read(asked, secret_digests)
    return goals


def orders_in_saved_plan(saved_plan: Mapping[str, Any]) -> dict[str, dict[str, PropertyValue]]:
    """URN → what a saved Pulumi plan alone says: which id is imported, whether a replacement deletes first."""
    orders: dict[str, dict[str, PropertyValue]] = {}
    for urn, resource in (saved_plan.get("resourcePlans") or {}).items():
        steps = resource.get("steps") or []
        asked: dict[str, PropertyValue] = {"(import)": (resource.get("goal") or {}).get("id")}
        if "create-replacement" in steps:
            earlier = steps[: steps.index("create-replacement")]
            asked["(delete before replace)"] = "delete-replaced" in earlier
        orders[urn] = {name: value for name, value in asked.items() if value}
    return orders


def given_in_saved_plan(saved_plan: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """URN → the inputs that the program itself gives, by a saved Pulumi plan.

    The engine notes the dependencies of each property that the program gives, if only an empty list; what a provider's
    check adds has none. The plan's `inputDiff` does not tell the two apart: it is made after that check.
    """
    return {
        urn: frozenset(resource["goal"].get("propertyDependencies") or ())
        for urn, resource in (saved_plan.get("resourcePlans") or {}).items()
        if resource.get("goal")
    }


def given_in_state(deployment: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """URN → inputs that the program gave when the state was written, not all of them after a run that was cut short."""
    return {
        str(resource["urn"]): frozenset(resource.get("propertyDependencies") or ()) for resource in _live(deployment)
    }


def options_in_state(
    deployment: Mapping[str, Any], secret_digests: Mapping[str, str]
) -> dict[str, dict[str, PropertyValue]]:
    """URN → the options of every live resource in the state."""
    return {str(resource["urn"]): options.of_resource(resource, secret_digests) for resource in _live(deployment)}


def _live(deployment: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [resource for resource in resources_of(deployment) if not resource.get("delete")]


def _contract(resource: Mapping[str, Any]) -> str:
    return "outputs" if resource.get("type") == STACK_TYPE else "inputs"


def _as_set(key: str, value: Any) -> Any:
    """Dependencies are sets, which the engine writes in the order in which the program's futures happened to end.

    With each property that the program gives it notes its dependencies, if only an empty list; a refresh, which writes
    the whole state anew, drops the empty ones, and a run that is cut short leaves them dropped
    (`pkg/resource/deploy/deployment_executor.go`, `rebuildBaseState`).
    """
    if key == "dependencies" and isinstance(value, list):
        return sorted(set(map(str, value)))
    if key == "propertyDependencies" and isinstance(value, Mapping):
        return {name: sorted(set(map(str, urns))) for name, urns in value.items() if urns}
    return value
