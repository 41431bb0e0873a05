"""Is a fresh plan the rest of an approved one?"""

from dataclasses import replace
from typing import Any

import pytest

from gitops.flow.plans.deviations import OLD_COPY, departures
from gitops.flow.plans.plan import old_copy_of
from gitops.model import (
    Operation,
    Plan,
    PolicyFinding,
    PolicyLevel,
    PropertyChange,
    PropertyKind,
    ResourceChange,
    SecretValue,
    UnknownValue,
)
from tests.support.plans import add, change, plan, remove, start, update, urn

BUCKET = "aws:s3/bucket:Bucket"
QUEUE = "aws:sqs/queue:Queue"
OTHER = urn(BUCKET, "other")
CREATE = change(Operation.CREATE, BUCKET, "web", add("size", 12), add("near", UnknownValue()))
UPDATE = change(
    Operation.UPDATE, BUCKET, "logs", update("acl", "private", "public"), update("pw", *map(SecretValue, "ab"))
)
DELETE = change(Operation.DELETE, QUEUE, "old")
REPLACE = change(Operation.REPLACE, QUEUE, "mail", update("kind", "a", "b", replaces=True), update("size", 1, 2))
LOGS = {urn(BUCKET, "logs"): "l0", urn(QUEUE, "old"): "o0", urn(QUEUE, "mail"): "m0", OTHER: "x0"}
APPROVED = plan(CREATE, UPDATE, DELETE, REPLACE, state=start(LOGS))


MAIL = urn(QUEUE, "mail")
REPLACED = {MAIL: "m1", old_copy_of(MAIL): "m0"}


def rest(*changes: ResourceChange, **state: str) -> Plan:
    """A fresh plan after part of the approved one was applied: what is not left of it is done."""
    left = {one.urn for one in changes}
    there = {**LOGS, **{urn(BUCKET, name): digest for name, digest in state.items()}}
    if CREATE.urn not in left:
        there.setdefault(CREATE.urn, "w0")
    if DELETE.urn not in left:
        del there[DELETE.urn]
    return plan(*changes, state=start(there))


RESTS = {
    "all of it": APPROVED,
    "nothing": rest(web="w1", logs="l1"),
    "some of it": rest(UPDATE, DELETE, web="w1"),
    "a value that became known": rest(replace(CREATE, properties=(add("size", 12), add("near", "i-1")))),
    "one property of two": rest(replace(UPDATE, properties=UPDATE.properties[:1])),
    "what is left of a creation": rest(change(Operation.UPDATE, BUCKET, "web", update("size", None, 12)), web="half"),
    "the old copy that a replacement left": plan(
        change(Operation.DELETE, QUEUE, "mail", OLD_COPY),
        DELETE,
        state=start({**LOGS, CREATE.urn: "w0", **REPLACED}),
    ),
    "what is left of a replacement": rest(change(Operation.UPDATE, QUEUE, "mail", update("size", 1, 2))),
}


@pytest.mark.parametrize("fresh", RESTS.values(), ids=RESTS.keys())
def test_the_rest_of_an_approved_plan_needs_no_new_approval(fresh: Plan) -> None:
    assert departures(APPROVED, fresh) == ()


def test_what_was_made_and_is_gone_since_is_not_made_twice_on_one_approval() -> None:
    again = rest(CREATE, web="w1")
    assert departures(APPROVED, again) == ("create web is done already, and it is gone since",)
    failed = replace(again, start=replace(again.start, unfinished=(CREATE.urn,)))
    assert departures(APPROVED, failed) == ()


def finishing(*changes: PropertyChange, half_made: bool = True) -> tuple[str, ...]:
    """The departures of an update that finishes a creation with nested values."""
    rules = {"https": True, "ports": [80, 443], "id": UnknownValue()}
    approved = plan(change(Operation.CREATE, BUCKET, "web", add("rotation", True), add("rules", rules)))
    made = (urn(BUCKET, "web"),) if half_made else ()
    fresh = plan(change(Operation.UPDATE, BUCKET, "web", *changes), state=start({urn(BUCKET, "web"): "half"}))
    return departures(approved, replace(fresh, start=replace(fresh.start, unfinished=made)))


