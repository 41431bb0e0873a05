"""Do what a comment on a pull request asks for, if its author may, and answer in the thread."""

from contextlib import suppress
from datetime import timedelta

from gitops.adapters.ci.github.event import CommentEvent
from gitops.context import Context
from gitops.errors import CodeHostFailed, GitOpsError
from gitops.flow import chatops as commands
from gitops.flow.chatops import Answer, Command, Misunderstood, Verb
from gitops.flow.gate.judgement import barred
from gitops.flow.ledger import chain as records
from gitops.model import Ending, History, Query, RecordKind
from gitops.model.record_bodies import Commanded
from gitops.operations.chatops import actions
from gitops.operations.chatops.actions import Asked
from gitops.views.markdown import chatops

EVENT = "GITHUB_EVENT_PATH"
# No clock of a machine is further from the code host's than that.
_CLOCKS_DIFFER = timedelta(days=1)


def obey(context: Context, event: CommentEvent) -> str:
    """Answer a comment; one line on what became of it.

    Each comment has one answer: a second run finds it by its marker, and does nothing that is on record as done.
    Raises GitOpsError when the command failed, after saying so in the thread.
    """
    comment = event.comment
    wanted = commands.parse(comment.body)
    ignored = _ignored(event)
    if ignored or wanted is None:
        return f"Nothing to do: {ignored or 'the comment is no command'}."
    if not context.host.may_write(comment.by):
        context.host.comment(event.number, chatops.stranger_marker(comment.by), chatops.without_rights(comment.by))
        return f"{comment.by} may not write to the repository, so nothing was done."
    failure: GitOpsError | None = None
    try:
        answer = _answered(context, event, wanted)
    except GitOpsError as error:
        failure, answer = error, chatops.error(error)
    except Exception:
        _say(context, event, Answer(Ending.FAILED, "Something broke that nobody foresaw; the log of the run has it."))
        raise
    _say(context, event, answer)
    if failure is not None and answer.ending is Ending.FAILED:
        raise failure
    return f"{comment.by} on pull request {event.number}: {comment.body.partition(chr(10))[0]}: {answer.ending.value}."


def _ignored(event: CommentEvent) -> str:
    """Why the event is none of ours; empty if it is."""
    if event.action != "created":
        return f"a comment that was {event.action} is no command"
    if not event.on_pull_request:
        return "it is not on a pull request"
    if not event.comment.by_person:
        return "bots have no say"
    return ""


def _answered(context: Context, event: CommentEvent, wanted: Command | Misunderstood) -> Answer:
    if isinstance(wanted, Misunderstood):
        return Answer(Ending.REFUSED, wanted.why)
    one = actions.asked(context, event, wanted)
    if wanted.verb is Verb.HELP:
        return _help(one)
    if wanted.verb in commands.ANSWERS:
        return actions.do(one)
    before = _on_record(context.ledger().history(), event)
    if before:
        return before
    try:
        answer = _done(one)
    except GitOpsError as error:
        # What went wrong is the answer; that it cannot be recorded either is no news then.
        with suppress(GitOpsError):
            _record(one, chatops.error(error))
        raise
    _record(one, answer)
    return answer


def _done(one: Asked) -> Answer:
    people = commands.owners(one.environment)
    if one.command.verb in commands.OF_OWNERS and not _is_owner(one):
        return chatops.of_owners(people, one.environment.name, one.by)
    return actions.do(one)


def _is_owner(one: Asked) -> bool:
    """Whether the person decides over the environment. A team is asked for only where no login settles it.

    Raises CodeHostFailed.
    """
    people, login = commands.owners(one.environment), one.by.casefold()
    if not people or login in {person.casefold() for person in people if "/" not in person}:
        return True
    teams = [person for person in people if "/" in person]
    return any(login in {member.casefold() for member in one.context.host.members(team)} for team in teams)


def _help(one: Asked) -> Answer:
    denied = frozenset({Verb.APPROVE_DESTROY}) if barred(one.by, one.request) else frozenset()
    try:
        denied |= frozenset() if _is_owner(one) else commands.OF_OWNERS
    except CodeHostFailed:  # a workflow's own token may not ask for teams; the command itself says so
        denied = commands.OF_OWNERS
    return chatops.help_for(one.environment.name, one.environment.branch, denied)


def _on_record(history: History, event: CommentEvent) -> Answer | None:
    """What became of the comment's command in an earlier run; None where nothing did, or it failed."""
    since = event.comment.at - _CLOCKS_DIFFER
    for record in history.select(Query(kinds=(RecordKind.COMMAND,), since=since)):
        body = record.read_as(Commanded)
        if body.comment == event.comment.id and body.outcome in (Ending.DONE, Ending.REFUSED):
            return Answer(body.outcome, body.answer)
    return None


def _record(one: Asked, answer: Answer) -> None:
    comment = one.event.comment
    body = Commanded(
        command=str(one.command),
        pull_request=one.request.number,
        comment=comment.id,
        outcome=answer.ending,
        answer=answer.text,
        address=comment.address,
    )
    author, now = records.Author(one.by, one.environment.name), one.context.clock.now()
    one.context.ledger().append(records.ledger_record(author, None, one.request.head, now, body))


def _say(context: Context, event: CommentEvent, answer: Answer) -> None:
    context.host.comment(event.number, chatops.marker(event.comment), chatops.render(answer, event.comment))
