"""Looks at what follows: stacks that read outputs that a review's plans would move, with those outputs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gitops.adapters.pulumi import deployments
from gitops.errors import ConfigError, EngineFailed, Interrupted, Waiting
from gitops.flow.plans import downstream as flow
from gitops.model import Downstream, History, Plan, Stack, StackReview
from gitops.operations.program import Program, side_by_side
from gitops.operations.progress import tell, tell_free_text
from gitops.operations.undisturbed import Undisturbed
from gitops.ports import Upstream


@dataclass
class _Looking:
    """What is known so far. `proposed` are outputs that move, `mute` stacks whose outputs nobody can tell.

    `roots` maps a stack to those of the reviewed ones that its look hangs on.
    """

    program: Program
    environment: str
    history: History
    proposed: dict[Stack, Mapping[str, Any]] = field(default_factory=dict)
    mute: set[Stack] = field(default_factory=set)
    roots: dict[Stack, frozenset[Stack]] = field(default_factory=dict)

    def reads(self, stack: Stack) -> tuple[Stack, ...]:
        """Which of the stacks that it reads move, or may move."""
        return tuple(sorted(self.program.upstream.get(stack, frozenset()) & (self.proposed.keys() | self.mute)))

    def look(self, stack: Stack) -> tuple[Downstream, Mapping[str, Any] | None]:
        """What follows in the stack; and its outputs by then, None where they stay or cannot be told."""
        reads = self.reads(stack)
        mute = [one.label for one in reads if one in self.mute]
        if mute:
            return Downstream(stack, reads, untold=(f"It cannot be told what {', '.join(mute)} will have.",)), None
        upstream = [
            Upstream(one, self.program.project_folder(one), self.proposed.get(one))
            for one in sorted(self.program.upstream[stack])
            if one in self.program.snapshot.stacks
        ]
        unknown: tuple[str, ...] = ()
        try:
            unknown = tuple(
                f"{one.stack.label} {name}" for one in upstream for name in deployments.unknown_outputs(one.outputs)
            )
            packs = self.program.runnable(self.program.packs(stack, self.environment, self.history))
            folder = self.program.project_folder(stack)
            found = self.program.context.engine.preview_after(folder, stack, upstream, packs)
        except Interrupted:
            raise
        except (EngineFailed, ConfigError) as error:
            tell_free_text(stack.label, error)
            details = error.details if isinstance(error, EngineFailed) else ()
            return Downstream(stack, reads, unknown=unknown, untold=(error.message, *details)), None
        changes = flow.without_references(found.run.changes)
        made = Downstream(stack, reads, changes, found.run.findings, unknown)
        return made, found.outputs if flow.moves(changes) else None

    def note(self, made: Downstream, outputs: Mapping[str, Any] | None) -> None:
        """Go on from there: what the stack's own plan said of its outputs is overtaken."""
        self.proposed.pop(made.stack, None)
        self.mute.discard(made.stack)
        if made.untold:
            self.mute.add(made.stack)
        elif outputs is not None:
            self.proposed[made.stack] = outputs
        self.roots[made.stack] = frozenset().union(*(self.roots[one] for one in made.reads))


def follow(
    program: Program,
    environment: str,
    history: History,
    reviews: Sequence[StackReview],
    held: Collection[Stack],
    undisturbed: Undisturbed,
) -> list[StackReview]:
    """The reviews, with what follows from each in the stacks `held` that read its outputs.

    No engine starts where no plan moves an output that somebody reads. A look that fails is part of the result.
    """
    looking = _Looking(program, environment, history)
    for one in reviews:
        if not isinstance(one.result, Plan):
            looking.mute.add(one.stack)
        elif flow.moves(one.result.changes):
            looking.proposed[one.stack] = program.outputs.get(one.stack, {})
        looking.roots[one.stack] = frozenset({one.stack})
    following: dict[Stack, list[Downstream]] = {one.stack: [] for one in reviews}
    candidates = flow.readers([*looking.proposed, *looking.mute], program.upstream) & frozenset(held)
    for wave in program.in_order(candidates):
        stacks = tuple(stack for stack in wave if looking.reads(stack))
        if not stacks:
            continue
        tell(f"looking at what follows in {', '.join(stack.label for stack in stacks)}")
        try:
            looks = undisturbed.previews(lambda some: side_by_side(looking.look, some), stacks)
        except Waiting as error:
            looks = tuple((Downstream(one, looking.reads(one), untold=(error.message,)), None) for one in stacks)
        for made, outputs in looks:
            looking.note(made, outputs)
            following[min(looking.roots[made.stack])].append(made)
    return [replace(one, downstream=tuple(following[one.stack])) for one in reviews]