@pytest.mark.parametrize(
    "left",
    [
        update("rotation", False, True),
        update("rules.https", False, True),
        add("rules.ports[1]", 443),
        update("rules.id", "x", "y"),
    ],
)
def test_what_finishes_a_creation_starts_where_that_was_cut_short(left: PropertyChange) -> None:
    assert finishing(left) == ()
    if left.kind is PropertyKind.UPDATE:
        assert finishing(left, half_made=False) != ()


@pytest.mark.parametrize(
    "other", [update("rotation", False, 1), update("rules.http", False, True), remove("rules.ports[1]", 8080)]
)
def test_what_a_creation_was_not_to_set_does_not_finish_it(other: PropertyChange) -> None:
    assert finishing(other) != ()


def test_a_creation_that_is_left_is_left_whole() -> None:
    (told,) = departures(APPROVED, rest(replace(CREATE, properties=CREATE.properties[1:])))
    assert told == "create web differs from the planned create"
    assert departures(APPROVED, rest(replace(CREATE, properties=CREATE.properties[:1]))) == ()


@pytest.mark.parametrize(("left", "state", "told"), [((DELETE,), LOGS, "create web"), ((CREATE,), LOGS, "delete old")])
def test_what_is_neither_done_nor_left_to_do_is_named(
    left: tuple[ResourceChange, ...], state: dict[str, str], told: str
) -> None:
    fresh = plan(*left, state=start(state))
    assert departures(APPROVED, fresh) == (f"{told}, which was approved, is neither done nor left to do",)


def test_what_an_alias_renames_has_moved_by_our_own_hand() -> None:
    renamed = change(Operation.UPDATE, BUCKET, "journal", update("(urn)", urn(BUCKET, "logs"), urn(BUCKET, "journal")))
    approved = plan(renamed, CREATE, state=start({urn(BUCKET, "logs"): "l0"}))
    now = plan(CREATE, state=start({urn(BUCKET, "journal"): "j0"}))
    assert departures(approved, now) == ()
    assert departures(replace(approved, changes=(CREATE,)), now) != ()


def test_each_change_of_one_resource_may_be_what_is_left() -> None:
    imported = change(Operation.IMPORT, BUCKET, "web", add("(import)", "b-1"))
    updated = change(Operation.UPDATE, BUCKET, "web", update("size", 1, 2))
    approved = plan(imported, updated)
    assert departures(approved, plan(updated, state=start({urn(BUCKET, "web"): "w1"}))) == ()
    (told,) = departures(approved, plan(change(Operation.DELETE, BUCKET, "web")))
    assert told == "delete web differs from the planned import and update"


def test_an_old_copy_that_was_to_be_deleted_anyway_is_part_of_the_rest() -> None:
    approved = plan(change(Operation.DELETE, QUEUE, "mail", OLD_COPY), state=start(REPLACED))
    assert departures(approved, approved) == ()


def test_what_a_run_writes_otherwise_without_a_change_may_have_moved_by_our_own_hand() -> None:
    found = replace(APPROVED, start=replace(APPROVED.start, rewritten=(OTHER,)))
    healed = replace(APPROVED, start=replace(APPROVED.start, unfinished=(OTHER,)))
    for approved in (found, healed):
        assert departures(approved, rest(UPDATE, other="x1")) == ()
        altered = rest(UPDATE, change(Operation.UPDATE, BUCKET, "other", update("acl", "open", "private")), other="x1")
        assert departures(approved, altered) == ("update other was not planned",)


def test_an_option_that_is_left_is_part_of_the_rest() -> None:
    approved = plan(change(Operation.UPDATE, BUCKET, "logs", add("(ignore changes)", ["acl"])))
    other = plan(change(Operation.UPDATE, BUCKET, "logs", add("(ignore changes)", ["tags"])))
    assert departures(approved, approved) == ()
    assert departures(approved, other) != ()


