"""From the engine's typed events to an `EngineRun`: which resources change, property by property."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gitops.adapters.pulumi import property_values, steps
from gitops.adapters.pulumi.steps import Background
from gitops.flow.plans import values
from gitops.model import (
    Diagnostic,
    Drift,
    EngineRun,
    Operation,
    PolicyFinding,
    PolicyLevel,
    PropertyValue,
    ResourceChange,
    ResourceState,
    ResourceStep,
    Severity,
)
from gitops.model.urn import STACK_TYPE, name_in

if TYPE_CHECKING:
    from pulumi.automation.events import EngineEvent, PolicyEvent, StepEventMetadata

NO_BACKGROUND = Background()
FAILED = "preview failed"
"""What Pulumi ends a failed preview with, about no resource, whatever the reason."""


def read(events: Iterable["EngineEvent"], background: Background = NO_BACKGROUND, seconds: float = 0.0) -> EngineRun:
    """Fold typed engine events into one run. A step the engine names and we do not know becomes `Operation.UNKNOWN`.

    `packs` and `evaluations` are left empty: see `events.evaluations` and `policies.took_part`.

    Nothing depends on the order of independent events, and one that comes twice counts once. Raises EngineFailed for
    values nested beyond what a plan can hold, and for steps whose options Pulumi does not tell.
    """
    changes: dict[str, list[ResourceChange]] = {}
    parts: dict[str, ResourceChange] = {}
    unchanged: set[str] = set()
    diagnostics: list[Diagnostic] = []
    findings: set[PolicyFinding] = set()
    packs: dict[str, str] = {}
    resources: dict[str, ResourceState] = {}
    providers: dict[str, str] = {}
    events = tuple(events)
    drift = _drift(events, background)
    background = replace(background, drifted={one.urn: _top_levels(one) for one in drift})
    for event in events:
        if event.resource_pre_event:
            step = event.resource_pre_event.metadata
            steps.note_provider(step, providers, background.plugins)
            _note_step(step, background, changes, parts)
            if step.op.value in steps.UNCHANGED:
                unchanged.add(step.urn)
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
            findings.add(_finding(event.policy_event))
        elif event.summary_event:
            # A local pack is called `<name>|local|<its path on this machine>`.
            packs |= {name.split("|")[0]: tag for name, tag in (event.summary_event.policy_packs or {}).items()}
    changed = {urn for urn, found in changes.items() if found}
    told = (one if one.urn in changed else steps.apart_from_spelling(one, background) for one in drift)
    every = [change for urn in sorted(changes) for change in _settled(changes[urn], parts.get(urn))]
    return EngineRun(
        changes=tuple(replace(c, provider=steps.provider_label(c.provider, providers)) for c in every),
        unchanged=len(unchanged - {change.urn for change in every}),
        diagnostics=tuple(diagnostics),
        findings=tuple(sorted(findings, key=lambda f: (f.pack, f.policy, f.urn, f.level, f.message))),
        resources=tuple(resource for _, resource in sorted(resources.items())),
        seconds=seconds,
        policy_packs=dict(sorted(packs.items())),
        drift=tuple(one for one in told if one),
    )


def _drift(events: Iterable["EngineEvent"], background: Background) -> tuple[Drift, ...]:
    refreshed = (event.res_outputs_event.metadata for event in events if event.res_outputs_event)
    found = {one.urn: one for step in refreshed if (one := steps.drift(step, background))}
    return tuple(found[urn] for urn in sorted(found))


def _top_levels(drift: Drift) -> frozenset[str]:
    return frozenset(values.top_level(item.path) for item in drift.properties)


def _note_step(
    step: "StepEventMetadata",
    background: Background,
    changes: dict[str, list[ResourceChange]],
    parts: dict[str, ResourceChange],
) -> None:
    """Add what the step changes. One resource may have several: an import is followed by an update."""
    name = step.op.value
    copy = name in steps.DELETES_OLD_COPY
    change = steps.deletion_of_old_copy(step) if copy else steps.change(step, background)
    known = changes.setdefault(step.urn, [])
    if change is not None and name == "create-replacement":
        parts[step.urn] = change
    elif change is not None and values.digest(change) not in map(values.digest, known):
        known.append(change)


def _settled(found: list[ResourceChange], part: ResourceChange | None) -> list[ResourceChange]:
    """The changes of one resource, the parts of a replacement as one.

    The engine tells of a replacement as a whole ("replace") and of its parts: create-replacement, the deletion of the
    old copy. A part whose whole is missing stays: it belongs to a replacement that an earlier run left half-way.
    """
    replaced = any(change.operation is Operation.REPLACE for change in found)
    if part is not None and not replaced:
        found, replaced = [*found, part], True
    kept = [change for change in found if not (replaced and change.operation is Operation.DELETE)]
    return sorted(kept, key=lambda change: (change.operation, repr(change.properties)))


def _note_stack_outputs(
    step: "StepEventMetadata", background: Background, changes: dict[str, list[ResourceChange]]
) -> None:
    """A stack's outputs are its contract with other stacks: a difference is a change, though no resource changes.

    The engine reports them twice, before and after the program ran; the last report counts.
    """
    state = background.state.get(step.urn) if step.old else None
    old = state if state is not None else property_values.read((step.old.outputs if step.old else None) or {}, {})
    reported = property_values.read((step.new.outputs if step.new else None) or {}, {})
    goal = background.goals.get(step.urn, {})
    new = steps.fill_rest(property_values.fill_secrets(reported, goal, old), goal)
    outputs = tuple(replace(c, path=f"outputs.{c.path}") for c in values.difference(old, new))
    # What the stack's own step told (its options, say) stays beside the outputs.
    other = [
        item
        for change in changes.get(step.urn, ())
        for item in change.properties
        if not item.path.startswith("outputs.")
    ]
    operation = Operation.CREATE if step.op.value == "create" else Operation.UPDATE
    properties = (*outputs, *other)
    made = [ResourceChange(step.urn, step.type, operation, "", properties)]
    changes[step.urn] = made if properties or operation is Operation.CREATE else []


def _masked(outputs: Mapping[str, Any] | None) -> Mapping[str, PropertyValue]:
    value = property_values.read(outputs or {}, {})
    return value if isinstance(value, dict) else {}


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


# In the SDK's own words, by themselves or under the rule's title: a violation that quotes them, from the name of an
# image say, stays a violation.
_UNEVALUATED = re.compile(r"(?:[^\n]*\n)?can't run policy '[\w.-]+'[^\n]* during preview")


def _finding(policy: "PolicyEvent") -> PolicyFinding:
    message = _COLOUR.sub("", policy.message).strip()
    level = PolicyLevel.MANDATORY if policy.enforcement_level == "mandatory" else PolicyLevel.ADVISORY
    unevaluated = level is PolicyLevel.ADVISORY and _UNEVALUATED.match(message) is not None
    return PolicyFinding(
        pack=policy.policy_pack_name,
        policy=policy.policy_name,
        level=PolicyLevel.NOT_EVALUATED if unevaluated else level,
        message=message,
        urn=policy.resource_urn or "",
    )


def violates_only(events: Iterable["EngineEvent"]) -> bool:
    """Whether mandatory policies are, by all that a failed preview's events tell, the only reason of its failure.

    Such a preview looks at every resource, saves no plan, and ends with a message that no resource has
    (`pkg/resource/deploy/deployment_executor.go`, `reportExecResult`). A pack that broke, a program or a provider that
    failed has a message of its own.
    """
    run = read(events)
    violated = any(finding.level is PolicyLevel.MANDATORY for finding in run.findings)
    return violated and all((one.urn, one.message) == ("", FAILED) for one in run.errors)


def provider_versions(events: Iterable["EngineEvent"]) -> dict[str, str]:
    """The version of each provider that took part, by package: the highest, where several did."""
    versions: dict[str, str] = {}
    for event in events:
        if event.resource_pre_event:
            labels: dict[str, str] = {}
            steps.note_provider(event.resource_pre_event.metadata, labels, {})
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
        if metadata and metadata.get("op") not in steps.UNCHANGED and metadata.get("type") != STACK_TYPE:
            return ResourceStep(str(metadata["urn"]), str(metadata["type"]), str(metadata["op"]), done, failed)
    return None


def sentence(diagnostic: Diagnostic) -> str:
    """A diagnostic in one line or more: the resource's name first, where it is about one."""
    name = name_in(diagnostic.urn)
    return f"{name}: {diagnostic.message}" if name else diagnostic.message
