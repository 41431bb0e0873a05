"""One stack's way through `gitops up`, under its lease: settle, preview, judge; then apply, verify, record."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import UNSET

from gitops.adapters.system.interrupts import noted
from gitops.errors import EngineFailed, EngineKilled, Failed, GitFailed, NotVerified, Refused
from gitops.flow.plans import attribution, values, verification
from gitops.flow.plans.compare import compare
from gitops.flow.plans.policies import Packs
from gitops.model import Check, History, Plan, PlanDifference, Query, Record, RecordKind, Stack
from gitops.model import record_bodies as bodies
from gitops.operations.apply.work import Prepared, Ready, Run, Work
from gitops.operations.leasing.holding import Held
from gitops.operations.program import must_have_its_state
from gitops.operations.progress import print_view, progress_of, tell
from gitops.operations.recovery import one_stack
from gitops.ports import RunnablePack, SavedPlan
from gitops.views.terminal import drift as drifted
from gitops.views.terminal import screen


def prepare(run: Run, lease: Held, history: History, scratch: Path) -> Prepared:
    """Settle what an earlier run left, preview, and judge. Changes no infrastructure. Raises EngineFailed."""
    stack = lease.stack
    if lease.taken_over or one_stack.cut_off(history, stack):
        settle(run, lease, history, look_only=run.dry_run)
    packs = run.program.packs(stack, run.environment.name, history)
    saved = SavedPlan(scratch / f"{stack.project}.{stack.name}.plan.json", run.program.runnable(packs))
    fresh = preview(run, stack, packs, saved)
    if fresh.start.pending and not run.dry_run:
        settle(run, lease, history)
        fresh = preview(run, stack, packs, saved)
    must_have_its_state(run.program, stack, fresh.start, history)
    cut_short = history.cut_short(stack)
    resumed = cut_short is not None and cut_short.commit == run.program.commit
    verdict, case = run.judge.decide(fresh, history, resumed)
    return Prepared(lease, fresh, saved, verdict, case)


def show(run: Run, prepared: Prepared, history: History) -> None:
    """The verdict, and where the plan is not the reviewed one, how it differs and who moved it."""
    print_view(screen.verdict(prepared.verdict))
    approved = prepared.case.approved
    if approved is not None and approved.plan_digest != prepared.plan.plan_digest and not prepared.case.resumed:
        differs = compare(approved, prepared.plan)
        moved_by = _movers(run, differs, (approved, prepared.plan), history)
        print_view(screen.difference(differs, approved, prepared.plan, moved_by))


def _movers(
    run: Run, differs: PlanDifference, plans: tuple[Plan, Plan], history: History
) -> tuple[attribution.Mover, ...]:
    """Who moved what between the two plans, as far as the ledger and Git tell."""
    approved, fresh = plans
    config_file = run.program.snapshot.project_of(fresh.stack).config_files[fresh.stack.name]
    touched = attribution.paths(differs, config_file)
    commits = run.context.repository.commits_touching(touched, approved.created_at, run.program.commit)
    applies = Query(stack=fresh.stack.label, kinds=attribution.KINDS, since=approved.created_at)
    return attribution.movers(differs, plans, history.select(applies, oldest_first=True), commits)


def apply(run: Work, ready: Ready) -> tuple[Check, ...]:
    """Apply exactly the prepared plan, verify, and record; the checks, all passed.

    Raises Refused when the state moved since the preview, EngineFailed when the apply breaks, NotVerified when a check
    does not pass, Failed when the lease is lost.
    """
    stack, digest = ready.stack, ready.plan.plan_digest
    with noted():  # an interrupt stops the apply, and waits for what is written about it
        _start(run, ready)
        _change(run, ready)
        try:
            ready.lease.append(run.ledger, run.make(stack, bodies.Applied(digest)))
        except GitFailed as error:
            raise Failed(
                f"{stack.label} was applied, but that could not be recorded: {error.message}",
                hint="Run the same command again when the remote is there: it looks at what was done, verifies and "
                "records it.",
            ) from error
    return _verified(run, ready.lease, ready.saved.packs, digest)


def applied_before(run: Work, stack: Stack, history: History) -> Record | None:
    """What tells that this commit is applied to the stack already, and not verified."""
    found = history.unverified(stack)
    return found if found is not None and found.commit == run.commit else None


def digest_of(applied: Record) -> str:
    """The plan that is applied, by what `applied_before` found. Raises LedgerBroken."""
    if applied.kind is RecordKind.APPLIED:
        return applied.read_as(bodies.Applied).plan_digest
    return applied.read_as(bodies.NotVerified).plan_digest


def verify_again(run: Work, lease: Held, applied: Record, history: History) -> tuple[Check, ...]:
    """Verify what is recorded as applied, and record that; nothing is applied. Raises as `apply` does.

    It changes nothing, so whether its program may run is all that has to be asked before.
    """
    stack = lease.stack
    tell(
        f"{stack.label}: {run.commit[:12]} was applied by {applied.by} and is not verified yet: that is done now, and "
        "nothing is applied"
    )
    if lease.taken_over:
        settle(run, lease, history)
    # In another backend than the one that it was applied in, all of it would look as if it were gone.
    start = run.context.engine.start_state(run.program.project_folder(stack), stack.name)
    must_have_its_state(run.program, stack, start, history)
    packs = run.program.packs(stack, run.environment.name, history)
    return _verified(run, lease, run.program.runnable(packs), digest_of(applied))


def _verified(run: Work, lease: Held, packs: Sequence[RunnablePack], digest: str) -> tuple[Check, ...]:
    """The checks of what is applied, all passed, and recorded as a release. Raises NotVerified."""
    stack = lease.stack
    tell(f"{stack.label}: verifying")
    folder = run.program.project_folder(stack)
    with ThreadPoolExecutor(1) as beside:
        outputs = beside.submit(run.context.engine.outputs, folder, stack.name)
        refreshed = run.context.engine.preview(folder, stack.name, packs=packs).run
        checks = verification.checks(outputs.result(), refreshed)
    failed, drift = verification.failed(checks), verification.drift(refreshed)
    if not failed:
        lease.append(run.ledger, run.make(stack, bodies.Released(digest, checks)))
        return checks
    lease.append(run.ledger, run.make(stack, bodies.NotVerified(digest, checks, drift)))
    if drift:
        print_view(drifted.differences(stack.label, drift))
    raise NotVerified(
        f"{stack.label} was applied, but is no release: "
        + "; ".join(f"{check.name}: {check.detail}" for check in failed),
        drift=tuple({"stack": stack.label, **values.pack(one)} for one in drift),
        hint=run.way_on(drifted=bool(drift)),
    )


def preview(run: Work, stack: Stack, packs: Packs, saved: SavedPlan) -> Plan:
    """A plan of the stack, for the records' commit. Raises EngineFailed."""
    tell(f"{stack.label}: previewing {run.commit[:12]}")
    return run.program.plan(stack, run.environment.name, run.commit, packs, saved.file)


