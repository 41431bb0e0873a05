"""The gate: may this plan be applied to its environment? Pure; every rule says what it looked at.

An approval is given to a commit of a pull request, and stands for the plan that the ledger had for that commit at
that time: what the approver could see. It counts for a fresh plan if both have the same plan digest: a rebase or an
unrelated merge keeps it, anything that would do something else does not. A value that is known only after the apply
has no place in a plan but the program that will compute it; a plan with such values keeps an approval only as long as
the program's files and config are those that were previewed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from gitops.config.gate import Gate
from gitops.config.settings import Environment
from gitops.flow.gate import destroys, rules
from gitops.flow.gate.approvals import Voice
from gitops.flow.gate.destroys import Remarks
from gitops.flow.gate.rules import Case
from gitops.flow.ledger.history import latest_plan, plan_for
from gitops.flow.plans.plan import unknowns
from gitops.flow.words import short
from gitops.model import (
    Approval,
    Comment,
    History,
    Inputs,
    Outcome,
    Plan,
    PolicyPack,
    PullRequest,
    Record,
    RuleResult,
    Stack,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of a commit and a stack, apart from the ledger.

    `files` are the paths that the pull request changes (None: not known, so any may be among them), `teams` the logins
    of each team that a rule names. `soaking` says for an environment since when the promoted commit is released in it,
    wherever it holds something. `vouched` is for a promotion of what others approved in the environment before: those
    who wrote it may approve it here. `program` is what the commit's plan would be computed from, where it was looked
    at. `resumed` says that part of the reviewed plan is applied already. `remarks` are comments on what is destroyed.
    `returns_to` is the release of the environment itself that a rollback returns to.
    """

    stack: Stack
    commit: str
    pull_request: PullRequest | None
    now: datetime
    files: tuple[str, ...] | None = ()
    teams: Mapping[str, frozenset[str]] = field(default_factory=dict)
    soaking: Mapping[str, datetime] = field(default_factory=dict)
    vouched: bool = False
    program: Inputs | None = None
    resumed: bool = False
    remarks: Remarks = field(default_factory=Remarks)
    returns_to: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the gate looks at: the situation, the reviewed plan, and every approval with why it does not count.

    `destroy_voices` are the approvals of what the plan destroys.
    """

    situation: Situation
    approved: Plan | None
    voices: tuple[Voice, ...] = ()
    destroy_voices: tuple[Voice, ...] = ()

    @property
    def resumed(self) -> bool:
        """Whether part of the reviewed plan is applied already."""
        return self.situation.resumed


@dataclass(frozen=True, slots=True)
class RuleSet:
    """An environment's rules as one commit has them, and the environment before, that changes are promoted from.

    `packs` are the policy packs that the same commit names, as it has them.
    """

    environment: Environment
    before: Environment | None = None
    origin: str = ""
    packs: tuple[PolicyPack, ...] = ()


def gather(fresh: Plan | None, situation: Situation, history: History) -> Evidence:
    """Find the reviewed plan and who approved it; without a fresh plan, as if it were the reviewed one.

    Raises LedgerBroken when a plan record was altered.
    """
    request, stack = situation.pull_request, situation.stack
    if request is None:
        return Evidence(situation, None)
    approved = plan_for(history, stack, request.head, request.number)
    wanted = approved if fresh is None or situation.resumed else fresh
    origin = fresh.inputs if fresh else situation.program or (approved.inputs if approved else None)

    def void(approval: Approval) -> str:
        return barred(approval.by, request, vouched=situation.vouched) or _other_plan(
            plan_for(history, stack, approval.commit, request.number, approval.at), wanted, origin
        )

    def heard(comment: Comment | None, record: Record) -> Voice:
        if comment is None:
            return Voice(record.by, record.at, destroys.void(comment, record, None, situation.remarks))
        # Nothing of the record is believed but which comment it points at.
        shown = latest_plan(history, stack, request.number, comment.at)
        why = destroys.void(comment, record, shown, situation.remarks) or barred(comment.by, request)
        return Voice(comment.by or record.by, comment.at, why or _other_plan(shown, wanted, origin))

    voices = (Voice(one.by, one.at, void(one)) for one in request.approvals)
    told = destroys.given(history, stack, request.number)
    heeded = (heard(situation.remarks.comments.get(comment), record) for comment, record in told)
    return Evidence(situation, approved, tuple(voices), tuple(heeded))


@dataclass(frozen=True, slots=True)
class Stop:
    """What keeps stacks from being applied: the strictest outcome of all, the stacks that have it, and why."""

    outcome: Outcome
    stacks: tuple[str, ...]
    reasons: str


def stop(verdicts: Iterable[tuple[str, Verdict]]) -> Stop | None:
    """What the verdicts of several stacks, each with its label, come to; None where all of them allow."""
    told = tuple(verdicts)
    outcome = Verdict(tuple(rule for _, verdict in told for rule in verdict.rules)).outcome
    if outcome is Outcome.ALLOW:
        return None
    stopped = [(label, verdict) for label, verdict in told if verdict.outcome is outcome]
    reasons = [
        f"{label}: {rule.reason}" for label, verdict in stopped for rule in verdict.rules if rule.outcome is outcome
    ]
    return Stop(outcome, tuple(label for label, _ in stopped), "; ".join(reasons))


def barred(by: str, request: PullRequest, *, vouched: bool = False) -> str:
    """Why this person's approval of this pull request never counts; empty if it does."""
    if by.casefold() == request.author.casefold():
        return "opened the pull request"
    if not vouched and by.casefold() in {one.casefold() for one in request.contributors}:
        return "contributed to the pull request"
    return ""


