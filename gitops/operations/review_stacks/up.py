"""Make a pull request's own stack, or bring it to the pull request's newest head."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gitops.adapters.system import scratch
from gitops.config.review_stacks import name_of, number_of
from gitops.context import Context
from gitops.errors import EngineFailed, GitOpsError, Interrupted, Refused, Waiting
from gitops.flow import words
from gitops.flow.gate import plan_rules
from gitops.flow.review_stacks import standing, uses
from gitops.model import Check, History, NotRaised, Outcome, Plan, PullRequest, Raised, Stack, Verdict
from gitops.model import record_bodies as bodies
from gitops.operations.apply import steps
from gitops.operations.apply.work import Ready, Work
from gitops.operations.leasing.holding import Held, hold
from gitops.operations.program import Program
from gitops.operations.progress import print_view, tell
from gitops.operations.recovery import one_stack
from gitops.operations.review_stacks.site import Site, settled_by_hand, site_on, tell_host
from gitops.ports import SavedPlan
from gitops.views import wording
from gitops.views.markdown import review_stack_comment as comments
from gitops.views.terminal import screen


@dataclass(frozen=True, slots=True)
class Result:
    """A review stack that is up: what was applied, what its checks found, its outputs (secrets masked), its end."""

    stack: Stack
    head: str
    plan: Plan
    checks: tuple[Check, ...]
    outputs: Mapping[str, Any]
    expires: datetime


@dataclass(frozen=True)
class _Up(Work):
    """One `up`; records are about the pull request's head, since its merge is no commit that anybody else has."""

    site: Site
    request: PullRequest

    @property
    def commit(self) -> str:
        return self.request.head

    @property
    def stack(self) -> Stack:
        return self.site.stack(self.request.number)

    def way_on(self, *, drifted: bool) -> str:
        """A review stack is brought up to date by each run; nobody's approval is used for it."""
        again = "it applies what differs, and verifies" if drifted else "it verifies once more"
        return f"Run the same command again: {again}. Or push a commit that mends it."


def up(context: Context, number: int, wait: int) -> Result:
    """Bring the pull request's stack up to its merge result, and tell its address on the pull request.

    Raises Refused for a pull request that must not have one, and for a mandatory policy that is violated; Waiting
    where there are as many as there may be, or somebody works on it for longer than `wait` seconds; EngineFailed when
    the apply breaks; RemoteUnreachable.
    """
    request = context.host.pull_request(number)
    site = site_on(context, request.base)
    _must_be_entitled(context, site, request)
    try:
        result = _up(context, site, request, wait)
    except Interrupted:
        raise
    except GitOpsError as error:
        messages = (error.message, *(error.details if isinstance(error, EngineFailed) else ()))
        tell_host(site, number, NotRaised(site.stack(number).label, request.head, messages, error.hint))
        raise
    context.host.comment(number, comments.MARKER, comments.render(_as_comment(site, request, result)))
    return result


def _up(context: Context, site: Site, request: PullRequest, wait: int) -> Result:
    merged = context.git.merged(site.commit, request.head)
    with site.program(merged, request.number) as program, scratch.folder("plan") as private:
        work = _Up(context, site.environment, context.ledger(), program, site, request)
        stack = work.stack
        with hold(context, stack, merged, site.settings.lease_seconds, wait, tell) as lease:
            # Under the lease, so that of two that take the last place at once, each sees the other.
            history = work.ledger.history()
            _must_have_room(site, program, request.number, history)
            ready = _prepared(work, lease, history, private)
            checks = steps.apply(work, ready)
            outputs = context.engine.outputs(program.project_folder(stack), stack.name)
        expires = context.clock.now() + timedelta(seconds=site.review.expires)
        return Result(stack, request.head, ready.plan, checks, outputs, expires)


