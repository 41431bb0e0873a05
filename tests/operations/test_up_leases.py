"""`gitops up` and the lease it works under: held, lost, expired, taken over, raced for."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gitops.adapters.git.leases import GitLeases
from gitops.errors import Failed, RemoteUnreachable, Waiting
from gitops.flow.leases import lease as leases
from gitops.model import Holder
from gitops.operations.apply.run import Done, StackResult
from gitops.operations.leasing.holding import Held, hold
from gitops.ports import LeaseMoved
from tests.fakes.clock import FakeClock
from tests.fakes.leases import FakeLeases
from tests.operations.world import DEV, World, wanting

SCALE = {"Pulumi.dev.yaml": wanting(web=20)}
RELEASED = ["apply started", "applied", "release"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def only(results: tuple[StackResult, ...]) -> StackResult:
    assert len(results) == 1
    return results[0]


def test_a_stack_that_somebody_holds_is_waited_for(world: World) -> None:
    world.reviewed(SCALE, "bob")
    take(world, "eve")
    with pytest.raises(Waiting, match="leased to eve on elsewhere"):
        world.up()
    assert world.engine.applied == []
    assert [lease.holder.name for lease in world.leases] == ["eve"]


def test_an_expired_lease_is_taken_over_and_that_is_said(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.reviewed(SCALE, "bob")
    take(world, "eve")
    world.clock.advance(120)
    world.engine.settled = ("ended 1 process that the killed run left",)
    assert only(world.up()).done is Done.RELEASED
    told = capsys.readouterr().err
    assert "took over the lease of eve on elsewhere" in told
    assert "ended 1 process" in told
    assert world.kinds == ["repaired", *RELEASED]


class Renewing(FakeClock):
    """A clock ten minutes ahead of eve's, on which she renews her lease while we sleep."""

    world: World

    def sleep(self, seconds: float) -> None:
        take(self.world, "eve", seconds=1)
        super().sleep(seconds)


def test_a_live_lease_is_not_taken_by_a_machine_whose_clock_is_ahead(tmp_path: Path) -> None:
    clock = Renewing()
    clock.world = world = World(tmp_path, clock=clock)
    world.reviewed(SCALE, "bob")
    take(world, "eve")
    world.clock.advance(600)
    with pytest.raises(Waiting, match="still at work"):
        world.up()
    assert world.engine.applied == []
    assert [lease.holder.name for lease in world.leases] == ["eve"]


def take(world: World, name: str, seconds: int = 60) -> None:
    """Give dev's lease to somebody, whoever has it."""
    store = GitLeases(world.context().git)
    holder = Holder(name, "elsewhere", 9, "up", f"run of {name}")
    store.swap(DEV, store.current(DEV), leases.granted(DEV, holder, world.clock.now(), seconds))


def test_a_lease_that_is_lost_during_the_apply_means_no_release(world: World) -> None:
    world.reviewed(SCALE, "bob")
    world.engine.during_apply = lambda: take(world, "eve")
    with pytest.raises(Failed, match="was lost: it went to eve"):
        world.up()
    assert world.kinds == ["apply started"]
    assert [lease.holder.name for lease in world.leases] == ["eve"]
    world.engine.during_apply = lambda: None
    world.clock.advance(120)
    assert only(world.up()).done is Done.RELEASED
    assert world.kinds == ["apply started", *RELEASED]


def test_a_lease_that_is_lost_before_the_apply_means_no_apply(world: World) -> None:
    world.reviewed(SCALE, "bob")
    world.engine.before_apply = lambda: take(world, "eve")
    with pytest.raises(Failed, match="was lost: it went to eve"):
        world.up()
    assert world.engine.applied == []
    assert world.kinds == []


def test_the_heartbeat_renews_the_lease_while_the_work_goes_on(world: World) -> None:
    context = world.context()
    context.leases = FakeLeases()
    with hold(context, DEV, world.main(), 1, 0, lambda _text: None):
        first = context.leases.current(DEV)
        world.clock.advance(30)
        renewed = wait_for_another(context.leases, first)
        assert (renewed.acquired_at, renewed.holder) == (first.acquired_at, first.holder)
        assert (renewed.expires_at - first.expires_at).total_seconds() == 30
    assert context.leases.current(DEV) is None


def wait_for_another(store: FakeLeases, first: leases.Lease) -> leases.Lease:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        current = store.current(DEV)
        if current is not None and current.expires_at != first.expires_at:
            return current
        time.sleep(0.02)
    raise AssertionError("the lease was not renewed")


class AnswerLost(FakeLeases):
    """The remote takes the next move, but its answer does not arrive."""

    losing = False

    def swap(self, stack: object, expected: object, wanted: object) -> object:
        moved = super().swap(stack, expected, wanted)
        if self.losing:
            self.losing = False
            raise RemoteUnreachable("Could not write to remote 'origin': the connection broke")
        return moved


def test_a_renewal_whose_answer_was_lost_is_recognised_as_ours(world: World) -> None:
    context = world.context()
    store = context.leases = AnswerLost()
    lease = store.swap(DEV, None, leases.granted(DEV, context.holder, world.clock.now(), 60))
    held = Held(context, DEV, lease)
    store.losing = True
    with pytest.raises(RemoteUnreachable):
        held.renew()
    held.renew()
    assert held.lease == store.current(DEV)


def test_a_removed_lease_is_lost(world: World) -> None:
    context = world.context()
    context.leases = FakeLeases()
    lease = context.leases.swap(DEV, None, leases.granted(DEV, context.holder, world.clock.now(), 60))
    held = Held(context, DEV, lease)
    context.leases.swap(DEV, lease, None)
    with pytest.raises(Failed, match="somebody removed it"):
        held.renew()


def test_two_runs_at_once_apply_once(world: World) -> None:
    world.reviewed(SCALE, "bob")
    entered, leave = threading.Event(), threading.Event()

    def wait() -> None:
        entered.set()
        leave.wait(30)

    world.engine.during_apply = wait
    done: list[tuple[StackResult, ...]] = []
    first = threading.Thread(target=lambda: done.append(world.up("ada")))
    first.start()
    assert entered.wait(30)
    with pytest.raises(Waiting, match="leased to ada"):
        world.up("eve")
    leave.set()
    first.join()
    assert only(done[0]).done is Done.RELEASED
    assert world.engine.applied == ["dev"]


def test_losing_the_race_for_a_free_stack_is_waiting(world: World) -> None:
    context = world.context()

    class TakenMeanwhile(FakeLeases):
        def swap(self, stack: object, expected: object, wanted: object) -> object:
            raise LeaseMoved

    context.leases = TakenMeanwhile()
    with pytest.raises(Waiting, match="Somebody else was faster"), hold(context, DEV, world.main(), 60, 0, print):
        pass


def test_an_expired_lease_of_ours_from_another_run_is_not_ours(world: World) -> None:
    context = world.context()
    context.leases = FakeLeases()
    lease = context.leases.swap(DEV, None, leases.granted(DEV, context.holder, world.clock.now(), 60))
    other = replace(lease.holder, run="another run")
    context.leases.swap(DEV, lease, leases.granted(DEV, other, world.clock.now(), 60))
    with pytest.raises(Failed, match="it went to"):
        Held(context, DEV, lease).renew()
