"""Answers to commands in a thread, against expected files; and that nothing in them is more than text."""

from collections.abc import Callable

import pytest

from gitops.errors import Refused, RemoteUnreachable
from gitops.flow import chatops as commands
from gitops.flow.chatops import Answer, Misunderstood, Verb
from gitops.flow.gate.case import Case
from gitops.model import Comment, Ending, Outcome, RuleResult, Stack, Verdict
from gitops.views.markdown import chatops
from tests.flow.gate.judged import destroyed
from tests.support.plans import DEV, HEAD, NOW

HOSTILE = "`</code>` <img src=x onerror=alert(1)> @everyone ```\n\x1b[31m\u202e [x](javascript:1) | # ::error::"
RESULTS = (
    RuleResult("reviewed", Outcome.ALLOW, "pull request #7 was previewed at abcdef012345"),
    RuleResult("approvals", Outcome.WAIT, "0 of 1 approvals of this plan", {}, "Somebody else approves it."),
    RuleResult("destroys", Outcome.REFUSE, "1 to be deleted or replaced, at most 0 may be", {}, "Make it smaller."),
)


def comment(body: str, by: str = "grace") -> Comment:
    return Comment(5001, by, body, NOW, address="https://github.example/shop/infra/pull/7#issuecomment-5001")


def explained(*rules: RuleResult, stacks: int = 1) -> str:
    """The gate's answer for so many stacks with these rules."""
    case = Case(DEV, HEAD, None, NOW, approved=destroyed(1))
    names = (Stack("shop", f"dev-{number}" if number else "dev") for number in range(stacks))
    return chatops.gate("dev", HEAD, dict.fromkeys(names, (Verdict(rules), case)))


def misunderstood(body: str) -> Answer:
    found = commands.parse(body)
    assert isinstance(found, Misunderstood)
    return Answer(Ending.REFUSED, found.why)


REFUSED = Refused("ada opened the pull request, and cannot approve it.", hint="Somebody else can.")
GOLDEN = {
    "explain": ("/gitops explain", Answer(Ending.DONE, explained(*RESULTS))),
    "nothing-to-apply": ("/gitops explain", Answer(Ending.DONE, chatops.gate("dev", HEAD, {}))),
    "refused": ("/gitops approve-destroy", chatops.error(REFUSED)),
    "failed": ("/gitops apply", chatops.error(RemoteUnreachable("No remote.", hint="Try again."))),
    "owners": ("/gitops rollback", chatops.of_owners(("sec", "@acme/platform"), "prod", "grace")),
    "help": ("/gitops help", chatops.help_for("prod", "prod", commands.OF_OWNERS)),
    "unknown": ("/gitops aply", misunderstood("/gitops aply")),
    "hostile": (
        f"/gitops {HOSTILE}",
        Answer(Ending.DONE, explained(RuleResult(HOSTILE, Outcome.WAIT, HOSTILE, {}, HOSTILE))),
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_answer_reads_as_expected(name: str, golden: Callable[[str, str], None]) -> None:
    body, answer = GOLDEN[name]
    golden(f"answer-{name}.md", chatops.render(answer, comment(body)))


def test_somebody_without_rights_is_told_in_a_line(golden: Callable[[str, str], None]) -> None:
    golden("answer-no-rights.md", chatops.without_rights("mallory"))


def test_an_answer_always_fits_into_a_comment() -> None:
    long = RuleResult("r" * 9000, Outcome.REFUSE, "x" * 9000, {}, "y" * 9000)
    text = chatops.render(Answer(Ending.DONE, explained(*[long] * 40, stacks=90)), comment("/gitops explain"))
    assert len(text) < 65_536
    assert "There is no room here for 8" in text


@pytest.mark.parametrize("verb", Verb)
def test_an_answer_is_never_a_command_itself(verb: Verb) -> None:
    assert commands.parse(chatops.render(Answer(Ending.DONE, f"/gitops {verb}"), comment(f"/gitops {verb}"))) is None
