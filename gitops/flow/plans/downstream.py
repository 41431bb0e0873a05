"""Downstream: what follows in the stacks that read another's outputs, once that one's plan was applied.

What is said of them here is no plan: it starts from outputs that nobody has made yet. It is never recorded, cannot be
approved, and no gate asks for it.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from gitops.flow.plans import values
from gitops.flow.plans.plan import unpacked
from gitops.model import Downstream, Operation, PropertyChange, ResourceChange, Stack, UnknownValue
from gitops.model.urn import STACK_TYPE

OUTPUTS = "outputs."
"""How the path of a stack's output begins, among the properties of the stack's own change."""

REFERENCE_TYPE = "pulumi:pulumi:StackReference"


def unknown_values(one: Downstream) -> int:
    """How many values of its changes only an apply before it tells."""
    found = (item for change in one.changes for item in change.properties)
    return sum(1 for item in found for _ in values.unknown_paths(item.new))


def from_body(body: Mapping[str, Any]) -> Downstream:
    """What `values.pack` made of one. Raises msgspec.ValidationError, TypeError, AttributeError or KeyError."""
    return msgspec.convert({**body, "changes": [unpacked(one) for one in body["changes"]]}, Downstream)


def moved(changes: Iterable[ResourceChange]) -> tuple[PropertyChange, ...]:
    """The outputs of a stack that would be others than in its state, by the changes of its preview."""
    return tuple(
        item
        for change in changes
        if change.type == STACK_TYPE
        for item in change.properties
        if item.path.startswith(OUTPUTS)
    )


def without_references(changes: Iterable[ResourceChange]) -> tuple[ResourceChange, ...]:
    """The changes without the reading of other stacks, which the engine counts as one each time."""
    return tuple(change for change in changes if change.type != REFERENCE_TYPE)


def moves(changes: Iterable[ResourceChange]) -> bool:
    """Whether whoever reads the stack's outputs would find something else: other outputs, or a stack at last."""
    changes = tuple(changes)
    appears = any(one.type == STACK_TYPE and one.operation is Operation.CREATE for one in changes)
    return appears or bool(moved(changes))


def readers(stacks: Collection[Stack], upstream: Mapping[Stack, frozenset[Stack]]) -> frozenset[Stack]:
    """Every stack that reads outputs of one of these, directly or over others."""
    found: set[Stack] = set()
    left = set(stacks)
    while left:
        left = {stack for stack, read in upstream.items() if read & left} - found
        found |= left
    return frozenset(found)


def hangs_on_unknown(change: ResourceChange) -> bool:
    """Whether it is unknown values alone that make this a change, so that it may come out as none.

    A replacement hangs on them where each property that forces it does. A deletion does not: there is no value.
    """
    forcing = [item for item in change.properties if item.replaces]
    deciding = forcing or list(change.properties)
    if change.operation not in (Operation.UPDATE, Operation.REPLACE) or not deciding:
        return False
    return all(any(isinstance(leaf, UnknownValue) for leaf in values.leaves(item.new)) for item in deciding)
