"""Records under a lease: written by its holder or by nobody, and once, whatever happens to the answers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gitops.errors import Failed, RemoteUnreachable
from gitops.flow.leases import lease as leases
from gitops.flow.ledger import chain as records
from gitops.model import Holder, Lease, Query, Record, RecordKind
from gitops.operations.leasing.holding import Held
from gitops.ports import Renewal
from tests.fakes.leases import FakeLeases
from tests.fakes.ledger import FakeLedger
from tests.operations.world import DEV, World
from tests.support.records import record_of

LOST = RemoteUnreachable("Could not write to remote 'origin': the connection broke")


class Unsteady(FakeLedger):
    """A ledger whose next pushes get lost: on their way there, or with their answers on the way back."""

    losing: tuple[str, ...] = ()

    def append_renewing(self, record: Record, renewal: Renewal) -> tuple[Record, Lease]:
        """Append, or lose."""
        where, *rest = self.losing or ("",)
        self.losing = tuple(rest)
        if where == "there":
            raise LOST
        done = super().append_renewing(record, renewal)
        if where == "back":
            raise LOST
        return done


class Scene:
    """A lease of ours, and the ledger."""

    def __init__(self, world: World) -> None:
        self.clock = world.clock
        context = world.context()
        context.leases = self.store = FakeLeases()
        self.ledger = Unsteady(leases=self.store)
        lease = self.store.swap(DEV, None, leases.granted(DEV, context.holder, world.clock.now(), 60))
        assert lease
        self.held = Held(context, DEV, lease)

    def append(self) -> Record:
        self.clock.advance(1)
        made = record_of(RecordKind.APPLIED, records.Author("ada", "dev"), DEV, "c" * 40, self.clock.now())
        return self.held.append(self.ledger, made)

    @property
    def count(self) -> int:
        return len(tuple(self.ledger.history().select(Query())))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(World(tmp_path))


def test_a_record_renews_the_lease(scene: Scene) -> None:
    before = scene.held.lease
    assert scene.append().sequence == 1
    assert scene.held.lease == scene.store.current(DEV)
    assert scene.held.lease.expires_at > before.expires_at


@pytest.mark.parametrize("losing", [("there",), ("back",), ("there", "there"), ("there", "back"), ("back", "there")])
def test_a_push_that_gets_lost_is_made_again_and_a_record_that_arrived_is_not(
    scene: Scene, losing: tuple[str, ...]
) -> None:
    scene.ledger.losing = losing
    assert scene.append().sequence == 1
    assert scene.count == 1
    assert scene.append().sequence == 2
    assert scene.held.lease == scene.store.current(DEV)


def test_a_remote_that_stays_away_is_told_after_a_few_attempts(scene: Scene) -> None:
    scene.ledger.losing = ("there",) * 3
    with pytest.raises(RemoteUnreachable):
        scene.append()
    assert scene.count == 0


def test_a_renewal_whose_answer_got_lost_does_not_pass_for_a_record_that_arrived(scene: Scene) -> None:
    scene.clock.advance(1)
    renewed = leases.renewed(scene.held.lease, scene.clock.now())
    scene.store.swap(DEV, scene.held.lease, renewed)
    scene.ledger.losing = ("there",)
    assert scene.append().sequence == 1
    assert scene.count == 1


def went_to_eve(scene: Scene) -> None:
    eve = Holder("eve", "elsewhere", 9, "up", "run of eve")
    scene.store.swap(DEV, scene.store.current(DEV), leases.granted(DEV, eve, scene.clock.now(), 60))


def was_removed(scene: Scene) -> None:
    scene.store.swap(DEV, scene.store.current(DEV), None)


@pytest.mark.parametrize("losing", [(), ("there",)])
@pytest.mark.parametrize(("lose", "why"), [(went_to_eve, "it went to eve"), (was_removed, "somebody removed it")])
def test_a_stale_holder_writes_nothing(
    scene: Scene, lose: Callable[[Scene], None], why: str, losing: tuple[str, ...]
) -> None:
    lose(scene)
    scene.ledger.losing = losing
    for _ in range(2):
        with pytest.raises(Failed, match=why):
            scene.append()
    assert scene.count == 0