def settle(
    run: Work,
    lease: Held,
    history: History,
    *,
    look_only: bool = False,
    told: Mapping[str, str] | None = None,
) -> None:
    """Say what a run that was cut short left, end what is left of it, and bring the state to the truth.

    `told` is what a person found out about pending creates. Raises EngineFailed for what cannot be settled.
    """
    stack, unfinished = lease.stack, history.unfinished(lease.stack)
    if unfinished is not None:
        tell(
            f"{stack.label}: the apply of {unfinished.commit[:12]} by {unfinished.by} at "
            f"{unfinished.at:%Y-%m-%d %H:%M:%S} UTC never ended; looking at what it left"
        )
    if look_only:
        return
    repairs = one_stack.settle(lease, run.program.project_folder(stack), history, told)
    for sentence in repairs:
        tell(f"{stack.label}: {sentence}")
    if repairs:
        lease.append(run.ledger, run.make(stack, bodies.Repaired(repairs)))


def _start(run: Work, ready: Ready) -> None:
    """Record the start, and look at the state once more: Pulumi itself does not compare it with the plan's."""
    stack, holder = ready.stack, run.context.holder
    body = bodies.ApplyStarted(ready.plan.plan_digest, holder.run, holder.host)
    with ThreadPoolExecutor(1) as beside:
        looking = beside.submit(run.context.engine.start_state, run.program.project_folder(stack), stack.name)
        ready.lease.append(run.ledger, run.make(stack, body))
        try:
            now = looking.result()
        except (EngineFailed, KeyboardInterrupt) as error:
            _touched_nothing(run, ready, str(error) or "cancelled before anything was touched")
            raise
    if now.digest != ready.plan.start.digest:
        _touched_nothing(run, ready, "the state moved while it was being previewed")
        raise Refused(
            f"The state of {stack.label} moved while it was being previewed; nothing was touched.",
            hint="Somebody else works on this stack outside of the pipeline. Run the same command again.",
        )


def _touched_nothing(run: Work, ready: Ready, message: str) -> None:
    """Record that what was started has ended again, or the next run would take it for killed and look for its rest."""
    body = bodies.ApplyFailed(ready.plan.plan_digest, message, touched=False)
    ready.lease.append(run.ledger, run.make(ready.stack, body))


def _change(run: Work, ready: Ready) -> None:
    if not ready.plan.changes:
        return
    stack, digest = ready.stack, ready.plan.plan_digest
    tell(f"{stack.label}: applying plan {digest[:12]}")

    folder = run.program.project_folder(stack)
    try:
        run.context.engine.apply(folder, stack.name, ready.saved, progress_of(stack.label), ready.lease.lost)
    except (EngineFailed, OSError, KeyboardInterrupt) as error:
        message = str(error) or "cancelled at once; operations may be pending"
        # Whoever finds its lock on the backend later may free it: this run has ended all that it started.
        holder, cancelled = run.context.holder, isinstance(error, (KeyboardInterrupt, EngineKilled))
        body = bodies.ApplyFailed(
            digest,
            message,
            failures=error.failures if isinstance(error, EngineFailed) else UNSET,
            cancelled=cancelled,
            run=holder.run if cancelled else "",
            host=holder.host if cancelled else "",
        )
        ready.lease.append(run.ledger, run.make(stack, body))
        raise
