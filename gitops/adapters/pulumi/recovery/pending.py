"""What a killed update left pending, and the state document that tells the truth about it. Pure.

The engine notes each operation in the state before it starts, and takes the note away when it has recorded the
result. A killed update leaves notes: of things that were made but not recorded, and of things never made. For each
note this module says where to look, builds a small document to look with (a probe: the resource alone, with the id
it would have), and merges the answers into the state. Asking the provider is the adapter's part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gitops.adapters.pulumi import deployments
from gitops.adapters.pulumi.recovery.whereabouts import (
    RULES,
    ByTags,
    KnownId,
    Nothing,
    Rules,
    Unknowable,
    Whereabouts,
    whereabouts,
)
from gitops.model.urn import PROVIDER_TYPE, name_in

_LINKS = ("parent", "dependencies", "propertyDependencies", "deletedWith", "replaceWith", "viewOf")
# What keeps the engine from reading a resource anew, or from saying that it is gone.
_MARKS = ("delete", "pendingReplacement", "protect", "retainOnDelete", "external", "taint")
_MANAGER = "pulumi-kubernetes"
_OWN_TAG = "gitops:"
_CUT_SHORT = "its creation was cut short"

Resource = Mapping[str, Any]


class Kind(StrEnum):
    """What the engine was doing (`sdk/go/common/apitype/core.go`, OperationType)."""

    CREATING = "creating"
    UPDATING = "updating"
    DELETING = "deleting"
    READING = "reading"
    IMPORTING = "importing"


@dataclass(frozen=True, slots=True)
class Pending:
    """One operation that was running. `resource` is the engine's note; for an update it holds the wanted inputs."""

    kind: Kind
    resource: Resource

    @property
    def urn(self) -> str:
        """Whose operation it is."""
        return str(self.resource["urn"])

    @property
    def type(self) -> str:
        """The resource's type token."""
        return str(self.resource["type"])

    @property
    def title(self) -> str:
        """How people name it: `ConfigMap settings`."""
        return f"{self.type.rsplit(':', 1)[-1]} {name_in(self.urn)}"

    @property
    def id(self) -> str:
        """The id, where the engine knew it already."""
        return str(self.resource.get("id") or "")


@dataclass(frozen=True, slots=True)
class Probe:
    """One question to a provider: what is `resource`, under the id it carries?"""

    pending: Pending
    resource: Resource


# What a provider answered: the resource as it is, or None where it does not exist.
Answer = tuple[Probe, Resource | None]


@dataclass(frozen=True, slots=True)
class Settled:
    """The state with nothing pending, a sentence for each operation, and why some of them cannot be settled."""

    document: Mapping[str, Any]
    told: tuple[str, ...]
    refusals: tuple[str, ...]


def pending(deployment: Mapping[str, Any]) -> tuple[Pending, ...]:
    """The operations that a killed update left. Raises ValueError for a kind this release does not know."""
    return tuple(
        Pending(Kind(operation["type"]), operation["resource"])
        for operation in deployments.pending_operations(deployment)
    )


def where(one: Pending, deployment: Mapping[str, Any], rules: Rules = RULES) -> Whereabouts:
    """Where to look for what a pending operation may have left."""
    recorded = _recorded(one, deployment)
    if one.kind is Kind.UPDATING and not one.id and _is_known(one, deployment):
        # The engine notes an update without the id. As far as it went, the refresh of the next preview finds it.
        return Nothing("the next preview reads it anew")
    if one.kind in (Kind.UPDATING, Kind.DELETING):
        return KnownId((str(recorded["id"]),)) if recorded else Nothing("it is not in the state any more")
    if one.kind in (Kind.READING, Kind.IMPORTING):
        return Nothing("it only reads; it is done again")
    if not one.resource.get("custom") or one.type.startswith(PROVIDER_TYPE):
        return Nothing("it exists in the state only; it is made again")
    if recorded:
        return Nothing("it is recorded already")
    if one.id:
        return KnownId((one.id,))
    if one.urn in rules.told:
        return (
            KnownId((rules.told[one.urn],)) if rules.told[one.urn] else Nothing("somebody looked, and it is not there")
        )
    return whereabouts(one.type, one.resource.get("inputs") or {}, rules)


def probes(one: Pending, ids: Sequence[str], deployment: Mapping[str, Any]) -> tuple[Probe, ...]:
    """A question for each id under which the resource may exist; ids that the state knows as others' are left out."""
    recorded = _recorded(one, deployment)
    if one.kind is not Kind.CREATING and recorded:
        return (Probe(one, recorded),)
    entries = (r for r in deployments.resources_of(deployment) if r.get("type") == one.type)
    # What awaits its replacement is deleted: under its id there can be the replacement only.
    known = {str(r.get("id")) for r in entries if not r.get("pendingReplacement")}
    return tuple(Probe(one, {**one.resource, "id": id_}) for id_ in ids if id_ not in known)


