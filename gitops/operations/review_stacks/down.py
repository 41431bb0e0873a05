"""Destroy what pull requests do not need any more."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from msgspec import UNSET

from gitops.adapters.system.interrupts import noted
from gitops.errors import EngineFailed, EngineKilled, Failed, GitFailed, GitOpsError, Interrupted
from gitops.flow.review_stacks import Use, standing, uses, why_swept
from gitops.model import Gone, History, Stack
from gitops.model import record_bodies as bodies
from gitops.operations.apply import steps
from gitops.operations.apply.work import Work
from gitops.operations.leasing.holding import Held, hold
from gitops.operations.progress import progress_of, tell
from gitops.operations.recovery import one_stack
from gitops.operations.review_stacks.site import Site, settled_by_hand, tell_host


class Done(StrEnum):
    """How it ended for one stack."""

    NOTHING = "nothing to destroy"
    DESTROYED = "destroyed"
    WOULD_DESTROY = "would destroy"
    SETTLED = "settled, and kept"
    KEPT = "kept"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Result:
    """One review stack's end, and why; what was left has the error that says so."""

    stack: Stack
    done: Done
    why: str = ""
    error: GitOpsError | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One review stack as it stands; `state` is its newest record's kind, empty where the ledger knows none."""

    stack: Stack
    number: int
    claimed: bool
    state: str = ""
    head: str = ""
    used: datetime | None = None
    expires: datetime | None = None


def down(site: Site, number: int, wait: int, told: Mapping[str, str]) -> Result:
    """Destroy the pull request's stack, whatever the pull request is like now.

    `told` is what a person found out about pending creates, as `EngineWriter.settle` has it. Raises EngineFailed, with
    what is left still in the state; Waiting where somebody works on it for longer than `wait` seconds.
    """
    return _Sweeping(site, wait, told).take_down(number, lambda _history: "somebody took it down")


def sweep(site: Site, dry_run: bool) -> tuple[Result, ...]:
    """Destroy every review stack that has to go, and settle what killed runs left of the others.

    One that fails does not stop the others; it is part of the result. Raises CodeHostFailed, RemoteUnreachable and
    EngineFailed where it cannot be told which there are: then nothing is touched.
    """
    return _Sweeping(site, 0, {}).all(dry_run)


def rows(site: Site) -> tuple[Row, ...]:
    """Every review stack that stands, by its pull request. Raises CodeHostFailed, RemoteUnreachable, EngineFailed."""
    numbers, used = _standing(site)
    claimed = _claimed(site)
    return tuple(_row(site, number, used.get(number), number in claimed) for number in numbers)


def _row(site: Site, number: int, use: Use | None, claimed: bool) -> Row:
    stack = site.stack(number)
    if use is None:
        return Row(stack, number, claimed)
    head, used = (use.up.commit, use.up.at) if use.up else ("", None)
    return Row(stack, number, claimed, use.last.kind.value, head, used, use.expires(site.review))


def _standing(site: Site) -> tuple[tuple[int, ...], Mapping[int, Use]]:
    with site.program(site.commit) as program:
        backend = site.context.engine.stacks(program.project_folder(site.model))
    used = uses(site.context.ledger().history(), site.model.project)
    return standing(backend, used), used


def _claimed(site: Site) -> frozenset[int]:
    """The open pull requests that ask for a review stack, asked of the host now."""
    found = site.context.host.labelled(site.review.label)
    return frozenset(one.number for one in found if one.base == site.held_by.branch)


