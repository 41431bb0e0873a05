"""The resources of a stack as a graph, from the documents that a preview reads anyway."""

from collections.abc import Iterable, Mapping
from typing import Any

from gitops.adapters.pulumi.deployments import resources_of
from gitops.model import ResourceGraph, ResourceNode
from gitops.model.urn import name_in, provider_of


def read(deployment: Mapping[str, Any], saved_plan: Mapping[str, Any]) -> ResourceGraph:
    """The resources of a Pulumi deployment document, and of a saved plan, which is right where both know one.

    The state alone has what will be deleted, the plan alone what will be created. What a resource needs are the
    resources whose outputs it takes, those it waits for, and an explicit provider.
    """
    found = {str(one["urn"]): one for one in resources_of(deployment) if not one.get("delete")}
    for urn, planned in (saved_plan.get("resourcePlans") or {}).items():
        if planned.get("goal"):
            found[urn] = planned["goal"]
    return ResourceGraph(tuple(_node(urn, found[urn]) for urn in sorted(found)))


def _node(urn: str, resource: Mapping[str, Any]) -> ResourceNode:
    needs = {*map(str, resource.get("dependencies") or ()), *_provider(str(resource.get("provider") or ""))}
    for urns in (resource.get("propertyDependencies") or {}).values():
        needs.update(map(str, urns or ()))
    return ResourceNode(urn, str(resource.get("parent") or ""), tuple(sorted(needs - {urn})))


def _provider(reference: str) -> Iterable[str]:
    """The URN in a reference `<urn>::<id>`; none for the default provider, which the program does not speak of."""
    urn, _ = provider_of(reference)
    name = name_in(urn)
    return (urn,) if urn and name != "default" and not name.startswith("default_") else ()
