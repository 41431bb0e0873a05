"""How much a change asks of a reviewer, and the order that follows."""

from collections.abc import Iterable
from enum import IntEnum

from gitops.model.preview import Operation, ResourceChange


class Weight(IntEnum):
    """How much a change asks of a reviewer; views list changes in this order."""

    DESTROYS = 0
    UNKNOWN = 1
    CHANGES = 2
    CREATES = 3
    BOOKKEEPING = 4


def weight_of(change: ResourceChange) -> Weight:
    """How much this change asks of a reviewer."""
    if change.operation.destroys:
        return Weight.DESTROYS
    if change.operation is Operation.UNKNOWN:
        return Weight.UNKNOWN
    if change.operation in (Operation.READ, Operation.REFRESH, Operation.DISCARD):
        return Weight.BOOKKEEPING
    if change.operation is Operation.UPDATE and _is_provider_upgrade(change):
        return Weight.BOOKKEEPING
    return Weight.CREATES if change.operation is Operation.CREATE else Weight.CHANGES


def _is_provider_upgrade(change: ResourceChange) -> bool:
    """An update without a property is how a moved provider shows on its resources; on the provider it is `version`."""
    if change.type.startswith("pulumi:providers:"):
        return all(item.path in ("version", "pluginDownloadURL") for item in change.properties)
    return not change.properties


def by_weight(changes: Iterable[ResourceChange]) -> tuple[ResourceChange, ...]:
    """The changes as a reviewer wants them: what destroys first, then by type and name."""
    return tuple(sorted(changes, key=lambda change: (weight_of(change), change.operation, change.type, change.urn)))
