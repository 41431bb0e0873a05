"""Downstream: what follows in the stacks that read another's outputs, once that one's plan was applied.

What is said of them here is no plan: it starts from outputs that nobody has made yet. It is never recorded, cannot be
approved, and no gate asks for it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from gitops.flow.plans import values
from gitops.flow.plans.plan import STACK_TYPE, resources_of, unpacked
from gitops.model import Operation, PolicyFinding, PropertyChange, ResourceChange, Stack, UnknownValue

OUTPUTS = "outputs."
"""How the path of a stack's output begins, among the properties of the stack's own change."""

REFERENCE_TYPE = "pulumi:pulumi:StackReference"
ORGANIZATION = "organization"
"""What every stack's full name begins with on a backend that is a bucket or a folder."""


@dataclass(frozen=True, slots=True)
class Downstream:
    """What follows in one stack when it is looked at with the outputs that others would have by then.

    `reads` are those others, directly. `unknown` names those of their outputs that only their apply tells. `untold`
    is why nothing can be told of the stack, in lines without secrets; empty where `changes` and `findings` tell it.
    """

    stack: Stack
    reads: tuple[Stack, ...]
    changes: tuple[ResourceChange, ...] = ()
    findings: tuple[PolicyFinding, ...] = ()
    unknown: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()

    @property
    def unknown_values(self) -> int:
        """How many values of its changes only an apply before it tells."""
        found = (item for change in self.changes for item in change.properties)
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


def unknown_outputs(outputs: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The names of the outputs that are unknown, whole or in part, in outputs as the engine writes them."""
    read = values.read(outputs or {}, {})
    return tuple(
        name for name in sorted(read) if any(isinstance(leaf, UnknownValue) for leaf in values.leaves(read[name]))
    )


def hangs_on_unknown(change: ResourceChange) -> bool:
    """Whether it is unknown values alone that make this a change, so that it may come out as none.

    A replacement hangs on them where each property that forces it does. A deletion does not: there is no value.
    """
    forcing = [item for item in change.properties if item.replaces]
    deciding = forcing or list(change.properties)
    if change.operation not in (Operation.UPDATE, Operation.REPLACE) or not deciding:
        return False
    return all(any(isinstance(leaf, UnknownValue) for leaf in values.leaves(item.new)) for item in deciding)


def full_name(stack: Stack) -> str:
    """The stack's name as a StackReference gives it."""
    return f"{ORGANIZATION}/{stack.label}"


def referenced(deployment: Mapping[str, Any]) -> frozenset[str]:
    """The full names of the stacks whose outputs were read when this deployment document was written."""
    names = (
        str((resource.get("inputs") or {}).get("name", ""))
        for resource in resources_of(deployment)
        if resource.get("type") == REFERENCE_TYPE
    )
    return frozenset(name for name in names if name.count("/") == 2)


def outputs_only(stack: Stack, outputs: Mapping[str, Any], provider: Mapping[str, Any] | None) -> dict[str, Any]:
    """A deployment document of a stack that has these outputs and nothing else; `provider` decrypts their secrets."""
    root = {
        "urn": f"urn:pulumi:{stack.name}::{stack.project}::{STACK_TYPE}::{stack.project}-{stack.name}",
        "custom": False,
        "type": STACK_TYPE,
        "outputs": dict(outputs),
    }
    made: dict[str, Any] = {
        "manifest": {"time": "0001-01-01T00:00:00Z", "magic": "", "version": ""},
        "resources": [root],
    }
    return {"version": 3, "deployment": {**made, "secrets_providers": dict(provider)} if provider else made}


def checkpoint(stack_name: str, deployment: Mapping[str, Any]) -> dict[str, Any]:
    """A deployment document as a backend that is a folder keeps it; {} is a stack that was never deployed."""
    rest = {key: value for key, value in deployment.items() if key != "deployment"}
    return {"version": 3, **rest, "checkpoint": {"stack": stack_name, "latest": deployment.get("deployment")}}


def secrets_provider(settings: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """With what a stack's settings file says its secrets are encrypted, as a deployment has it; None: it is mute."""
    if key := settings.get("encryptedkey"):
        return {"type": "cloud", "state": {"url": settings.get("secretsprovider", ""), "encryptedkey": key}}
    if salt := settings.get("encryptionsalt"):
        return {"type": "passphrase", "state": {"salt": salt}}
    return None


def secrets_provider_in(deployment: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """With what the secrets of a deployment document are encrypted."""
    return (deployment.get("deployment") or {}).get("secrets_providers") or None
