"""What a change would do to the stacks it affects, for its reviewers and for the gate."""

from dataclasses import dataclass, replace

from gitops.config.settings import Environment
from gitops.context import Context
from gitops.errors import EngineFailed, LedgerBroken, Refused
from gitops.flow.ledger.history import latest_plan
from gitops.flow.plans.policies import Packs
from gitops.model import AffectedStack, History, Plan, PreviewFailure, Query, RecordKind, Review, Stack, StackReview
from gitops.operations.program import Program, checked_out, must_have_its_state, named, side_by_side
from gitops.operations.progress import tell, tell_free_text
from gitops.operations.review import downstream, publishing
from gitops.operations.review import scope as scopes
from gitops.operations.undisturbed import Undisturbed
from gitops.views import wording


@dataclass(frozen=True, slots=True)
class Request:
    """What to preview: a change by its two commits, for one environment, all its affected stacks or those named.

    With a pull request the review is shown there and its plans are kept; without one it is a look. `fresh`: run each
    preview, also where nothing moved since one on record. `wait` is for how many seconds to wait for an apply's end.
    `keep`: the review is somebody else's to show.
    """

    base: str | None = None
    head: str = "HEAD"
    environment: str | None = None
    stacks: tuple[str, ...] = ()
    pull_request: int | None = None
    fresh: bool = False
    wait: int = 0
    keep: bool = False


def preview(context: Context, request: Request) -> Review:
    """Preview the affected stacks side by side; show a pull request's plans there, and keep them under its head.

    What is previewed is the result of merging the head into the base as it is now. Raises Refused for a conflict,
    UsageError for an unknown environment or stack; a failing stack is part of the result.
    """
    ledger = context.ledger()
    history = ledger.history()
    scope = scopes.find(context, history, (request.base, request.head), request.environment)
    environment, head = scope.environment, scope.head
    with checked_out(context, scope.commit) as program:
        chosen = named(scope.held, request.stacks) if request.stacks else tuple(scope.affected)
        undisturbed = Undisturbed(context, ledger, request.wait, tell)
        reviews: list[StackReview] = []

        def review_of(stack: Stack) -> StackReview:
            started = context.clock.monotonic()
            reasons = scope.affected.get(stack) or AffectedStack(stack, ())
            packs = program.packs(stack, environment.name, history)
            recorded = _on_record(history, stack, request)
            made = _review(program, (environment, head), reasons, packs, recorded, history)
            seconds = 0 if made.same_as else round(context.clock.monotonic() - started)
            return replace(made, packs=packs.changes, seconds=seconds)

        for wave in program.in_order(chosen):
            tell(f"previewing {', '.join(stack.label for stack in wave)}")
            reviews += undisturbed.previews(lambda stacks: side_by_side(review_of, stacks), wave)
        reviews = downstream.follow(program, environment.name, history, reviews, scope.held, undisturbed)
    unaffected = len(scope.held) - len(reviews)
    review = Review(environment.name, scope.base, head, tuple(reviews), unaffected=unaffected, undeclared=scope.gone)
    if request.pull_request is not None and not request.keep:
        publishing.publish(context, history, review, request.pull_request)
    return review


def _review(
    program: Program,
    of: tuple[Environment, str],
    affected: AffectedStack,
    packs: Packs,
    recorded: Plan | None,
    history: History,
) -> StackReview:
    (environment, head), stack = of, affected.stack
    try:
        if recorded is not None and program.spared(stack, recorded, packs):
            tell(f"{stack.label}: {wording.same_inputs(recorded)}")
            plan = replace(recorded, environment=environment.name, commit=head)
            return StackReview(affected, plan, same_as=recorded)
        plan, graph = program.planned(stack, environment.name, head, packs)
        must_have_its_state(program, stack, plan.start, history)
        return StackReview(affected, plan, graph=graph)
    except EngineFailed as error:
        tell_free_text(stack.label, error)
        return StackReview(affected, PreviewFailure(error.message, error.details, error.hint))


def _on_record(history: History, stack: Stack, request: Request) -> Plan | None:
    """The pull request's newest plan of the stack; None where a preview has to run whatever it says."""
    if request.pull_request is None or request.fresh:
        return None
    kept = history.newest(Query(stack=stack.label, kinds=(RecordKind.PLAN,), shown_on=request.pull_request))
    if kept is None or history.newest(Query(stack=stack.label, kinds=(RecordKind.REFUSED,), after=kept.sequence)):
        return None  # refused since: what moved may be live, where no input shows it
    try:
        return latest_plan(history, stack, request.pull_request)
    except (Refused, LedgerBroken):  # in another release's format, or written anew without a value that had leaked
        return None
