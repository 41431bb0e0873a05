"""What each command of a comment does, once it is clear that the person may.

The settings are those of the environment's branch as it is now: a pull request cannot change who decides over it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gitops.adapters.ci.github.event import CommentEvent
from gitops.config.settings import Environment
from gitops.context import Context
from gitops.errors import GitOpsError, Refused
from gitops.flow.chatops import Answer, Command, Verb
from gitops.flow.gate import judgement, plan_rules
from gitops.flow.leases import lease
from gitops.flow.ledger import chain as records
from gitops.flow.ledger.history import latest_plan, plan_for
from gitops.flow.words import code, plural, short
from gitops.model import Ending, History, Lease, Outcome, Plan, PullRequest, Query, RecordKind, Stack
from gitops.model.record_bodies import DestroyApproved
from gitops.operations import explain as explaining
from gitops.operations.program import fetched, named, stacks_at
from gitops.operations.releases.proposals import PREVIEW
from gitops.ports import LeaseMoved
from gitops.views.markdown import chatops
from gitops.views.markdown.chatops import address

APPLY, ROLLBACK = "apply.yml", "rollback.yml"


@dataclass(frozen=True, slots=True)
class Asked:
    """A command, its pull request, and the environment that decides: as `tip`, the end of its branch, has it."""

    context: Context
    event: CommentEvent
    command: Command
    request: PullRequest
    environment: Environment
    tip: str

    @property
    def by(self) -> str:
        """Who asks."""
        return self.event.comment.by


def asked(context: Context, event: CommentEvent, command: Command) -> Asked:
    """The command with its surroundings.

    Which branch is an environment's is what the checked-out default branch says: anybody who may push can make a branch
    whose own gitops.yaml calls it one. Raises Refused for a pull request into any other, CodeHostFailed,
    RemoteUnreachable, ConfigError.
    """
    request = context.host.pull_request(event.number)
    known = context.config(context.repository.resolve("HEAD")).environment_of_branch(request.base)
    if known is None:
        raise Refused(
            f"No environment follows {request.base!r}, the branch that this pull request goes into.",
            hint="Commands are for pull requests into environments' branches.",
        )
    tip = fetched(context, known.branch)
    environment = context.config(tip).environment(known.name)
    if environment.branch != known.branch:
        raise Refused(
            f"{known.branch!r} says that {known.name} follows another branch, {environment.branch!r}.",
            hint="Bring gitops.yaml to the same on both branches.",
        )
    return Asked(context, event, command, request, environment, tip)


def do(one: Asked) -> Answer:
    """Do it; what to say about it. Raises GitOpsError for what was refused or failed."""
    return _DOES[one.command.verb](one)


def _preview(one: Asked) -> Answer:
    """The run has the rights that it had: one of a fork's pull request still has none."""
    _must_not_be_closed(one)
    started = one.context.runs.start_again(PREVIEW, one.request.head)
    return Answer(Ending.DONE, f"{address(started, 'The newest preview')} of `{short(one.request.head)}` runs again.")


def _explain(one: Asked) -> Answer:
    return Answer(Ending.DONE, _told(_explained(one)))


def _apply(one: Asked) -> Answer:
    _must_not_be_closed(one)
    found = _explained(one)
    if not one.request.merged_as:
        text = "It is not merged: merging it applies it, and nothing else does."
        return Answer(Ending.REFUSED, f"{text}\n\n{_told(found)}")
    if not found.verdicts:
        return Answer(Ending.DONE, _told(found))
    if found.outcome is not Outcome.ALLOW:
        return Answer(Ending.REFUSED, f"An apply would not come through the gate now.\n\n{_told(found)}")
    one.context.runs.start(APPLY, one.environment.branch, {})
    branch = code(one.environment.branch)
    return Answer(Ending.DONE, f"An apply of {branch} is started. It previews anew, and asks the gate once more.")


def _approve_destroy(one: Asked) -> Answer:
    """Raises Refused for who may not, and for a plan that the person could not see."""
    _must_not_be_closed(one)
    why = judgement.barred(one.by, one.request)
    if why:
        raise Refused(
            f"{one.by} {why}, and cannot approve what it destroys.",
            hint="Somebody who neither opened nor contributed to it can.",
        )
    history = one.context.ledger().history()
    wanted = _destructive(one, history)
    for plan in wanted:
        shown = latest_plan(history, plan.stack, one.request.number, one.event.comment.at)
        if shown is None or (shown.commit, shown.plan_digest) != (plan.commit, plan.plan_digest):
            raise Refused(
                f"The plan of {plan.stack.label} changed: {short(plan.plan_digest)} was not shown yet when you wrote.",
                hint="Look at the review as it is now, and approve that in a new comment.",
            )
    for plan in wanted:
        _append_approval(one, history, plan)
    stacks = ", ".join(f"{code(plan.stack.label)} (plan `{short(plan.plan_digest)}`)" for plan in wanted)
    text = f"What is destroyed in {stacks} is approved by {code(one.by)}, for that plan and no other."
    return Answer(Ending.DONE, f"{text} Deleting or editing the comment takes it back.\n\n{_gate_now(one)}")


