"""Apply a commit of an environment branch, exactly as it was reviewed or not at all.

All stacks that have something to apply are leased, previewed and judged before the first of them is touched. Then
each is applied, verified and recorded, in the order of what reads from what.
"""

from collections.abc import Collection, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from gitops.adapters.system import scratch
from gitops.config.settings import Config, Environment
from gitops.context import Context
from gitops.errors import Refused, Waiting
from gitops.flow import words
from gitops.flow.gate import judgement
from gitops.flow.leases import lease
from gitops.model import Check, History, Outcome, Plan, Record, Stack, Verdict
from gitops.model import record_bodies as bodies
from gitops.operations.apply import break_glass, steps
from gitops.operations.apply.work import BreakGlass, Prepared, Run
from gitops.operations.judging import Judge
from gitops.operations.leasing.holding import Held, hold
from gitops.operations.program import (
    checked_out,
    contains,
    named,
    newest,
    side_by_side,
    standing_release,
)
from gitops.operations.progress import print_view, tell
from gitops.views.terminal import screen

# Clocks of machines that keep time differ by less.
_CLOCKS_DIFFER = timedelta(seconds=30)


class Done(StrEnum):
    """How it ended for one stack."""

    RELEASED = "released"
    WOULD_VERIFY = "would verify"
    ALREADY_RELEASED = "already released"
    SUPERSEDED = "superseded"
    WOULD_APPLY = "would apply"


