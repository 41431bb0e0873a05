"""From the engine's typed events to an `EngineRun`: which resources change, property by property."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from gitops.flow import values
from gitops.flow.plan import STACK_TYPE
from gitops.flow.resume import OLD_COPY
from gitops.model import (
    Diagnostic,
    EngineRun,
    Operation,
    PolicyFinding,
    PolicyLevel,
    PropertyChange,
    PropertyKind,
    PropertyValue,
    ResourceChange,
    ResourceState,
    ResourceStep,
    SecretValue,
    Severity,
)

if TYPE_CHECKING:
    from pulumi.automation.events import EngineEvent, PolicyEvent, StepEventMetadata, StepEventStateMetadata

_PROVIDER_TYPE = "pulumi:providers:"
# The engine's step names (sdk/go/common/apitype/updates.go, `OpType`); parts of a replacement count with its "replace".
_OPERATIONS = {
    "create": Operation.CREATE,
    "update": Operation.UPDATE,
    "replace": Operation.REPLACE,
    "delete": Operation.DELETE,
    "import": Operation.IMPORT,
    "import-replacement": Operation.REPLACE,
    "read": Operation.READ,
    "read-replacement": Operation.REPLACE,
    "discard": Operation.DISCARD,
    "read-discard": Operation.DISCARD,
    "remove-pending-replace": Operation.DELETE,
}
_UNCHANGED = frozenset({"same", "refresh"})
_DELETES_OLD_COPY = frozenset({"delete-replaced", "discard-replaced"})
_PARTS_OF_REPLACEMENT = _DELETES_OLD_COPY | {"create-replacement"}
_AUTONAME_SUFFIX = re.compile(r"-[0-9a-f]{7,8}")
_PROVIDER_NOTES = frozenset({"__defaults", "__internal"})
AUTONAME = "(name chosen at apply)"


@dataclass(frozen=True, slots=True)
class Background:
    """What the events alone do not say.

    `state` and `goals` map URNs to inputs (for the stack itself: its outputs), secrets digested: as they were
    before the run, and what the program adds or updates. `options` maps URNs to what is asked beyond inputs.
    """

    state: Mapping[str, PropertyValue]
    goals: Mapping[str, PropertyValue]
    options: Mapping[str, Mapping[str, PropertyValue]] = field(default_factory=dict)


NO_BACKGROUND = Background(state={}, goals={})


def read(events: Iterable["EngineEvent"], background: Background = NO_BACKGROUND, seconds: float = 0.0) -> EngineRun:
    """Fold typed engine events into one run. A step the engine names and we do not know becomes `Operation.UNKNOWN`."""
    changes: dict[str, ResourceChange] = {}
    unchanged: set[str] = set()
    diagnostics: list[Diagnostic] = []
    findings: list[PolicyFinding] = []
    resources: dict[str, ResourceState] = {}
    providers: dict[str, str] = {}
    events = tuple(events)
    for event in events:
        if event.resource_pre_event:
            step = event.resource_pre_event.metadata
            _note_provider(step, providers)
            change = _change(step, background)
            if change is None:
                if step.op.value in _UNCHANGED:
                    unchanged.add(step.urn)
            elif change.operation is Operation.REPLACE:
                changes[step.urn] = change
            else:
                changes.setdefault(step.urn, change)
        elif event.res_outputs_event:
            step = event.res_outputs_event.metadata
            if step.new is not None:
                resources[step.urn] = ResourceState(step.urn, step.type, _masked(step.new.outputs))
            if step.type == STACK_TYPE and step.op.value in ("create", "same", "update"):
                _note_stack_outputs(step, background, changes)
        elif event.res_op_failed_event:
            diagnostics.append(
                Diagnostic(Severity.ERROR, "the operation failed", event.res_op_failed_event.metadata.urn)
            )
        elif event.diagnostic_event:
            diagnostics += _diagnostics(event)
        elif event.policy_event:
            findings.append(_finding(event.policy_event))
    replaced = {urn for urn, change in changes.items() if change.operation is Operation.REPLACE}
    old_copies = (copy for copy in _deleted_copies(events) if copy.urn not in replaced)
    all_changes = sorted([*changes.values(), *old_copies], key=lambda c: (c.urn, c.operation))
    return EngineRun(
        changes=tuple(replace(c, provider=_provider_label(c.provider, providers)) for c in all_changes),
        unchanged=len(unchanged - changes.keys()),
        diagnostics=tuple(diagnostics),
        findings=tuple(sorted(findings, key=lambda f: (f.pack, f.policy, f.urn))),
        resources=tuple(resource for _, resource in sorted(resources.items())),
        seconds=seconds,
    )


def _change(step: "StepEventMetadata", background: Background) -> ResourceChange | None:
    """The change of one step; None for one that changes nothing or is part of another."""
    name = step.op.value
    if name in _PARTS_OF_REPLACEMENT:
        return None
    metadata = _metadata_changes(step.old, step.new)
    if name in _UNCHANGED:
        if not metadata or name == "refresh":
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
        properties=(*_properties(step, operation, background), *metadata, *_options(step, operation, background)),
        protected=bool(step.old and step.old.protect) or bool(step.new and step.new.protect),
    )


def _deleted_copies(events: Iterable["EngineEvent"]) -> Iterator[ResourceChange]:
    """The deletions of old copies: each belongs to a replacement, of this run or of one that was cut short."""
    for event in events:
        step = event.resource_pre_event.metadata if event.resource_pre_event else None
        if step is not None and step.op.value in _DELETES_OLD_COPY:
            yield ResourceChange(
                urn=step.urn,
                type=step.type,
                operation=Operation.DELETE,
                provider=(step.old.provider if step.old else "") or step.provider,
                properties=(OLD_COPY,),
                protected=bool(step.old and step.old.protect),
            )


def _properties(step: "StepEventMetadata", operation: Operation, background: Background) -> tuple[PropertyChange, ...]:
    if operation in (Operation.DELETE, Operation.DISCARD):
        return ()
    goal = background.goals.get(step.urn, {})
    before = background.state.get(step.urn)
    old_inputs = step.old.inputs if step.old else {}
    new_inputs = step.new.inputs if step.new else {}
    old = before if before is not None and step.old else values.read(old_inputs or {}, {})
    new = values.fill_secrets(values.read(new_inputs or {}, {}), goal, old)
    new = _fill_rest(new, goal)
    if operation is Operation.CREATE:
        new = _mask_autoname(new, step.urn.rsplit("::", 1)[-1])
        old = {}
    replaces = set(step.keys or ())
    return tuple(
        replace(change, replaces=values.top_level(change.path) in replaces or change.path in replaces)
        for change in values.difference(_declared(old), _declared(new))
    )


def _options(step: "StepEventMetadata", operation: Operation, background: Background) -> tuple[PropertyChange, ...]:
    """What a step does beyond inputs, which no comparison of old and new shows: there is no old, or it is the same."""
    asked = dict(background.options.get(step.urn, {}))
    if operation is Operation.READ and step.new:
        asked["(read)"] = step.new.id
    if operation in (Operation.CREATE, Operation.IMPORT) and step.new and step.new.retain_on_delete:
        asked["(retain on delete)"] = True
    if step.op.value not in ("import", "import-replacement"):
        asked.pop("(import)", None)
    if operation is not Operation.REPLACE:
        asked.pop("(delete before replace)", None)
    return tuple(PropertyChange(path, PropertyKind.ADD, new=value) for path, value in sorted(asked.items()))


def _declared(value: PropertyValue) -> PropertyValue:
    """A value without what providers note in it for themselves: nobody declared it, and nothing follows from it."""
    if isinstance(value, dict):
        return {key: _declared(child) for key, child in value.items() if key not in _PROVIDER_NOTES}
    if isinstance(value, list):
        return [_declared(child) for child in value]
    return value


def _fill_rest(value: PropertyValue, goal: PropertyValue) -> PropertyValue:
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


def _mask_autoname(value: PropertyValue, name: str) -> PropertyValue:
    """A name the engine makes up anew in every preview is not part of what was reviewed; the plan's seed fixes it."""
    if isinstance(value, str) and value.startswith(name) and _AUTONAME_SUFFIX.fullmatch(value[len(name) :]):
        return f"{name} {AUTONAME}"
    if isinstance(value, dict):
        return {key: _mask_autoname(child, name) for key, child in value.items()}
    if isinstance(value, list):
        return [_mask_autoname(child, name) for child in value]
    return value


