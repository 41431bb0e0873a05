"""What is answered to a command in the thread, as Markdown. Pure.

Text from outside is always inside code (`gitops.views.markdown.blocks`), so it is neither markup nor a mention.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping

from gitops.errors import GitOpsError
from gitops.flow import chatops as commands
from gitops.flow.chatops import Answer, Verb
from gitops.flow.gate.case import Case
from gitops.flow.words import LINE_LIMIT, clip, code, listed, short
from gitops.model import Comment, Ending, Outcome, Stack, Verdict
from gitops.views.markdown import blocks
from gitops.views.markdown.blocks import fenced

# As many bytes as leave room for the rest, below the 65,536 characters of a comment.
_RULES_LIMIT = 50_000
_ADDRESS = re.compile(r"https?://[0-9A-Za-z.:/_#?=&%-]+")
_GATE = {Outcome.ALLOW: "the gate is open", Outcome.WAIT: "waiting", Outcome.REFUSE: "refused"}
_SAYS = {Ending.DONE: "", Ending.REFUSED: "**Not done.** ", Ending.FAILED: "**Failed.** "}


def marker(comment: Comment) -> str:
    """The first line of the answer to a comment, by which a second run finds it instead of answering again."""
    return blocks.marker("answer", comment.id)


def stranger_marker(login: str) -> str:
    """The first line of what somebody without rights is told, once on each pull request."""
    return blocks.marker("no-rights", hashlib.sha256(login.casefold().encode()).hexdigest()[:16])


def render(answer: Answer, comment: Comment) -> str:
    """The whole comment that answers one."""
    asked = f"{code(comment.by)}: {code(comment.body.split(chr(10), 1)[0].strip())}"
    where = f"[{asked}]({comment.address})" if _ADDRESS.fullmatch(comment.address) else asked
    return f"{marker(comment)}\n{where}\n\n{_SAYS[answer.ending]}{answer.text}\n"


def without_rights(login: str) -> str:
    """To somebody who may not write to the repository."""
    return f"{stranger_marker(login)}\n{code(login)} may not write to this repository, so commands do nothing.\n"


def error(found: GitOpsError) -> Answer:
    """A command that was refused, or that broke: what was being done, and what to do next."""
    ending = Ending.REFUSED if found.exit_code in (2, 3, 4) else Ending.FAILED
    lines = [*found.message.splitlines(), *([f"Next: {found.hint}"] if found.hint else [])]
    return Answer(ending, "\n".join(["Because:", "", *fenced(lines)]))


def of_owners(people: Collection[str], environment: str, login: str) -> Answer:
    """To somebody who may write, and whom the environment does not name."""
    who = listed([code(one) for one in people])
    return Answer(Ending.REFUSED, f"In {code(environment)} that is for {who}, and not for {code(login)}.")


def help_for(environment: str, branch: str, denied: Collection[Verb]) -> Answer:
    """Every command, and whether this person may."""
    lines = ["| write | and it |", "|---|---|"]
    lines += [
        f"| {code(commands.usage(verb))} | {told}{' (not for you)' if verb in denied else ''} |"
        for verb, told in commands.TOLD.items()
    ]
    if environment:
        lines += ["", f"This pull request is for {code(environment)}, which follows {code(branch)}."]
    return Answer(Ending.DONE, "\n".join(lines))


def address(url: str, text: str) -> str:
    """A link, where the address is a plain one."""
    return f"[{text}]({url})" if _ADDRESS.fullmatch(url) else code(url)


def gate(environment: str, commit: str, verdicts: Mapping[Stack, tuple[Verdict, Case]]) -> str:
    """What the gate says now of each stack that has something to apply, every rule of it."""
    if not verdicts:
        return f"There is nothing to apply in {code(environment)}: every stack is released at this commit or later."
    lines = [f"The gate of {code(environment)}, asked now about commit `{short(commit)}`:"]
    for position, (stack, (verdict, case)) in enumerate(verdicts.items()):
        plan = f", plan `{short(case.approved.plan_digest)}`" if case.approved else ""
        section = ["", f"**{code(stack.label)}: {_GATE[verdict.outcome]}**{plan}", "", *fenced(_rules(verdict))]
        if len("\n".join([*lines, *section]).encode()) > _RULES_LIMIT:
            lines += ["", f"There is no room here for {len(verdicts) - position} more: `gitops explain` has them all."]
            break
        lines += section
    return "\n".join(lines)


def _rules(verdict: Verdict) -> Iterable[str]:
    for rule in verdict.rules:
        yield f"{rule.outcome:<7} {clip(rule.rule)}: {clip(rule.reason, LINE_LIMIT)}"
        if rule.remedy and rule.outcome is not Outcome.ALLOW:
            yield f"        next: {clip(rule.remedy, LINE_LIMIT)}"
