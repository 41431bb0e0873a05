"""Downstream: which stacks follow, what moved, and how it is said."""

import dataclasses
import re

import pytest

from gitops.adapters.pulumi import deployments
from gitops.adapters.pulumi.property_values import SECRET_SIGNATURE, SIGNATURE_KEY, UNKNOWN_SENTINELS
from gitops.flow.plans import downstream
from gitops.model import (
    Downstream,
    Operation,
    PolicyFinding,
    PolicyLevel,
    ResourceChange,
    Stack,
    UnknownValue,
    gravest_first,
)
from gitops.views.markdown import downstream as following
from gitops.views.markdown import review_comment
from tests.support.plans import change, plan, remove, review, reviewed, update

A, B, C, D = (Stack(name, "dev") for name in "abcd")
STACK = "pulumi:pulumi:Stack"
UNKNOWN = min(UNKNOWN_SENTINELS)
REPLACED = change(Operation.REPLACE, "x:y:Z", "one", update("kind", "a", "b", replaces=True))


def test_readers_are_found_over_others_and_a_circle_ends() -> None:
    upstream = {B: frozenset({A}), C: frozenset({B}), D: frozenset({D, C})}
    assert downstream.readers([A], upstream) == {B, C, D}
    assert downstream.readers([D], upstream) == {D}
    assert downstream.readers([], upstream) == frozenset()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((), False),
        ((REPLACED,), False),
        ((change(Operation.UPDATE, STACK, "a-dev", update("(protect)", False, True)),), False),
        ((change(Operation.UPDATE, STACK, "a-dev", update("outputs.zone", "a", "b")),), True),
        ((change(Operation.UPDATE, STACK, "a-dev", remove("outputs.zone", "a")),), True),
        ((change(Operation.CREATE, STACK, "a-dev"),), True),
    ],
)
def test_outputs_move_when_one_differs_or_the_stack_is_new(found: tuple[ResourceChange, ...], expected: bool) -> None:
    assert downstream.moves(found) is expected


def test_an_output_with_something_unknown_inside_is_unknown() -> None:
    outputs = {
        "a": 1,
        "b": UNKNOWN,
        "c": {"d": [1, UNKNOWN]},
        "e": {SIGNATURE_KEY: SECRET_SIGNATURE, "ciphertext": "x"},
    }
    assert deployments.unknown_outputs(outputs) == ("b", "c")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (change(Operation.UPDATE, "x:y:Z", "one", update("size", 1, UnknownValue())), True),
        (change(Operation.UPDATE, "x:y:Z", "one", update("size", 1, UnknownValue()), update("kind", "a", "b")), False),
        (
            change(
                Operation.REPLACE,
                "x:y:Z",
                "one",
                update("ids", ["a"], ["a", UnknownValue()], replaces=True),
                update("size", 1, 2),
            ),
            True,
        ),
        (REPLACED, False),
        (change(Operation.DELETE, "x:y:Z", "one"), False),
        (change(Operation.CREATE, "x:y:Z", "one", update("size", None, UnknownValue())), False),
    ],
)
def test_a_change_hangs_on_what_is_unknown_where_nothing_else_decides(found: ResourceChange, expected: bool) -> None:
    assert downstream.hangs_on_unknown(found) is expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"encryptionsalt": "v1:s"}, {"type": "passphrase", "state": {"salt": "v1:s"}}),
        (
            {"secretsprovider": "awskms://alias/x", "encryptedkey": "a2V5"},
            {"type": "cloud", "state": {"url": "awskms://alias/x", "encryptedkey": "a2V5"}},
        ),
        ({"config": {}}, None),
    ],
)
def test_the_secrets_provider_of_the_settings_is_the_states(settings: dict, expected: object) -> None:
    assert deployments.secrets_provider(settings) == expected
    document = deployments.outputs_only(A, {"a": 1}, deployments.secrets_provider(settings))
    assert deployments.secrets_provider_in(document) == expected


def test_what_was_read_before_is_known_from_the_state() -> None:
    names = ("organization/net/dev", "dev", "")
    resources = [{"type": downstream.REFERENCE_TYPE, "inputs": {"name": name}} for name in names]
    document = {"deployment": {"resources": [*resources, {"type": "x:y:Z", "inputs": {"name": "organization/a/b"}}]}}
    assert deployments.referenced(document) == {"organization/net/dev"}
    assert deployments.referenced({}) == frozenset()


def test_a_checkpoint_keeps_how_the_deployment_is_written() -> None:
    made = deployments.checkpoint("organization/a/dev", {"version": 4, "features": ["views"], "deployment": {"x": 1}})
    assert made == {
        "version": 4,
        "features": ["views"],
        "checkpoint": {"stack": "organization/a/dev", "latest": {"x": 1}},
    }
    assert deployments.checkpoint("organization/a/dev", {})["checkpoint"]["latest"] is None


def test_what_a_machine_packs_is_read_back() -> None:
    from gitops.flow.plans import values

    one = Downstream(B, (A,), (change(Operation.UPDATE, "x:y:Z", "one", update("size", 1, UnknownValue())),))
    assert downstream.from_body(values.pack(one)) == one


def test_the_gravest_comes_first_and_what_cannot_be_told_before_it() -> None:
    found = (
        Downstream(A, (D,), (change(Operation.UPDATE, "x:y:Z", "one", update("size", 1, 2)),)),
        Downstream(B, (D,), (REPLACED,)),
        Downstream(C, (D,), untold=("no",)),
    )
    assert [one.stack for one in gravest_first(found)] == [C, B, A]


def test_the_comment_of_ten_thousand_that_follow_stays_within_its_limit() -> None:
    big = tuple(
        change(Operation.REPLACE, "x:y:Z", f"thing-{number}", update("kind", "a" * 200, UnknownValue(), replaces=True))
        for number in range(200)
    )
    many = tuple(Downstream(Stack(f"s{n}", "dev"), (A,), big, unknown=("a/dev x",) * 300) for n in range(50))
    own = dataclasses.replace(reviewed(plan(stack=A), A), downstream=many)
    mine = reviewed(plan(REPLACED, stack=Stack("s0", "dev")), Stack("s0", "dev"))
    text = review_comment.render(review(own, mine))
    assert len(text.encode()) <= review_comment.COMMENT_LIMIT
    assert "Will be looked at again" in text
    assert following.TITLE in text
    assert "more stacks: 7,400 to replace" in text


def test_nothing_hostile_gets_out_of_its_code() -> None:
    hostile = "x`` ` ```\n</details> @octo/team | #1\u202e"
    stack = Stack(hostile, "dev")
    finding = PolicyFinding(hostile, hostile, PolicyLevel.MANDATORY, hostile)
    following_ones = (
        Downstream(stack, (stack,), (REPLACED,), (finding,), (hostile,)),
        Downstream(B, (A,), untold=(hostile,)),
    )
    own = dataclasses.replace(reviewed(plan(stack=A), A), downstream=following_ones)
    text = review_comment.render(review(own))
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text, flags=re.DOTALL)
    assert "@octo" in text
    assert "@octo" not in outside
    assert "</details>" not in outside