FINDING = PolicyFinding("house", "small", PolicyLevel.MANDATORY, "is large")
DEPARTURES: dict[str, tuple[Plan, str]] = {
    "a change nobody approved": (rest(change(Operation.CREATE, QUEUE, "new")), "create new was not planned"),
    "another value": (
        rest(replace(UPDATE, properties=(update("acl", "private", "open"),))),
        "update logs differs from the planned update",
    ),
    "a change that starts elsewhere": (
        rest(replace(UPDATE, properties=(update("acl", "authenticated", "public"),))),
        "update logs differs from the planned update",
    ),
    "a finished creation that somebody altered": (
        rest(change(Operation.UPDATE, BUCKET, "web", update("size", 31, 12)), web="w1"),
        "update web differs from the planned create",
    ),
    "a deletion of what is not the same any more": (
        plan(DELETE, state=start({**LOGS, CREATE.urn: "w0", urn(QUEUE, "old"): "o1"})),
        "old, which is to be deleted, moved since that was approved",
    ),
    "a deletion of another old copy": (
        plan(
            change(Operation.DELETE, QUEUE, "mail", OLD_COPY),
            DELETE,
            state=start({**LOGS, CREATE.urn: "w0", **REPLACED, old_copy_of(MAIL): "m2"}),
        ),
        "mail, which is to be deleted, moved since that was approved",
    ),
    "another secret": (
        rest(replace(UPDATE, properties=(update("pw", SecretValue("a"), SecretValue("c")),))),
        "update logs differs",
    ),
    "another property": (
        rest(replace(UPDATE, properties=(update("tags", 1, 2),))),
        "update logs differs from the planned update",
    ),
    "a removal for an update": (
        rest(replace(UPDATE, properties=(remove("acl", "private"),))),
        "update logs differs from the planned update",
    ),
    "a deletion for an update": (rest(change(Operation.DELETE, BUCKET, "logs")), "delete logs differs"),
    "a replacement for an update": (rest(replace(UPDATE, operation=Operation.REPLACE)), "replace logs differs"),
    "the old copy of what was not replaced": (rest(change(Operation.DELETE, BUCKET, "logs", OLD_COPY)), "delete logs"),
    "a deletion for a replacement": (rest(change(Operation.DELETE, QUEUE, "mail")), "delete mail differs"),
    "a creation for a deletion": (rest(change(Operation.CREATE, QUEUE, "old")), "create old differs"),
    "a resource that moved by other hands": (rest(UPDATE, other="x1"), "other moved, which the plan does not touch"),
    "a resource that appeared": (rest(UPDATE, stranger="s1"), "stranger moved, which the plan does not touch"),
    "a policy finding": (replace(rest(UPDATE), findings=(FINDING,)), "small finds something new about the stack"),
    "a policy pack": (replace(rest(UPDATE), policy_packs={"house": "2"}), "the policy packs differ"),
}


@pytest.mark.parametrize(("fresh", "told"), DEPARTURES.values(), ids=DEPARTURES.keys())
def test_anything_beyond_the_approved_plan_is_named(fresh: Plan, told: str) -> None:
    found = departures(APPROVED, fresh)
    assert len(found) == 1
    assert told in found[0]


@pytest.mark.parametrize(
    ("approved", "fresh", "same"),
    [
        (UnknownValue(), {"any": "thing"}, True),
        ({"a": UnknownValue()}, {"a": 1}, True),
        ({"a": UnknownValue()}, {"a": 1, "b": 2}, False),
        ([1, UnknownValue()], [1, 2], True),
        ([1, UnknownValue()], [1, 2, 3], False),
        (1, True, False),
        ("known", UnknownValue(), False),
        (SecretValue("a"), SecretValue("a"), True),
        (SecretValue("a"), "a", False),
    ],
)
def test_only_what_was_unknown_may_have_become_something(approved: Any, fresh: Any, same: bool) -> None:
    planned = plan(change(Operation.UPDATE, BUCKET, "logs", update("x", 0, approved)))
    now = plan(change(Operation.UPDATE, BUCKET, "logs", update("x", 0, fresh)))
    assert (departures(planned, now) == ()) is same


def test_a_policy_that_could_not_be_evaluated_may_find_something_once_values_are_known() -> None:
    told = replace(APPROVED, findings=(replace(FINDING, level=PolicyLevel.NOT_EVALUATED),))
    assert departures(told, replace(rest(UPDATE), findings=(FINDING,))) == ()
    elsewhere = replace(FINDING, urn="urn:pulumi:dev::shop::aws:s3/bucket:Bucket::other")
    assert departures(told, replace(rest(UPDATE), findings=(elsewhere,))) != ()


def test_a_finding_that_is_gone_is_no_departure() -> None:
    assert departures(replace(APPROVED, findings=(FINDING,)), rest(UPDATE)) == ()