def _other_plan(seen: Plan | None, wanted: Plan | None, origin: Inputs | None) -> str:
    """Why an approval of the plan that its giver saw does not count for the one that is wanted."""
    if seen is None:
        return "approved before a plan was shown"
    if wanted is None or seen.plan_digest != wanted.plan_digest:
        return f"approved another plan, {short(seen.plan_digest)}"
    # Versions are left out: a provider's is part of the plan digest, and an interpreter's patch release no reason.
    if unknowns(seen) and (origin is None or (seen.inputs.files, seen.inputs.config) != (origin.files, origin.config)):
        return "approved another program, and the plan has values that only the program knows"
    return ""


def foresee(sets: Sequence[RuleSet], evidence: Evidence) -> Verdict:
    """What can be said before the program runs: what the gate would say if the fresh plan were the reviewed one.

    A preview runs the commit's program with the credentials of the apply, so nobody's unreviewed commit gets one; and
    nobody waits for one to learn that a window is closed.
    """
    plan = evidence.approved
    first = (rules.reviewed(_case(evidence, plan)), rules.to_be_compared(_case(evidence, plan)))
    return Verdict((*first, *_environments(sets, _case(evidence, plan))))


def by_people(verdict: Verdict) -> Verdict:
    """The part of a verdict that says whether people saw the change and agreed; nobody's program runs without that."""
    return Verdict(tuple(one for one in verdict.rules if one.rule.startswith(("reviewed", "approvals", "owners of "))))


def decide(sets: Sequence[RuleSet], fresh: Plan, evidence: Evidence) -> Verdict:
    """Every rule's answer."""
    case = _case(evidence, fresh)
    return Verdict((rules.reviewed(case), rules.same_plan(case), *_environments(sets, case)))


def _case(evidence: Evidence, plan: Plan | None) -> Case:
    situation = evidence.situation
    return Case(
        stack=situation.stack,
        commit=situation.commit,
        request=situation.pull_request,
        approved=evidence.approved,
        plan=plan,
        voices=evidence.voices,
        destroy_voices=evidence.destroy_voices,
        strangers=() if situation.vouched or not situation.pull_request else situation.pull_request.strangers,
        files=situation.files,
        teams=situation.teams,
        soaking=situation.soaking,
        now=situation.now,
        resumed=situation.resumed,
        returns_to=situation.returns_to,
    )


def _environments(sets: Sequence[RuleSet], case: Case) -> Iterator[RuleResult]:
    """The results of every set; what two sets agree on is said once, what they do not is told apart."""
    told: dict[str, list[RuleResult]] = {}
    for one in sets:
        for result in _results(one, case):
            before = told.setdefault(result.rule, [])
            if result not in before:
                before.append(result)
                yield replace(result, rule=f"{result.rule} ({one.origin})") if one.origin else result


def _results(one: RuleSet, case: Case) -> Iterable[RuleResult]:
    gate = one.environment.gate
    yield rules.approvals(one.environment, case)
    yield from rules.owners(one.environment, case)
    if gate.windows:
        yield rules.window(gate, case)
    if gate.soak is not None:
        yield rules.soak(gate.soak, one.before.name if one.before else "", case)
    if gate.plan_age is not None:
        yield rules.plan_age(gate.plan_age, case)
    yield from _of_plan(one, case)


def _of_plan(one: RuleSet, case: Case) -> Iterable[RuleResult]:
    """The rules that look at a plan; where there is none, `reviewed` has refused already."""
    gate, plan = one.environment.gate, case.plan
    if plan is None:
        return
    yield rules.policy(gate, plan, one.packs)
    for result in _over_destroys(gate, plan):
        yield destroys.excused(result, one.environment.approvals, case)
    if gate.known:
        yield rules.known(gate.known, plan)
    for free in gate.rules:
        yield rules.free(free, plan, case)


def _over_destroys(gate: Gate, plan: Plan) -> Iterable[RuleResult]:
    """The rules over what will be gone, which somebody may approve for one plan."""
    if gate.destroys is not None:
        yield rules.destroys(gate.destroys, plan)
    if gate.replaces is not None:
        yield rules.replaces(gate.replaces, plan)
    if gate.protect.types or gate.protect.urns:
        yield rules.protect(gate.protect, plan)