def _must_be_entitled(context: Context, site: Site, request: PullRequest) -> None:
    """Raises Refused unless it is open, labelled, of this repository, and by somebody who may push here."""
    name = f"Pull request #{request.number}"
    if request.base != site.held_by.branch:
        raise Refused(
            f"{name} goes into {words.visible(request.base)}, and review stacks are like {site.model.label}, "
            f"which follows {site.held_by.branch}."
        )
    if request.closed or request.merged_as:
        raise Refused(f"{name} is not open.", hint="Open it again, or open another one.")
    if not is_labelled(site, request):
        raise Refused(
            f"{name} does not carry the label {site.review.label!r}.",
            hint="Somebody who may label pull requests puts it on.",
        )
    if not context.host.may_write(request.author):
        raise Refused(
            f"{name} is by {words.visible(request.author)}, who may not push to this repository.",
            hint="Its program would run with credentials. Somebody who may push opens a pull request with it.",
        )
    refs = context.git.remote_refs("refs/heads/*")
    branch = next((ref for ref, commit in refs.items() if commit == request.head), None)
    if branch is None:
        raise Refused(
            f"The head of pull request #{request.number}, {request.head[:12]}, is no branch of this repository.",
            hint="A fork gets no review stack. Where somebody has just pushed, run the same command again.",
        )
    context.git.fetch(branch)


def is_labelled(site: Site, request: PullRequest) -> bool:
    """Whether it asks for a review stack; labels differ by more than their case."""
    return site.review.label.casefold() in {label.casefold() for label in request.labels}


def _must_have_room(site: Site, program: Program, number: int, history: History) -> None:
    """Raises Waiting, naming them, where there are as many review stacks as there may be."""
    backend = site.context.engine.stacks(program.project_folder(site.model))
    there = set(standing(backend, uses(history, site.model.project)))
    labels = (one.stack.rpartition("/") for one in site.context.leases.all())
    there |= {found for project, _, name in labels if project == site.model.project and (found := number_of(name))}
    others = sorted(there - {number})
    in_backend = name_of(number) in backend
    if not in_backend and len(others) >= site.review.most:
        named = words.listed([f"{name_of(one)} (#{one})" for one in others])
        raise Waiting(
            f"There are {len(others)} review stacks, and at most {site.review.most} may be at once: {named}.",
            hint="Close one of their pull requests or take its label off, and run the same command again.",
        )


def _prepared(work: _Up, lease: Held, history: History, private: Path) -> Ready:
    """Settle what an earlier run left, preview, and look at the policies. Raises Refused, EngineFailed."""
    site, stack = work.site, lease.stack
    packs = work.program.packs(site.model, site.held_by.name, history)
    saved = SavedPlan(private / "plan.json", work.program.runnable(packs))
    if lease.taken_over or one_stack.cut_off(history, stack):
        _settle(work, lease, history)
    plan = steps.preview(work, stack, packs, saved)
    if plan.start.pending:
        _settle(work, lease, history)
        plan = steps.preview(work, stack, packs, saved)
    verdict = Verdict((plan_rules.policy(site.held_by.gate, plan, site.context.packs(site.commit)),))
    print_view(screen.verdict(verdict))
    if verdict.outcome is not Outcome.ALLOW:
        work.record(stack, bodies.Refused(verdict, plan.plan_digest))
        [result] = verdict.rules
        findings = "".join(f"\n{one.policy}: {one.message}" for one in plan.violations)
        raise Refused(f"{stack.label} was not brought up: {result.reason}.{findings}", hint=result.remedy)
    return Ready(lease, plan, saved)


def _settle(work: _Up, lease: Held, history: History) -> None:
    with settled_by_hand(lease.stack):
        steps.settle(work, lease, history)


def _as_comment(site: Site, request: PullRequest, result: Result) -> Raised:
    return Raised(
        stack=result.stack.label,
        head=request.head,
        base=request.base,
        at=site.context.clock.now(),
        expires=result.expires,
        done=wording.done(result.plan.changes),
        label=site.review.label,
        outputs=result.outputs,
    )
