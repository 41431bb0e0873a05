"""What every `gitops review-stack` verb stands on: the settings of the branch, its model stack, a program with both."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from gitops.config.review_stacks import ENVIRONMENT, ReviewStacks, name_of, number_of
from gitops.config.settings import FILE, Config, Environment
from gitops.context import Context
from gitops.errors import ConfigError, EngineFailed, GitOpsError, Interrupted, UsageError
from gitops.flow.impact.discovery import Snapshot, take_snapshot
from gitops.flow.review_stacks import copy_of, with_copy
from gitops.model import Gone, NotRaised, Stack
from gitops.operations.program import Program, checked_out, fetched
from gitops.operations.progress import tell
from gitops.views.markdown import review_stack_comment as comments


@dataclass(frozen=True)
class Site:
    """Where review stacks are made. All of it is as a branch has it that changes only by review.

    A pull request therefore cannot choose the model, the names, or how many there may be. `held_by` is the model's
    own environment, whose gate says which policies count.
    """

    context: Context
    commit: str
    settings: Config
    review: ReviewStacks
    model: Stack
    held_by: Environment

    @property
    def environment(self) -> Environment:
        """The one that records are made in: none of gitops.yaml, so nothing is released or promoted from it."""
        return Environment(ENVIRONMENT, self.held_by.branch, (), gate=self.held_by.gate)

    def stack(self, number: int) -> Stack:
        """The pull request's stack."""
        return Stack(self.model.project, name_of(number), self.model.folder)

    @contextmanager
    def program(self, commit: str, number: int | None = None) -> Iterator[Program]:
        """A commit's program in a temporary checkout, with that pull request's stack in it. Raises ConfigError."""
        with checked_out(self.context, commit) as program:
            yield program if number is None else self.with_stack(program, number)

    def with_stack(self, program: Program, number: int) -> Program:
        """The program with that pull request's stack in it: its config file, and what follows. Raises ConfigError."""
        copy = copy_of(program.snapshot, self.model, self.review, number)
        (program.folder / copy.path).write_bytes(copy.content)
        return replace(program, snapshot=with_copy(program.snapshot, copy))


def site_on(context: Context, branch: str) -> Site:
    """The site as the newest commit of a branch has it. Raises UsageError where that one has none."""
    return _site(context, fetched(context, branch))


def site_here(context: Context) -> Site | None:
    """The site as the model's branch has it, by the checked-out commit; None where review stacks are off."""
    head = context.repository.resolve("HEAD")
    if context.config(head).review_stacks is None:
        return None
    newest = fetched(context, _site(context, head).held_by.branch)
    return _site(context, newest) if context.config(newest).review_stacks else None


def _site(context: Context, commit: str) -> Site:
    settings = context.config(commit)
    review = settings.review_stacks
    if review is None:
        raise UsageError(
            f"{FILE} at {commit[:12]} has no `review_stacks`, so they are off.",
            hint="See docs/review-stacks.md for what to write there.",
        )
    model = _model(take_snapshot(context.repository, commit), review)
    held_by = settings.environment_of(model)
    if held_by is None:
        raise ConfigError(
            FILE,
            f"no environment holds {model.label}, so there is no branch that review stacks could be merged into",
            key="review_stacks.like",
        )
    return Site(context, commit, settings, review, model, held_by)


def _model(snapshot: Snapshot, review: ReviewStacks) -> Stack:
    found = [stack for stack in snapshot.stacks if review.like in (stack.name, stack.label)]
    if len(found) != 1:
        labels = ", ".join(stack.label for stack in found or snapshot.stacks)
        problem = f"{review.like!r} is {'more than one stack' if found else 'no stack of this commit'}"
        raise ConfigError(FILE, problem, key="review_stacks.like", hint=f"There are: {labels or 'none'}.")
    return found[0]


def tell_host(site: Site, number: int, told: NotRaised | Gone) -> None:
    """Tell it on the pull request; where that fails, only here: what happened has an end of its own already."""
    try:
        site.context.host.comment(number, comments.MARKER, comments.render(told))
    except GitOpsError as error:
        tell(f"pull request #{number} could not be told: {error.message}")


@contextmanager
def settled_by_hand(stack: Stack) -> Iterator[None]:
    """What cannot be settled without a person is settled by the verb that knows this stack."""
    try:
        yield
    except Interrupted:
        raise
    except EngineFailed as error:
        verb = f"gitops review-stack down --pull-request {number_of(stack.name)}"
        hint = f"Look whether it exists, and say so: `{verb} --exists URN=ID` or `{verb} --absent URN`."
        raise EngineFailed(error.message, failures=error.failures, text=error.text, hint=hint) from error
