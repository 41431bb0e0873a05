"""`gitops review-stack down` and `sweep`: what goes, what stays, and what a killed run left."""

from datetime import timedelta
from pathlib import Path

import pytest

from gitops.adapters.codehost.simulated.code_host import LocalHost
from gitops.adapters.git.leases import GitLeases
from gitops.config.review_stacks import ENVIRONMENT
from gitops.errors import CodeHostFailed, EngineKilled, Failed, Waiting
from gitops.flow.leases import lease as leases
from gitops.flow.ledger import chain as records
from gitops.model import Holder, RecordKind, Stack
from gitops.verbs import review_stack
from tests.operations.review_world import BIGGER, ReviewWorld, kinds_of
from tests.support.records import record_of

LATER = timedelta(hours=25)


@pytest.fixture
def world(tmp_path: Path) -> ReviewWorld:
    return ReviewWorld(tmp_path)


def test_down_destroys_it_and_says_so_once(world: ReviewWorld) -> None:
    number = world.labelled(BIGGER)
    world.raise_up(number)
    assert world.take_down(number).done.value == "destroyed"
    assert sorted(world.engine.states) == ["dev"]
    assert kinds_of(world, number)[-2:] == ["destroy started", "destroyed"]
    assert world.take_down(number).done.value == "nothing to destroy"
    assert world.engine.destroyed == ["review-1"]
    assert world.leases == ()


def test_what_is_still_wanted_stays(world: ReviewWorld) -> None:
    world.raise_up(world.labelled(BIGGER))
    assert world.sweep() == {"review-1": "kept"}
    assert sorted(world.engine.states) == ["dev", "review-1"]


ENDS = {
    "closed": lambda world: world.host.close(1),
    "unlabelled": lambda world: world.label(1, "bug"),
    "merged": lambda world: world.host.merge(1),
    "expired": lambda world: world.clock.advance(LATER.total_seconds()),
}


@pytest.mark.parametrize("case", ENDS)
def test_what_nobody_wants_any_more_is_swept(world: ReviewWorld, case: str) -> None:
    world.raise_up(world.labelled(BIGGER))
    ENDS[case](world)
    assert world.sweep(dry_run=True) == {"review-1": "would destroy"}
    assert "review-1" in world.engine.states
    assert world.sweep() == {"review-1": "destroyed"}
    assert sorted(world.engine.states) == ["dev"]
    assert world.sweep() == {}


def test_the_expiry_counts_from_the_last_use(world: ReviewWorld) -> None:
    number = world.labelled(BIGGER)
    world.raise_up(number)
    world.clock.advance(20 * 3600)
    world.raise_up(number)
    world.clock.advance(20 * 3600)
    assert world.sweep() == {"review-1": "kept"}
    [row] = world.rows()
    assert (row.number, row.claimed, row.state) == (1, True, "release")
    assert row.expires == world.clock.now() + timedelta(hours=4)
    world.clock.advance(4 * 3600)
    assert world.sweep() == {"review-1": "destroyed"}


def test_orphans_are_swept_and_other_stacks_are_not(world: ReviewWorld) -> None:
    for name in ("review-77", "review-x", "review-", "review-0", "preview-3", "my-review-3"):
        world.engine.states[name] = {"web": 1}
    assert world.sweep() == {"review-77": "destroyed"}
    assert sorted(world.engine.states) == ["dev", "my-review-3", "preview-3", "review-", "review-0", "review-x"]


