"""`gitops up`: the whole way from a commit to a release, or to a named reason why not."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from gitops.errors import (
    EngineFailed,
    EngineKilled,
    Failed,
    LedgerBroken,
    NotVerified,
    Refused,
    RemoteUnreachable,
    Waiting,
)
from gitops.flow.leases.lease import GRACE
from gitops.flow.ledger import chain as records
from gitops.model import CutOff, RecordKind, StartState, UnknownValue
from gitops.operations.apply.run import Done, StackResult
from gitops.ports import Preview, RunnablePack
from gitops.verbs import up
from tests.fakes.engine import FakeEngine
from tests.operations.world import DEV, GITOPS, World, wanting
from tests.support import git
from tests.support.records import record_of

SCALE = {"Pulumi.dev.yaml": wanting(web=20)}
THREE = {"Pulumi.dev.yaml": wanting(a=1, b=2, web=20)}
RELEASED = ["apply started", "applied", "release"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def only(results: tuple[StackResult, ...]) -> StackResult:
    assert len(results) == 1
    return results[0]


def untouched(world: World, size: int = 12) -> bool:
    return world.engine.states["dev"] == {"web": size} and not world.engine.applied and world.leases == ()


def test_what_was_reviewed_and_approved_is_applied_verified_and_released(world: World) -> None:
    commit = world.reviewed(SCALE, "bob")
    result = only(world.up())
    assert (result.done, [check.passed for check in result.checks]) == (Done.RELEASED, [True, True, True])
    assert world.engine.states["dev"] == {"web": 20}
    assert world.kinds == RELEASED
    assert {record.commit for record in world.records[1:]} == {commit}
    assert records.problems(world.records) == ()
    assert world.leases == ()


def test_a_state_that_cannot_be_looked_at_once_more_leaves_no_apply_behind(world: World) -> None:
    world.reviewed(SCALE, "bob")
    looked = world.engine.start_state
    answers = iter([looked])

    def expiring(folder: Path, stack: str) -> StartState:
        answer = next(answers, None)
        if answer is None:
            raise EngineFailed("Could not read the state of stack dev: ExpiredToken")
        return answer(folder, stack)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.engine, "start_state", expiring)
        with pytest.raises(EngineFailed, match="ExpiredToken"):
            world.up()
    assert world.kinds == ["apply started", "apply failed"]
    assert world.records[-1].body["touched"] is False
    assert not world.engine.applied
    assert only(world.up()).done is Done.RELEASED


def test_applying_again_changes_nothing(world: World) -> None:
    world.reviewed(SCALE, "bob")
    world.up()
    assert only(world.up()).done is Done.ALREADY_RELEASED
    assert world.kinds == RELEASED


def test_a_change_nobody_previewed_is_refused(world: World) -> None:
    number = world.open(SCALE)
    world.host.approve(number, "bob")
    world.host.merge(number)
    with pytest.raises(Refused, match="has no plan of shop/dev"):
        world.up()
    assert untouched(world)
    assert world.kinds == ["refused"]


def test_a_direct_push_is_refused(world: World) -> None:
    world.push_to_main(SCALE)
    with pytest.raises(Refused, match="no pull request became commit"):
        world.up()
    assert untouched(world)


def test_no_program_runs_before_somebody_reviewed_and_approved_it(world: World) -> None:
    world.push_to_main(SCALE)
    with pytest.raises(Refused):
        world.up()
    world.reviewed(THREE)
    previewed = len(world.engine.previews)
    with pytest.raises(Waiting):
        world.up()
    assert len(world.engine.previews) == previewed == 1


@dataclass
class Meanwhile(FakeEngine):
    """An engine during whose previews something else happens."""

    happens: Callable[[], None] = lambda: None

    def preview(
        self, folder: Path, stack: str, *, save_plan: Path | None = None, packs: Sequence[RunnablePack] = ()
    ) -> Preview:
        self.happens()
        return super().preview(folder, stack, save_plan=save_plan, packs=packs)


def test_an_approval_that_is_taken_back_during_the_preview_does_not_count(tmp_path: Path) -> None:
    engine = Meanwhile()
    world = World(tmp_path, engine=engine)
    world.reviewed(SCALE, "bob")
    file = world.remote / "pull-requests.json"

    def take_back() -> None:
        entries = json.loads(file.read_text())
        entries[0]["approvals"] = []
        file.write_text(json.dumps(entries))

    engine.happens = take_back
    with pytest.raises(Waiting, match="0 of 1"):
        world.up()
    assert untouched(world)


def test_a_change_cannot_lower_the_approvals_in_front_of_itself(world: World) -> None:
    world.reviewed(SCALE, "bob")
    world.up()
    free = GITOPS.format(approvals=0)
    world.reviewed({"gitops.yaml": free, "Pulumi.dev.yaml": wanting(web=31)}, branch="free")
    with pytest.raises(Waiting, match="0 of 1"):
        world.up()
    world.host.approve(2, "bob")
    assert only(world.up()).done is Done.RELEASED
    world.reviewed({"Pulumi.dev.yaml": wanting(web=40)}, branch="later")
    assert only(world.up()).done is Done.RELEASED


def test_another_plan_than_the_reviewed_one_is_refused_with_the_difference(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.reviewed(SCALE, "bob")
    world.engine.states["dev"] = {"web": 31}
    with pytest.raises(Refused, match="is not the reviewed"):
        world.up()
    assert untouched(world, 31)
    assert world.kinds == ["refused"]
    told = capsys.readouterr().err
    assert "31" in told
    assert "is not the one that was reviewed" in told


def test_after_a_refusal_a_new_preview_and_approval_let_it_through(world: World) -> None:
    world.reviewed(SCALE, "bob")
    world.engine.states["dev"] = {"web": 31}
    with pytest.raises(Refused):
        world.up()
    world.clock.advance(1)
    world.preview("feature")
    with pytest.raises(Waiting):
        world.up()
    world.clock.advance(1)
    world.host.approve(1, "bob")
    assert only(world.up()).done is Done.RELEASED


@pytest.mark.parametrize("approvers", [(), ("bob",)])
def test_missing_approvals_make_it_wait(tmp_path: Path, approvers: tuple[str, ...]) -> None:
    world = World(tmp_path, approvals=2)
    world.reviewed(SCALE, *approvers)
    with pytest.raises(Waiting, match=f"{len(approvers)} of 2") as caught:
        world.up()
    assert caught.value.exit_code == 4
    assert untouched(world)
    assert world.kinds == []


def test_the_authors_own_approval_does_not_count(world: World) -> None:
    number = world.open(SCALE)
    world.preview()
    file = world.remote / "pull-requests.json"
    entry = json.loads(file.read_text())
    head = git.git(world.clone, "rev-parse", "HEAD")
    entry[0]["approvals"] = [{"by": "ada", "commit": head, "at": world.clock.now().isoformat()}]
    file.write_text(json.dumps(entry))
    world.host.merge(number)
    with pytest.raises(Waiting, match="0 of 1"):
        world.up()


@pytest.mark.parametrize(("then", "counts"), [({"README.md": "words"}, True), (THREE, False)])
def test_an_approval_of_an_older_head_counts_for_the_same_plan_only(
    world: World, then: dict[str, str], counts: bool
) -> None:
    number = world.open(SCALE)
    world.preview()
    world.host.approve(number, "bob")
    world.clock.advance(60)
    world.commit(then)
    world.preview()
    world.host.merge(number)
    if counts:
        assert only(world.up()).done is Done.RELEASED
    else:
        with pytest.raises(Waiting, match="0 of 1"):
            world.up()
        assert untouched(world)


def test_a_commit_that_is_not_on_the_branch_is_refused(world: World) -> None:
    head = world.commit(SCALE)
    with pytest.raises(Refused, match="is not on main"):
        world.up(commit=head)
    assert untouched(world)


def test_a_dry_run_applies_nothing_and_writes_nothing(world: World) -> None:
    world.reviewed(SCALE, "bob")
    assert only(world.up(dry_run=True)).done is Done.WOULD_APPLY
    assert untouched(world)
    world.engine.states["dev"] = {"web": 31}
    with pytest.raises(Refused):
        world.up(dry_run=True)
    assert world.kinds == []


def test_a_state_that_moves_between_preview_and_apply_is_refused(world: World) -> None:
    world.reviewed(SCALE, "bob")
    world.engine.before_apply = lambda: world.engine.states.update(dev={"web": 13})
    with pytest.raises(Refused, match="moved while it was being previewed"):
        world.up()
    assert untouched(world, 13)
    assert world.kinds == ["apply started", "apply failed"]
    world.engine.before_apply = lambda: None
    with pytest.raises(Refused, match="is not the reviewed"):
        world.up()


def test_a_failed_apply_is_recorded_and_the_next_run_finishes_the_plan(world: World) -> None:
    world.reviewed(THREE, "bob")
    world.engine.fails_after = 1
    with pytest.raises(EngineFailed, match="quota exceeded"):
        world.up()
    assert world.kinds == ["apply started", "apply failed"]
    assert world.leases == ()
    world.engine.fails_after = None
    assert only(world.up()).done is Done.RELEASED
    assert world.engine.states["dev"] == {"a": 1, "b": 2, "web": 20}


def test_more_than_the_rest_of_a_failed_plan_is_refused(world: World) -> None:
    world.reviewed(THREE, "bob")
    world.engine.fails_after = 1
    with pytest.raises(EngineFailed):
        world.up()
    world.engine.fails_after = None
    world.engine.states["dev"]["stranger"] = 5
    with pytest.raises(Refused, match="is not the rest of the reviewed plan"):
        world.up()
    assert world.engine.applied == ["dev"]
    assert world.kinds[-1] == "refused"


def test_a_killed_run_is_named_settled_and_finished(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    commit = world.reviewed(THREE, "bob")
    world.main()
    context = world.context("eve")
    started = record_of(RecordKind.APPLY_STARTED, records.Author("eve", "dev"), DEV, commit, world.clock.now())
    context.ledger().append(started)
    world.engine.states["dev"] = {"a": 1, "web": 12}
    world.engine.pending["dev"] = ("urn:pulumi:dev::shop::fake:index:Thing::b",)
    assert only(world.up()).done is Done.RELEASED
    assert "by eve at 2026-05-04 09:30:00 UTC never ended" in capsys.readouterr().err


def test_what_an_engine_that_was_killed_left_is_settled_by_the_next_run(world: World) -> None:
    world.reviewed(THREE, "bob")

    def run_out_of_memory() -> None:
        raise EngineKilled("Could not apply: Pulumi was ended by SIGKILL")

    world.engine.during_apply = run_out_of_memory
    with pytest.raises(EngineKilled):
        world.up()
    failed = world.records[-1]
    assert (failed.kind, failed.body["cancelled"]) == (RecordKind.APPLY_FAILED, True)
    assert (failed.body["run"], failed.body["host"]) == ("run of ada", "laptop")
    assert world.leases == ()
    world.engine.during_apply = lambda: None
    assert only(world.up()).done is Done.RELEASED
    assert world.engine.cut_off == [CutOff("run of ada", "laptop", GRACE + 3)]


def test_an_apply_that_cannot_be_verified_is_no_release_until_it_can(world: World) -> None:
    world.reviewed(SCALE, "bob")
    world.engine.outputs_of = {"url": UnknownValue()}
    with pytest.raises(NotVerified, match="outputs present: without a value: url") as caught:
        world.up()
    assert (caught.value.exit_code, caught.value.drift) == (1, ())
    assert "Run the same command again to verify it once more, which applies nothing" in caught.value.hint
    assert world.kinds == ["apply started", "applied", "not verified"]
    world.engine.outputs_of = {"url": "http://shop"}
    assert only(world.up()).done is Done.RELEASED
    assert world.engine.applied == ["dev"]


def test_a_change_that_affects_no_stack_is_recorded_as_released(world: World) -> None:
    first = world.reviewed(SCALE, "bob")
    world.up()
    second = world.reviewed({"README.md": "words"}, branch="words")
    assert only(world.up()).done is Done.ALREADY_RELEASED
    last = world.records[-1]
    assert (last.kind, last.commit, last.body) == (RecordKind.RELEASE, second, {"unchanged_since": first})
    assert world.engine.applied == ["dev"]


def test_a_commit_that_a_later_one_has_overtaken_is_skipped_and_that_is_recorded(world: World) -> None:
    older = world.reviewed(SCALE, "bob")
    world.up()
    newer = world.reviewed({"Pulumi.dev.yaml": wanting(web=21)}, "bob", branch="more")
    world.up()
    assert only(world.up(commit=older)).done is Done.SUPERSEDED
    last = world.records[-1]
    assert (last.kind, last.commit, last.body) == (RecordKind.SUPERSEDED, older, {"by": newer})
    assert world.engine.states["dev"] == {"web": 21}


def test_a_release_of_a_rewritten_branch_stands_for_nothing(world: World) -> None:
    start = world.main()
    world.reviewed(SCALE, "bob")
    world.up()
    git.git(world.clone, "push", "--quiet", "--force", "origin", f"{start}:main")
    world.reviewed({"README.md": "words"}, "bob", branch="words")
    assert only(world.up()).plan is not None
    assert world.engine.states["dev"] == {"web": 12}


def rewrite_ledger(world: World, edit: tuple[str, str], sequence: int = 1) -> None:
    """Alter a record's file on the ledger branch."""
    git.git(world.clone, "fetch", "--quiet", "origin")
    git.git(world.clone, "checkout", "--quiet", "-B", "ledger", "origin/gitops/ledger")
    path = records.path_of(sequence)
    text = (world.clone / path).read_text()
    assert edit[0] in text
    git.commit(world.clone, {path: text.replace(*edit)}, f"x\n\n{records.path_of(len(world.records))}")
    git.git(world.clone, "push", "--quiet", "origin", "HEAD:gitops/ledger")
    git.git(world.clone, "checkout", "--quiet", "main")