def _metadata_changes(
    old: "StepEventStateMetadata | None", new: "StepEventStateMetadata | None"
) -> tuple[PropertyChange, ...]:
    """Options of the resource that differ while its inputs may not."""
    if old is None or new is None:
        return ()
    pairs = (
        ("(protect)", bool(old.protect), bool(new.protect)),
        ("(retain on delete)", bool(old.retain_on_delete), bool(new.retain_on_delete)),
        ("(parent)", old.parent, new.parent),
    )
    return tuple(PropertyChange(path, PropertyKind.UPDATE, old=a, new=b) for path, a, b in pairs if a != b)


def _note_stack_outputs(step: "StepEventMetadata", background: Background, changes: dict[str, ResourceChange]) -> None:
    """A stack's outputs are its contract with other stacks: a difference is a change, though no resource changes.

    The engine reports them twice, before and after the program ran; the last report counts.
    """
    state = background.state.get(step.urn) if step.old else None
    old = state if state is not None else values.read((step.old.outputs if step.old else None) or {}, {})
    reported = values.read((step.new.outputs if step.new else None) or {}, {})
    goal = background.goals.get(step.urn, {})
    new = _fill_rest(values.fill_secrets(reported, goal, old), goal)
    properties = tuple(replace(c, path=f"outputs.{c.path}") for c in values.difference(old, new))
    before = changes.get(step.urn)
    if step.op.value == "create":
        changes[step.urn] = ResourceChange(step.urn, step.type, Operation.CREATE, "", properties)
    elif properties:
        changes[step.urn] = ResourceChange(step.urn, step.type, Operation.UPDATE, "", properties)
    elif before is not None and all(p.path.startswith("outputs.") for p in before.properties):
        del changes[step.urn]


