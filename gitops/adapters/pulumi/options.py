"""Resource options: what a program asks of the engine beyond a resource's inputs, and how that differs from the state.

Every field of a resource that the engine keeps counts, also one that a later release adds, except for those named
below. The preview's side comes from `pulumi preview --json --show-sames`: the saved plan's `goal` lacks several of them
(`deletedWith`, `replaceOnChanges`, hooks; `sdk/go/common/apitype/plan.go` against `ResourceV3` in `core.go`).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gitops.adapters.pulumi import property_values
from gitops.flow.plans import values
from gitops.model import PropertyChange, PropertyKind, PropertyValue

Options = Mapping[str, PropertyValue]

# Fields that are no options, or that a change shows elsewhere.
_NO_OPTIONS = frozenset(
    {
        *("urn", "type", "custom", "id", "inputs", "outputs", "provider"),  # what the resource is
        *("parent", "protect", "retainOnDelete"),  # told by the events
        *("delete", "external", "initErrors", "pendingReplacement", "taint", "viewOf"),  # where the engine is with it
        *("dependencies", "propertyDependencies"),  # the order of the work, which follows from inputs
        *("created", "modified", "sourcePosition", "stackTrace", "snippetID"),  # when and from which line
        *("refreshBeforeUpdate", "extensionRef"),  # a provider's own
        "aliases",  # matter only where they match: then the URN moves, which is told
        "importID",  # matters only for an import, which is an operation
        "hideDiff",  # what Pulumi's display shows; ours shows it all
    }
)
_SETS = frozenset({"additionalSecretOutputs", "ignoreChanges", "replaceOnChanges", "replaceWith"})
# Steps whose "new" is not what the program asks for.
_NOT_ASKED = frozenset({"refresh", "delete", "delete-replaced", "discard", "discard-replaced", "read-discard"})


def of_resource(resource: Mapping[str, Any], digests: Mapping[str, str]) -> dict[str, PropertyValue]:
    """Option → value of one serialised resource; options at their default are absent."""
    return {
        f"({_words(key)})": sorted(map(str, value)) if key in _SETS else property_values.read(value, digests)
        for key, value in resource.items()
        if key not in _NO_OPTIONS and value
    }


def asked(preview: Mapping[str, Any]) -> dict[str, Options]:
    """URN → the options that a program asks for, from the document of `pulumi preview --json --show-sames`."""
    found: dict[str, Options] = {}
    for step in preview.get("steps") or ():
        state = step.get("newState")
        if state and step.get("op") not in _NOT_ASKED:
            found[str(step["urn"])] = of_resource(state, {})
    return found


def difference(before: Options, after: Options) -> Iterator[PropertyChange]:
    """The options that differ, in the order of their names."""
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if name not in before:
            yield PropertyChange(name, PropertyKind.ADD, new=new)
        elif name not in after:
            yield PropertyChange(name, PropertyKind.DELETE, old=old)
        elif any(values.difference(old, new)):
            yield PropertyChange(name, PropertyKind.UPDATE, old=old, new=new)


def _words(key: str) -> str:
    """`ignoreChanges` → `ignore changes`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", key).lower()