def rounds(questions: Sequence[Probe]) -> tuple[tuple[Probe, ...], ...]:
    """The questions in as few documents as possible: a document holds a URN once."""
    found: list[dict[str, Probe]] = []
    for probe in questions:
        free = next((one for one in found if probe.pending.urn not in one), None)
        if free is None:
            free = {}
            found.append(free)
        free[probe.pending.urn] = probe
    return tuple(tuple(one.values()) for one in found)


def probe_document(deployment: Mapping[str, Any], questions: Sequence[Probe]) -> dict[str, Any]:
    """A deployment of the providers and the probed resources only, so that a refresh of all of it touches no other."""
    providers = [
        {key: value for key, value in resource.items() if key not in (*_LINKS, *_MARKS)}
        for resource in deployments.resources_of(deployment)
        if str(resource.get("type")).startswith(PROVIDER_TYPE) and not resource.get("delete")
    ]
    asked = [
        {key: value for key, value in probe.resource.items() if key not in (*_LINKS, *_MARKS)} for probe in questions
    ]
    return _with_resources(deployment, [*providers, *asked])


def answers(questions: Sequence[Probe], refreshed: Mapping[str, Any]) -> tuple[Answer, ...]:
    """What the refreshed probe document says to each question."""
    found = {str(resource["urn"]): resource for resource in deployments.resources_of(refreshed)}
    return tuple((probe, found.get(probe.pending.urn)) for probe in questions)


def settle(
    deployment: Mapping[str, Any], nothing: Sequence[tuple[Pending, str]], answered: Sequence[Answer]
) -> Settled:
    """Merge the answers into the state. With refusals, the document is not to be used."""
    resources: list[dict[str, Any]] = deployments.resources_of(deployment)
    told = [f"the pending {_noun(one)} of {one.title} is dropped: {why}" for one, why in nothing]
    refusals = []
    by_operation: dict[int, list[Answer]] = {}
    for answer in answered:
        by_operation.setdefault(id(answer[0].pending), []).append(answer)
    for group in by_operation.values():
        one = group[0][0].pending
        existing = [(probe, state) for probe, state in group if state is not None]
        if one.kind is not Kind.CREATING:
            resources, sentence = _merged(resources, group[0])
            told.append(sentence)
        elif not existing:
            told.append(f"{one.title} had not been created; its pending create is dropped")
        elif len(existing) > 1:
            found = ", ".join(sorted(str(state["id"]) for _, state in existing))
            refusals.append(f"{one.title} ({one.urn}) exists more than once: {found}; delete all but one")
        elif whose := _somebody_elses(one, existing[0][1]):
            refusals.append(f"{existing[0][1]['id']} exists, but was not made for {one.urn}: {whose}")
        else:
            resources = _adopted(resources, one, existing[0][1])
            told.append(f"{one.title} had been created without being recorded; adopted as {existing[0][1]['id']}")
    return Settled(_with_resources(deployment, resources), tuple(told), tuple(refusals))


def _noun(one: Pending) -> str:
    return {"creating": "create", "updating": "update", "deleting": "delete", "reading": "read"}.get(one.kind, "import")


def _is_known(one: Pending, deployment: Mapping[str, Any]) -> bool:
    return any(resource.get("urn") == one.urn for resource in deployments.resources_of(deployment))


def _recorded(one: Pending, deployment: Mapping[str, Any]) -> Resource | None:
    """The state's entry that the operation works on; of several with its URN, the one with its id."""
    entries = [r for r in deployments.resources_of(deployment) if r.get("urn") == one.urn]
    return next((r for r in entries if r.get("id") and r.get("id") == one.id), None)


def _merged(resources: Sequence[dict[str, Any]], answer: Answer) -> tuple[list[dict[str, Any]], str]:
    """The truth about an update or a delete that may have happened, half-happened or not."""
    probe, state = answer
    one = probe.pending
    at = next(i for i, r in enumerate(resources) if r.get("urn") == one.urn and r.get("id") == probe.resource["id"])
    if state is None:
        others = any(r.get("urn") == one.urn for i, r in enumerate(resources) if i != at)
        if one.kind is Kind.DELETING and not others:
            # As the engine would have noted it: whether the resource is to be made anew is for the next plan to say.
            noted = {**resources[at], "pendingReplacement": True}
            return [*resources[:at], noted, *resources[at + 1 :]], f"{one.title} is gone, as its delete was to make it"
        kept = [r if others else _without(r, one.urn) for i, r in enumerate(resources) if i != at]
        return kept, f"{one.title} is gone; its pending {_noun(one)} is dropped"
    old = {key: value for key, value in resources[at].items() if key != "outputs"}
    merged = {**old, **{key: state[key] for key in ("id", "inputs", "outputs", "modified") if key in state}}
    sentence = f"{one.title} was read anew, because its {_noun(one)} was cut short"
    return [*resources[:at], merged, *resources[at + 1 :]], sentence


