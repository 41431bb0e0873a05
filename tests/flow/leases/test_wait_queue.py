"""The line for a stack."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

from gitops.flow.leases import lease as leases
from gitops.flow.leases import wait_queue
from gitops.model import Holder, Lease, Line, Ticket
from tests.support.plans import DEV, NOW


def ticket(number: str, place: int = 1, later: float = 0, name: str = "ada") -> Ticket:
    holder = Holder(name, "laptop", 1, "up", number)
    at = NOW + timedelta(seconds=later)
    return wait_queue.ticket(DEV, holder, at, commit="c" * 40, place=place, number=number)


def lease(name: str = "ci", seconds: int = 120) -> Lease:
    return leases.granted(DEV, Holder(name, "runner-7", 1, "up", name), NOW, seconds)


def test_earlier_commits_come_first_and_among_the_same_who_asked_earlier() -> None:
    line = [ticket("d", place=7, later=0), ticket("b", place=8, later=1), ticket("a", place=8, later=2)]
    for arrived in permutations(line):
        assert list(wait_queue.in_order(arrived)) == line
    assert wait_queue.before(line[2], line) == (line[0], line[1])
    assert wait_queue.before(line[0], line) == ()


def test_a_ticket_never_waits_for_itself() -> None:
    own = ticket("a")
    assert wait_queue.before(own, [replace(own, version="renewed", expires_at=NOW)]) == ()


def test_a_ticket_that_stands_still_for_its_time_is_dead_whatever_the_clocks_say() -> None:
    for days in (-1, 0, 1):
        one = replace(ticket("a", later=days * 86400), version="1")
        seen = wait_queue.sighted({}, Line(None, (one,)), 100.0)
        assert not wait_queue.dead(seen, one, 135.0)
        assert wait_queue.dead(seen, one, 135.1)
        renewed = replace(one, version="2")
        assert not wait_queue.dead(wait_queue.sighted(seen, Line(None, (renewed,)), 135.1), renewed, 160.0)


def test_a_lease_is_told_from_the_tickets_and_dies_by_its_own_time() -> None:
    held = replace(lease(), version="1")
    seen = wait_queue.sighted({}, Line(held, (replace(ticket("a"), version="1"),)), 0.0)
    assert not wait_queue.dead(seen, held, 125.0)
    assert wait_queue.dead(seen, held, 125.1)


def test_something_never_seen_is_not_dead() -> None:
    assert not wait_queue.dead({}, replace(lease(), version="1"), 10**6)


def test_who_waits_is_told_position_holder_and_time() -> None:
    one, two = ticket("a", name="ada"), ticket("b", name="bob")
    at = NOW + timedelta(seconds=50)
    leased = "leased to ci on runner-7 for `up`"
    assert wait_queue.situation(lease(), [one], 10, at) == f"second in line; {leased}, 1 min 10 s left"
    quiet = wait_queue.situation(lease(), [], 70, at)
    assert quiet == f"first in line; {leased}, silent for 1 min 10 s, free after 2 min 5 s"
    assert wait_queue.situation(None, [one, two], 0, at) == "third in line; behind bob on laptop for `up`"
    assert wait_queue.position(3) == "number 4 in line"