def test_one_failure_does_not_stop_the_others(world: ReviewWorld, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (3, 4, 5):
        world.engine.states[f"review-{number}"] = {"web": 1}
    world.engine.undestroyable.add("review-4")
    with pytest.raises(Failed, match="Left as they are: shop/review-4"):
        world.run(review_stack.command, "sweep")
    told = capsys.readouterr().out.splitlines()
    assert [line.split(":")[1].strip() for line in told] == ["destroyed", "left", "destroyed"]
    assert "is protected" in told[1]
    world.engine.undestroyable.clear()
    assert world.sweep() == {"review-4": "destroyed"}


def test_one_that_somebody_works_on_is_left_for_the_next_time(world: ReviewWorld) -> None:
    world.engine.states["review-3"] = {"web": 1}
    stack, holder = Stack("shop", "review-3"), Holder("eve", "elsewhere", 9, "up", "run of eve")
    GitLeases(world.context().git).swap(stack, None, leases.granted(stack, holder, world.clock.now(), 60))
    with pytest.raises(Waiting, match="Left as they are"):
        world.run(review_stack.command, "sweep")
    assert world.engine.destroyed == []


def test_one_that_is_claimed_while_we_waited_for_it_stays(world: ReviewWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    number = world.labelled(BIGGER)
    world.raise_up(number)
    world.label(number, "bug")
    asked, labelled = [], LocalHost.labelled

    def ask(host: LocalHost, label: str) -> object:
        asked.append(label)
        if len(asked) > 1:
            world.label(number)
        return labelled(host, label)

    monkeypatch.setattr(LocalHost, "labelled", ask)
    assert world.sweep() == {"review-1": "kept"}
    assert "review-1" in world.engine.states


def test_nothing_is_swept_while_the_host_cannot_be_asked(world: ReviewWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(_host: LocalHost, _label: str) -> object:
        raise CodeHostFailed("The code host is down")

    world.engine.states["review-3"] = {"web": 1}
    monkeypatch.setattr(LocalHost, "labelled", down)
    with pytest.raises(Failed, match="Left as they are"):
        world.run(review_stack.command, "sweep")
    assert "review-3" in world.engine.states
    with pytest.raises(CodeHostFailed):
        world.rows()


def test_a_killed_destroy_is_done_again(world: ReviewWorld) -> None:
    number = world.labelled(BIGGER)
    world.raise_up(number)
    stack = Stack("shop", "review-1")
    body = {"run": "r1", "host": "h1"}
    started = record_of(
        RecordKind.DESTROY_STARTED, records.Author("ci", ENVIRONMENT), stack, "c" * 40, world.clock.now(), body
    )
    world.context().ledger().append(started)
    assert world.rows()[0].state == "destroy started"
    world.engine.cut_off.clear()
    assert world.sweep() == {"review-1": "destroyed"}
    assert [one.run for one in world.engine.cut_off if one] == ["r1"]


@pytest.mark.parametrize("end", [KeyboardInterrupt(), EngineKilled("Pulumi was ended by SIGKILL")], ids=repr)
def test_a_destroy_that_was_cut_off_is_on_record_and_done_again(world: ReviewWorld, end: BaseException) -> None:
    number = world.labelled(BIGGER)
    world.raise_up(number)

    def cut_off() -> None:
        raise end

    world.engine.during_apply = cut_off
    with pytest.raises(type(end)):
        world.take_down(number)
    last = world.records[-1]
    assert (last.kind, last.body["cancelled"], last.body["run"]) == (RecordKind.DESTROY_FAILED, True, "run of ada")
    assert world.leases == ()
    world.engine.during_apply = lambda: None
    assert world.sweep() == {"review-1": "destroyed"}


def test_one_that_is_gone_without_a_record_gets_it(world: ReviewWorld) -> None:
    number = world.labelled(BIGGER)
    world.raise_up(number)
    del world.engine.states["review-1"]
    world.host.close(number)
    assert world.sweep() == {"review-1": "destroyed"}
    assert kinds_of(world, number)[-1] == "destroyed"


def test_what_a_killed_up_left_is_settled_and_the_stack_is_kept(world: ReviewWorld) -> None:
    number = world.labelled(BIGGER)
    world.raise_up(number)
    stack = Stack("shop", "review-1")
    body = {"plan_digest": "0" * 64, "run": "r1", "host": "h1"}
    author = records.Author("ci", ENVIRONMENT)
    started = record_of(RecordKind.APPLY_STARTED, author, stack, "c" * 40, world.clock.now(), body)
    world.context().ledger().append(started)
    world.engine.settled = ("web had been created without being recorded; adopted as web-1",)
    assert world.sweep() == {"review-1": "settled, and kept"}
    assert kinds_of(world, number)[-1] == "repaired"
    assert "review-1" in world.engine.states
