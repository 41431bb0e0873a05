"""What one machine found out about some stacks, as a file for the machine that shows all of it.

The machine that wrote it ran the change's program, so nothing in it is believed beyond its form: a plan has to give
the digests it carries, and whoever reads it sets a plan's place (environment, commit), finds out about policy packs,
and compares the program that the plan names with the change's (`gitops review`).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from gitops.errors import Failed, GitOpsError
from gitops.flow.plans import downstream as downstreams
from gitops.flow.plans import plan as plans
from gitops.flow.plans import values
from gitops.model import AffectedStack, Downstream, Plan, PreviewFailure, ResourceGraph, Stack, StackReview

FORMAT = 1
LARGEST = 200_000_000
"""Bytes of one file; 10,000 changed resources take about 20 MB."""
_LONGEST = 7 * 86_400  # seconds: `gitops matrix` reckons with them, from the ledger


@dataclass(frozen=True, slots=True)
class Result:
    """What a file tells of one stack: its plan or its failure, the plan on record that stood for it, and the rest."""

    plan: Plan | None = None
    failure: PreviewFailure | None = None
    same_as: Plan | None = None
    seconds: int = 0
    graph: ResourceGraph = field(default_factory=ResourceGraph)
    downstream: tuple[Downstream, ...] = ()

    def review(self, affected: AffectedStack, environment: str, commit: str) -> StackReview:
        """As part of a review of that environment and head."""
        found: Plan | PreviewFailure
        if self.plan is None:
            found = self.failure or PreviewFailure("The file with its result tells nothing of it.")
        else:
            found = replace(self.plan, environment=environment, commit=commit)
        return StackReview(
            affected, found, self.same_as, seconds=self.seconds, graph=self.graph, downstream=self.downstream
        )


def to_bytes(reviews: Iterable[StackReview]) -> bytes:
    """The file, for `from_bytes`."""
    stacks = {
        one.stack.label: {
            "plan": plans.to_body(one.result) if isinstance(one.result, Plan) else None,
            "failure": None if isinstance(one.result, Plan) else values.pack(one.result),
            "same_as": plans.to_body(one.same_as) if one.same_as else None,
            "seconds": one.seconds,
            "graph": values.pack(one.graph),
            "downstream": values.pack(one.downstream),
        }
        for one in reviews
    }
    return json.dumps({"format": FORMAT, "stacks": stacks}).encode()


def from_bytes(content: bytes, origin: str) -> Mapping[str, Result]:
    """Stack's label → what the file tells of it. Raises Failed, naming `origin`, for one that cannot be read."""
    if len(content) > LARGEST:
        raise _unreadable(origin, f"it has {len(content):,} bytes, and at most {LARGEST:,} are read")
    try:
        document = json.loads(content)
        if document["format"] != FORMAT:
            raise _unreadable(origin, f"it has format {document['format']!r}, and this release reads {FORMAT}")
        return {str(label): _result(label, body) for label, body in document["stacks"].items()}
    except GitOpsError as error:
        raise _unreadable(origin, error.message) from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _unreadable(origin, f"it is not what `gitops preview --output` writes ({type(error).__name__})") from None


def _result(label: str, body: Mapping[str, Any]) -> Result:
    plan = _plan(label, body["plan"])
    failure = msgspec.convert(body["failure"], PreviewFailure | None)
    seconds = msgspec.convert(body["seconds"], int)
    if not 0 <= seconds <= _LONGEST:
        raise ValueError("nobody previews for so long")
    return Result(
        plan,
        failure,
        _plan(label, body["same_as"]),
        seconds,
        graph=msgspec.convert(body["graph"], ResourceGraph),
        downstream=tuple(downstreams.from_body(one) for one in body["downstream"]),
    )


def _plan(label: str, body: Any) -> Plan | None:
    if body is None:
        return None
    plan = plans.from_body(body)
    if plan.stack.label != label:
        raise ValueError(f"a plan of {plan.stack.label} stands where one of {label} should")
    if plan.created_at.tzinfo is None:
        raise ValueError("its time names no zone")
    return plan


def _unreadable(origin: str, why: str) -> Failed:
    return Failed(f"The previews in {origin} cannot be used: {why}.", hint="Run the job that previews again.")


def combined(found: Iterable[Mapping[str, Result]]) -> Mapping[str, Result]:
    """The results of several files. Raises Failed for a stack that two of them tell of."""
    together: dict[str, Result] = {}
    for one in found:
        for label, result in one.items():
            if label in together:
                raise Failed(f"Two machines previewed {label}: there is no telling which one is to be believed.")
            together[label] = result
    return together


def missing(stack: Stack) -> Result:
    """What a review tells of a stack that no file has."""
    return Result(
        failure=PreviewFailure(
            f"No machine has told anything about {stack.label}.",
            hint="Look at the log of the job that previews, and run it again.",
        )
    )