def test_an_altered_plan_is_noticed_before_anything_is_applied(world: World) -> None:
    world.reviewed(SCALE, "bob")
    rewrite_ledger(world, ('"new": 20', '"new": 21'))
    with pytest.raises(LedgerBroken, match="alters records/000/000001"):
        world.up()
    assert untouched(world)


def test_an_altered_record_of_any_kind_is_noticed_before_anything_is_applied(world: World) -> None:
    world.reviewed(SCALE, "bob")
    world.up()
    world.reviewed({"Pulumi.dev.yaml": wanting(web=21)}, "bob", branch="more")
    rewrite_ledger(world, ('"by": "ada"', '"by": "eve"'), sequence=2)
    with pytest.raises(LedgerBroken, match="alters records/000/000002"):
        world.up()
    assert world.engine.states["dev"] == {"web": 20}


def unplug(world: World) -> None:
    world.remote.rename(world.folder / "gone")


def test_without_the_remote_nothing_begins(world: World) -> None:
    world.reviewed(SCALE, "bob")
    unplug(world)
    with pytest.raises(RemoteUnreachable, match="'origin'") as caught:
        world.up()
    assert caught.value.exit_code == 1
    assert world.engine.previews[1:] == []


@pytest.mark.parametrize("moment", ["while it is previewed", "while it is applied"])
def test_a_remote_that_goes_away_stops_the_run_before_the_next_step(world: World, moment: str) -> None:
    world.reviewed(SCALE, "bob")
    if moment == "while it is previewed":
        world.engine.before_apply = lambda: unplug(world)
    else:
        world.engine.during_apply = lambda: unplug(world)
    says = "was applied, but that could not be recorded" if moment == "while it is applied" else "Could not"
    with pytest.raises(Failed, match=says) as caught:
        world.up()
    assert caught.value.hint
    assert world.engine.applied == ([] if moment == "while it is previewed" else ["dev"])
    (world.folder / "gone").rename(world.remote)
    world.engine.before_apply = world.engine.during_apply = lambda: None
    world.clock.advance(120)
    assert only(world.up()).done is Done.RELEASED
    assert world.kinds[-1] == "release"


def test_the_json_form_is_one_object_on_standard_output(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.reviewed(SCALE, "bob")
    capsys.readouterr()
    world.run(up.command, "--environment", "dev", "--json")
    document = json.loads(capsys.readouterr().out)
    assert document["format"] == 1
    assert [(one["stack"], one["result"]) for one in document["stacks"]] == [("shop/dev", "released")]
    assert document["stacks"][0]["changes"][0]["properties"][0]["new"] == 20