def _without(resource: dict[str, Any], urn: str) -> dict[str, Any]:
    """The resource without its dependencies on one that is gone."""
    if urn not in (resource.get("dependencies") or ()) and resource.get("deletedWith") != urn:
        return resource
    kept = {**resource, "dependencies": [d for d in resource.get("dependencies") or () if d != urn]}
    by_property = resource.get("propertyDependencies") or {}
    kept["propertyDependencies"] = {name: [d for d in ds or () if d != urn] for name, ds in by_property.items()}
    if kept.get("deletedWith") == urn:
        del kept["deletedWith"]
    return kept


def _adopted(resources: Sequence[dict[str, Any]], one: Pending, state: Resource) -> list[dict[str, Any]]:
    """The state as the engine would have written it, had it lived to record the create.

    The inputs are those of the create, and not those that the provider derives from what it reads: with the latter,
    the next preview would show changes where nobody changed anything. What really differs shows in the outputs.
    """
    outputs = {key: state[key] for key in ("id", "outputs", "created", "modified") if key in state}
    # As after a creation that failed half-way: what it lacks is for the next update to do.
    new = {**one.resource, **outputs, "initErrors": [*(state.get("initErrors") or ()), _CUT_SHORT]}
    manager = _manager(state)
    if one.type.startswith("aws:"):
        # What AWS does not give back (a deletion window, a password) the create would have recorded from the inputs.
        given = {key: value for key, value in (one.resource.get("inputs") or {}).items() if key != "__defaults"}
        read = {key: value for key, value in (state.get("outputs") or {}).items() if value is not None}
        new["outputs"] = {**(state.get("outputs") or {}), **given, **read}
    if manager:
        # The provider gives an object it reads without history a new field manager, and the next update would
        # collide with the one that created it.
        new["outputs"] = {**new["outputs"], "__fieldManager": manager}
    kept: list[dict[str, Any]] = []
    at = None
    for resource in resources:
        if resource.get("urn") != one.urn:
            kept.append(resource)
            continue
        # A replacement: the new one stands before the old one, which is deleted by the next update.
        at = len(kept) if at is None else at
        if not resource.get("pendingReplacement"):
            kept.append({**resource, "delete": True})
    at = len(kept) if at is None else at
    return [*kept[:at], new, *kept[at:]]


def _manager(state: Resource) -> str:
    """Which field manager of Pulumi's Kubernetes provider applied the object; "" for other resources."""
    if not str(state.get("type")).startswith("kubernetes:"):
        return ""
    fields = ((state.get("outputs") or {}).get("metadata") or {}).get("managedFields") or ()
    named = [str(entry.get("manager")) for entry in fields if isinstance(entry, Mapping)]
    return next((name for name in named if name.startswith(_MANAGER)), "")


def _somebody_elses(one: Pending, state: Resource) -> str:
    """Why what was found under the expected name cannot be ours; "" where nothing speaks against it."""
    outputs = state.get("outputs") or {}
    metadata = outputs.get("metadata")
    if one.type.startswith("kubernetes:") and isinstance(metadata, Mapping) and "managedFields" in metadata:
        return "" if _manager(state) else "Pulumi never wrote to it"
    wanted, live = (one.resource.get("inputs") or {}).get("tags"), outputs.get("tags")
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        for key, value in live.items():
            if key.startswith(_OWN_TAG) and key in wanted and wanted[key] != value:
                return f"its tag {key} is {value}"
    return ""


def _with_resources(deployment: Mapping[str, Any], resources: Sequence[Resource]) -> dict[str, Any]:
    inner = {key: value for key, value in deployment["deployment"].items() if key != "pending_operations"}
    return {**deployment, "deployment": {**inner, "resources": list(resources)}}


__all__ = [
    "Answer",
    "ByTags",
    "Kind",
    "KnownId",
    "Nothing",
    "Pending",
    "Probe",
    "Rules",
    "Settled",
    "Unknowable",
    "answers",
    "pending",
    "probe_document",
    "probes",
    "rounds",
    "settle",
    "where",
]
