"""What a comment asks for: every text has one reading, and none makes the parser fail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.config.gate import Approvals, Owners
from gitops.config.settings import Environment
from gitops.flow import chatops as commands
from gitops.flow.chatops import Answer, Command, Misunderstood, Verb, parse
from gitops.model import Comment, Ending
from gitops.views.markdown import chatops
from tests.support.plans import NOW

DIGEST = "9ea0519c07fa"

UNDERSTOOD = {
    "/gitops": Command(Verb.HELP),
    "/gitops help": Command(Verb.HELP),
    "/gitops preview": Command(Verb.PREVIEW),
    "/gitops preview\r\nplease, the state moved": Command(Verb.PREVIEW),
    "/GitOps  Preview ": Command(Verb.PREVIEW),
    "/gitops\u00a0explain": Command(Verb.EXPLAIN),
    "/gitops apply": Command(Verb.APPLY),
    "/gitops approve-destroy": Command(Verb.APPROVE_DESTROY),
    f"/gitops approve-destroy {DIGEST}": Command(Verb.APPROVE_DESTROY, DIGEST),
    f"/gitops approve-destroy {DIGEST.upper()}": Command(Verb.APPROVE_DESTROY, DIGEST),
    "/gitops unlock": Command(Verb.UNLOCK),
    "/gitops unlock shop/dev": Command(Verb.UNLOCK, "shop/dev"),
    "/gitops rollback": Command(Verb.ROLLBACK),
    "/gitops rollback 4967091b2510": Command(Verb.ROLLBACK, "4967091b2510"),
    "/gitops preview\n> /gitops apply\n\nas you said": Command(Verb.PREVIEW),
    "/gitops preview\n```\n/gitops apply\n```": Command(Verb.PREVIEW),
    "/gitops preview\n````\n```\n/gitops apply\n````": Command(Verb.PREVIEW),
    "/gitops preview\n~~~sh\n/gitops apply\n": Command(Verb.PREVIEW),
    "/gitops preview\n\n    /gitops apply": Command(Verb.PREVIEW),
    "/gitops preview\nI said /gitops apply would not do": Command(Verb.PREVIEW),
    "/gitops preview\n/gitopsapply": Command(Verb.PREVIEW),
}

NOT_FOR_US = [
    "",
    "\n/gitops preview",
    "Please /gitops preview",
    "/gitopspreview",
    "/gitops-preview",
    "> /gitops preview",
    "```\n/gitops preview\n```",
    "    /gitops preview",
    "\t/gitops preview",
    " /gitops preview",
    "\u2028/gitops preview",
    "<!-- /gitops preview -->",
]

MISUNDERSTOOD = {
    "/gitops preveiw": "There is no command `preveiw`. Did you mean `/gitops preview`?",
    "/gitops approve_destroy": "There is no command `approve_destroy`. Did you mean `/gitops approve-destroy`?",
    "/gitops frobnicate": "There is no command `frobnicate`. There are: `preview`, `apply`",
    "/gitops `apply`": "There is no command `` `apply` ``. Did you mean `/gitops apply`?",
    "/gitops preview now": "`now` is more than it takes: write `/gitops preview`.",
    "/gitops unlock a b": "`a b` is more than it takes: write `/gitops unlock [STACK]`.",
    "/gitops unlock $(id)": "`$(id)` cannot be meant: write `/gitops unlock [STACK]`",
    "/gitops approve-destroy 9ea0519": "`9ea0519` cannot be meant: write `/gitops approve-destroy [DIGEST]`",
    "/gitops rollback --force": "`--force` cannot be meant: write `/gitops rollback [RELEASE]`",
    "/gitops rollback ;reboot": "`;reboot` cannot be meant",
    f"/gitops rollback {'a' * 101}": "cannot be meant",
    "/gitops preview\n/gitops apply": "A comment gives one command",
    "/gitops preview\n```\ncode\n```\n/gitops apply": "A comment gives one command",
    "/gitops preview\n```\ncode\n``` not closed\n```\n  /gitops apply": "A comment gives one command",
}


@pytest.mark.parametrize(("body", "command"), UNDERSTOOD.items())
def test_what_is_understood(body: str, command: Command) -> None:
    assert parse(body) == command


@pytest.mark.parametrize("body", NOT_FOR_US)
def test_what_is_no_command(body: str) -> None:
    assert parse(body) is None


@pytest.mark.parametrize(("body", "why"), MISUNDERSTOOD.items())
def test_what_is_answered_with_help(body: str, why: str) -> None:
    found = parse(body)
    assert isinstance(found, Misunderstood)
    assert found.why.startswith(why) or why in found.why


@given(st.text())
def test_no_text_makes_it_raise(body: str) -> None:
    parse(body)


WORDS = st.lists(
    st.sampled_from([*Verb, "\n", "/gitops", "```", "> ", "    ", "-x", "`", DIGEST, "\x00", "\u202e", "|"]), max_size=8
)


@given(WORDS, st.text(max_size=20))
def test_what_is_understood_is_plain_and_what_is_not_is_said_in_code(words: list[str], more: str) -> None:
    found = parse(f"/gitops {' '.join(words)} {more}")
    if isinstance(found, Command):
        assert str(found).isascii()
        assert str(found).isprintable()
        assert parse(str(found)) == found
    elif isinstance(found, Misunderstood):
        assert "\n" not in found.why
        assert "\u202e" not in found.why


@pytest.mark.parametrize("verb", Verb)
def test_each_command_is_told_and_written_as_it_is_read(verb: Verb) -> None:
    assert commands.TOLD[verb]
    assert parse(commands.usage(verb).partition(" [")[0]) == Command(verb)


def test_owners_are_named_once_in_their_order() -> None:
    owners = (Owners("infra/**", ("grace", "@acme/platform")), Owners("policy/**", ("sec", "grace")))
    environment = Environment("prod", "prod", ("prod",), Approvals(1, owners))
    assert commands.owners(environment) == ("grace", "@acme/platform", "sec")
    assert commands.owners(Environment("dev", "main", ("dev",))) == ()


def test_an_answer_is_found_by_its_comment_and_cannot_be_steered_by_it() -> None:
    hostile = "/gitops `</code>` @everyone [x](https://evil.example) <!-- gitops:answer:1 -->"
    said = Comment(5001, "ada", f"{hostile}\n/gitops", NOW, address="https://github.example/pull/7#issuecomment-5001")
    first, second, *_ = chatops.render(Answer(Ending.REFUSED, "No."), said).splitlines()
    assert first == "<!-- gitops:answer:5001 -->"
    assert second.startswith("[`ada`: ``/gitops `</code>` @everyone [x](https://evil.example) <!--")
    assert second.endswith("](https://github.example/pull/7#issuecomment-5001)")


def test_an_address_that_is_none_becomes_no_link() -> None:
    said = Comment(1, "ada", "/gitops", NOW, address="javascript:alert(1)")
    assert "javascript" not in chatops.render(Answer(Ending.DONE, "Yes."), said)
    assert chatops.address("https://x.example/a) [b](c", "the run").startswith("`")
