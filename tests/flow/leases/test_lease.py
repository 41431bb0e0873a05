"""Leases as values."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gitops.errors import LedgerBroken
from gitops.flow.leases import lease as leases
from gitops.flow.leases.lease import Sighting
from gitops.model import Holder, Lease, Ticket
from tests.support.plans import DEV, NOW

HOLDER = Holder("ada", "laptop", 4242, "up", "run-1")
LEASE = leases.granted(DEV, HOLDER, NOW, 120)


@pytest.mark.parametrize(("after", "over"), [(0, False), (119, False), (125, False), (126, True)])
def test_a_lease_looks_dead_when_its_time_and_a_little_more_are_over(after: int, over: bool) -> None:
    assert leases.expired(LEASE, NOW + timedelta(seconds=after)) is over


@pytest.mark.parametrize("seconds", [3, 120, 86400])
def test_a_holder_stops_before_anybody_takes_its_lease_and_has_two_chances_to_renew_it(seconds: int) -> None:
    lease = leases.granted(DEV, HOLDER, NOW, seconds)
    assert 2 * leases.renewal_due(seconds) <= leases.doubtful_after(seconds) < leases.dead_after(lease)


@pytest.mark.parametrize(("seconds", "span"), [(120, 125), (10**9, 86405), (-5, 5)])
def test_a_lease_of_an_absurd_length_dies_after_the_longest_one_that_can_be_asked_for(seconds: int, span: int) -> None:
    assert leases.dead_after(replace(LEASE, seconds=seconds)) == span


def test_what_moves_is_watched_anew_and_what_stands_from_when_it_was_first_seen() -> None:
    first = leases.watch({}, {"a": "1", "b": "1"}, 10.0)
    assert leases.watch(first, {"a": "2", "b": "1", "c": "1"}, 20.0) == {
        "a": Sighting("2", 20.0),
        "b": Sighting("1", 10.0),
        "c": Sighting("1", 20.0),
    }


def test_a_renewed_lease_keeps_its_holder_and_start() -> None:
    later = leases.renewed(LEASE, NOW + timedelta(seconds=40))
    assert (later.stack, later.holder, later.acquired_at) == (LEASE.stack, HOLDER, NOW)
    assert later.expires_at == NOW + timedelta(seconds=160)


def test_a_lease_comes_back_from_its_ref_as_it_was() -> None:
    read = leases.decode(leases.encode(LEASE), "v" * 40, Lease)
    assert read == replace(LEASE, version="v" * 40)
    assert leases.encode(LEASE).splitlines()[0] == "shop/dev is leased to ada for up"


@pytest.mark.parametrize("text", ["", "subject", "subject\n\nno json", "subject\n\n{}", "subject\n\n[]", "s\n\n1"])
def test_something_else_on_a_lease_ref_is_told_with_the_way_out(text: str) -> None:
    with pytest.raises(LedgerBroken, match="abcdef012345 holds something that is not a lease") as caught:
        leases.decode(text, "abcdef0123456789", Lease)
    assert "refs/gitops/" in caught.value.hint
    with pytest.raises(LedgerBroken, match="not a ticket"):
        leases.decode(text, "abcdef0123456789", Ticket)


@pytest.mark.parametrize(
    ("after", "told"), [(30, "1 min 30 s left"), (150, "expired 30 s ago"), (-90000, "2 min left"), (119.8, "0 s left")]
)
def test_a_lease_is_described_by_holder_purpose_and_time(after: float, told: str) -> None:
    text = leases.describe(LEASE, NOW + timedelta(seconds=after))
    assert text == f"ada on laptop for `up`, {told}"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (70, "1 min 10 s"), (7265, "2 h 1 min 5 s")]
)
def test_a_span_is_told_in_words(seconds: float, words: str) -> None:
    assert leases.span(seconds) == words
