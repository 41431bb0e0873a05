"""`gitops up`: apply a commit of an environment branch, exactly as it was reviewed or not at all.

For each stack: lease → preview with saved plan → gate against the reviewed plan → apply exactly that plan →
verify → record → release the lease.
"""

import json
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import click

from gitops.commands.holding import Held, hold
from gitops.commands.planning import Program, checked_out, contains, in_order, named, standing_release
from gitops.config import Config, Environment
from gitops.context import Context, Ledger, require_environment
from gitops.errors import EngineFailed, Failed, Refused, Waiting
from gitops.flow import gate, values, verify, wording
from gitops.flow import record as records
from gitops.flow.compare import compare
from gitops.model import Check, Outcome, Plan, PullRequest, Record, RecordKind, ResourceStep, Stack, Verdict
from gitops.views import terminal


class Done(StrEnum):
    """How it ended for one stack."""

    RELEASED = "released"
    ALREADY_RELEASED = "already released"
    WOULD_APPLY = "would apply"


@dataclass(frozen=True, slots=True)
class StackResult:
    """One stack's end: the plan that was applied (None when nothing had to be), and the checks after it."""

    stack: Stack
    done: Done
    plan: Plan | None = None
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True)
class Run:
    """What every step of one `up` needs."""

    context: Context
    settings: Config
    environment: Environment
    ledger: Ledger
    program: Program
    pull_request: PullRequest | None
    dry_run: bool

    def record(self, kind: RecordKind, stack: Stack, body: Mapping[str, Any] | None = None) -> Record:
        """Append a record of this run to the ledger."""
        author = records.Author(self.context.holder.name, self.environment.name)
        now = self.context.clock.now()
        return self.ledger.append(records.make(kind, author, stack, self.program.commit, now, body))


@dataclass(frozen=True, slots=True)
class Request:
    """What to apply: a commit of an environment (default: the newest of its branch), all its stacks or those named."""

    environment: str | None = None
    branch: str | None = None
    commit: str | None = None
    stacks: tuple[str, ...] = ()
    dry_run: bool = False


def up(context: Context, request: Request) -> tuple[StackResult, ...]:
    """Apply, stack by stack in dependency order; the first stack that does not succeed ends the run.

    Raises Refused when the gate says no or the commit is not on the environment's branch, Waiting when somebody
    else holds a stack or approvals are missing, EngineFailed when an apply breaks, RemoteUnreachable when leases
    or ledger cannot be read or written.
    """
    settings, environment, commit = _target(context, request)
    ledger = context.ledger(settings)
    pull_request = context.host.pull_request_of(commit, environment.branch)
    with checked_out(context, commit) as program:
        run = Run(context, settings, environment, ledger, program, pull_request, request.dry_run)
        held = settings.stacks_of(environment, program.snapshot.stacks)
        history = records.trusted(ledger.records())
        results = []
        for wave in in_order(program.snapshot, named(held, request.stacks)):
            for stack in wave:
                _must_not_go_back(run, stack, history)
                release = standing_release(context, history, stack, commit)
                results.append(_up_stack(run, stack) if release is None else _keep(run, stack, release))
        return tuple(results)


def _must_not_go_back(run: Run, stack: Stack, history: records.History) -> None:
    """An older commit than the released one would undo what was reviewed since. Raises Refused."""
    release, commit = history.release(stack), run.program.commit
    if release is not None and release.commit != commit and contains(run.context, release.commit, commit):
        raise Refused(
            f"{stack.label} is at {release.commit[:12]} already, which came after {commit[:12]}; nothing was touched.",
            hint="To go back, revert the change by pull request. A late job of an older commit needs nothing.",
        )


def _target(context: Context, request: Request) -> tuple[Config, Environment, str]:
    """The settings, environment and commit to apply. The commit's own gitops.yaml counts: it was reviewed with it."""
    local = context.config(context.repository.resolve("HEAD"))
    environment = require_environment(local, request.environment, request.branch)
    tip = context.repository.branch_head(environment.branch)
    context.git.fetch(f"refs/heads/{environment.branch}")
    commit = context.repository.resolve(request.commit) if request.commit else tip
    if not context.repository.is_ancestor(commit, tip):
        raise Refused(
            f"Commit {commit[:12]} is not on {environment.branch}, the branch of {environment.name}.",
            hint=f"Merge it into {environment.branch} by pull request.",
        )
    settings = context.config(commit)
    return settings, settings.environment(environment.name), commit


