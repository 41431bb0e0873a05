"""`gitops command`: comments on pull requests, with real Git, a simulated code host and fake workflow runs."""

from datetime import timedelta
from pathlib import Path

import pytest

from gitops.adapters.ci.github import event as events
from gitops.adapters.git.command import GitCommand
from gitops.adapters.git.leases import GitLeases
from gitops.errors import CodeHostFailed, RemoteUnreachable, UsageError
from gitops.flow.chatops import Command, Verb
from gitops.flow.leases import lease as leases
from gitops.flow.ledger.history import latest_plan
from gitops.model import Holder, Lease, RecordKind, Stack
from gitops.operations.apply import run as upping
from gitops.operations.chatops import actions
from gitops.operations.chatops import comments as commanding
from gitops.verbs import command
from tests.operations.thread import Thread, event_file, payload
from tests.operations.world import DEV, GITOPS, World, wanting
from tests.support import git

DEV_FILE = "Pulumi.dev.yaml"
OWNED = GITOPS.format(approvals='{count: 1, owners: {"infra/**": [grace, "@acme/platform"]}}')
STRICT = GITOPS.format(approvals=0).replace("approvals: 0}", "approvals: 0, gate: {destroys: 0}}")
GONE = {DEV_FILE: wanting(web=12)}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def thread(world: World) -> Thread:
    """Below Ada's pull request, which scales the web."""
    world.open({DEV_FILE: wanting(web=20)})
    return Thread(world)


# --- who may ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["/gitops preview", "/gitops help", "/gitops rollback", "/gitops nonsense"])
def test_who_may_not_write_is_told_so_once_and_nothing_runs(thread: Thread, body: str) -> None:
    thread.host.strangers = frozenset({"mallory"})
    answer = thread.say(body, by="mallory")
    assert "`mallory` may not write to this repository" in answer
    assert thread.say("/gitops apply", by="mallory") == ""
    assert sum("may not write" in one for one in thread.all()) == 1
    assert (thread.runs, thread.world.records) == (type(thread.runs)(), ())


IGNORED = {
    "a bot": {"kind": "Bot"},
    "an edited comment": {"action": "edited"},
    "a deleted comment": {"action": "deleted"},
    "an issue": {"pull_request": False},
}


@pytest.mark.parametrize("more", IGNORED.values(), ids=IGNORED.keys())
def test_what_is_not_for_us_gets_no_answer(thread: Thread, more: dict[str, object]) -> None:
    event = thread.event("/gitops preview", **more)
    before = thread.all()
    assert commanding.obey(thread.context(), event).startswith("Nothing to do: ")
    assert (thread.all(), thread.runs.again) == (before, [])


def owned(thread: Thread) -> None:
    """Main's rules name owners; the pull request drops them."""
    thread.world.push_to_main({"gitops.yaml": OWNED})
    git.git(thread.world.clone, "checkout", "--quiet", "feature")
    git.git(thread.world.clone, "merge", "--quiet", "--no-edit", thread.world.main())
    thread.world.commit({"gitops.yaml": GITOPS.format(approvals=0)})
    thread.host.team("@acme/platform", ["Linus"])
    git.git(thread.world.clone, "checkout", "--quiet", "--detach", thread.world.main())


@pytest.mark.parametrize("command", ["apply", "approve-destroy", "unlock", "rollback"])
def test_owners_decide_where_the_branch_names_some_whatever_the_pull_request_says(thread: Thread, command: str) -> None:
    owned(thread)
    answer = thread.say(f"/gitops {command}", by="bob")
    assert "**Not done.** In `dev` that is for `grace` and `@acme/platform`, and not for `bob`." in answer
    assert thread.runs.started == []
    assert thread.commands[-1].body["outcome"] == "refused"


@pytest.mark.parametrize("by", ["grace", "GRACE", "linus"])
def test_an_owner_by_name_or_by_team_may(thread: Thread, by: str) -> None:
    owned(thread)
    assert "A rollback of `dev` to the release before is started." in thread.say("/gitops rollback", by=by)


