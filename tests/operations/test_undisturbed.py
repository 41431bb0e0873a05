"""`gitops preview` and the applies that run at the same time: no preview reads a half-written state, none locks."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gitops.errors import RemoteUnreachable, Waiting
from gitops.flow.leases import lease as leases
from gitops.flow.ledger import chain as records
from gitops.model import Holder, Lease, Plan, RecordKind
from gitops.operations.review import preview as previewing
from tests.contracts.remotes import unplug
from tests.fakes.clock import FakeClock
from tests.fakes.leases import FakeLeases
from tests.operations.world import DEV, World, wanting
from tests.support.records import record_of

WRITER = Holder("ci", "runner-7", 1, "up", "run of ci")


class Scene:
    """A pull request to preview, and somebody who applies to its stack."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.world.open({"Pulumi.dev.yaml": wanting(web=20)})
        self.context = self.world.context()
        self.context.leases = self.store = FakeLeases()
        self.lease: Lease | None = None

    def preview(self, wait: int = 600) -> Plan:
        review = previewing.preview(self.context, previewing.Request("origin/main", "HEAD", wait=wait))
        result = review.stacks[0].result
        assert isinstance(result, Plan)
        return result

    def begin_apply(self) -> None:
        self.lease = self.store.swap(DEV, None, leases.granted(DEV, WRITER, self.world.clock.now(), 60))
        self._record(RecordKind.APPLY_STARTED)

    def write(self, size: int) -> None:
        self.world.engine.states["dev"] = {"web": size}

    def end_apply(self) -> None:
        self._record(RecordKind.APPLIED)
        self.store.swap(DEV, self.lease, None)

    def meanwhile(self, *happenings: Sequence[Callable[[], None]]) -> None:
        """Let these happen during the first previews, one list of calls each."""
        remaining = list(happenings)

        def happen() -> None:
            for call in remaining.pop(0) if remaining else ():
                call()

        self.world.engine.during_preview = happen

    def _record(self, kind: RecordKind) -> None:
        author = records.Author("ci", "dev")
        self.context.ledger().append(record_of(kind, author, DEV, "c" * 40, self.world.clock.now()))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def sizes(plan: Plan) -> tuple[object, object]:
    (change,) = plan.changes
    return change.properties[0].old, change.properties[0].new


def test_a_preview_that_nobody_disturbs_is_done_once_and_takes_no_lease(scene: Scene) -> None:
    assert sizes(scene.preview()) == (12, 20)
    assert scene.world.engine.previews == ["dev"]
    assert scene.store.all() == ()


def test_an_apply_that_starts_and_ends_during_a_preview_makes_it_be_done_again(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.meanwhile([scene.begin_apply, lambda: scene.write(15), scene.end_apply])
    assert sizes(scene.preview()) == (15, 20)
    assert scene.world.engine.previews == ["dev", "dev"]
    assert "shop/dev: an apply wrote its state while it was previewed, so it is previewed again" in (
        capsys.readouterr().err
    )


def test_a_preview_that_an_apply_has_begun_under_waits_for_its_end(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.meanwhile([scene.begin_apply, lambda: scene.write(14)])

    class Ending(FakeClock):
        ended = False

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if self.monotonic() >= 40 and not self.ended:
                self.ended = True
                scene.write(15)
                scene.end_apply()

    scene.context.clock = Ending()
    assert sizes(scene.preview()) == (15, 20)
    assert 40 <= scene.context.clock.monotonic() <= 46
    told = capsys.readouterr().err
    assert "shop/dev is leased to ci on runner-7 for `up`, 1 min left: the preview waits for its end" in told
    assert told.count("the preview waits") == 2


def test_three_previews_that_are_all_overtaken_are_waiting(scene: Scene) -> None:
    one_apply = [scene.begin_apply, lambda: scene.write(15), scene.end_apply]
    scene.meanwhile(one_apply, one_apply, one_apply)
    with pytest.raises(Waiting, match="Each of 3 previews of shop/dev was overtaken by an apply"):
        scene.preview()
    assert scene.world.engine.previews == ["dev"] * 3


def test_who_does_not_wait_is_told_who_is_at_work(scene: Scene) -> None:
    scene.begin_apply()
    with pytest.raises(Waiting, match="half-written state: shop/dev is leased to ci on runner-7"):
        scene.preview(wait=0)
    assert scene.world.engine.previews == []


def test_a_killed_apply_blocks_no_preview_for_longer_than_its_lease(scene: Scene) -> None:
    scene.begin_apply()
    assert sizes(scene.preview()) == (12, 20)
    assert 65 <= scene.world.clock.monotonic() <= 75
    assert scene.world.engine.previews == ["dev"]


def test_a_dead_lease_that_somebody_takes_over_during_a_preview_disturbs_it(scene: Scene) -> None:
    scene.begin_apply()
    assert scene.lease

    def take_over() -> None:
        other = replace(WRITER, run="the next run")
        granted = leases.granted(DEV, other, scene.world.clock.now(), 60)
        scene.lease = scene.store.swap(DEV, scene.lease, granted)
        scene.write(15)
        scene.end_apply()

    scene.meanwhile([take_over])
    assert sizes(scene.preview()) == (15, 20)


def test_an_apply_of_another_stack_disturbs_nothing(scene: Scene) -> None:
    prod = replace(DEV, name="prod")
    scene.store.swap(prod, None, leases.granted(prod, WRITER, scene.world.clock.now(), 60))
    assert sizes(scene.preview(wait=0)) == (12, 20)


def test_a_remote_that_is_lost_during_a_preview_leaves_it_unshown(scene: Scene) -> None:
    scene.meanwhile([lambda: unplug(scene.world.remote)])
    with pytest.raises(RemoteUnreachable):
        scene.preview()