def _keep(run: Run, stack: Stack, release: Record) -> StackResult:
    """Nothing to apply; the ledger learns that this commit is released as well."""
    if release.commit != run.program.commit:
        _tell(f"{stack.label}: nothing since {release.commit[:12]}, its last release, affects it")
        if not run.dry_run:
            run.record(RecordKind.RELEASE, stack, {"unchanged_since": release.commit})
    return StackResult(stack, Done.ALREADY_RELEASED)


def _up_stack(run: Run, stack: Stack) -> StackResult:
    with (
        hold(run.context, stack, run.settings.lease_seconds, _tell) as lease,
        tempfile.TemporaryDirectory(prefix="gitops-plan-") as scratch,
    ):
        history = records.trusted(run.ledger.records())
        environment = _strictest(run, stack, history)
        foreseen = gate.foresee(environment, stack, run.program.commit, run.pull_request, history)
        if foreseen.outcome is not Outcome.ALLOW:
            _show(terminal.verdict(foreseen))
            _stop(run, stack, foreseen)
        if lease.taken_over or history.unfinished(stack):
            _settle(run, stack, history)
        saved = Path(scratch) / "plan.json"
        fresh = _preview(run, stack, saved)
        if fresh.start.pending and not run.dry_run:
            _settle(run, stack, history)
            fresh = _preview(run, stack, saved)
        cut_short = history.cut_short(stack)
        resumed = cut_short is not None and cut_short.commit == run.program.commit
        # Asked again: previews and the stacks before this one take minutes, in which an approval can be taken back.
        asked = run.context.host.pull_request_of(run.program.commit, environment.branch)
        evidence = gate.gather(fresh, asked, history, resumed)
        verdict = gate.decide(environment, fresh, evidence)
        _show(terminal.verdict(verdict))
        if verdict.outcome is not Outcome.ALLOW:
            if evidence.approved is not None and evidence.approved.plan_digest != fresh.plan_digest:
                _show(terminal.difference(compare(evidence.approved, fresh), evidence.approved, fresh))
            _stop(run, stack, verdict, fresh)
        if run.dry_run:
            return StackResult(stack, Done.WOULD_APPLY, fresh)
        return _apply_and_verify(run, stack, fresh, saved, lease)


def _strictest(run: Run, stack: Stack, history: records.History) -> Environment:
    """The environment with as many approvals as its commit and the released one both ask for.

    A commit that asks for fewer is itself held to what stood before it: it must not open the gate in front of itself.
    """
    release = history.release(stack)
    if release is None:
        return run.environment
    before = run.context.config(run.context.repository.resolve(release.commit)).environment_of(stack)
    needed = max(run.environment.approvals, before.approvals if before else 0)
    return replace(run.environment, approvals=needed)


def _preview(run: Run, stack: Stack, saved: Path) -> Plan:
    _tell(f"{stack.label}: previewing {run.program.commit[:12]}")
    return run.program.plan(stack, run.environment.name, run.program.commit, saved)


def _settle(run: Run, stack: Stack, history: records.History) -> None:
    """Say what a run that was cut short left, end what is left of it, and bring the state to the truth."""
    unfinished = history.unfinished(stack)
    if unfinished is not None:
        _tell(
            f"{stack.label}: the apply of {unfinished.commit[:12]} by {unfinished.by} at "
            f"{unfinished.at:%Y-%m-%d %H:%M:%S} UTC never ended; looking at what it left"
        )
    if run.dry_run:
        return
    previous = str(unfinished.body.get("run", "")) if unfinished else ""
    told = run.context.engine.settle(run.program.project_folder(stack), stack.name, previous_run=previous)
    for sentence in told:
        _tell(f"{stack.label}: {sentence}")
    if told:
        run.record(RecordKind.REPAIRED, stack, {"repairs": list(told)})


def _apply_and_verify(run: Run, stack: Stack, fresh: Plan, saved: Path, lease: Held) -> StackResult:
    _must_start_as_planned(run, stack, fresh)
    lease.must_be_ours()
    run.record(RecordKind.APPLY_STARTED, stack, {"plan_digest": fresh.plan_digest, "run": run.context.holder.run})
    checks = _apply(run, stack, fresh, saved, lease)
    lease.must_be_ours()
    body = {"plan_digest": fresh.plan_digest, "checks": values.pack(checks)}
    run.record(RecordKind.APPLIED, stack, body)
    failed = verify.failed(checks)
    if failed:
        raise Failed(
            f"{stack.label} was applied, but is no release: "
            + "; ".join(f"{check.name}: {check.detail}" for check in failed),
            hint="Nothing is promoted from it. Mend it with another pull request, or run `gitops up` to verify again.",
        )
    run.record(RecordKind.RELEASE, stack, body)
    return StackResult(stack, Done.RELEASED, fresh, checks)