@dataclass(frozen=True)
class _Sweeping:
    site: Site
    wait: int
    told: Mapping[str, str]

    def all(self, dry_run: bool) -> tuple[Result, ...]:
        numbers, _ = _standing(self.site)
        results = []
        for number in numbers:
            try:
                results.append(self._look(number, dry_run))
            except Interrupted:
                raise
            except GitOpsError as error:
                results.append(Result(self.site.stack(number), Done.LEFT, error.message, error))
        return tuple(results)

    def _look(self, number: int, dry_run: bool) -> Result:
        history = self.site.context.ledger().history()
        stack = self.site.stack(number)
        why = self._why(number, history)
        if why and dry_run:
            return Result(stack, Done.WOULD_DESTROY, why)
        if why:
            return self.take_down(number, lambda now: self._why(number, now))
        if not dry_run and one_stack.cut_off(history, stack):
            with self._held(number) as (work, lease):
                self._settle(work, lease, work.ledger.history())
            return Result(stack, Done.SETTLED, "its last run was cut off")
        return Result(stack, Done.KEPT)

    def _why(self, number: int, history: History) -> str:
        """Why it has to go, by what is known now; "" where it stays."""
        use = uses(history, self.site.model.project).get(number)
        claimed = number in _claimed(self.site)
        return why_swept(number, claimed, use, self.site.review, self.site.context.clock.now())

    def take_down(self, number: int, why: Callable[[History], str]) -> Result:
        """Destroy one, under its lease, unless there is no reason to by the time it is ours."""
        stack, context = self.site.stack(number), self.site.context
        with self._held(number) as (work, lease):
            history = work.ledger.history()
            use = uses(history, stack.project).get(number)
            folder = work.program.project_folder(stack)
            if stack.name not in context.engine.stacks(folder) and (use is None or use.is_gone):
                return Result(stack, Done.NOTHING)
            reason = why(history)
            if not reason:
                return Result(stack, Done.KEPT, "somebody used it meanwhile")
            tell(f"{stack.label}: destroying it, since {reason}")
            self._settle(work, lease, history)
            _destroy(work, lease, reason)
            if use is not None:  # nobody wants to hear of a stack that nobody knows
                gone = Gone(stack.label, context.clock.now(), reason, self.site.review.label)
                tell_host(self.site, number, gone)
        return Result(stack, Done.DESTROYED, reason)

    @contextmanager
    def _held(self, number: int) -> Iterator[tuple[Work, Held]]:
        """The stack, in a checkout of the model's branch: a destroy does not run the program."""
        site, stack = self.site, self.site.stack(number)
        with site.program(site.commit, number) as program:
            work = Work(site.context, site.environment, site.context.ledger(), program)
            with hold(site.context, stack, site.commit, site.settings.lease_seconds, self.wait, tell) as lease:
                yield work, lease

    def _settle(self, work: Work, lease: Held, history: History) -> None:
        with settled_by_hand(lease.stack):
            steps.settle(work, lease, history, told=self.told)


def _destroy(work: Work, lease: Held, why: str) -> None:
    """Destroy the leased stack, between two records. Raises EngineFailed, Failed when the lease is lost."""
    context, stack = work.context, lease.stack

    with noted():  # an interrupt stops the destroy, and waits for what is written about it
        holder = context.holder
        lease.append(work.ledger, work.make(stack, bodies.DestroyStarted(holder.run, holder.host)))
        try:
            context.engine.destroy(work.program.project_folder(stack), stack.name, progress_of(stack.label), lease.lost)
        except (EngineFailed, OSError, KeyboardInterrupt) as error:
            message = str(error) or "cancelled at once; operations may be pending"
            cancelled = isinstance(error, (KeyboardInterrupt, EngineKilled))
            body = bodies.DestroyFailed(
                message,
                failures=error.failures if isinstance(error, EngineFailed) else UNSET,
                cancelled=cancelled,
                run=holder.run if cancelled else "",
                host=holder.host if cancelled else "",
            )
            lease.append(work.ledger, work.make(stack, body))
            raise
        try:
            lease.append(work.ledger, work.make(stack, bodies.Destroyed(why)))
        except GitFailed as error:
            raise Failed(
                f"{stack.label} was destroyed, but that could not be recorded: {error.message}",
                hint="Run `gitops review-stack sweep` when the remote is there: it records it.",
            ) from error