def test_anybody_who_may_write_previews_and_asks(thread: Thread) -> None:
    owned(thread)
    assert "runs again" in thread.say("/gitops preview", by="bob")
    assert "The gate of `dev`" in thread.say("/gitops explain", by="bob")
    told = thread.say("/gitops help", by="bob")
    assert "| `/gitops rollback [RELEASE]` |" in told
    assert told.count("not for you") == 4
    assert "not for you" not in thread.say("/gitops help", by="grace")


def test_help_tells_who_made_it_that_others_approve_what_it_destroys(thread: Thread) -> None:
    told = thread.say("/gitops help", by="ada")
    [denied] = [line for line in told.splitlines() if "not for you" in line]
    assert denied.startswith("| `/gitops approve-destroy [DIGEST]` |")


def test_a_team_that_cannot_be_asked_for_is_said_and_nothing_is_done(
    thread: Thread, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned(thread)

    def forbidden(team: str) -> frozenset[str]:
        raise CodeHostFailed(f"asked GitHub who belongs to {team}: answered 403")

    monkeypatch.setattr(thread.host, "members", forbidden)
    assert thread.say("/gitops help", by="linus").count("not for you") == 4
    event = thread.event("/gitops rollback", by="linus")
    with pytest.raises(CodeHostFailed):
        commanding.obey(thread.context(), event)
    assert "asked GitHub who belongs to @acme/platform: answered 403" in thread.all()[-1]
    assert thread.runs.started == []
    assert "is started" in thread.say("/gitops rollback", by="grace")


def test_a_branch_that_calls_itself_an_environments_is_none(thread: Thread) -> None:
    mine = GITOPS.format(approvals=0).replace("branch: prod", "branch: mine")
    thread.world.commit({"gitops.yaml": mine}, "mine")
    thread.world.commit({DEV_FILE: wanting(web=1)}, "bad")
    thread.world.opened = thread.host.open("bad", "mine", title="Mine", author="mallory")
    git.git(thread.world.clone, "checkout", "--quiet", "--detach", thread.world.main())
    answer = thread.say("/gitops rollback", by="mallory")
    assert "No environment follows 'mine'" in answer
    assert thread.runs.started == []


# --- understanding ----------------------------------------------------------------------------------


def test_what_is_not_understood_is_answered_and_leaves_no_record(thread: Thread) -> None:
    assert "Did you mean `/gitops preview`?" in thread.say("/gitops preveiw")
    assert "A comment gives one command" in thread.say("/gitops preview\n/gitops apply")
    assert (thread.runs.again, thread.commands) == ([], [])


def test_a_comment_is_answered_once_and_done_once(thread: Thread) -> None:
    event = thread.event("/gitops preview")
    answer = thread.run(event)
    assert thread.run(event) == ""
    assert thread.all()[-1] == answer
    assert len(thread.runs.again) == len(thread.commands) == 1


def test_what_failed_is_said_without_more_and_may_be_tried_again(thread: Thread) -> None:
    event = thread.event("/gitops preview")
    thread.runs.broken = CodeHostFailed("asked GitHub to start: answered 502", hint="Run the job again.")
    with pytest.raises(CodeHostFailed):
        commanding.obey(thread.context(), event)
    assert (
        "**Failed.** Because:\n\n```text\nasked GitHub to start: answered 502\nNext: Run the job again.\n```"
        in (thread.all()[-1])
    )
    thread.runs.broken = None
    assert thread.run(event) == ""
    assert "runs again" in thread.all()[-1]
    assert [one.body["outcome"] for one in thread.commands] == ["failed", "done"]


def test_what_nobody_foresaw_is_said_without_its_words(thread: Thread, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(workflow: str, commit: str) -> str:
        raise RuntimeError("hunter2")

    monkeypatch.setattr(thread.runs, "start_again", broken)
    event = thread.event("/gitops preview")
    with pytest.raises(RuntimeError):
        commanding.obey(thread.context(), event)
    assert "Something broke that nobody foresaw" in thread.all()[-1]
    assert "hunter2" not in thread.all()[-1]


def test_nothing_is_done_where_the_ledger_cannot_be_read(thread: Thread) -> None:
    context, event = thread.context(), thread.event("/gitops preview")
    context._ledger = type(context.ledger())(GitCommand(thread.world.clone, str(thread.world.folder / "gone")))
    with pytest.raises(RemoteUnreachable):
        commanding.obey(context, event)
    assert thread.runs.again == []
    assert "**Failed.**" in thread.all()[-1]


# --- preview, apply, explain, rollback --------------------------------------------------------------


def test_a_preview_starts_the_run_of_the_head_again_and_is_on_record(thread: Thread) -> None:
    head = thread.host.pull_request(thread.world.opened or 0).head
    answer = thread.say("/gitops preview\nthe state moved")
    assert thread.runs.again == [("preview.yml", head)]
    assert f"[The newest preview](https://github.example/runs/1) of `{head[:12]}` runs again." in answer
    assert "[`grace`: `/gitops preview`](https://github.example/pull/1#issuecomment-1)" in answer
    [record] = thread.commands
    assert (record.by, record.environment, record.stack, record.commit) == ("grace", "dev", "", head)
    assert (record.body["command"], record.body["pull_request"], record.body["comment"]) == ("/gitops preview", 1, 1)
    assert record.body["address"] == "https://github.example/pull/1#issuecomment-1"


def test_an_unmerged_pull_request_is_applied_by_merging_it(thread: Thread) -> None:
    thread.world.preview()
    answer = thread.say("/gitops apply")
    assert "**Not done.** It is not merged: merging it applies it, and nothing else does." in answer
    assert "wait    approvals: 0 of 1 approvals of this plan" in answer
    assert thread.runs.started == []


def test_a_merged_one_is_applied_where_the_gate_allows_it(thread: Thread) -> None:
    thread.world.preview()
    thread.host.merge(1)
    answer = thread.say("/gitops apply")
    assert "An apply would not come through the gate now." in answer
    assert thread.runs.started == []
    thread.host.approve(1, "bob")
    assert "An apply of `main` is started." in thread.say("/gitops apply")
    assert thread.runs.started == [("apply.yml", "main", {})]
    thread.world.up()
    assert "There is nothing to apply in `dev`" in thread.say("/gitops apply")
    assert [one.body["outcome"] for one in thread.commands] == ["refused", "done", "done"]


def test_explain_says_every_rule_and_leaves_no_record(thread: Thread) -> None:
    before = thread.say("/gitops explain")
    assert "**`shop/dev`: refused**" in before
    assert "refuse  reviewed: the ledger has no plan of shop/dev" in before
    assert "        next: Run `gitops preview --pull-request 1`" in before
    thread.world.preview()
    thread.host.approve(1, "bob")
    assert "**`shop/dev`: the gate is open**, plan `" in thread.say("/gitops explain")
    assert thread.commands == []


def test_a_conflict_is_a_refusal_in_the_thread(thread: Thread) -> None:
    thread.world.push_to_main({DEV_FILE: wanting(web=99)})
    answer = thread.say("/gitops explain")
    assert "**Not done.** Because:" in answer
    assert DEV_FILE in answer


@pytest.mark.parametrize(("argument", "said"), [("", "to the release before"), ("4967091b2510", "to `4967091b2510`")])
def test_a_rollback_is_started_on_the_default_branch(thread: Thread, argument: str, said: str) -> None:
    answer = thread.say(f"/gitops rollback {argument}".strip())
    assert f"A rollback of `dev` {said} is started." in answer
    assert thread.runs.started == [
        ("rollback.yml", "main", {"environment": "dev", "to": argument, "asked_by": "grace"})
    ]


# --- unlock -----------------------------------------------------------------------------------------


def held(world: World, run: str = "4711", stack: Stack = DEV) -> Lease:
    """A lease that somebody's run holds."""
    lease = leases.granted(stack, Holder("ci", "runner", 1, "up", run), world.clock.now(), 120)
    return GitLeases(GitCommand(world.clone)).swap(stack, None, lease) or lease


@pytest.mark.parametrize("command", ["/gitops unlock", "/gitops unlock shop/dev", "/gitops unlock dev"])
def test_the_lease_of_a_run_that_has_ended_is_taken_away(thread: Thread, command: str) -> None:
    held(thread.world)
    thread.runs.ended = {"4711": True}
    answer = thread.say(command)
    assert "1 lease of 1 taken away." in answer
    assert "- `shop/dev`: taken from `` ci on runner for `up` ``, until 2026-05-04 09:32:00 UTC" in answer
    assert thread.world.leases == ()


@pytest.mark.parametrize(
    ("known", "why"), [({"4711": False}, "its run is still under way"), ({}, "nobody here knows its run")]
)
def test_what_is_not_known_to_have_ended_keeps_its_lease(thread: Thread, known: dict[str, bool], why: str) -> None:
    lease = held(thread.world)
    thread.runs.ended = known
    answer = thread.say("/gitops unlock")
    assert "**Not done.** 0 leases of 1 taken away." in answer
    assert (why in answer, "until 2026-05-04 09:32:00 UTC" in answer) == (True, True)
    assert thread.world.leases == (lease,)


def test_a_lease_that_moves_meanwhile_is_left_alone(thread: Thread, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = held(thread.world)
    other = GitLeases(GitCommand(thread.world.clone))

    def taken_over(run: str) -> bool:
        other.swap(DEV, lease, leases.renewed(lease, thread.world.clock.now() + timedelta(seconds=9)))
        return True

    monkeypatch.setattr(thread.runs, "has_ended", taken_over)
    assert "it moved while I looked" in thread.say("/gitops unlock")
    assert len(thread.world.leases) == 1


def test_stacks_of_other_environments_are_not_unlocked_here(thread: Thread) -> None:
    lease = held(thread.world, stack=Stack("shop", "prod"))
    thread.runs.ended = {"4711": True}
    assert "Nobody holds a stack of this environment." in thread.say("/gitops unlock")
    assert "There is no stack 'prod' in this environment." in thread.say("/gitops unlock prod")
    assert thread.world.leases == (lease,)


# --- approve-destroy --------------------------------------------------------------------------------


@pytest.fixture
def destroying(world: World) -> Thread:
    """Below Ada's pull request that destroys the logs, where nothing may be destroyed."""
    world.engine.states["dev"] = {"web": 12, "logs": 1}
    world.push_to_main({"gitops.yaml": STRICT})
    world.main()
    world.commit({DEV_FILE: wanting(web=12) + "\n"})
    git.git(world.clone, "merge", "--quiet", "--no-edit", "origin/main")
    git.git(world.clone, "push", "--quiet", "origin", "feature")
    world.opened = world.host.open("feature", "main", title="Clean", author="ada")
    world.preview()
    world.clock.advance(5)
    git.git(world.clone, "checkout", "--quiet", "--detach", "origin/main")
    return Thread(world)


def digest_of(thread: Thread) -> str:
    """The plan that is shown."""
    plan = latest_plan(thread.world.ledger.history(), DEV, thread.world.opened or 0)
    assert plan
    return plan.plan_digest


def test_what_is_destroyed_is_approved_for_the_plan_that_is_shown_and_applied(destroying: Thread) -> None:
    assert "refuse  destroys: 1 to be deleted or replaced, at most 0 may be" in destroying.say("/gitops explain")
    digest = digest_of(destroying)
    answer = destroying.say("/gitops approve-destroy")
    assert f"What is destroyed in `shop/dev` (plan `{digest[:12]}`) is approved by `grace`" in answer
    assert "**`shop/dev`: the gate is open**" in answer
    [record] = [one for one in destroying.world.records if one.kind is RecordKind.DESTROY_APPROVED]
    assert (record.by, record.stack, record.body["plan_digest"]) == ("grace", "shop/dev", digest)
    destroying.host.merge(destroying.world.opened or 0)
    made = destroying.context()
    assert "An apply of `main` is started." in destroying.say("/gitops apply")
    upping.up(made, upping.Request("dev"))
    assert destroying.world.engine.states["dev"] == {"web": 12}


def test_an_approval_whose_run_died_before_it_was_done_is_recorded_once(
    destroying: Thread, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = destroying.event("/gitops approve-destroy")
    with monkeypatch.context() as patch:

        def unreachable(*_: object) -> None:
            raise RemoteUnreachable("gone")

        patch.setattr(commanding, "_record", unreachable)
        with pytest.raises(RemoteUnreachable):
            commanding.obey(destroying.context(), event)
    destroying.run(event)
    assert "is approved by `grace`" in destroying.all()[-1]
    assert [one.kind.value for one in destroying.world.records][-2:] == ["destroy approved", "command"]
    assert [one.kind for one in destroying.world.records].count(RecordKind.DESTROY_APPROVED) == 1


@pytest.mark.parametrize(("ending", "why"), [("edited", "edited the comment"), ("deleted", "the comment is gone")])
def test_taking_the_comment_back_takes_the_approval_back(destroying: Thread, ending: str, why: str) -> None:
    event = destroying.event("/gitops approve-destroy")
    destroying.run(event)
    setattr(destroying.host, ending, frozenset({event.comment.id}))
    assert f"grace does not count: {why}" in destroying.say("/gitops explain")


@pytest.mark.parametrize(
    ("by", "why"), [("ada", "opened the pull request"), ("Test Author", "contributed to the pull request")]
)
def test_who_made_it_does_not_approve_what_it_destroys(destroying: Thread, by: str, why: str) -> None:
    answer = destroying.say("/gitops approve-destroy", by=by)
    assert f"{by} {why}, and cannot approve what it destroys." in answer
    assert RecordKind.DESTROY_APPROVED not in {one.kind for one in destroying.world.records}


def test_a_plan_that_came_while_somebody_wrote_is_not_approved(destroying: Thread) -> None:
    event = destroying.event("/gitops approve-destroy")
    destroying.world.clock.advance(5)
    destroying.world.engine.states["dev"] = {"web": 12, "logs": 2}
    destroying.world.preview("origin/feature")
    answer = destroying.run(event)
    assert "was not shown yet when you wrote" in answer
    assert RecordKind.DESTROY_APPROVED not in {one.kind for one in destroying.world.records}


def test_the_digest_that_is_named_must_be_shown(destroying: Thread) -> None:
    digest = digest_of(destroying)
    answer = destroying.say(f"/gitops approve-destroy {'0' * 12}")
    assert "No plan 000000000000 is shown here now that destroys something." in answer
    assert f"There is {digest[:12]} of shop/dev" in answer
    assert "is approved by `grace`" in destroying.say(f"/gitops approve-destroy {digest[:12]}")


def test_without_a_plan_or_anything_destroyed_there_is_nothing_to_approve(thread: Thread) -> None:
    assert "is shown yet" in thread.say("/gitops approve-destroy")
    thread.world.preview()
    thread.world.clock.advance(5)
    assert "Nothing is destroyed here" in thread.say("/gitops approve-destroy")


def test_a_record_that_somebody_appended_approves_nothing(destroying: Thread) -> None:
    said = destroying.event("/gitops explain")
    one = actions.asked(destroying.context(), said, Command(Verb.HELP))
    history = destroying.world.ledger.history()
    plan = latest_plan(history, DEV, destroying.world.opened or 0)
    assert plan
    actions._append_approval(one, history, plan)
    assert "grace does not count: the comment says something else" in destroying.say("/gitops explain")


# --- the verb ---------------------------------------------------------------------------------------


def test_the_verb_reads_the_event_from_its_file(thread: Thread, capsys: pytest.CaptureFixture[str]) -> None:
    body = "/gitops help\n::error::not for the runner"
    identity = thread.host.say(1, "grace", body)
    file = event_file(thread.world.folder, payload(1, identity, "grace", body, thread.now()))
    command.command.main([], obj=thread.context(GITHUB_EVENT_PATH=file), standalone_mode=False)
    assert capsys.readouterr().out == "grace on pull request 1: /gitops help: done.\n"


def test_the_verb_without_an_event_or_with_another_is_a_wrong_call(thread: Thread) -> None:
    with pytest.raises(UsageError, match="GITHUB_EVENT_PATH names no file"):
        command.command.main([], obj=thread.context(), standalone_mode=False)
    with pytest.raises(UsageError, match="no comment on GitHub"):
        events.parse(b'{"action": "opened", "pull_request": {}}')
