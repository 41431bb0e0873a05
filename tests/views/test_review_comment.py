"""The review comment's promises: its limit, its order, and that nothing from outside becomes markup."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops.flow import words
from gitops.flow.words import visible
from gitops.model import (
    Diagnostic,
    Operation,
    PolicyFinding,
    PolicyLevel,
    PreviewFailure,
    PropertyChange,
    Reason,
    ReasonKind,
    ResourceChange,
    Review,
    SecretValue,
    Severity,
    Stack,
)
from gitops.views.markdown import review_comment
from gitops.views.markdown.review_comment import COMMENT_LIMIT, STEP_SUMMARY_LIMIT
from tests.golden.reviews import GOLDEN, HOSTILE
from tests.support.markup import only_ours, tokens
from tests.support.plans import add, change, plan, review, reviewed, update

BUCKET = "aws:s3/bucket:Bucket"
GITHUB_LIMIT = 65_536


def size(text: str) -> int:
    return len(text.encode())


def resources(count: int, operation: Operation = Operation.CREATE, *items: PropertyChange) -> list[ResourceChange]:
    return [change(operation, BUCKET, f"bucket-{number:05}", *items) for number in range(count)]


def test_ten_thousand_resources_stay_below_the_limit_and_are_all_counted() -> None:
    items = (add("bucket", "x" * 100), add("tags", {"team": "web"}))
    changes = [*resources(9_000, Operation.CREATE, *items), *resources(990, Operation.UPDATE, update("acl", "a", "b"))]
    doomed = [change(Operation.DELETE, BUCKET, f"doomed-{number}") for number in range(10)]
    text = review_comment.render(review(reviewed(plan(*changes, *doomed))))
    assert size(text) < GITHUB_LIMIT
    assert all(f"- delete  aws:s3:Bucket doomed-{number}: no longer" in text for number in range(10))
    assert "destroys 10 resources (10 to delete, 990 to update, 9,000 to create)" in text
    shown = sum(line.startswith("+ create ") for line in text.splitlines())
    assert shown > 20
    assert f"Not listed, for want of room: {9_000 - shown:,} to create ({9_000 - shown:,} of type" in text


def test_ten_thousand_destroyed_resources_stay_below_the_limit() -> None:
    items = [update("name", "a" * 500, "b" * 500, replaces=True)]
    text = review_comment.render(review(reviewed(plan(*resources(10_000, Operation.REPLACE, *items)))))
    assert size(text) < GITHUB_LIMIT
    assert "and 9,980 more: 9,980 to replace" in text


def test_a_thousand_changed_stacks_stay_below_the_limit_and_are_all_counted() -> None:
    stacks = [Stack("shop", f"region-{number:04}") for number in range(1_000)]
    one = change(Operation.UPDATE, BUCKET, "assets", update("acl", "a", "b"))
    text = review_comment.render(review(*(reviewed(plan(one, stack=stack), stack) for stack in stacks)))
    assert size(text) < GITHUB_LIMIT
    rows = text.count("| <code>shop/region")
    assert f"and {1_000 - rows:,} more stacks: {1_000 - rows:,} to update" in text
    sections = text.count("\n### ")
    assert f"{1_000 - sections:,} stacks without a section here, for want of room." in text


def test_room_goes_to_what_destroys_before_what_is_created() -> None:
    stacks = [Stack("shop", "a"), Stack("shop", "b")]
    many = plan(*resources(5_000, Operation.CREATE, add("bucket", "x" * 100)), stack=stacks[0])
    grave = plan(
        change(Operation.REPLACE, BUCKET, "invoices", update("bucket", "old", "new", replaces=True)), stack=stacks[1]
    )
    text = review_comment.render(review(reviewed(many, stacks[0]), reviewed(grave, stacks[1])))
    assert text.index("### `shop/b`") < text.index("### `shop/a`")
    assert '!     bucket: "old" → "new"  ← forces the replacement' in text


def test_a_step_summary_has_room_for_what_a_comment_counts() -> None:
    result = review(reviewed(plan(*resources(3_000, Operation.CREATE, add("bucket", "x" * 100)))))
    assert "for want of room" in review_comment.render(result)
    summary = review_comment.render(result, STEP_SUMMARY_LIMIT)
    assert "for want of room" not in summary
    assert size(summary) < STEP_SUMMARY_LIMIT


def test_hostile_floods_stay_below_the_limit() -> None:
    long = "`\n|<" * 5_000
    finding = PolicyFinding(long, long, PolicyLevel.MANDATORY, long, long)
    warning = Diagnostic(Severity.WARNING, long, long)
    result = plan(
        change(Operation.REPLACE, long, long, update(long, long, long + "x", replaces=True), add(long, {long: [long]})),
        findings=(finding,) * 50,
        warnings=(warning,) * 50,
    )
    reasons = tuple(Reason(ReasonKind.UNKNOWN, f"{number}{long}", long) for number in range(50))
    failure = PreviewFailure(long, (long,) * 50, long)
    stacks = [Stack(long, f"{number}") for number in range(20)]
    text = review_comment.render(
        review(
            *(reviewed(result, stack, *reasons) for stack in stacks),
            *(reviewed(failure, Stack("f", stack.name), *reasons) for stack in stacks),
            *(reviewed(plan(stack=stack), Stack("quiet", stack.name + long)) for stack in stacks),
        )
    )
    assert size(text) < GITHUB_LIMIT


@pytest.mark.parametrize("name", GOLDEN)
def test_every_golden_review_holds_at_the_smallest_limit(name: str) -> None:
    assert size(review_comment.render(GOLDEN[name](), 20_000)) <= 20_000


def test_the_marker_is_the_first_line() -> None:
    assert review_comment.render(review()).splitlines()[0] == "<!-- gitops:preview:dev -->"
    assert review_comment.marker("a --> b") == "<!-- gitops:preview:a_--__b -->"


@pytest.mark.parametrize("name", GOLDEN)
def test_no_secret_leaves_a_digest(name: str) -> None:
    assert "5ec2e7d16e57" not in review_comment.render(GOLDEN[name]())


def test_a_plain_value_beside_a_secret_is_not_shown() -> None:
    text = review_comment.render(GOLDEN["secrets"]())
    assert "plain-before" not in text
    assert "plain-after" not in text


@pytest.mark.parametrize("name", GOLDEN)
def test_nothing_from_outside_becomes_markup(name: str) -> None:
    only_ours(review_comment.render(GOLDEN[name]()))


nasty = st.text(st.sampled_from("`~|<>&\\\n\r\t*_[]()!@#:-+= ax1\u202e\x1b"), max_size=30)


@settings(max_examples=60, deadline=None)
@given(nasty, nasty, nasty)
def test_no_text_breaks_out_of_its_code(name: str, value: str, message: str) -> None:
    stack = Stack(f"p{name}", f"s{name}")
    doomed = change(Operation.REPLACE, name or "t", name, update(name, value, message, replaces=True))
    finding = PolicyFinding(name, value, PolicyLevel.ADVISORY, message, name)
    text = review_comment.render(
        review(
            reviewed(plan(doomed, stack=stack, findings=(finding,)), stack, Reason(ReasonKind.UNKNOWN, name, message)),
            reviewed(PreviewFailure(message, (value,), name)),
        )
    )
    only_ours(text)
    kinds = [token.type for token in tokens(text)]
    plain = review_comment.render(
        review(
            reviewed(
                plan(
                    change(Operation.REPLACE, "t", "n", update("p", "v", "m", replaces=True)),
                    stack=stack,
                    findings=(PolicyFinding("n", "v", PolicyLevel.ADVISORY, "m", "u"),),
                ),
                stack,
                Reason(ReasonKind.UNKNOWN, "n", "m"),
            ),
            reviewed(PreviewFailure("m", ("v",), "n")),
        )
    )
    blocks = ("heading_open", "fence", "table_open", "tr_open", "td_open", "hr", "blockquote_open", "list_item_open")
    for block in blocks:
        expected = [token.type for token in tokens(plain)].count(block)
        assert kinds.count(block) == expected, block


@settings(max_examples=60, deadline=None)
@given(nasty)
def test_a_code_span_shows_exactly_what_it_is_given(text: str) -> None:
    inline = next(token for token in tokens(f"a {words.code(text)} b") if token.type == "code_inline")
    assert inline.content.strip() == visible(text).strip()


def test_control_and_direction_characters_are_shown_not_obeyed() -> None:
    assert visible(HOSTILE).isprintable()
    assert visible("a\u202eb\x1b[0m\x85\U000e0001") == "a\\u202eb\\u001b[0m\\u0085\\U000e0001"
    assert visible("Grüße, 世界 🚀") == "Grüße, 世界 🚀"
    assert visible("  ::set-output name=a::b") == "  \\u003a:set-output name=a::b"


def test_a_mandatory_violation_says_that_nothing_can_be_applied() -> None:
    assert "Nothing of this can be applied while a mandatory policy is violated." in review_comment.render(
        GOLDEN["policies"]()
    )


def test_no_affected_stack_is_said_in_a_line() -> None:
    assert "No stack is affected." in review_comment.render(Review("dev", "0" * 40, "1" * 40))


def test_the_limit_leaves_room_for_the_poster() -> None:
    assert COMMENT_LIMIT < GITHUB_LIMIT


def test_a_secret_value_is_one_word_in_a_create() -> None:
    made = change(Operation.CREATE, BUCKET, "b", add("password", SecretValue("digest")))
    assert "+     password: secret\n" in review_comment.render(review(reviewed(plan(made))))
