"""Pulumi's documents: the deployment that is a stack's state, and the plan that a preview saves. Pure.

They are read into the start state, the inputs and the options that a plan is made of, and written for a backend in
which other stacks have the outputs that are proposed for them.
"""

from collections.abc import Mapping
from typing import Any

from gitops.adapters.pulumi import options, property_values
from gitops.flow.plans import values
from gitops.flow.plans.downstream import REFERENCE_TYPE
from gitops.flow.plans.plan import old_copy_of, state_digest
from gitops.model import (
    PropertyValue,
    Stack,
    StartState,
    UnknownValue,
)
from gitops.model.urn import STACK_TYPE, Urn

_VALUES = frozenset({"inputs", "outputs"})
_DEFAULTS: tuple[Any, ...] = (None, False, "", [], {})

# What the engine notes about a resource that says nothing about infrastructure, and where it is with a replacement: the
# one note is told by the entry's key, from the other a change follows in each preview.
_NOISE = frozenset({"created", "modified", "sourcePosition", "stackTrace", "delete", "pendingReplacement"})


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
        found.setdefault(key, []).append(values.digest(property_values.read(content_of(resource), secret_digests)))
    # Several of one key are in no order.
    resources = {key: many[0] if len(many) == 1 else values.digest(sorted(many)) for key, many in found.items()}
    pending = tuple(str(operation.get("resource", {}).get("urn", "")) for operation in pending_operations(deployment))
    unfinished = tuple(str(one.get("urn", "")) for one in resources_of(deployment) if one.get("initErrors"))
    return StartState(state_digest(resources, pending), resources, pending, unfinished, tuple(sorted(rewritten)))


def content_of(resource: Mapping[str, Any]) -> dict[str, Any]:
    """What counts of a resource in a state: all that is there, without noise, and whatever way it is written."""
    ignored = _NOISE | {"outputs"} if _is_read_anew(resource) else _NOISE
    found = {key: _as_set(key, value) for key, value in resource.items() if key not in ignored}
    # An option at its default is absent, null or empty, as the engine happened to write it.
    return {key: value for key, value in found.items() if key in _VALUES or value not in _DEFAULTS}


def _is_read_anew(resource: Mapping[str, Any]) -> bool:
    """Whether a run replaces the outputs in the state by what its provider reads, before it decides anything."""
    return bool(resource.get("custom")) and resource.get("type") != STACK_TYPE


def resources_of(deployment: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The resources in a deployment document."""
    return list((deployment.get("deployment") or {}).get("resources") or [])


def stack_outputs(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs of the stack, as the state has them."""
    roots = (one for one in resources_of(deployment) if one.get("type") == STACK_TYPE)
    return dict(next((one.get("outputs") or {} for one in roots), {}))


def pending_operations(deployment: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The operations that were running when the last update was killed."""
    return list((deployment.get("deployment") or {}).get("pending_operations") or [])


def inputs_in_state(deployment: Mapping[str, Any], secret_digests: Mapping[str, str]) -> dict[str, PropertyValue]:
    """URN → inputs (of the stack itself: outputs), secrets digested, of every live resource in the state."""
    return {
        str(resource["urn"]): property_values.read(resource.get(_contract(resource)) or {}, secret_digests)
        for resource in _live(deployment)
    }


def inputs_in_saved_plan(saved_plan: Mapping[str, Any], secret_digests: Mapping[str, str]) -> dict[str, PropertyValue]:
    """URN → the inputs (of the stack itself: outputs) that a saved Pulumi plan adds or updates, secrets digested."""
    goals: dict[str, PropertyValue] = {}
    for urn, resource in (saved_plan.get("resourcePlans") or {}).items():
        goal = resource.get("goal") or {}
        difference = goal.get("outputDiff" if _contract(goal) == "outputs" else "inputDiff") or {}
        asked = {**(difference.get("adds") or {}), **(difference.get("updates") or {})}
        goals[urn] = property_values.read(asked, secret_digests)
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


ORGANIZATION = "organization"
"""What every stack's full name begins with on a backend that is a bucket or a folder."""


def unknown_outputs(outputs: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The names of the outputs that are unknown, whole or in part, in outputs as the engine writes them."""
    read = property_values.read(outputs or {}, {})
    return tuple(
        name for name in sorted(read) if any(isinstance(leaf, UnknownValue) for leaf in values.leaves(read[name]))
    )


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
        "urn": str(Urn(stack.name, stack.project, (), STACK_TYPE, f"{stack.project}-{stack.name}")),
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
