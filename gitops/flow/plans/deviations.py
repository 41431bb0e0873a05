"""Finishing what was cut short: is a fresh plan the rest of an approved one, and nothing else? Pure.

After a killed apply the state has moved, by our own hand, so the digests differ. The approval still covers the
rest if every change left is one of those approved, and nothing outside of them moved. A value that was unknown in
the approved plan (the id of a resource that now exists) may have become known.

A change that is left must also start where the approved one did. One that starts elsewhere (12 → 20 was approved, now
it is 31 → 20) would undo what somebody did in between. What finishes a creation that was cut short starts wherever
that was: a key whose rotation the provider had not switched on yet, say.
"""

from collections.abc import Iterator

from gitops.flow.plans import plan as plans
from gitops.flow.plans import values
from gitops.model import (
    Operation,
    Plan,
    PolicyFinding,
    PolicyLevel,
    PropertyChange,
    PropertyKind,
    PropertyValue,
    ResourceChange,
    UnknownValue,
)
from gitops.model.urn import name_in

# In the deletion of what a replacement that was cut short left behind: the resource itself stays.
OLD_COPY = PropertyChange("(old copy)", PropertyKind.DELETE)


def departures(approved: Plan, fresh: Plan) -> tuple[str, ...]:
    """In what the fresh plan goes beyond the approved one, as sentences' parts; empty when it is its rest."""
    planned: dict[str, list[ResourceChange]] = {}
    for change in approved.changes:
        planned.setdefault(change.urn, []).append(change)
    ours = {*planned, *map(plans.old_copy_of, planned), *_renamed(approved), *_written_anew(approved)}
    found = [
        f"{name_in(urn)} moved, which the plan does not touch"
        for urn in sorted(approved.start.resources.keys() | fresh.start.resources.keys())
        if urn not in ours and _moved(urn, approved, fresh)
    ]
    for change in fresh.changes:
        before = planned.get(change.urn, [])
        if not before:
            found.append(f"{change.operation.value} {change.name} was not planned")
        elif not any(_continues(one, change, change.urn in fresh.start.unfinished) for one in before):
            operations = " and ".join(one.operation.value for one in before)
            found.append(f"{change.operation.value} {change.name} differs from the planned {operations}")
        elif change.operation is Operation.DELETE and not _is_deleted_as_approved(change, approved, fresh):
            found.append(f"{change.name}, which is to be deleted, moved since that was approved")
        elif change.operation is Operation.CREATE and _was_made(change.urn, approved, fresh):
            found.append(f"create {change.name} is done already, and it is gone since")
    found += _left_out(approved, fresh)
    found += [
        f"{one.policy} finds something new about {name_in(one.urn) or 'the stack'}"
        for one in fresh.findings
        if not _was_told(one, approved)
    ]
    if (fresh.policy_packs, fresh.packs) != (approved.policy_packs, approved.packs):
        found.append("the policy packs differ")
    return tuple(found)


def _was_told(finding: PolicyFinding, approved: Plan) -> bool:
    """Whether the approved plan told of the finding, if only by saying that the policy could not be evaluated there.

    Values that were unknown are known once a part is done. A finding that is gone is one of them, or was mended.
    """
    return any(
        finding == one
        or (
            one.level is PolicyLevel.NOT_EVALUATED
            and (one.pack, one.policy, one.urn) == (finding.pack, finding.policy, finding.urn)
        )
        for one in approved.findings
    )


def _left_out(approved: Plan, fresh: Plan) -> Iterator[str]:
    """Approved creations and deletions that are neither done nor left to do: the program has changed its mind."""
    still = {change.urn for change in fresh.changes}
    for change in approved.changes:
        is_there = change.urn in fresh.start.resources
        undone = is_there if change.operation is Operation.DELETE else not is_there
        if change.urn not in still and undone and change.operation in (Operation.CREATE, Operation.DELETE):
            yield f"{change.operation.value} {change.name}, which was approved, is neither done nor left to do"


