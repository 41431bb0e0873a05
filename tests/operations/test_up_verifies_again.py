"""`gitops up` on a commit that is applied already: it verifies, and whatever it finds, it applies nothing."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gitops.errors import EngineFailed, NotVerified, Refused, Waiting
from gitops.flow.drift.classification import Look, State
from gitops.flow.ledger import chain as records
from gitops.model import RecordKind, UnknownValue
from gitops.operations import explain as explaining
from gitops.operations.apply.run import Done
from gitops.operations.apply.work import BreakGlass
from gitops.operations.drift import Request, drift
from gitops.verbs import explain, up
from tests.operations.proposing import Carrying
from tests.operations.test_up import RELEASED, SCALE, only
from tests.operations.world import DEV, GITOPS, wanting
from tests.support.records import record_of

NOT_VERIFIED = ["apply started", "applied", "not verified"]
AS_THE_REST = "whose apply was cut short"


@pytest.fixture
def world(tmp_path: Path) -> Carrying:
    return Carrying(tmp_path)


def applied(world: Carrying, **live: int) -> str:
    """A reviewed commit that is applied and no release, since its things are these when it is verified."""
    rules = (
        "approvals: 1, break_glass: {by: [ada]}, gate: {windows: [{days: mon, from: '09:00', to: '10:00', zone: UTC}]}}"
    )
    text = GITOPS.format(approvals=1).replace("approvals: 1}", rules)
    commit = world.reviewed({**SCALE, "gitops.yaml": text}, "bob")

    def before_verifying() -> None:
        if world.engine.applied:
            world.engine.live["dev"] = live

    world.engine.during_preview = before_verifying
    with pytest.raises(NotVerified):
        world.up()
    world.engine.during_preview = lambda: None
    assert world.kinds == NOT_VERIFIED
    return commit


def look(world: Carrying) -> Look:
    [found] = drift(world.context(), Request("dev"))
    return found.looks[0]


@pytest.mark.parametrize(
    ("live", "differs"), [({"web": 31}, "update web (size)"), ({}, "create web"), ({"web": 20, "own": 1}, "delete own")]
)
def test_what_differs_from_what_was_applied_is_told_as_drift_and_not_applied(
    world: Carrying, capsys: pytest.CaptureFixture[str], live: dict[str, int], differs: str
) -> None:
    commit = applied(world, **live)
    capsys.readouterr()
    with pytest.raises(NotVerified, match="drift since the apply") as caught:
        world.up()
    told = capsys.readouterr().err
    assert differs in caught.value.message
    assert f"{commit[:12]} was applied by ada and is not verified yet" in told
    assert "what is live differs from what was applied" in told
    assert AS_THE_REST not in told
    assert "Open another pull request that affects the stack" in caught.value.hint
    assert (world.engine.applied, world.engine.live["dev"]) == (["dev"], live)
    assert world.kinds == [*NOT_VERIFIED, "not verified"]
    assert [one["urn"].rpartition("::")[2] for one in world.records[-1].body["drift"]] == [differs.split()[1]]
    assert world.leases == ()


def test_once_nothing_differs_any_more_it_is_released_and_still_nothing_is_applied(world: Carrying) -> None:
    commit = applied(world, web=31)
    del world.engine.live["dev"]
    result = only(world.up())
    assert (result.done, result.plan, [one.passed for one in result.checks]) == (Done.RELEASED, None, [True] * 3)
    assert world.engine.applied == ["dev"]
    release, started = world.records[-1], world.records[1]
    assert (release.kind, release.commit) == (RecordKind.RELEASE, commit)
    assert release.body["plan_digest"] == started.body["plan_digest"]
    assert only(world.up()).done is Done.ALREADY_RELEASED


def test_a_run_that_was_killed_before_it_verified_is_verified(world: Carrying) -> None:
    commit = world.reviewed(SCALE, "bob")
    world.main()
    author = records.Author("eve", "dev")
    for kind in (RecordKind.APPLY_STARTED, RecordKind.APPLIED):
        body = {"plan_digest": "0" * 64}
        world.context().ledger().append(record_of(kind, author, DEV, commit, world.clock.now(), body))
    world.engine.states["dev"] = {"web": 20}
    assert only(world.up()).done is Done.RELEASED
    assert (world.engine.applied, world.kinds) == ([], RELEASED)


def test_the_ledgers_word_alone_lets_no_program_run(world: Carrying) -> None:
    forged = {"plan_digest": "0" * 64}
    for commit in (world.push_to_main(SCALE), world.reviewed({"Pulumi.dev.yaml": wanting(web=21)}, branch="own")):
        for kind in (RecordKind.APPLY_STARTED, RecordKind.APPLIED):
            made = record_of(kind, records.Author("eve", "dev"), DEV, commit, world.clock.now(), forged)
            world.context().ledger().append(made)
        previewed = len(world.engine.previews)
        with pytest.raises((Refused, Waiting), match="Applied, and not verified"):
            world.up(commit=commit)
        assert len(world.engine.previews) == previewed


def test_no_window_is_asked_for_to_verify(world: Carrying) -> None:
    applied(world, web=31)
    del world.engine.live["dev"]
    world.clock.advance(4 * 3600)
    assert only(world.up()).done is Done.RELEASED


def test_the_way_on_that_is_named_ends(world: Carrying) -> None:
    applied(world, web=31)
    number = world.open({"Pulumi.dev.yaml": f"# takes it back\n{wanting(web=20)}"}, branch="back")
    world.clock.advance(1)
    world.preview()
    assert "web" in world.host.comments(number)[0]
    world.clock.advance(1)
    world.host.approve(number, "bob")
    world.host.merge(number)
    assert only(world.up()).done is Done.RELEASED
    assert world.engine.states["dev"] == {"web": 20}
    assert world.engine.applied == ["dev", "dev"]


def test_a_pull_request_that_touches_no_stack_carries_it_all_the_same(world: Carrying) -> None:
    applied(world, web=31)
    world.clock.advance(1)
    number = world.open({"README.md": "words"}, branch="words")
    [reviewed] = world.preview().stacks
    assert [reason.kind.value for reason in reviewed.affected.reasons] == ["unreleased"]
    world.clock.advance(1)
    world.host.approve(number, "bob")
    world.host.merge(number)
    assert only(world.up()).done is Done.RELEASED
    assert world.engine.states["dev"] == {"web": 20}


def test_neither_glass_nor_a_dry_run_applies_it_again(world: Carrying) -> None:
    applied(world, web=31)
    [dry] = world.up(dry_run=True)
    assert (dry.done, world.kinds) == (Done.WOULD_VERIFY, NOT_VERIFIED)
    with pytest.raises(NotVerified):
        world.up(glass=BreakGlass("the shop is down", ("0" * 12,)))
    assert world.engine.applied == ["dev"]
    assert "break glass" not in world.kinds


def test_an_apply_that_failed_is_still_continued(world: Carrying, capsys: pytest.CaptureFixture[str]) -> None:
    world.reviewed({"Pulumi.dev.yaml": wanting(a=1, b=2, web=20)}, "bob")
    world.engine.fails_after = 1
    with pytest.raises(EngineFailed):
        world.up()
    world.engine.fails_after = None
    assert only(world.up()).done is Done.RELEASED
    assert AS_THE_REST in capsys.readouterr().err
    assert world.engine.applied == ["dev", "dev"]


def said(world: Carrying, verb: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What a verb prints as JSON, however it ends."""
    capsys.readouterr()
    with suppress(NotVerified):
        verb()
    return dict(json.loads(capsys.readouterr().out))


