"""Leases as values."""

from datetime import timedelta

import pytest

from gitops.errors import LedgerBroken
from gitops.flow import lease as leases
from gitops.model import Holder
from tests.support.plans import DEV, NOW

HOLDER = Holder("ada", "laptop", 4242, "up", "run-1")
LEASE = leases.granted(DEV, HOLDER, NOW, 120)


@pytest.mark.parametrize(("after", "free"), [(0, False), (119, False), (124, False), (125, False), (126, True)])
def test_a_lease_is_free_when_its_time_and_the_clocks_tolerance_are_over(after: int, free: bool) -> None:
    assert leases.expired(LEASE, NOW + timedelta(seconds=after)) is free


def test_a_renewed_lease_keeps_its_holder_and_start() -> None:
    later = leases.renewed(LEASE, NOW + timedelta(seconds=40), 120)
    assert (later.stack, later.holder, later.acquired_at) == (LEASE.stack, HOLDER, NOW)
    assert later.expires_at == NOW + timedelta(seconds=160)


def test_a_lease_comes_back_from_its_ref_as_it_was() -> None:
    read = leases.decode(leases.encode(LEASE), "v" * 40)
    assert (read.version, read.holder, read.expires_at) == ("v" * 40, HOLDER, LEASE.expires_at)
    assert leases.encode(LEASE).splitlines()[0] == "shop/dev is leased to ada for up"


@pytest.mark.parametrize("text", ["", "subject", "subject\n\nno json", "subject\n\n{}", "subject\n\n[]", "s\n\n1"])
def test_something_else_on_a_lease_ref_is_told_with_the_way_out(text: str) -> None:
    with pytest.raises(LedgerBroken) as caught:
        leases.decode(text, "abcdef0123456789")
    assert "abcdef012345" in caught.value.message
    assert "refs/gitops/leases" in caught.value.hint


@pytest.mark.parametrize(("after", "told"), [(30, "expires in 90s"), (150, "expired 30s ago")])
def test_a_lease_is_described_by_holder_purpose_and_time(after: int, told: str) -> None:
    text = leases.describe(LEASE, NOW + timedelta(seconds=after))
    assert text == f"ada on laptop for `up` (process 4242), {told}"