@dataclass(frozen=True, slots=True)
class StackResult:
    """One stack's end: the plan that was applied (None when nothing had to be), and the checks after it.

    `because_of` is the commit whose release made an apply needless.
    """

    stack: Stack
    done: Done
    plan: Plan | None = None
    checks: tuple[Check, ...] = ()
    because_of: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What to apply: a commit of an environment (default: the newest of its branch), all its stacks or those named.

    `wait` is for how many seconds to stand in line where somebody else works on a stack.
    """

    environment: str | None = None
    branch: str | None = None
    commit: str | None = None
    stacks: tuple[str, ...] = ()
    dry_run: bool = False
    wait: int = 0
    glass: BreakGlass | None = None


def up(context: Context, request: Request) -> tuple[StackResult, ...]:
    """Apply, stack by stack in dependency order; the first stack that does not succeed ends the run.

    Raises Refused when the gate says no or the commit is not on the environment's branch, Waiting when somebody
    else holds a stack for longer than we wait or approvals are missing, EngineFailed when an apply breaks,
    RemoteUnreachable when leases or ledger cannot be read or written. A refusal of one stack stops all of them.
    """
    settings, environment, commit = _target(context, request)
    judge = Judge(context, settings, environment, commit)
    if request.glass:
        break_glass.must_be_allowed(judge, context.holder.name)
    with (
        checked_out(context, commit) as program,
        scratch.folder("plan") as private,
        ExitStack() as holding,
    ):
        run = Run(context, environment, context.ledger(), program, judge, request.dry_run, request.glass)
        wanted = named(settings.stacks_of(environment, program.snapshot.stacks), request.stacks)
        before = _needless(run, wanted, run.ledger.history())
        leases = {
            stack: holding.enter_context(hold(context, stack, commit, settings.lease_seconds, request.wait, tell))
            for stack in wanted
            if stack not in before
        }
        # Read again: while we stood in line, others worked on these stacks.
        history = run.ledger.history()
        _tell_of_clocks(history.ahead(context.clock.now()))
        needless = _needless(run, wanted, history)
        held = {stack: leases[stack] for stack in _must_be_leased(wanted, needless, leases)}
        # At once: these records stand without a lease, so they must not be older than what they were read from.
        done = {stack: _skip(run, one) for stack, one in needless.items()}
        applied = {stack: record for stack in held if (record := steps.applied_before(run, stack, history))}
        for stack in (one for wave in program.in_order(applied) for one in wave):
            done[stack] = _verify(run, held.pop(stack), applied[stack], history)
        history = run.ledger.history() if applied else history
        _must_be_foreseen(run, held, history)
        done |= {one.stack: one for one in _Work(run, held, history, private).results()}
        return tuple(done[stack] for wave in program.in_order(wanted) for stack in wave)


@dataclass
class _Work:
    """The stacks that have something to apply, under their leases."""

    run: Run
    held: Mapping[Stack, Held]
    history: History
    scratch: Path
    applied: list[Stack] = field(default_factory=list)

    def results(self) -> Iterable[StackResult]:
        """Prepare all, then apply one after the other."""
        waves = self.run.program.in_order(self.held)
        ready = {one.stack: one for wave in waves for one in side_by_side(self._prepare, wave)}
        self._must_be_allowed([ready[stack] for wave in waves for stack in wave])
        if self.run.dry_run:
            return [StackResult(stack, Done.WOULD_APPLY, ready[stack].plan) for wave in waves for stack in wave]
        return [self._release(ready[stack], ready) for wave in waves for stack in wave]

    def _prepare(self, stack: Stack) -> Prepared:
        return steps.prepare(self.run, self.held[stack], self.history, self.scratch)

    def _release(self, ready: Prepared, all_ready: Mapping[Stack, Prepared]) -> StackResult:
        upstream = self.run.program.upstream.get(ready.stack, frozenset())
        if any(all_ready[other].plan.changes for other in upstream & all_ready.keys()):
            tell(f"{ready.stack.label}: reads from a stack that has just changed, so it is looked at again")
            ready = self._prepare(ready.stack)
            self._must_be_allowed([ready])
        if self.run.glass and ready.verdict.outcome is not Outcome.ALLOW:
            break_glass.announce(self.run, ready, self.run.glass)
        self.applied.append(ready.stack)
        checks = steps.apply(self.run, ready)
        return StackResult(ready.stack, Done.RELEASED, ready.plan, checks)

    def _must_be_allowed(self, ready: Collection[Prepared]) -> None:
        """Raises Refused or Waiting unless the gate allows each, or the glass is broken for exactly these plans."""
        for one in ready:
            steps.show(self.run, one, self.history)
        if self.run.glass and not self.run.dry_run:
            break_glass.must_be_read(self.run.glass, tuple(ready))
        elif not self.run.glass:
            _stop_unless_allowed(self.run, {one.stack: one.verdict for one in ready}, ready, self.applied)


def _tell_of_clocks(ahead: timedelta) -> None:
    if ahead > _CLOCKS_DIFFER:
        tell(
            f"The ledger's newest record is dated {lease.span(ahead.total_seconds())} ahead of this machine's clock: "
            "one of two clocks is wrong, and until that time has come no approval can count."
        )


def _must_be_leased(
    wanted: Collection[Stack], needless: Collection[Stack], leases: Collection[Stack]
) -> tuple[Stack, ...]:
    """The stacks that have something to apply. Raises Waiting for one that had nothing before we stood in line."""
    found = tuple(stack for stack in wanted if stack not in needless)
    for stack in found:
        if stack not in leases:
            raise Waiting(
                f"Somebody worked on {stack.label} while we stood in line for other stacks.",
                hint="Run the same command again.",
            )
    return found


def _must_be_foreseen(run: Run, stacks: Collection[Stack], history: History) -> None:
    """What can be said before any program runs. Raises Refused or Waiting."""
    if run.glass:
        return
    verdicts = {stack: run.judge.foresee(stack, history) for stack in sorted(stacks)}
    for verdict in verdicts.values():
        if verdict.outcome is not Outcome.ALLOW:
            print_view(screen.verdict(verdict))
    _stop_unless_allowed(run, verdicts)


def _stop_unless_allowed(
    run: Run, verdicts: Mapping[Stack, Verdict], ready: Collection[Prepared] = (), applied: Collection[Stack] = ()
) -> None:
    """Say why not, keep refusals in the ledger, and raise; a refusal counts before a wait.

    `applied` are the stacks that this run has applied already.
    """
    stop = judgement.stop((stack.label, verdict) for stack, verdict in verdicts.items())
    if stop is None:
        return
    if stop.outcome is Outcome.WAIT:
        raise Waiting(
            f"Not applied yet: {stop.reasons}.",
            hint="Run `gitops up` again when that is there; see `gitops explain`.",
        )
    digests = {one.stack: one.plan.plan_digest for one in ready}
    refused = {stack: verdict for stack, verdict in verdicts.items() if verdict.outcome is Outcome.REFUSE}
    if not run.dry_run:
        for stack, verdict in refused.items():
            run.record(stack, bodies.Refused(verdict, digests.get(stack, "")))
    before = words.listed([stack.label for stack in applied])
    raise Refused(
        f"Not applied, {f'after {before} was' if before else 'nothing was touched'}: {stop.reasons}.",
        hint="Preview the change again, have that plan approved, and run `gitops up` again.",
    )


def _needless(run: Run, stacks: Iterable[Stack], history: History) -> dict[Stack, StackResult]:
    """The stacks that have nothing to apply: released already, or at a later commit of the branch."""
    context, commit = run.context, run.program.commit
    found: dict[Stack, StackResult] = {}
    for stack in stacks:
        release = history.release(stack)
        if release is not None and release.commit != commit and contains(context, release.commit, commit):
            found[stack] = StackResult(stack, Done.SUPERSEDED, because_of=release.commit)
            continue
        standing = standing_release(context, history, stack, commit)
        if standing is not None:
            found[stack] = StackResult(stack, Done.ALREADY_RELEASED, because_of=standing.commit)
    return found


def _verify(run: Run, lease: Held, applied: Record, history: History) -> StackResult:
    """What an earlier run has applied, verified; a dry run ends before that.

    The ledger's word that it is applied lets no program run: whoever may write there need not be an approver. Windows,
    budgets and the like were before the apply. Raises Refused, Waiting and NotVerified.
    """
    if run.dry_run:
        return StackResult(lease.stack, Done.WOULD_VERIFY)
    verdict = judgement.by_people(run.judge.foresee(lease.stack, history))
    stop = judgement.stop([(lease.stack.label, verdict)])
    if stop is not None and run.glass:
        break_glass.announce_verification(run, lease, run.glass, applied, verdict)
    elif stop is not None:
        print_view(screen.verdict(verdict))
        error, yet = (Waiting, " yet") if stop.outcome is Outcome.WAIT else (Refused, "")
        hint = "Nothing is applied again, whatever is done about that. `gitops up --break-glass` verifies without it."
        raise error(f"Applied, and not verified{yet}: {stop.reasons}.", hint=hint)
    return StackResult(lease.stack, Done.RELEASED, checks=steps.verify_again(run, lease, applied, history))


def _skip(run: Run, needless: StackResult) -> StackResult:
    """Nothing to apply; the ledger learns what that means for this commit."""
    stack, because_of = needless.stack, needless.because_of
    if because_of == run.program.commit:
        return needless
    if needless.done is Done.SUPERSEDED:
        tell(f"{stack.label}: is at {because_of[:12]} already, which contains {run.program.commit[:12]}: skipped")
        body: bodies.Body = bodies.Superseded(because_of)
    else:
        tell(f"{stack.label}: nothing since {because_of[:12]}, its last release, affects it")
        body = bodies.Unchanged(because_of)
    if not run.dry_run:
        run.record(stack, body)
    return needless


def _target(context: Context, request: Request) -> tuple[Config, Environment, str]:
    """The settings, environment and commit to apply. The commit's own gitops.yaml counts: it was reviewed with it."""
    environment, tip = newest(context, request.environment, request.branch)
    commit = context.repository.resolve(request.commit) if request.commit else tip
    if not context.repository.is_ancestor(commit, tip):
        raise Refused(
            f"Commit {commit[:12]} is not on {environment.branch}, the branch of {environment.name}.",
            hint=f"Merge it into {environment.branch} by pull request.",
        )
    settings = context.config(commit)
    return settings, settings.environment(environment.name), commit