def _renamed(plan: Plan) -> set[str]:
    """The URNs that resources have until the plan's aliases rename them."""
    return {str(item.old) for change in plan.changes for item in change.properties if item.path == "(urn)"}


def _was_made(urn: str, approved: Plan, fresh: Plan) -> bool:
    """Whether the apply has made it, whole: an approval is for making it once."""
    return urn in fresh.start.resources.keys() - approved.start.resources.keys() - set(fresh.start.unfinished)


def _written_anew(approved: Plan) -> set[str]:
    """The URNs that our own run writes otherwise in the state although it changes nothing of them.

    What the fresh plan would change of them, or make of them anew, is compared with what was approved all the same.
    """
    return {*approved.start.rewritten, *approved.start.unfinished} & approved.start.resources.keys()


def _is_deleted_as_approved(change: ResourceChange, approved: Plan, fresh: Plan) -> bool:
    """Whether what is left to be deleted is what was to be: as it was, or the old copy of that."""
    if change.properties != (OLD_COPY,):
        return not _moved(change.urn, approved, fresh)
    old = plans.old_copy_of(change.urn)
    before = {approved.start.resources.get(urn) for urn in (change.urn, old)} - {None}
    return change.urn in approved.start.rewritten or fresh.start.resources.get(old) in before


def _moved(urn: str, approved: Plan, fresh: Plan) -> bool:
    return approved.start.resources.get(urn) != fresh.start.resources.get(urn)


def _continues(approved: ResourceChange, fresh: ResourceChange, unfinished: bool) -> bool:
    if fresh.operation is Operation.DELETE and fresh.properties == (OLD_COPY,):
        return approved.operation is Operation.REPLACE or approved.properties == (OLD_COPY,)
    same_kind = approved.operation is fresh.operation
    # A resource created or replaced half-way is in the state, unfinished: what is left of its creation is an update.
    finishes = fresh.operation is Operation.UPDATE and approved.operation in (Operation.CREATE, Operation.REPLACE)
    if not (same_kind or finishes):
        return False
    wanted = {change.path: change for change in approved.properties}
    if fresh.operation is Operation.CREATE and _missing(approved, fresh):
        return False
    if finishes and unfinished:
        return all(_is_of(approved, change) for change in fresh.properties)
    return all(_same_target(wanted.get(change.path), change, strict=same_kind) for change in fresh.properties)


def _is_of(approved: ResourceChange, fresh: PropertyChange) -> bool:
    """Whether what an update of a half-made resource sets is what its creation was to set, or a part of that."""
    return fresh.kind is not PropertyKind.DELETE and any(
        fresh.path == path and _matches(value, fresh.new)
        for one in approved.properties
        if fresh.path.startswith(one.path)
        for path, value in values.parts(one.new, one.path)
    )


def _missing(approved: ResourceChange, fresh: ResourceChange) -> bool:
    """Whether a creation lacks something that was approved: nothing of it is done yet, so all of it must be left.

    A value that was unknown may have turned out to be none.
    """
    left = {change.path for change in fresh.properties}
    return any(one.path not in left and not isinstance(one.new, UnknownValue) for one in approved.properties)


def _same_target(approved: PropertyChange | None, fresh: PropertyChange, *, strict: bool) -> bool:
    if approved is None or (fresh.old is not None and fresh.old != approved.old):
        return False
    return _matches(approved.new, fresh.new) and (not strict or approved.kind is fresh.kind)


def _matches(approved: PropertyValue, fresh: PropertyValue) -> bool:
    if isinstance(approved, UnknownValue):
        return True
    if isinstance(approved, dict) and isinstance(fresh, dict):
        return approved.keys() == fresh.keys() and all(_matches(approved[key], fresh[key]) for key in approved)
    if isinstance(approved, list) and isinstance(fresh, list):
        return len(approved) == len(fresh) and all(map(_matches, approved, fresh))
    return bool(type(approved) is type(fresh) and approved == fresh)
