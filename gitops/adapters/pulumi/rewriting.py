"""What an engine run writes into the state of resources that it does not change. Pure.

Before it does anything, a run writes the whole state as its refresh found it; each resource that the program registers
it then writes as the program says, also where nothing follows from that: another order of the work, a value that is
only spelled otherwise, the outputs of a component. A run that is cut short has done so with some of them, and whoever
compares the state with the one before must not take that for somebody else's work.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gitops.adapters.pulumi import property_values
from gitops.adapters.pulumi.deployments import content_of, resources_of
from gitops.flow.plans import values
from gitops.model import SecretValue
from gitops.model.urn import STACK_TYPE

if TYPE_CHECKING:
    from pulumi.automation.events import EngineEvent, StepEventMetadata

_LINKS = ("parent", "deletedWith")
_LISTS_OF_LINKS = ("dependencies", "replaceWith")


def rewritten(
    deployment: Mapping[str, Any], events: Iterable["EngineEvent"], document: Mapping[str, Any]
) -> frozenset[str]:
    """The URNs of what an apply writes otherwise without a change, by a preview's state, events and JSON document.

    The document is that of `pulumi preview --json --show-sames`. It may be some more: a secret shows neither in events
    nor in the document.
    """
    told = [event.res_outputs_event.metadata for event in events if event.res_outputs_event]
    # Of a component twice: when it is registered, and when it gives its outputs. The last one counts.
    steps = {(step.urn, step.op.value): step for step in told}.values()
    gone = frozenset(step.urn for step in steps if step.op.value == "refresh" and step.new is None)
    found = {step.urn for step in steps if step.urn in gone or _is_read_otherwise(step) or _gives_otherwise(step)}
    found.update(_registered_otherwise(document))
    found.update(str(one["urn"]) for one in resources_of(deployment) if gone.intersection(_links(one)))
    return frozenset(found)


def _is_read_otherwise(step: "StepEventMetadata") -> bool:
    if step.op.value != "refresh" or step.old is None or step.new is None:
        return False
    return bool(step.diffs) or (step.old.id, step.old.inputs) != (step.new.id, step.new.inputs)


def _gives_otherwise(step: "StepEventMetadata") -> bool:
    """Whether a component gives other outputs, or secret ones, of which nobody knows. A stack's own are changes."""
    if step.op.value != "same" or step.old is None or step.new is None or step.new.custom or step.type == STACK_TYPE:
        return False
    before, after = (property_values.read(one.outputs or {}, {}) for one in (step.old, step.new))
    return before != after or any(isinstance(leaf, SecretValue) for leaf in values.leaves(after))


def _registered_otherwise(document: Mapping[str, Any]) -> Iterator[str]:
    for step in document.get("steps") or ():
        old, new = step.get("oldState"), step.get("newState")
        if step.get("op") == "same" and old and new and _asked(old) != _asked(new):
            yield str(step["urn"])


def _asked(resource: Mapping[str, Any]) -> dict[str, Any]:
    """What counts of a resource, but for what a step `same` keeps: the program asks for neither."""
    return {key: value for key, value in content_of(resource).items() if key not in ("id", "outputs")}


def _links(resource: Mapping[str, Any]) -> Iterator[str]:
    """The URNs that a resource in the state speaks of, which a refresh takes out where they are gone."""
    yield from (str(resource[name]) for name in _LINKS if resource.get(name))
    for name in _LISTS_OF_LINKS:
        yield from map(str, resource.get(name) or ())
    for urns in (resource.get("propertyDependencies") or {}).values():
        yield from map(str, urns or ())
