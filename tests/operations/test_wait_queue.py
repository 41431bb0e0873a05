"""Waiting for a stack: the line, who is told what, and who is dead, whatever the clocks of the machines say."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from gitops.context import Context
from gitops.errors import RemoteUnreachable, Waiting
from gitops.flow.leases import lease as leases
from gitops.flow.leases import wait_queue
from gitops.model import Holder, Lease, Ticket
from gitops.operations.leasing.holding import Held, hold
from tests.fakes.clock import START, FakeClock
from tests.fakes.leases import FakeLeases
from tests.operations.world import DEV, World

DAY = 86400.0
SKEWS = [-DAY, -600.0, 0.0, 600.0, DAY]


class Timeline(FakeClock):
    """Our clock, with what happens elsewhere while time passes here."""

    def __init__(self) -> None:
        super().__init__()
        self._events: list[tuple[float, Callable[[], None]]] = []

    def at(self, second: float, happens: Callable[[], None]) -> None:
        """Let it happen then."""
        self._events.append((second, happens))
        self._events.sort(key=lambda event: event[0])

    def every(self, seconds: float, happens: Callable[[], None], until: float) -> None:
        """Let it happen again and again."""
        second = seconds
        while second <= until:
            self.at(second, happens)
            second += seconds

    def advance(self, seconds: float) -> None:
        end = self.monotonic() + seconds
        while self._events and self._events[0][0] <= end:
            second, happens = self._events.pop(0)
            super().advance(max(0.0, second - self.monotonic()))
            happens()
        super().advance(max(0.0, end - self.monotonic()))


@dataclass
class Machine:
    """Another machine, whose clock is `skew` seconds ahead of ours."""

    store: FakeLeases
    clock: FakeClock
    skew: float = 0.0
    name: str = "eve"
    lease: Lease | None = None
    ticket: Ticket | None = None

    @property
    def holder(self) -> Holder:
        return Holder(self.name, "elsewhere", 9, "up", f"run of {self.name}")

    @property
    def own_clock(self) -> FakeClock:
        clock = FakeClock(self.clock.now())
        clock.set(self.skew)
        return clock

    def take(self, seconds: int = 60) -> None:
        self.lease = self.store.swap(DEV, None, leases.granted(DEV, self.holder, self.own_clock.now(), seconds))

    def renew(self) -> None:
        assert self.lease
        self.lease = self.store.swap(DEV, self.lease, leases.renewed(self.lease, self.own_clock.now()))

    def release(self) -> None:
        self.store.swap(DEV, self.lease, None)

    def queue(self, place: int) -> None:
        made = wait_queue.ticket(DEV, self.holder, self.own_clock.now(), commit="c" * 40, place=place, number=self.name)
        self.ticket = self.store.enter(made)

    def keep_place(self) -> None:
        assert self.ticket
        self.ticket = self.store.enter(leases.renewed(self.ticket, self.own_clock.now()))

    def leave(self) -> None:
        assert self.ticket
        self.store.leave(self.ticket)


@dataclass
class Scene:
    """One stack, two machines, and us, at the first commit of the branch but one."""

    context: Context
    commit: str
    clock: Timeline
    store: FakeLeases
    told: list[str] = field(default_factory=list)

    def hold(self, wait: int, seconds: int = 60) -> AbstractContextManager[Held]:
        return hold(self.context, DEV, self.commit, seconds, wait, self.told.append)

    def machine(self, skew: float = 0.0, name: str = "eve") -> Machine:
        return Machine(self.store, self.clock, skew, name)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    clock = Timeline()
    world = World(tmp_path, clock=clock)
    world.push_to_main({"README.md": "second commit"})
    context = world.context()
    context.leases = store = FakeLeases()
    return Scene(context, world.main(), clock, store)


def test_the_stack_is_ours_once_it_is_released_and_the_ticket_is_gone(scene: Scene) -> None:
    eve = scene.machine()
    eve.take()
    scene.clock.every(20, eve.renew, until=80)
    scene.clock.at(83, eve.release)
    with scene.hold(wait=600) as held:
        assert 83 <= scene.clock.monotonic() <= 88
        assert held.taken_over is None
        assert scene.store.tickets() == ()
    assert scene.told[0] == "shop/dev: first in line; leased to eve on elsewhere for `up`, 1 min left"
    assert scene.store.current(DEV) is None


def test_where_we_stand_is_told_at_once_when_it_changes_and_every_30_seconds(scene: Scene) -> None:
    eve, bob = scene.machine(), scene.machine(name="bob")
    eve.take()
    scene.clock.every(20, eve.renew, until=100)
    bob.queue(place=1)
    scene.clock.every(10, bob.keep_place, until=40)
    scene.clock.at(41, bob.leave)
    scene.clock.at(101, eve.release)
    with scene.hold(wait=600):
        pass
    places = [line.split(";")[0] for line in scene.told]
    assert places == ["shop/dev: second in line"] * 2 + ["shop/dev: first in line"] * 2


def test_an_earlier_commit_goes_first_although_it_came_later(scene: Scene) -> None:
    bob = scene.machine(name="bob")
    bob.queue(place=1)
    scene.clock.every(10, bob.keep_place, until=50)
    scene.clock.at(55, bob.leave)
    with scene.hold(wait=600):
        assert 55 <= scene.clock.monotonic() <= 60
    assert scene.told[0] == "shop/dev: second in line; behind bob on elsewhere for `up`"


def test_a_later_commit_that_waits_does_not_keep_us_waiting(scene: Scene) -> None:
    scene.machine().queue(place=3)
    with scene.hold(wait=600):
        assert scene.clock.monotonic() == 0
    assert scene.told == []
    assert [one.place for one in scene.store.tickets()] == [3]


@pytest.mark.parametrize("skew", SKEWS)
def test_a_killed_waiter_is_skipped_and_its_ticket_swept(scene: Scene, skew: float) -> None:
    scene.machine(skew).queue(place=1)
    with scene.hold(wait=600):
        assert 35 <= scene.clock.monotonic() <= 45
    assert scene.store.tickets() == ()


@pytest.mark.parametrize("skew", SKEWS)
def test_a_live_waiter_is_not_skipped(scene: Scene, skew: float) -> None:
    bob = scene.machine(skew, "bob")
    bob.queue(place=1)
    scene.clock.every(10, bob.keep_place, until=1000)
    with pytest.raises(Waiting, match="second in line; behind bob"), scene.hold(wait=300):
        pass


def test_after_the_time_that_was_asked_for_it_is_waiting_and_the_ticket_is_gone(scene: Scene) -> None:
    eve = scene.machine()
    eve.take()
    scene.clock.every(20, eve.renew, until=1000)
    with pytest.raises(Waiting) as caught, scene.hold(wait=90):
        pass
    assert caught.value.message.startswith("After 1 min 30 s, shop/dev is not ours: first in line; leased to eve")
    assert scene.store.tickets() == ()


def test_an_interrupt_leaves_the_line_in_order(scene: Scene) -> None:
    scene.machine().take()

    def interrupt() -> None:
        assert [one.holder for one in scene.store.tickets()] == [scene.context.holder]
        raise KeyboardInterrupt

    scene.clock.at(7, interrupt)
    with pytest.raises(KeyboardInterrupt), scene.hold(wait=600):
        pass
    assert scene.store.tickets() == ()


def test_our_ticket_is_kept_alive_while_we_wait_and_put_back_when_swept_away(scene: Scene) -> None:
    eve, bob = scene.machine(), scene.machine(name="bob")
    eve.take()
    scene.clock.every(20, eve.renew, until=300)
    bob.queue(place=9)
    scene.clock.every(10, bob.keep_place, until=300)
    ours: set[str] = set()

    def sweep() -> None:
        (own,) = (one for one in scene.store.tickets() if one.place == 2)
        assert (own.expires_at - scene.clock.now()).total_seconds() > 10
        ours.add(own.id)
        scene.store.leave(own)

    for second in (61, 121, 181):
        scene.clock.at(second, sweep)
    scene.clock.at(250, eve.release)
    with scene.hold(wait=600):
        assert len(ours) == 3
        assert [one.holder.name for one in scene.store.tickets()] == ["bob"]


def test_without_waiting_a_line_is_waiting_at_once_and_nobody_enters_it(scene: Scene) -> None:
    scene.machine().queue(place=1)
    with pytest.raises(Waiting, match="second in line; behind eve on elsewhere"), scene.hold(wait=0):
        pass
    assert scene.clock.monotonic() == 0
    assert len(scene.store.tickets()) == 1


def test_without_waiting_a_ticket_that_is_over_by_the_clocks_is_passed(scene: Scene) -> None:
    scene.machine(skew=-40).queue(place=1)
    with scene.hold(wait=0):
        assert scene.clock.monotonic() == 0


@pytest.mark.parametrize("skew", [*SKEWS, 3650 * DAY])
@pytest.mark.parametrize("seconds", [60, 300])
def test_a_dead_holder_is_replaced_after_its_own_duration_whatever_its_clock_said(
    scene: Scene, skew: float, seconds: int
) -> None:
    scene.machine(skew).take(seconds)
    with scene.hold(wait=600) as held:
        assert seconds + 5 <= scene.clock.monotonic() <= seconds + 15
        assert held.taken_over is not None
        assert held.taken_over.holder.name == "eve"
    assert any("free after" in line for line in scene.told)


@pytest.mark.parametrize("skew", SKEWS)
def test_a_live_holder_is_never_replaced_whatever_its_clock_says(scene: Scene, skew: float) -> None:
    eve = scene.machine(skew)
    eve.take()
    scene.clock.every(20, eve.renew, until=1000)
    with pytest.raises(Waiting, match="leased to eve"), scene.hold(wait=600):
        pass
    assert scene.store.current(DEV) == eve.lease


def test_a_holder_behind_a_broken_network_is_replaced_only_after_it_has_noticed(scene: Scene) -> None:
    """Its clock is an hour behind, so that its lease looks over from the first moment."""
    eve = scene.machine(skew=-3600)
    eve.take()
    theirs = replace_clock(scene.context, FakeClock())
    theirs.leases = FakeLeases(reachable=False)
    assert eve.lease
    held = Held(theirs, DEV, eve.lease)
    noticed: list[float] = []

    def look() -> None:
        theirs.clock.sleep(1)
        if held.lost():
            noticed.append(scene.clock.monotonic())

    scene.clock.every(1, look, until=200)
    with scene.hold(wait=0):
        assert noticed[0] < 45
        assert scene.clock.monotonic() > 65


def replace_clock(context: Context, clock: FakeClock) -> Context:
    return replace(context, clock=clock)


@pytest.mark.parametrize("jump", [-DAY, -30.0, 30.0, DAY])
def test_a_clock_that_is_set_while_we_wait_changes_nothing(scene: Scene, jump: float) -> None:
    scene.machine().take()
    scene.clock.at(10, lambda: scene.clock.set(jump))
    with scene.hold(wait=600):
        assert 65 <= scene.clock.monotonic() <= 75


@pytest.mark.parametrize("jump", [-DAY, DAY])
def test_a_clock_that_is_set_in_mid_lease_does_not_lose_it(scene: Scene, jump: float) -> None:
    with scene.hold(wait=0) as held:
        scene.clock.set(jump)
        assert held.lost() == ""
        held.renew()
        scene.clock.set(-jump)
        assert held.lost() == ""


def test_a_lease_that_could_not_be_renewed_is_not_counted_on_until_it_is_renewed_again(scene: Scene) -> None:
    with scene.hold(wait=0) as held:
        scene.store.reachable = False
        scene.clock.advance(40)
        assert held.lost() == ""
        scene.clock.advance(1)
        assert held.lost() == "it could not be renewed for 41 s, and others may take it soon"
        with pytest.raises(RemoteUnreachable):
            held.renew()
        scene.store.reachable = True
        held.renew()
        assert held.lost() == ""


def test_a_lease_that_is_taken_while_we_reach_for_it_is_waited_for(scene: Scene) -> None:
    eve = scene.machine()

    class Faster(FakeLeases):
        raced = False

        def swap(self, *arguments: object) -> Lease | None:
            if not self.raced:
                self.raced = True
                eve.take()
            return super().swap(*arguments)  # type: ignore[arg-type]

    eve.store = scene.context.leases = scene.store = Faster()
    scene.clock.at(30, eve.release)
    with scene.hold(wait=600):
        assert 30 <= scene.clock.monotonic() <= 35
    assert scene.clock.now() > START
