"""The engine's events, checked before anything is read from them: an event that is not understood fails a preview.

The Automation API's own types accept what they do not find (an empty step is no step to them), and a change that is not
told would be a change that nobody reviews. The shapes are those of `sdk/go/common/apitype/events.go`, as far as used.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from gitops.errors import EngineFailed
from gitops.flow.plans.downstream import REFERENCE_TYPE
from gitops.model import Evaluation

if TYPE_CHECKING:
    from pulumi.automation.events import EngineEvent

Properties = dict[str, Any] | None
Name = Annotated[str, Meta(min_length=1)]


class _State(Struct):
    type: str = ""
    urn: str = ""
    id: str = ""
    parent: str = ""
    provider: str = ""
    protect: bool = False
    retainOnDelete: bool = False  # noqa: N815 - Pulumi's spelling
    inputs: Properties = None
    outputs: Properties = None


class _Step(Struct):
    op: Name
    urn: Name
    type: Name
    provider: str = ""
    old: _State | None = None
    new: _State | None = None
    keys: list[str] | None = None


class _AboutStep(Struct):
    metadata: _Step


class _Diagnostic(Struct):
    message: str
    severity: str
    urn: str = ""
    ephemeral: bool = False


class _Policy(Struct):
    message: str
    policyName: str  # noqa: N815
    policyPackName: str  # noqa: N815
    enforcementLevel: str  # noqa: N815
    resourceUrn: str = ""  # noqa: N815


class _Evaluated(Struct):
    """The engine's three summaries of what a pack looked at: a resource, a resource to mend, the stack as a whole."""

    policyPackName: Name  # noqa: N815
    resourceUrn: str = ""  # noqa: N815
    passed: list[str] | None = None
    failed: list[str] | None = None


class _Summary(Struct):
    PolicyPacks: dict[str, str] | None = None


class _Event(Struct):
    # Unset, and not null: an event without content is not understood.
    resourcePreEvent: _AboutStep | UnsetType = UNSET  # noqa: N815
    resOutputsEvent: _AboutStep | UnsetType = UNSET  # noqa: N815
    resOpFailedEvent: _AboutStep | UnsetType = UNSET  # noqa: N815
    diagnosticEvent: _Diagnostic | UnsetType = UNSET  # noqa: N815
    policyEvent: _Policy | UnsetType = UNSET  # noqa: N815
    policyAnalyzeSummaryEvent: _Evaluated | UnsetType = UNSET  # noqa: N815
    policyAnalyzeStackSummaryEvent: _Evaluated | UnsetType = UNSET  # noqa: N815
    policyRemediateSummaryEvent: _Evaluated | UnsetType = UNSET  # noqa: N815
    summaryEvent: _Summary | UnsetType = UNSET  # noqa: N815


def typed(raw: Iterable[Mapping[str, Any]], doing: str) -> list["EngineEvent"]:
    """Raw events as the Automation API's types. Raises EngineFailed for one that this release does not understand."""
    from pulumi.automation.events import EngineEvent

    found = []
    for event in raw:
        try:
            msgspec.convert(event, _Event)
            found.append(EngineEvent.from_json(dict(event)))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            # The error's own text may quote the event.
            raise EngineFailed(
                f"Could not {doing}: Pulumi sent an event that this release does not understand "
                f"({type(error).__name__}).",
                hint="Use a Pulumi release in the supported range; see `gitops toolchain status`.",
            ) from None
    return found


def stacks_read(raw: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The names of the stacks whose outputs the program has read, as it calls them."""
    steps = ((event.get("resOutputsEvent") or {}).get("metadata") or {} for event in raw)
    read = (step.get("new") or {} for step in steps if step.get("type") == REFERENCE_TYPE)
    names = {(one.get("inputs") or {}).get("name") for one in read}
    return tuple(sorted(name for name in names if isinstance(name, str)))


def evaluations(raw: Iterable[Mapping[str, Any]]) -> tuple[Evaluation, ...]:
    """What the policy packs looked at, by resource. Only for events that `typed` understands.

    The Automation API's types do not know these events. Of a remediation's summary only what it mended counts, as
    passed: the engine lists every other rule of the pack there, whether it can mend anything or not.
    """
    passed: dict[tuple[str, str], set[str]] = {}
    failed: dict[tuple[str, str], set[str]] = {}
    for event in raw:
        analyzed = event.get("policyAnalyzeSummaryEvent") or event.get("policyAnalyzeStackSummaryEvent")
        told = analyzed or event.get("policyRemediateSummaryEvent")
        if told:
            one = msgspec.convert(told, _Evaluated)
            about = (one.policyPackName, one.resourceUrn)
            passed.setdefault(about, set()).update((one.passed if analyzed else one.failed) or ())
            failed.setdefault(about, set()).update((one.failed if analyzed else None) or ())
    return tuple(
        Evaluation(*about, tuple(sorted(passed[about] - failed[about])), tuple(sorted(failed[about])))
        for about in sorted(passed)
    )