def _masked(outputs: Mapping[str, Any] | None) -> Mapping[str, PropertyValue]:
    value = values.read(outputs or {}, {})
    return value if isinstance(value, dict) else {}


def _note_provider(step: "StepEventMetadata", providers: dict[str, str]) -> None:
    """Remember each provider's version: an input of its own resource."""
    if step.type.startswith(_PROVIDER_TYPE):
        state = step.new or step.old
        version = (state.inputs or {}).get("version") if state else None
        package = step.type[len(_PROVIDER_TYPE) :]
        providers[step.urn] = f"{package} {version}" if isinstance(version, str) else package


def _provider_label(reference: str, providers: Mapping[str, str]) -> str:
    """`aws 7.21.0 (main)` for a provider reference `<urn>::<id>`; the id is left out, it is new for each new stack."""
    if not reference:
        return ""
    urn = reference.rsplit("::", 1)[0]
    name = urn.rsplit("::", 1)[-1]
    package = urn.split("::")[2].split("$")[-1].removeprefix(_PROVIDER_TYPE) if urn.count("::") >= 3 else reference
    return f"{providers.get(urn, package)} ({name})"


def _diagnostics(event: "EngineEvent") -> tuple[Diagnostic, ...]:
    """The event's message; nothing for one that is of no use to anybody."""
    diagnostic = event.diagnostic_event
    severities = {"error": Severity.ERROR, "warning": Severity.WARNING, "info": Severity.INFO}
    severity = severities.get(diagnostic.severity) if diagnostic else None
    if diagnostic is None or severity is None or diagnostic.ephemeral:
        return ()
    message = _COLOUR.sub("", diagnostic.message).strip()
    if "using pulumi-language-python from $PATH" in message or not message:
        return ()
    return (Diagnostic(severity, message, diagnostic.urn or ""),)


_COLOUR = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*m")


def _finding(policy: "PolicyEvent") -> PolicyFinding:
    message = _COLOUR.sub("", policy.message).strip()
    unevaluated = "can't run policy" in message or "during preview" in message
    level = PolicyLevel.MANDATORY if policy.enforcement_level == "mandatory" else PolicyLevel.ADVISORY
    return PolicyFinding(
        pack=policy.policy_pack_name,
        policy=policy.policy_name,
        level=PolicyLevel.NOT_EVALUATED if unevaluated else level,
        message=message,
        urn=policy.resource_urn or "",
    )


def provider_versions(events: Iterable["EngineEvent"]) -> dict[str, str]:
    """The version of each provider that took part, by package: the highest, where several did."""
    versions: dict[str, str] = {}
    for event in events:
        if event.resource_pre_event:
            labels: dict[str, str] = {}
            _note_provider(event.resource_pre_event.metadata, labels)
            for label in labels.values():
                package, _, version = label.partition(" ")
                versions[package] = max(version, versions.get(package, ""), key=_numbers)
    return versions


def _numbers(version: str) -> tuple[list[int], str]:
    """By what versions are ordered: 7.21.0 comes after 7.9.0."""
    return [int(number) for number in re.findall(r"\d+", version)], version


def step_of(event: Mapping[str, Any]) -> ResourceStep | None:
    """The step that a raw event of a running apply tells of, for people who watch; None for anything else."""
    for kind, done, failed in (
        ("resourcePreEvent", False, False),
        ("resOutputsEvent", True, False),
        ("resOpFailedEvent", True, True),
    ):
        metadata = (event.get(kind) or {}).get("metadata")
        if metadata and metadata.get("op") not in _UNCHANGED and metadata.get("type") != STACK_TYPE:
            return ResourceStep(str(metadata["urn"]), str(metadata["type"]), str(metadata["op"]), done, failed)
    return None


def sentence(diagnostic: Diagnostic) -> str:
    """A diagnostic in one line or more: the resource's name first, where it is about one."""
    name = diagnostic.urn.rsplit("::", 1)[-1]
    return f"{name}: {diagnostic.message}" if name else diagnostic.message
