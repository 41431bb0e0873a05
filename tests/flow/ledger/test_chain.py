"""The ledger's records, their chain, and the questions asked of it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.errors import LedgerBroken
from gitops.flow.ledger import chain as records
from gitops.flow.ledger.chain import Author
from gitops.flow.ledger.history import plan_for
from gitops.model import History, Operation, Query, Record, RecordKind, Stack
from gitops.model.record_bodies import ApplyFailed, ApplyStarted
from tests.support.plans import DEV, HEAD, NOW, add, change, plan
from tests.support.records import record_of

ADA = Author("ada", "dev")
PROD = Stack("shop", "prod")
# Everything that UTF-8 can write: half a character cannot stand in a file.
WRITABLE = st.characters(exclude_categories=["Cs"])


def chain(*given: Record) -> tuple[Record, ...]:
    """Records in their places, as they come back from their files."""
    placed: list[Record] = []
    for one in given:
        following = records.following(one, records.place_of(placed[-1]) if placed else None)
        placed.append(records.decode(records.encode(following), "x"))
    return tuple(placed)


def made(kind: RecordKind, commit: str = HEAD, stack: Stack = DEV, minutes: int = 0, **body: Any) -> Record:
    """A record without a place."""
    return record_of(kind, ADA, stack, commit, NOW + timedelta(minutes=minutes), body)


THREE = chain(
    made(RecordKind.PLAN, plan=records.values.pack(plan(change(Operation.CREATE, "a:b:C", "x", add("n", 1.0))))),
    made(RecordKind.APPLIED, note="Grüße, 世界", big=2**60),
    made(RecordKind.RELEASE),
)


def test_a_record_comes_back_from_its_file_as_it_was() -> None:
    for record in THREE:
        assert records.decode(records.encode(record), "x") == record


def test_a_chain_that_was_written_holds() -> None:
    assert records.problems(THREE) == ()
    assert records.problems(()) == ()
    assert [record.sequence for record in THREE] == [1, 2, 3]


def test_time_never_runs_backwards_on_the_ledger() -> None:
    late, early = made(RecordKind.PLAN, minutes=5), made(RecordKind.APPLIED, minutes=1)
    placed = chain(late, early)
    assert placed[1].at == late.at
    back_dated = (placed[0], replace(placed[1], at=early.at))
    assert records.problems(back_dated) == ("record 2 is dated before record 1",)


FIELDS: dict[str, Any] = {
    "kind": RecordKind.REFUSED,
    "at": NOW + timedelta(microseconds=1),
    "by": "eve",
    "environment": "prod",
    "stack": "shop/prod",
    "commit": "0" * 40,
    "body": {"note": "other"},
    "format": 2,
    "previous": "0" * 64,
}


@pytest.mark.parametrize("field", FIELDS)
def test_an_altered_record_breaks_the_chain(field: str) -> None:
    altered = replace(THREE[1], **{field: FIELDS[field]})
    assert any("was altered" in problem for problem in records.problems((THREE[0], altered, THREE[2])))


@pytest.mark.parametrize("kept", [(0, 2), (1, 2), (0, 2, 1)])
def test_a_missing_or_moved_record_breaks_the_chain(kept: tuple[int, ...]) -> None:
    assert "is missing" in records.problems([THREE[i] for i in kept])[0]


def test_history_that_does_not_hold_is_not_trusted() -> None:
    with pytest.raises(LedgerBroken, match="record 2 is missing"):
        records.trusted((THREE[0], THREE[2]))
    assert tuple(records.trusted(THREE).select(Query(), oldest_first=True)) == THREE


@pytest.mark.parametrize(
    ("sequence", "path"),
    [
        (1, "records/000/000001.json"),
        (999, "records/000/000999.json"),
        (1000, "records/001/001000.json"),
        (123456, "records/123/123456.json"),
    ],
)
def test_a_thousand_records_share_a_folder(sequence: int, path: str) -> None:
    assert records.path_of(sequence) == path


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"not json", b'{"sequence": "one"}', b"\xff"])
def test_a_file_that_is_no_record_is_named(content: bytes) -> None:
    with pytest.raises(LedgerBroken, match=r"records/000/000007\.json"):
        records.decode(content, "records/000/000007.json")


def test_the_newest_plan_of_a_stack_and_commit_is_found() -> None:
    one, two = plan(), plan(change(Operation.DELETE, "a:b:C", "x"))
    body = [{"plan": records.values.pack(p), "shown_on": 7} for p in (one, two)]
    history = History(
        (
            made(RecordKind.PLAN, **body[0]),
            made(RecordKind.PLAN, minutes=5, **body[1]),
            made(RecordKind.PLAN, stack=PROD, minutes=6, **body[0]),
            made(RecordKind.PLAN, commit="f" * 40, minutes=7, **body[0]),
        )
    )
    assert plan_for(history, DEV, HEAD, 7) == two
    assert plan_for(history, DEV, HEAD, 7, NOW + timedelta(minutes=4)) == one
    assert plan_for(history, DEV, HEAD, 7, NOW - timedelta(minutes=1)) is None
    assert plan_for(history, DEV, "0" * 40, 7) is None


def test_a_plan_record_without_a_plan_is_a_broken_ledger() -> None:
    with pytest.raises(LedgerBroken):
        plan_for(History((replace(made(RecordKind.PLAN), body={"shown_on": 7}),)), DEV, HEAD, 7)


STARTED, APPLIED, FAILED = RecordKind.APPLY_STARTED, RecordKind.APPLIED, RecordKind.APPLY_FAILED
RELEASE, REFUSED, NOT_VERIFIED = RecordKind.RELEASE, RecordKind.REFUSED, RecordKind.NOT_VERIFIED


@pytest.mark.parametrize(
    ("kinds", "unfinished", "cut_short"),
    [
        ((), False, None),
        ((STARTED,), True, STARTED),
        ((STARTED, APPLIED), False, None),
        ((STARTED, APPLIED, NOT_VERIFIED), False, None),
        ((STARTED, APPLIED, NOT_VERIFIED, STARTED), True, STARTED),
        ((STARTED, APPLIED, RELEASE), False, None),
        ((STARTED, FAILED), False, FAILED),
        ((STARTED, APPLIED, RELEASE, STARTED), True, STARTED),
        ((STARTED, APPLIED, RELEASE, REFUSED), False, None),
        ((STARTED, FAILED, REFUSED), False, FAILED),
        ((STARTED, FAILED, STARTED, APPLIED, RELEASE), False, None),
    ],
)
def test_what_an_apply_came_to(kinds: tuple[RecordKind, ...], unfinished: bool, cut_short: RecordKind | None) -> None:
    history = History(chain(*map(made, kinds), made(STARTED, stack=PROD)))
    assert (history.unfinished(DEV) is not None) is unfinished
    found = history.cut_short(DEV)
    assert (found.kind if found else None) is cut_short
    release = history.release(DEV)
    assert (release is not None) is (RELEASE in kinds)


@pytest.mark.parametrize(
    ("kinds", "unverified"),
    [
        ((), None),
        ((STARTED,), None),
        ((STARTED, FAILED), None),
        ((STARTED, APPLIED), APPLIED),
        ((STARTED, APPLIED, NOT_VERIFIED), NOT_VERIFIED),
        ((STARTED, APPLIED, NOT_VERIFIED, REFUSED), NOT_VERIFIED),
        ((STARTED, APPLIED, NOT_VERIFIED, NOT_VERIFIED, RELEASE), None),
        ((STARTED, APPLIED, NOT_VERIFIED, STARTED), None),
        ((STARTED, APPLIED, RecordKind.DESTROY_STARTED), None),
        ((STARTED, APPLIED, RecordKind.DESTROY_STARTED, RecordKind.DESTROYED), None),
    ],
)
def test_what_is_applied_in_full_is_only_to_be_verified(
    kinds: tuple[RecordKind, ...], unverified: RecordKind | None
) -> None:
    found = History(chain(*map(made, kinds), made(APPLIED, stack=PROD))).unverified(DEV)
    assert (found.kind if found else None) is unverified


def test_what_is_applied_stays_so_behind_an_attempt_that_touched_nothing() -> None:
    attempt = made(STARTED, commit="f" * 40), made(FAILED, commit="f" * 40, touched=False)
    history = History(chain(made(STARTED), made(APPLIED), *attempt))
    found = history.unverified(DEV)
    assert found is not None
    assert found.commit == HEAD
    assert history.cut_short(DEV) is None


def test_an_apply_stays_cut_short_behind_an_attempt_that_touched_nothing() -> None:
    attempt = made(STARTED), made(FAILED, touched=False)
    found = History(chain(made(STARTED), made(FAILED, message="quota"), *attempt, *attempt)).cut_short(DEV)
    assert found is not None
    assert found.read_as(ApplyFailed).message == "quota"
    killed = History(chain(made(STARTED, run="killed"), *attempt)).cut_short(DEV)
    assert killed is not None
    assert killed.read_as(ApplyStarted).run == "killed"
    assert History(chain(made(STARTED), made(APPLIED), made(RELEASE), *attempt)).cut_short(DEV) is None
    assert History(chain(*attempt)).cut_short(DEV) is None


def test_an_apply_stays_cut_short_behind_a_release_that_applied_nothing() -> None:
    needless = made(RELEASE, unchanged_since="a" * 40)
    found = History(chain(made(STARTED), made(APPLIED), made(RELEASE), made(STARTED), needless)).cut_short(DEV)
    assert found is not None
    assert found.kind is STARTED
    assert History(chain(made(STARTED), made(APPLIED), made(RELEASE), needless)).cut_short(DEV) is None


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(WRITABLE),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(WRITABLE), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(WRITABLE), NESTED, max_size=4))
def test_the_digest_of_a_file_is_the_digest_of_its_record(body: dict[str, Any]) -> None:
    record = made(RecordKind.APPLIED, note=body)
    read, place = records.read(records.encode(record), "x")
    assert place == records.place_of(record)
    assert read.sequence == record.sequence


def test_a_digest_covers_what_this_release_does_not_know() -> None:
    content = records.encode(THREE[1])
    more = content.replace(b'"kind"', b'"later": 1,\n "kind"')
    assert records.read(more, "x")[0] == records.read(content, "x")[0]
    assert records.read(more, "x")[1] != records.read(content, "x")[1]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_no_json_is_no_record(number: str) -> None:
    content = records.encode(made(RecordKind.APPLIED, note="x")).replace(b'"x"', number.encode())
    with pytest.raises(LedgerBroken, match="no JSON"):
        records.decode(content, "x")


def test_a_record_must_say_its_time_zone() -> None:
    content = records.encode(THREE[0]).replace(b"+00:00", b"")
    with pytest.raises(LedgerBroken, match="names no zone"):
        records.decode(content, "x")


def test_a_ledger_that_is_dated_ahead_of_us_is_told_by_how_much() -> None:
    history = History(chain(made(RecordKind.PLAN, minutes=57)))
    assert history.ahead(NOW) == timedelta(minutes=57)
    assert history.ahead(NOW + timedelta(hours=1)) == History(()).ahead(NOW) == timedelta()
