"""What is shown of a change before it is merged: each stack's plan or failure, and what follows from it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gitops.model.change import AffectedStack, Stack
from gitops.model.plan import Plan
from gitops.model.policy import PackChange, PolicyFinding
from gitops.model.preview import ResourceChange, ResourceGraph
from gitops.model.pull_request import Verdict
from gitops.model.weight import by_weight, weight_of


@dataclass(frozen=True, slots=True)
class Downstream:
    """What follows in one stack when it is looked at with the outputs that others would have by then.

    `reads` are those others, directly. `unknown` names those of their outputs that only their apply tells. `untold`
    is why nothing can be told of the stack, in lines without secrets; empty where `changes` and `findings` tell it.
    """

    stack: Stack
    reads: tuple[Stack, ...]
    changes: tuple[ResourceChange, ...] = ()
    findings: tuple[PolicyFinding, ...] = ()
    unknown: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()


def gravest_first(found: Iterable[Downstream]) -> tuple[Downstream, ...]:
    """What cannot be told first, then by the gravest change, then by name."""

    def gravest(one: Downstream) -> int:
        return -1 if one.untold else min((weight_of(change) for change in one.changes), default=99)

    return tuple(sorted(found, key=lambda one: (gravest(one), one.stack)))


@dataclass(frozen=True, slots=True)
class PreviewFailure:
    """A preview that did not produce a plan; `diagnostics` are without secrets."""

    message: str
    diagnostics: tuple[str, ...] = ()
    hint: str = ""


@dataclass(frozen=True, slots=True)
class StackReview:
    """What a change does to one affected stack. `same_as`: the plan on record that made a preview needless.

    `packs` are the policy packs that are not as they are released; `seconds`, what the preview took (0: none ran).
    `graph` is empty where no preview ran.
    `downstream` is what follows, once its plan was applied, in stacks that read its outputs, directly or over others.
    """

    affected: AffectedStack
    result: Plan | PreviewFailure
    same_as: Plan | None = None
    packs: tuple[PackChange, ...] = ()
    seconds: int = 0
    graph: ResourceGraph = field(default_factory=ResourceGraph)
    downstream: tuple[Downstream, ...] = ()

    @property
    def stack(self) -> Stack:
        """The stack under review."""
        return self.affected.stack

    @property
    def changes(self) -> tuple[ResourceChange, ...]:
        """The changes of its plan, as a reviewer wants them; none when the preview failed."""
        return by_weight(self.result.changes) if isinstance(self.result, Plan) else ()

    @property
    def is_quiet(self) -> bool:
        """Whether nobody needs to look: a plan without changes, findings and warnings, under the released policies."""
        plan = self.result
        return isinstance(plan, Plan) and not (plan.changes or plan.findings or plan.warnings or self.packs)


@dataclass(frozen=True, slots=True)
class Review:
    """Everything the comment tells about one change and one environment.

    `stacks` are the affected stacks in any order; `unaffected` counts the environment's others. `verdict` is the
    gate's answer as of now, where it was asked. `report_url` leads to the whole report (empty: there is none).
    `undeclared` are stacks that the change takes out of the environment.
    """

    environment: str
    base: str
    head: str
    stacks: tuple[StackReview, ...] = ()
    unaffected: int = 0
    verdict: Verdict | None = None
    report_url: str = ""
    undeclared: tuple[Stack, ...] = ()

    def ordered(self) -> tuple[StackReview, ...]:
        """Failed previews first, then by the gravest change, then by name."""
        return tuple(sorted(self.stacks, key=_order))

    @property
    def downstream(self) -> tuple[Downstream, ...]:
        """What follows in stacks that read moved outputs: what cannot be told first, then by the gravest change."""
        return gravest_first(one for stack in self.stacks for one in stack.downstream)


def _order(review: StackReview) -> tuple[int, Stack]:
    if isinstance(review.result, PreviewFailure):
        return -1, review.stack
    return min((weight_of(change) for change in review.result.changes), default=99), review.stack
