"""What every line for a stack must do: the same cases on Git and in memory."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gitops.errors import RemoteUnreachable
from gitops.flow.leases import lease as leases
from gitops.flow.leases import wait_queue
from gitops.model import Holder, Line, Stack, Ticket
from gitops.ports import LeaseMoved, Leases
from tests.contracts.remotes import Two
from tests.contracts.test_leases import DEV, PROD, in_memory, on_git
from tests.support.plans import NOW


@pytest.fixture(params=[on_git, in_memory], ids=["Git", "fake"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Two[Leases]:
    build: Callable[[Path], Two[Leases]] = request.param
    return build(tmp_path)


def ticket(number: str, place: int = 1, stack: Stack = DEV) -> Ticket:
    holder = Holder(number, "laptop", 1, "up", number)
    return wait_queue.ticket(stack, holder, NOW, commit="c" * 40, place=place, number=number)


def test_an_empty_line_is_empty(stores: Two[Leases]) -> None:
    assert stores.one.line(DEV) == Line(None, ())
    assert stores.one.tickets() == ()


def test_everybody_sees_lease_and_tickets_first_come_first(stores: Two[Leases]) -> None:
    lease = stores.one.swap(DEV, None, leases.granted(DEV, Holder("ci", "runner", 1, "up", "r"), NOW, 60))
    late, early = stores.one.enter(ticket("a", place=8)), stores.other.enter(ticket("b", place=7))
    assert stores.other.line(DEV) == Line(lease, (early, late))
    assert stores.one.line(PROD) == Line(None, ())
    elsewhere = stores.one.enter(ticket("c", place=1, stack=PROD))
    assert stores.other.tickets() == (elsewhere, early, late)
    assert stores.other.line(DEV).tickets == (early, late)
    assert stores.other.all() == (lease,)


def test_a_ticket_is_renewed_in_its_place(stores: Two[Leases]) -> None:
    first = stores.one.enter(ticket("a"))
    second = stores.one.enter(leases.renewed(first, NOW + timedelta(seconds=20)))
    assert second.version != first.version
    assert stores.other.line(DEV).tickets == (second,)


def test_a_ticket_that_was_swept_away_is_noticed_by_its_waiter(stores: Two[Leases]) -> None:
    own = stores.one.enter(ticket("a"))
    stores.other.leave(own)
    assert stores.one.tickets() == ()
    with pytest.raises(LeaseMoved):
        stores.one.enter(leases.renewed(own, NOW + timedelta(seconds=20)))
    with pytest.raises(LeaseMoved):
        stores.one.leave(own)
    assert stores.one.enter(replace(own, version="")) == stores.other.tickets()[0]


def test_a_ticket_that_was_renewed_is_not_swept_away_by_who_saw_the_old_one(stores: Two[Leases]) -> None:
    old = stores.one.enter(ticket("a"))
    new = stores.one.enter(leases.renewed(old, NOW + timedelta(seconds=20)))
    with pytest.raises(LeaseMoved):
        stores.other.leave(old)
    assert stores.other.tickets() == (new,)


def test_without_the_remote_the_line_is_unknown(stores: Two[Leases]) -> None:
    own = stores.one.enter(ticket("a"))
    stores.unplug()
    for ask in (
        lambda: stores.one.line(DEV),
        stores.other.tickets,
        lambda: stores.one.enter(own),
        lambda: stores.one.leave(own),
    ):
        with pytest.raises(RemoteUnreachable, match="remote 'origin'"):
            ask()