def _destructive(one: Asked, history: History) -> list[Plan]:
    """The plans in question: those that the head shows now, that destroy something, of the digest if one was given."""
    number, head, digest = one.request.number, one.request.head, one.command.argument
    of_head = Query(kinds=(RecordKind.PLAN,), commit=head, shown_on=number)
    labels = sorted({record.stack for record in history.select(of_head)})
    stacks = [Stack(project, name) for project, _, name in (label.rpartition("/") for label in labels)]
    plans = [plan for stack in stacks if (plan := plan_for(history, stack, head, number))]
    if not plans:
        raise Refused(f"No plan of {short(head)} is shown yet.", hint="Wait for the preview, and look at it first.")
    found = [plan for plan in plans if any(map(plan_rules.may_destroy, plan.changes))]
    if not found:
        raise Refused("Nothing is destroyed here, so there is nothing to approve.")
    chosen = [plan for plan in found if plan.plan_digest.startswith(digest)]
    if not chosen:
        now = ", ".join(f"{short(plan.plan_digest)} of {plan.stack.label}" for plan in found)
        raise Refused(
            f"No plan {short(digest)} is shown here now that destroys something.",
            hint=f"There is {now}: look at it as it is now.",
        )
    return chosen


def _append_approval(one: Asked, history: History, plan: Plan) -> None:
    """Once for each comment: a run that is started again finds it there."""
    comment, number = one.event.comment, one.request.number
    kept = Query(stack=plan.stack.label, kinds=(RecordKind.DESTROY_APPROVED,), shown_on=number)
    if any(record.read_as(DestroyApproved).comment == comment.id for record in history.select(kept)):
        return
    body = DestroyApproved(plan.plan_digest, number, comment.id, comment.address)
    author, now = records.Author(one.by, one.environment.name), one.context.clock.now()
    one.context.ledger().append(records.ledger_record(author, plan.stack, plan.commit, now, body))


def _unlock(one: Asked) -> Answer:
    """Raises UsageError for a stack that the environment has not."""
    names = (one.command.argument,) if one.command.argument else ()
    held = stacks_at(one.context, one.environment.name, one.tip)
    found = [(stack, kept) for stack in named(held, names) if (kept := one.context.leases.current(stack))]
    if not found:
        return Answer(Ending.DONE, f"Nobody holds {'that stack' if names else 'a stack of this environment'}.")
    freed, lines = 0, []
    for stack, kept in found:
        free, told = _free(one, stack, kept)
        freed += free
        lines.append(f"- {code(stack.label)}: {told}")
    ending = Ending.DONE if freed else Ending.REFUSED
    return Answer(ending, "\n".join([f"{plural(freed, 'lease')} of {len(found)} taken away.", "", *lines]))


def _free(one: Asked, stack: Stack, kept: Lease) -> tuple[bool, str]:
    """Whether the lease was taken away, and what to say of it. What is not known to have ended may be at work."""
    holder = f"{code(lease.who(kept.holder))}, until {kept.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    ended = one.context.runs.has_ended(kept.holder.run)
    if not ended:
        why = "its run is still under way" if ended is False else "nobody here knows its run"
        return False, f"left to {holder}: {why}. If it is dead, the next who waits takes it over by itself."
    try:
        one.context.leases.swap(stack, kept, None)
    except LeaseMoved:
        return False, "it moved while I looked, so it was left alone"
    return True, f"taken from {holder}, whose run has ended"


def _rollback(one: Asked) -> Answer:
    to = one.command.argument
    # The run itself is the workflow's own: without a name, whoever asks here could approve it alone.
    inputs = {"environment": one.environment.name, "to": to, "asked_by": one.by}
    one.context.runs.start(ROLLBACK, one.event.default_branch, inputs)
    where = f"to {code(to)}" if to else "to the release before"
    name = code(one.environment.name)
    return Answer(
        Ending.DONE, f"A rollback of {name} {where} is started. It comes as a pull request with its own gate."
    )


_DOES: Mapping[Verb, Callable[[Asked], Answer]] = {
    Verb.PREVIEW: _preview,
    Verb.APPLY: _apply,
    Verb.EXPLAIN: _explain,
    Verb.APPROVE_DESTROY: _approve_destroy,
    Verb.UNLOCK: _unlock,
    Verb.ROLLBACK: _rollback,
}


def _explained(one: Asked) -> explaining.Explanation:
    return explaining.explain(one.context, explaining.Request(pull_request=one.request.number))


def _told(found: explaining.Explanation) -> str:
    return chatops.gate(found.environment, found.commit, found.verdicts)


def _gate_now(one: Asked) -> str:
    """The gate's answer beside one that stands without it."""
    try:
        return _told(_explained(one))
    except GitOpsError as error:
        return f"What the gate says now cannot be told: {code(error.message)}"


def _must_not_be_closed(one: Asked) -> None:
    if one.request.closed:
        raise Refused("This pull request was closed without a merge.", hint="Open it again, or open another.")
