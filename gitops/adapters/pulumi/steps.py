"""From one step of the engine to the change it makes to a resource, property by property."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gitops.adapters.pulumi import options, property_values
from gitops.errors import EngineFailed
from gitops.flow.plans import values
from gitops.flow.plans.deviations import OLD_COPY
from gitops.model import Drift, Operation, PropertyChange, PropertyKind, PropertyValue, ResourceChange, SecretValue
from gitops.model.urn import PROVIDER_TYPE, name_in, provider_of, type_in

if TYPE_CHECKING:
    from pulumi.automation.events import StepEventMetadata, StepEventStateMetadata

# The engine's step names (sdk/go/common/apitype/updates.go, `OpType`).
_OPERATIONS = {
    "create": Operation.CREATE,
    "update": Operation.UPDATE,
    "replace": Operation.REPLACE,
    "create-replacement": Operation.REPLACE,
    "delete": Operation.DELETE,
    "import": Operation.IMPORT,
    "import-replacement": Operation.REPLACE,
    "read": Operation.READ,
    "read-replacement": Operation.REPLACE,
    "discard": Operation.DISCARD,
    "read-discard": Operation.DISCARD,
    "remove-pending-replace": Operation.DELETE,
}
UNCHANGED = frozenset({"same", "refresh"})
DELETES_OLD_COPY = frozenset({"delete-replaced", "discard-replaced"})
# The end of a name that Pulumi or a provider chose: a separator and random hexadecimal digits (7 from providers bridged
# from Terraform, `pkg/tfbridge/names.go`; 8 from Kubernetes, `provider/pkg/metadata/naming.go`), and a queue's kind.
_CHOSEN_END = re.compile(r"[-_.]?[0-9a-f]{7,8}(\.fifo)?")
_AUTONAMED = "pulumi.com/autonamed"  # the Kubernetes provider's annotation on objects that it named
_PLUGIN_SHOWN = len("sha256:") + 12
AUTONAME = "(name chosen at apply)"


@dataclass(frozen=True, slots=True)
class Background:
    """What the events alone do not say; each maps URNs to what is known of that resource, secrets digested.

    `state` and `goals` are inputs (for the stack itself: its outputs): as they were before the run, and what it adds or
    updates. `given` and `given_before` name the inputs that the program itself gave, now and before: the rest was
    filled in by its provider. `had` and `asked` are options in the state and in the program (`asked` None: not known).
    `orders` are what a saved plan alone says: the id to import, whether a replacement deletes first. `drifted` are the
    inputs that the run's refresh found to be other than in the state. `plugins` maps packages, not URNs: which plugin
    it was, where the version does not say it.
    """

    state: Mapping[str, PropertyValue] = field(default_factory=dict)
    goals: Mapping[str, PropertyValue] = field(default_factory=dict)
    given: Mapping[str, frozenset[str]] = field(default_factory=dict)
    given_before: Mapping[str, frozenset[str]] = field(default_factory=dict)
    had: Mapping[str, options.Options] = field(default_factory=dict)
    asked: Mapping[str, options.Options] | None = None
    orders: Mapping[str, Mapping[str, PropertyValue]] = field(default_factory=dict)
    drifted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    plugins: Mapping[str, str] = field(default_factory=dict)


def change(step: "StepEventMetadata", background: Background) -> ResourceChange | None:
    """The change of one step; None for one that changes nothing. A step that we do not know is `Operation.UNKNOWN`."""
    name = step.op.value
    beyond = (*_metadata(step.old, step.new), *_options(step, background))
    if name in UNCHANGED:
        if not beyond or name == "refresh":
            return None
        operation = Operation.UPDATE
    else:
        operation = _OPERATIONS.get(name, Operation.UNKNOWN)
    state = step.new or step.old
    return ResourceChange(
        urn=step.urn,
        type=step.type,
        operation=operation,
        provider=(state.provider if state else "") or step.provider,
        properties=(*_inputs(step, operation, background), *beyond, *_orders(step, operation, background)),
        protected=bool(step.old and step.old.protect) or bool(step.new and step.new.protect),
    )


def deletion_of_old_copy(step: "StepEventMetadata") -> ResourceChange:
    """What a step does that deletes an old copy: it belongs to a replacement, of this run or of one cut short."""
    return ResourceChange(
        urn=step.urn,
        type=step.type,
        operation=Operation.DELETE,
        provider=(step.old.provider if step.old else "") or step.provider,
        properties=(OLD_COPY,),
        protected=bool(step.old and step.old.protect),
    )


def _inputs(step: "StepEventMetadata", operation: Operation, background: Background) -> tuple[PropertyChange, ...]:
    if operation in (Operation.DELETE, Operation.DISCARD):
        return ()
    goal = background.goals.get(step.urn, {})
    new_inputs = step.new.inputs if step.new else {}
    old = _as_it_is(step.old, step.old.urn or step.urn, background) if step.old else {}
    new = fill_rest(property_values.fill_secrets(property_values.read(new_inputs or {}, {}), goal, old), goal)
    given = background.given.get(step.urn)
    if operation is Operation.CREATE:
        old = {}
    if operation in (Operation.CREATE, Operation.REPLACE):
        new = _without_chosen_names(new, name_in(step.urn), given)
    # After a run that was cut short, the state does not name all that was given before.
    before = background.given_before.get(step.old.urn or step.urn) if step.old else None
    given_before = before if before is None or given is None else before | given
    replaces = set(step.keys or ())
    return tuple(
        replace(change, replaces=values.top_level(change.path) in replaces or change.path in replaces)
        for change in values.difference(_declared(old, given_before), _declared(new, given))
    )


def _as_it_is(found: "StepEventStateMetadata", urn: str, background: Background) -> PropertyValue:
    """A resource's inputs as the run found them. Events show no secret: its digest comes from the state.

    A secret that is not any more what the state says keeps the empty digest, which is none that we give.
    """
    kept = background.state.get(urn)
    if isinstance(kept, dict):
        kept = {key: value for key, value in kept.items() if key not in background.drifted.get(urn, ())}
    return property_values.fill_secrets(property_values.read(found.inputs or {}, {}), kept)


def drift(step: "StepEventMetadata", background: Background) -> Drift | None:
    """How a refreshed resource differs from what the state said of it; None where it does not, by its inputs."""
    if step.op.value != "refresh" or step.old is None:
        return None
    if step.new is None:
        return Drift(step.urn, step.type, gone=True)
    before = property_values.fill_secrets(
        property_values.read(step.old.inputs or {}, {}), background.state.get(step.urn, {})
    )
    drifted = {step.urn: frozenset(map(values.top_level, step.diffs or ()))}
    now = _as_it_is(step.new, step.urn, replace(background, drifted=drifted))
    given = background.given_before.get(step.urn)
    properties = tuple(values.difference(_declared(before, given), _declared(now, given)))
    return Drift(step.urn, step.type, properties) if properties else None


def apart_from_spelling(found: Drift, background: Background) -> Drift | None:
    """The drift without properties that differ in spelling only; None where no other property is left.

    A property differs in spelling only if the program asks for the value that the state has, and the provider plans
    no change. The provider has compared that value with the live one. Examples are a set in another order and an
    address without its scheme. Ignored properties, properties that the program changes, and secrets stay in.
    """
    goals, before = background.goals.get(found.urn), background.state.get(found.urn)
    if found.gone or not isinstance(goals, dict) or not isinstance(before, dict):
        return found

    def differs(item: PropertyChange) -> bool:
        name = values.top_level(item.path)
        if isinstance(item.old, SecretValue) or isinstance(item.new, SecretValue):
            return True
        return name not in goals or name not in before or any(values.difference(before[name], goals[name]))

    properties = tuple(item for item in found.properties if differs(item))
    return replace(found, properties=properties) if properties else None


def _options(step: "StepEventMetadata", background: Background) -> tuple[PropertyChange, ...]:
    """The options that differ from the state. Raises EngineFailed when Pulumi does not tell what is asked for."""
    if background.asked is None or step.new is None or step.op.value in ("delete", "refresh", *DELETES_OLD_COPY):
        return ()
    asked = background.asked.get(step.urn)
    if asked is None:
        if step.type.startswith(PROVIDER_TYPE):
            return ()  # a default provider, which is the engine's own and takes no options
        raise EngineFailed(
            f"Could not tell the options of {step.urn}: the preview has a step {step.op.value!r} for it, but "
            "Pulumi's JSON does not say what the program asks for.",
            hint="Use a Pulumi release in the supported range; see `gitops toolchain status`.",
        )
    had = background.had.get(step.old.urn or step.urn, {}) if step.old else {}
    return tuple(options.difference(had, asked))


def _orders(step: "StepEventMetadata", operation: Operation, background: Background) -> tuple[PropertyChange, ...]:
    """What a step does that no comparison of old and new shows: there is no old, or it is the same."""
    asked = dict(background.orders.get(step.urn, {}))
    if operation is Operation.READ and step.new:
        asked["(read)"] = step.new.id
    if operation in (Operation.CREATE, Operation.IMPORT) and step.new and step.new.retain_on_delete:
        asked["(retain on delete)"] = True
    if step.op.value not in ("import", "import-replacement"):
        asked.pop("(import)", None)
    if operation is not Operation.REPLACE:
        asked.pop("(delete before replace)", None)
    return tuple(PropertyChange(path, PropertyKind.ADD, new=value) for path, value in sorted(asked.items()))


def _metadata(old: "StepEventStateMetadata | None", new: "StepEventStateMetadata | None") -> tuple[PropertyChange, ...]:
    """Options that differ according to the events, and another URN: an alias matched, so the state is rewritten."""
    if old is None or new is None:
        return ()
    pairs = (
        ("(protect)", bool(old.protect), bool(new.protect)),
        ("(retain on delete)", bool(old.retain_on_delete), bool(new.retain_on_delete)),
        ("(parent)", old.parent, new.parent),
        ("(urn)", old.urn, new.urn),
    )
    return tuple(PropertyChange(path, PropertyKind.UPDATE, old=a, new=b) for path, a, b in pairs if a != b)


def _declared(value: PropertyValue, given: frozenset[str] | None) -> PropertyValue:
    """Inputs without providers' notes to themselves; a program's own keys stay, whatever they are called.

    `__defaults` lists the properties beside it that the provider filled in (`pkg/tfbridge/schema.go`); the empty
    `__internal` of every provider's inputs is the engine's (`pkg/resource/deploy/providers/registry.go`).
    """
    if not isinstance(value, dict):
        return value
    kept = {key: child for key, child in value.items() if (key, child) != ("__internal", {})}
    named = {key: child for key, child in kept.items() if given and key in given}
    return {
        key: _without_defaults(child)
        for key, child in kept.items()
        if key in named or key != "__defaults" or not _names_beside(child, kept)
    }


def _without_defaults(value: PropertyValue) -> PropertyValue:
    if isinstance(value, dict):
        return {
            key: _without_defaults(child)
            for key, child in value.items()
            if key != "__defaults" or not _names_beside(child, value)
        }
    if isinstance(value, list):
        return [_without_defaults(child) for child in value]
    return value


def _names_beside(note: PropertyValue, beside: Mapping[str, PropertyValue]) -> bool:
    return isinstance(note, list) and all(isinstance(name, str) and name in beside for name in note)


def fill_rest(value: PropertyValue, goal: PropertyValue) -> PropertyValue:
    """A secret that a provider moved to another place still must count: it gets a digest of all secrets asked for."""
    if all(leaf.digest for leaf in values.leaves(value) if isinstance(leaf, SecretValue)):
        return value
    asked = sorted(leaf.digest for leaf in values.leaves(goal) if isinstance(leaf, SecretValue))
    return _replace_undigested(value, SecretValue(values.digest(asked)))


def _replace_undigested(value: PropertyValue, stand_in: SecretValue) -> PropertyValue:
    if isinstance(value, SecretValue):
        return value if value.digest else stand_in
    if isinstance(value, dict):
        return {key: _replace_undigested(child, stand_in) for key, child in value.items()}
    if isinstance(value, list):
        return [_replace_undigested(child, stand_in) for child in value]
    return value


def _without_chosen_names(inputs: PropertyValue, name: str, given: frozenset[str] | None) -> PropertyValue:
    """Inputs without the names made up anew in every preview; the seed in Pulumi's plan fixes them for the apply.

    A name counts as chosen if the program did not give it (that property, or the annotation of the Kubernetes provider
    says so) and it is the logical name with a random end. What the program gave always stays, however it looks.
    """
    if given is None or not isinstance(inputs, dict):
        return inputs
    found = {key: value if key in given else _masked(value, name) for key, value in inputs.items()}
    metadata = found.get("metadata")
    if isinstance(metadata, dict):
        annotations = metadata.get("annotations")
        if isinstance(annotations, dict) and annotations.get(_AUTONAMED) == "true":
            found["metadata"] = {**metadata, "name": _masked(metadata.get("name"), name)}
    return found


def _masked(value: PropertyValue, name: str) -> PropertyValue:
    if isinstance(value, str):
        start, end = value[: len(name)], value[len(name) :]
        return f"{name} {AUTONAME}" if start.lower() == name.lower() and _CHOSEN_END.fullmatch(end) else value
    if isinstance(value, dict):
        return {key: _masked(child, name) for key, child in value.items()}
    if isinstance(value, list):
        return [_masked(child, name) for child in value]
    return value


def note_provider(step: "StepEventMetadata", providers: dict[str, str], plugins: Mapping[str, str]) -> None:
    """Remember a provider's version, which is an input of its own resource, and its plugin."""
    if step.type.startswith(PROVIDER_TYPE):
        state = step.new or step.old
        version = (state.inputs or {}).get("version") if state else None
        package = step.type[len(PROVIDER_TYPE) :]
        plugin = plugins.get(package, "")[:_PLUGIN_SHOWN]
        providers[step.urn] = " ".join(filter(None, (package, version if isinstance(version, str) else "", plugin)))


def provider_label(reference: str, providers: Mapping[str, str]) -> str:
    """`aws 7.21.0 (main)` for a provider reference `<urn>::<id>`; the id is left out, it is new for each new stack."""
    if not reference:
        return ""
    urn, id_ = provider_of(reference)
    urn = urn or id_
    package = type_in(urn).removeprefix(PROVIDER_TYPE) or reference
    return f"{providers.get(urn, package)} ({name_in(urn)})"