def _stop(run: Run, stack: Stack, verdict: Verdict, fresh: Plan | None = None) -> None:
    """Say why not, keep it in the ledger, and raise."""
    reasons = [rule.reason for rule in verdict.rules if rule.outcome is verdict.outcome]
    if verdict.outcome is Outcome.WAIT:
        raise Waiting(
            f"{stack.label} is not applied yet: {'; '.join(reasons)}.",
            hint="Run `gitops up` again when the approval is there.",
        )
    if not run.dry_run:
        digest = {"plan_digest": fresh.plan_digest} if fresh else {}
        run.record(RecordKind.REFUSED, stack, {"verdict": values.pack(verdict), **digest})
    raise Refused(
        f"{stack.label} is not applied and nothing was touched: {'; '.join(reasons)}.",
        hint="Preview the change again, have that plan approved, and run `gitops up` again.",
    )


def _must_start_as_planned(run: Run, stack: Stack, fresh: Plan) -> None:
    """The state once more, right before the apply: Pulumi itself does not compare it with the plan's."""
    now = run.context.engine.start_state(run.program.project_folder(stack), stack.name)
    if now.digest != fresh.start.digest:
        raise Refused(
            f"The state of {stack.label} moved while it was being previewed; nothing was touched.",
            hint="Somebody else works on this stack outside of the pipeline. Run `gitops up` again.",
        )


def _apply(run: Run, stack: Stack, fresh: Plan, saved: Path, lease: Held) -> tuple[Check, ...]:
    folder = run.program.project_folder(stack)

    def show(step: ResourceStep) -> None:
        if step.done:
            _show(terminal.progress(stack.label, step))

    if fresh.changes:
        _tell(f"{stack.label}: applying plan {fresh.plan_digest[:12]}")
        try:
            run.context.engine.apply(folder, stack.name, saved, show, lease.lost)
        except EngineFailed as error:
            run.record(RecordKind.APPLY_FAILED, stack, {"message": error.message, "plan_digest": fresh.plan_digest})
            raise
    _tell(f"{stack.label}: verifying")
    with ThreadPoolExecutor(1) as beside:
        outputs = beside.submit(run.context.engine.outputs, folder, stack.name)
        refreshed = run.context.engine.preview(folder, stack.name, refresh=True)
        return verify.checks(outputs.result(), refreshed.run)


def _tell(text: str) -> None:
    click.echo(text, err=True)


def _show(view: Any) -> None:
    terminal.console(sys.stderr).print(view)


def as_document(results: tuple[StackResult, ...]) -> dict[str, object]:
    """The JSON form."""
    return {
        "format": 1,
        "stacks": [
            {
                "stack": one.stack.label,
                "result": one.done.value,
                "plan_digest": one.plan.plan_digest if one.plan else None,
                "changes": values.pack(one.plan.changes) if one.plan else [],
                "checks": values.pack(one.checks),
            }
            for one in results
        ],
    }


@click.command("up", short_help="Apply what was reviewed, exactly.")
@click.argument("stacks", nargs=-1, metavar="[STACK]...")
@click.option("--environment", metavar="NAME", help="Default: the environment that follows the current branch.")
@click.option("--commit", metavar="COMMIT", help="A commit of the environment's branch. Default: the branch's newest.")
@click.option("--dry-run", is_flag=True, help="Do everything up to the apply, and stop there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
@click.pass_obj
def command(
    context: Context,
    /,
    stacks: tuple[str, ...],
    environment: str | None,
    commit: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Apply a commit of an environment branch: exactly what was reviewed, or nothing.

    Under each stack's lease: preview, compare with the reviewed plan, apply that plan, verify, record. A plan that
    differs is refused with what differs, and nothing is touched.

    \b
    gitops up                        the environment that follows the current branch
    gitops up --environment prod     another one
    gitops up --dry-run              stop before the apply
    """
    branch = (
        None
        if environment
        else context.environment.get("GITHUB_REF_NAME") or context.git.text("rev-parse", "--abbrev-ref", "HEAD")
    )
    results = up(context, Request(environment, branch, commit, tuple(stacks), dry_run))
    if as_json:
        click.echo(json.dumps(as_document(results), indent=2))
        return
    for one in results:
        click.echo(f"{one.stack.label}: {one.done.value}{_counted(one)}")


def _counted(result: StackResult) -> str:
    if result.plan is None:
        return ""
    changes = result.plan.changes
    return f" ({wording.done(changes) if result.done is Done.RELEASED else wording.tally(changes) or 'no changes'})"