def test_json_tells_the_drift_too(world: Carrying, capsys: pytest.CaptureFixture[str]) -> None:
    applied(world, web=31)
    document = said(world, lambda: world.run(up.command, "--environment", "dev", "--json"), capsys)
    assert document["outcome"] == "failed"
    [one] = document["drift"]
    assert (one["stack"], one["operation"]) == ("shop/dev", "update")
    assert [(p["path"], p["old"], p["new"]) for p in one["properties"]] == [("size", 31, 20)]


def test_explain_says_that_there_is_nothing_to_apply(world: Carrying, capsys: pytest.CaptureFixture[str]) -> None:
    commit = applied(world, web=31)
    found = explaining.explain(world.context(), explaining.Request("dev"))
    assert (found.commit, found.verdicts, found.applied) == (commit, {}, (DEV,))
    world.run(explain.command, "--environment", "dev")
    assert "`gitops up` verifies it, and applies nothing" in " ".join(capsys.readouterr().out.split())


def test_drift_looks_at_what_was_applied(world: Carrying) -> None:
    world.released_in_dev("feature", web=12)
    world.reviewed(SCALE, "bob", branch="second")
    world.engine.outputs_of = {"url": UnknownValue()}
    with pytest.raises(NotVerified):
        world.up()
    found = look(world)
    assert (found.state, found.pending, found.applied) == (State.NOT_VERIFIED, False, world.main())
    world.engine.live["dev"] = {"web": 31}
    found = look(world)
    assert found.state is State.DRIFTED
    assert [(p.old, p.new) for change in found.drifted for p in change.properties] == [(31, 20)]
