"""Break-glass: apply a plan that the gate does not allow, loudly. What is applied is still exactly what somebody read.

It overrides the gate and nothing else: lease, ledger and start state are checked as ever, and the plan has to be named
by its digest. It is told on the code host and recorded before anything is touched; where either cannot be done,
nothing is applied.
"""

from collections.abc import Sequence

from gitops.errors import Refused, UsageError
from gitops.flow import words
from gitops.flow.words import code
from gitops.model import Outcome, Record, Verdict
from gitops.model import record_bodies as bodies
from gitops.operations.apply import steps
from gitops.operations.apply.work import BreakGlass, Prepared, Run
from gitops.operations.judging import Judge
from gitops.operations.leasing.holding import Held

# A digest's first 12 characters are what people are shown; fewer would be a guess.
_SHORTEST_DIGEST = 12


def asked(reason: str | None, plans: Sequence[str], *, dry_run: bool) -> BreakGlass | None:
    """What the command line asks for. Raises UsageError for a request that is not whole."""
    if reason is None:
        if plans:
            raise UsageError("--plan goes with --break-glass REASON.", hint="Without it, the gate names the plan.")
        return None
    if not reason.strip():
        raise UsageError("--break-glass needs a reason: it is recorded, and told to everybody.")
    if not plans and not dry_run:
        raise UsageError(
            "--break-glass needs the plan that you have read: --plan DIGEST.",
            hint="Add --dry-run first: it shows the plan and its digest, and applies nothing.",
        )
    short = [plan for plan in plans if len(plan) < _SHORTEST_DIGEST]
    if short:
        raise UsageError(f"--plan {short[0]} is too short to name a plan: give {_SHORTEST_DIGEST} characters or more.")
    return BreakGlass(reason.strip(), tuple(plan.lower() for plan in plans))


def must_be_allowed(judge: Judge, name: str) -> None:
    """Raises Refused unless the environment's rules name this person, before and after the change."""
    names = judge.may_break_glass()
    if name not in names:
        allowed = f"it may be broken by {words.listed(names)}" if names else "nobody may break it"
        raise Refused(
            f"{name} may not break the glass of this environment: {allowed}; nothing was touched.",
            hint="`break_glass` in gitops.yaml says who may, in the released commit and in this one.",
        )


def must_be_read(glass: BreakGlass, prepared: Sequence[Prepared]) -> None:
    """Raises Refused unless each plan that the gate does not allow is one that was named.

    A plan that violates a mandatory policy is none that Pulumi saves, or would apply under the same pack.
    """
    violating = next((one for one in prepared if one.plan.violations), None)
    if violating is not None:
        raise Refused(
            f"Plan {violating.plan.plan_digest[:12]} of {violating.stack.label} violates a mandatory policy, so Pulumi "
            "itself would not apply it; that stack was not touched.",
            hint="Keep the policy, exempt the resource in the pack, or make the policy advisory, in a pull request.",
        )
    stopped = (one for one in prepared if one.verdict.outcome is not Outcome.ALLOW)
    first = next((one for one in stopped if not glass.covers(one.plan.plan_digest)), None)
    if first is not None:
        raise Refused(
            f"Plan {first.plan.plan_digest[:12]} of {first.stack.label} is not the one that you named; "
            "that stack was not touched.",
            hint="Something moved since you read it. Read it again with --dry-run.",
        )


def announce(run: Run, ready: Prepared, glass: BreakGlass) -> None:
    """Tell the code host and the ledger what is about to be overridden, by whom and why. Raises what either raises."""
    digest = ready.plan.plan_digest
    doing = f"applies plan `{digest[:12]}` of commit {run.program.commit} to {code(ready.stack.label)},"
    _announce(run, ready.lease, glass, ready.verdict, (doing, digest))


def announce_verification(run: Run, lease: Held, glass: BreakGlass, applied: Record, verdict: Verdict) -> None:
    """The same of what is applied already: its checks run its program, and make it a release."""
    doing = f"verifies commit {run.program.commit}, which is applied to {code(lease.stack.label)},"
    _announce(run, lease, glass, verdict, (doing, steps.digest_of(applied)))


def _announce(run: Run, lease: Held, glass: BreakGlass, verdict: Verdict, what: tuple[str, str]) -> None:
    """`what` is what is done, in words, and the digest of the plan."""
    by, label = run.context.holder.name, lease.stack.label
    doing, digest = what
    overridden = [rule for rule in verdict.rules if rule.outcome is not Outcome.ALLOW]
    lines = [
        f"{code(by)} {doing} past its gate.",
        "",
        f"Reason: {code(glass.reason)}",
        "",
        *(f"- {code(rule.rule)}: {code(rule.reason)}" for rule in overridden),
    ]
    run.context.host.announce(f"Break-glass: {label} by {by}", "\n".join(lines) + "\n")
    lease.append(run.ledger, run.make(lease.stack, bodies.BreakGlass(glass.reason, digest, verdict)))
