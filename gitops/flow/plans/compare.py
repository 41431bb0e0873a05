"""The difference of differences: how a fresh plan differs from the approved one, and what moved in between."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from gitops.flow.plans import values
from gitops.model import MovedInput, Plan, PlanDifference, ResourceChange


def compare(approved: Plan, fresh: Plan) -> PlanDifference:
    """What moved between two plans of one stack, and which resource changes differ because of it.

    Order never matters. The result is empty exactly when both digests of both plans are equal; digests that differ
    for a reason that no part of the plans shows count as a moved engine, because then the pipeline that computed
    them differs. Raises ValueError for plans of different stacks.
    """
    if approved.stack != fresh.stack:
        raise ValueError(f"cannot compare a plan of {approved.stack.label} with one of {fresh.stack.label}")
    moved_resources = _moved_resources(approved, fresh)
    moved_files = _differing_keys(approved.inputs.files, fresh.inputs.files)
    appeared, vanished, altered = changes(approved.changes, fresh.changes)
    moved = _moved_inputs(approved, fresh, moved_resources, moved_files)
    digests_differ = (approved.plan_digest, approved.input_digest) != (fresh.plan_digest, fresh.input_digest)
    if digests_differ and not (moved or appeared or vanished or altered):
        moved = (MovedInput.ENGINE,)
    return PlanDifference(moved, moved_resources, moved_files, appeared, vanished, altered)


def _moved_resources(approved: Plan, fresh: Plan) -> tuple[str, ...]:
    pending = set(approved.start.pending) ^ set(fresh.start.pending)
    return tuple(sorted(pending.union(_differing_keys(approved.start.resources, fresh.start.resources))))


def _moved_inputs(
    approved: Plan, fresh: Plan, moved_resources: tuple[str, ...], moved_files: tuple[str, ...]
) -> tuple[MovedInput, ...]:
    kinds = {kind_of_file(path, approved.stack.name) for path in moved_files}
    if moved_resources or approved.start.digest != fresh.start.digest:
        kinds.add(MovedInput.STATE)
    if approved.inputs.config != fresh.inputs.config:
        kinds.add(MovedInput.CONFIG)
    if approved.inputs.digest_key and fresh.inputs.digest_key and approved.inputs.digest_key != fresh.inputs.digest_key:
        kinds.add(MovedInput.DIGEST_KEY)
    if approved.inputs.ambient != fresh.inputs.ambient:
        kinds.add(MovedInput.AMBIENT)
    if (approved.inputs.versions, approved.format) != (fresh.inputs.versions, fresh.format):
        kinds.add(MovedInput.ENGINE)
    # Drift that no change follows from, as of a property that the program ignores, is no reason for anything.
    if approved.plan_digest != fresh.plan_digest and _drift(approved) != _drift(fresh):
        kinds.add(MovedInput.LIVE)
    if _policy(approved) != _policy(fresh):
        kinds.add(MovedInput.POLICY)
    return tuple(kind for kind in MovedInput if kind in kinds)


def _policy(plan: Plan) -> tuple[object, ...]:
    return Counter(plan.findings), plan.policy_packs, Counter(plan.packs)


def _drift(plan: Plan) -> Counter[str]:
    return Counter(values.digest(one) for one in plan.drift)


def kind_of_file(path: str, stack_name: str) -> MovedInput:
    """Which part of a plan's origin a file belongs to."""
    parts = PurePosixPath(path)
    if parts.name in (f"Pulumi.{stack_name}.yaml", f"Pulumi.{stack_name}.yml"):
        return MovedInput.CONFIG
    if "policy" in parts.parts[:-1]:
        return MovedInput.POLICY
    return MovedInput.PROGRAM


def _differing_keys(left: Mapping[str, str], right: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted(key for key in left.keys() | right.keys() if left.get(key) != right.get(key)))


def changes(
    approved: tuple[ResourceChange, ...], fresh: tuple[ResourceChange, ...]
) -> tuple[tuple[ResourceChange, ...], tuple[ResourceChange, ...], tuple[tuple[ResourceChange, ResourceChange], ...]]:
    """Appeared, vanished and altered changes. One URN may change twice (an old copy still waits for its deletion)."""
    before, after = _by_urn(approved), _by_urn(fresh)
    appeared: list[ResourceChange] = []
    vanished: list[ResourceChange] = []
    altered: list[tuple[ResourceChange, ResourceChange]] = []
    for urn in sorted(before.keys() | after.keys()):
        left, right = before.get(urn, {}), after.get(urn, {})
        gone = _surplus(left, right)
        new = _surplus(right, left)
        pairs = min(len(gone), len(new))
        altered += zip(gone[:pairs], new[:pairs], strict=True)
        vanished += gone[pairs:]
        appeared += new[pairs:]
    return tuple(appeared), tuple(vanished), tuple(altered)


def _by_urn(changes: Iterable[ResourceChange]) -> dict[str, dict[str, list[ResourceChange]]]:
    grouped: dict[str, dict[str, list[ResourceChange]]] = {}
    for change in changes:
        grouped.setdefault(change.urn, {}).setdefault(_identity(change), []).append(change)
    return grouped


def _surplus(
    these: Mapping[str, list[ResourceChange]], those: Mapping[str, list[ResourceChange]]
) -> list[ResourceChange]:
    """The changes that `these` has more often than `those`, in an order that does not depend on the plan's."""
    return [change for key in sorted(these) for change in these[key][len(those.get(key, ())) :]]


def _identity(change: ResourceChange) -> str:
    """Equal for changes that do the same: compared as canonical JSON, since to Python `True == 1`."""
    properties = sorted(change.properties, key=lambda item: (item.path, item.kind))
    return values.digest((change.type, change.operation, change.provider, change.protected, properties))
