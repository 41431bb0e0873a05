"""ChatOps: what a comment asks for, and who may. Pure; no text makes it raise.

The first line of a comment is the command, the rest a remark. Another line that would be one makes the comment
ambiguous, and nothing of it is done; lines in code blocks and quotations are no commands.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from gitops.config.settings import Environment
from gitops.flow.words import code
from gitops.model import Ending

PREFIX = "/gitops"
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_LONGEST_WORD = 100


class Verb(StrEnum):
    """What can be asked for."""

    PREVIEW = "preview"
    APPLY = "apply"
    EXPLAIN = "explain"
    APPROVE_DESTROY = "approve-destroy"
    UNLOCK = "unlock"
    ROLLBACK = "rollback"
    HELP = "help"


# These change something beyond the pull request, so an environment's owners decide, where it has any.
OF_OWNERS = frozenset({Verb.APPLY, Verb.APPROVE_DESTROY, Verb.UNLOCK, Verb.ROLLBACK})
# These only answer: nothing of them goes on record.
ANSWERS = frozenset({Verb.EXPLAIN, Verb.HELP})

TOLD = {
    Verb.PREVIEW: "runs the newest preview of this pull request again",
    Verb.APPLY: "applies what this pull request was merged as, if the gate allows it now",
    Verb.EXPLAIN: "says what the gate says of this pull request now, rule by rule",
    Verb.APPROVE_DESTROY: "approves what the plan shown here destroys, past the environment's budgets",
    Verb.UNLOCK: "takes away the lease of a run that has ended; of all stacks, or of one",
    Verb.ROLLBACK: "proposes to roll the environment back to a release; without one, to the release before",
    Verb.HELP: "says this",
}
# The one argument that a command can have: its name, and what it looks like.
_ARGUMENTS = {
    Verb.APPROVE_DESTROY: ("DIGEST", re.compile(r"[0-9a-f]{12,64}")),
    Verb.UNLOCK: ("STACK", re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*(/[0-9A-Za-z._-]+)?")),
    # It becomes an argument of `gitops rollback`, so it must not look like an option.
    Verb.ROLLBACK: ("RELEASE", re.compile(r"[0-9A-Za-z][0-9A-Za-z._/-]*")),
}


@dataclass(frozen=True, slots=True)
class Command:
    """A command with its argument; empty for none."""

    verb: Verb
    argument: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (PREFIX, self.verb.value, self.argument)))


@dataclass(frozen=True, slots=True)
class Misunderstood:
    """Why a comment that wants to be a command is none, in Markdown."""

    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a command, and what is said about it, in Markdown."""

    ending: Ending
    text: str


def parse(body: str) -> Command | Misunderstood | None:
    """The command that a comment gives; None where it does not begin with one."""
    first, *rest = body.split("\n")
    words = first.split()
    # Indented, it would be a code block or a continued line somewhere else.
    if not words or words[0].casefold() != PREFIX or first[0].isspace():
        return None
    if any(_is_command(line) for line in _spoken(rest)):
        return Misunderstood("A comment gives one command: nothing of it was done. Give each in a comment of its own.")
    if len(words) == 1:
        return Command(Verb.HELP)
    try:
        verb = Verb(words[1].casefold())
    except ValueError:
        return Misunderstood(_unknown(words[1]))
    return _with_argument(verb, words[2:])


def usage(verb: Verb) -> str:
    """How a command is written."""
    name, _ = _ARGUMENTS.get(verb, ("", None))
    return f"{PREFIX} {verb.value}" + (f" [{name}]" if name else "")


def owners(environment: Environment) -> tuple[str, ...]:
    """Who decides over the environment: logins, and teams as @organisation/team. Nobody: whoever may write."""
    return tuple(dict.fromkeys(person for one in environment.approvals.owners for person in one.people))


def _with_argument(verb: Verb, given: list[str]) -> Command | Misunderstood:
    if not given:
        return Command(verb)
    _, pattern = _ARGUMENTS.get(verb, ("", None))
    argument = given[0].casefold() if verb is Verb.APPROVE_DESTROY else given[0]
    if len(given) > 1 or pattern is None:
        return Misunderstood(f"{code(' '.join(given))} is more than it takes: write {code(usage(verb))}.")
    if len(argument) > _LONGEST_WORD or not pattern.fullmatch(argument):
        return Misunderstood(f"{code(argument)} cannot be meant: write {code(usage(verb))}{_HINTS[verb]}.")
    return Command(verb, argument)


_HINTS = {
    Verb.APPROVE_DESTROY: ", with the digest that the review shows after “plan”",
    Verb.UNLOCK: ", with a stack by name or as project/name",
    Verb.ROLLBACK: ", with the commit of a release",
}


def _unknown(word: str) -> str:
    known = [verb.value for verb in Verb]
    close = get_close_matches(word[:_LONGEST_WORD].casefold().replace("_", "-"), known, 1)
    proposed = (
        f"Did you mean {code(f'{PREFIX} {close[0]}')}?" if close else f"There are: {', '.join(map(code, known))}."
    )
    return f"There is no command {code(word)}. {proposed}"


def _is_command(line: str) -> bool:
    words = line.split(maxsplit=1)
    return bool(words) and words[0].casefold() == PREFIX


def _spoken(lines: list[str]) -> Iterator[str]:
    """The lines that are the writer's own words: neither in a code block nor quoted."""
    fence = ""
    for line in lines:
        found = _FENCE.match(line)
        if fence:
            # It is closed by as many of the same, and nothing behind them.
            if found and found[1][0] == fence[0] and len(found[1]) >= len(fence) and not found[2].strip():
                fence = ""
        elif found:
            fence = found[1]
        elif not line.lstrip().startswith(">") and not line.startswith(("    ", "\t")):
            yield line
