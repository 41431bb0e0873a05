"""`gitops matrix`, `gitops preview --output` and `gitops review`: a preview on several machines, shown as one."""

import json
from pathlib import Path

import pytest

from gitops.adapters.codehost.simulated.code_host import CODE_SCANNING
from gitops.errors import CodeHostFailed, Failed, Refused, UsageError, Waiting
from gitops.flow.plans import values
from gitops.model import Conclusion, RecordKind
from gitops.operations import shards
from gitops.verbs import matrix, preview, review
from gitops.views.markdown.review_comment import marker
from tests.operations.world import World, wanting
from tests.support import git

SCALE = {"Pulumi.dev.yaml": wanting(web=20)}
LESS = {"Pulumi.dev.yaml": wanting()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


class Machines:
    """The jobs of a preview, one after the other, on a clone each would have."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.number = world, number
        self.file = world.folder / "previews" / "preview-1" / "preview.json"
        git.git(world.clone, "fetch", "--quiet", "origin")
        self.base = git.git(world.clone, "rev-parse", "origin/main")
        self.head = git.git(world.clone, "rev-parse", "origin/feature")

    @property
    def change(self) -> list[str]:
        return ["--environment", "dev", "--base", self.base, "--head", self.head, "--pull-request", str(self.number)]

    def preview(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        leg = ["--leg", '["shop/dev"]', "--output", str(self.file)]
        self.world.run(preview.command, *self.change, *leg)

    def review(self, *more: str) -> None:
        self.world.run(review.command, *self.change, *more, str(self.world.folder / "previews"))


def machines(world: World, files: dict[str, str | None] | None = None) -> Machines:
    return Machines(world, world.open(files or SCALE))


# --- spread --------------------------------------------------------------------------------------


def outputs(world: World, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the job of that verb gives to the others."""
    file = world.folder / "outputs"
    file.unlink(missing_ok=True)
    monkeypatch.setenv("GITHUB_OUTPUT", str(file))
    world.run(matrix.command, *arguments)
    return dict(line.split("=", 1) for line in file.read_text(encoding="utf-8").splitlines())


def test_a_pull_request_is_spread_by_what_it_affects(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    number = world.open(SCALE)
    found = outputs(world, "--pull-request", str(number), monkeypatch=monkeypatch)
    head, base = git.git(world.clone, "rev-parse", "origin/feature"), world.main()
    assert json.loads(found["legs"]) == [{"number": 1, "title": "1 of 1", "stacks": ["shop/dev"]}]
    given = {name: found[name] for name in ("environment", "branch", "base", "head", "number")}
    assert given == {"environment": "dev", "branch": "main", "base": base, "head": head, "number": str(number)}


def test_a_change_of_documents_needs_no_machine(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.reviewed(SCALE, "bob")
    world.up()
    number = world.open({"README.md": "words"}, branch="words")
    assert outputs(world, "--pull-request", str(number), monkeypatch=monkeypatch)["legs"] == "[]"


def test_what_a_queue_would_merge_is_spread_like_its_pull_request(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = world.open(SCALE)
    head = git.git(world.clone, "rev-parse", "origin/feature")
    ref = f"refs/heads/gh-readonly-queue/main/pr-{number}-{world.main()}"
    found = outputs(world, "--queued", ref, "--commit", head, monkeypatch=monkeypatch)
    assert (found["head"], found["number"], found["environment"]) == (head, str(number), "dev")
    assert json.loads(found["legs"])[0]["stacks"] == ["shop/dev"]


@pytest.mark.parametrize("ref", ["", "main", "refs/heads/main", "gh-readonly-queue/main/pr-x-1", "pr-1-abc"])
def test_another_branch_is_no_queue(world: World, ref: str) -> None:
    with pytest.raises(UsageError, match="is not a branch of a merge queue"):
        world.run(matrix.command, "--queued", ref)


def test_an_apply_is_one_machine_which_also_notes_what_needs_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.reviewed(SCALE, "bob")
    found = outputs(world, "--apply", "main", "--commit", world.main(), monkeypatch=monkeypatch)
    assert (found["alone"], json.loads(found["wave-1"])[0]["stacks"]) == ("true", ["shop/dev"])
    world.up()
    again = outputs(world, "--apply", "main", "--commit", world.main(), monkeypatch=monkeypatch)
    assert json.loads(again["legs"]) == json.loads(found["legs"])


def test_the_environments_are_those_whose_branch_is_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    git.git(world.remote, "branch", "-D", "prod")
    found = outputs(world, "--environments", monkeypatch=monkeypatch)
    assert json.loads(found["environments"]) == [{"environment": "dev", "branch": "main"}]


def test_one_question_at_a_time(world: World) -> None:
    for arguments in ([], ["--pull-request", "1", "--apply", "main"]):
        with pytest.raises(UsageError, match="Say which"):
            world.run(matrix.command, *arguments)


# --- handed over, shown, kept --------------------------------------------------------------------


def test_a_machine_keeps_nothing_and_the_review_keeps_all(world: World) -> None:
    jobs = machines(world)
    jobs.preview()
    assert (world.records, world.host.comments(jobs.number)) == ((), [])
    jobs.review()
    [record] = world.records
    assert (record.kind, record.commit, record.body["shown_on"]) == (RecordKind.PLAN, jobs.head, jobs.number)
    [comment] = world.host.comments(jobs.number)
    assert comment.startswith(marker("dev"))


def test_what_was_spread_is_approved_and_applied_like_any_other(world: World) -> None:
    jobs = machines(world)
    jobs.preview()
    jobs.review()
    world.host.approve(jobs.number, "bob")
    world.host.merge(jobs.number)
    world.up()
    assert world.engine.states["dev"] == {"web": 20}


def test_a_stack_that_no_machine_tells_of_fails_the_review(world: World) -> None:
    jobs = machines(world)
    with pytest.raises(Failed, match="preview of shop/dev failed"):
        jobs.review()
    assert world.records == ()
    [comment] = world.host.comments(jobs.number)
    assert "No machine has told anything" in comment
    assert world.host.checks()[jobs.head]["gitops dev"].conclusion is Conclusion.FAILURE


def test_a_failed_preview_is_handed_over_and_fails_the_review(world: World) -> None:
    jobs = machines(world)
    world.engine.broken = "TypeError: no such bucket"
    jobs.preview()
    with pytest.raises(Failed, match="preview of shop/dev failed"):
        jobs.review()
    assert "no such bucket" in world.host.comments(jobs.number)[0]


def test_an_altered_result_is_refused_and_shown_nowhere(world: World) -> None:
    jobs = machines(world)
    jobs.preview()
    jobs.file.write_text(jobs.file.read_text().replace("20", "12"))
    with pytest.raises(Failed, match=r"preview\.json cannot be used"):
        jobs.review()
    assert (world.records, world.host.comments(jobs.number)) == ((), [])


def test_the_check_has_a_remark_at_the_changed_line(world: World) -> None:
    jobs = machines(world, {"Pulumi.dev.yaml": f"# what dev wants\n{wanting(web=20)}"})
    jobs.preview()
    jobs.review()
    check = world.host.checks()[jobs.head]["gitops dev"]
    assert check.conclusion is Conclusion.SUCCESS
    assert [(one.path, one.line) for one in check.annotations] == [("Pulumi.dev.yaml", 1)]
    assert json.loads((world.remote / CODE_SCANNING).read_bytes())["version"] == "2.1.0"


def test_a_destructive_change_is_labelled_until_it_is_none(world: World) -> None:
    world.reviewed(SCALE, "bob")
    world.up()
    jobs = machines(world, LESS)
    jobs.preview()
    jobs.review()
    assert world.host.pull_request(jobs.number).labels == ("destructive",)
    world.commit({"Pulumi.dev.yaml": wanting(web=21)})
    again = Machines(world, jobs.number)
    again.preview()
    again.review()
    assert world.host.pull_request(jobs.number).labels == ()


def test_what_only_helps_to_read_may_fail(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = machines(world)
    jobs.preview()

    def broken(*_: object) -> None:
        raise CodeHostFailed("code scanning is not switched on", hint="Switch it on.")

    for name in ("label", "report", "findings"):
        monkeypatch.setattr("gitops.adapters.codehost.simulated.code_host.LocalHost." + name, broken)
    jobs.review()
    assert len(world.records) == 1
    assert capsys.readouterr().err.count("code scanning is not switched on") == 3


# --- a merge queue -------------------------------------------------------------------------------


def test_a_queue_passes_what_is_approved(world: World) -> None:
    jobs = machines(world)
    jobs.preview()
    jobs.review()
    world.host.approve(jobs.number, "bob")
    before = world.records
    jobs.preview()
    jobs.review("--queued")
    assert world.records == before
    assert world.host.checks()[jobs.head]["gitops dev"].conclusion is Conclusion.SUCCESS


def test_a_queue_waits_for_an_approval(world: World) -> None:
    jobs = machines(world)
    jobs.preview()
    jobs.review()
    with pytest.raises(Waiting, match="Not to be merged"):
        jobs.review("--queued")


def test_a_queue_refuses_another_plan_than_the_approved_one(world: World) -> None:
    jobs = machines(world)
    jobs.preview()
    jobs.review()
    world.host.approve(jobs.number, "bob")
    world.engine.states["dev"] = {"web": 31}
    jobs.preview()
    with pytest.raises(Refused, match="is not the reviewed"):
        jobs.review("--queued")
    assert world.host.checks()[jobs.head]["gitops dev"].conclusion is Conclusion.FAILURE
    assert [record.kind for record in world.records] == [RecordKind.PLAN]


def test_a_queue_does_not_pass_what_could_not_be_previewed(world: World) -> None:
    jobs = machines(world)
    jobs.preview()
    jobs.review()
    world.host.approve(jobs.number, "bob")
    jobs.file.unlink()
    with pytest.raises(Failed):
        jobs.review("--queued")


# --- nothing in a file is believed beyond its form ------------------------------------------------


def forged(jobs: Machines, **plan: object) -> None:
    """What a program can leave behind that rewrites its own machine's result, with digests that fit."""
    document = json.loads(jobs.file.read_text())
    found = document["stacks"]["shop/dev"]["plan"]
    found |= plan
    found["input_digest"] = values.digest(found["inputs"])
    jobs.file.write_text(json.dumps(document))


def test_a_plan_of_another_program_than_the_changes_is_not_kept(world: World) -> None:
    """With the files of a program to come, its approval would count for that one where values are unknown."""
    jobs = machines(world)
    jobs.preview()
    inputs = json.loads(jobs.file.read_text())["stacks"]["shop/dev"]["plan"]["inputs"]
    forged(jobs, inputs={**inputs, "files": {**inputs["files"], "__main__.py": "0" * 64}})
    with pytest.raises(Failed, match="preview of shop/dev failed"):
        jobs.review()
    assert world.records == ()
    assert "not the program of this change" in world.host.comments(jobs.number)[0]


def test_what_an_earlier_run_left_of_another_head_is_not_kept_for_this_one(world: World) -> None:
    machines(world).preview()
    world.commit({"Pulumi.dev.yaml": wanting(web=31)})
    jobs = Machines(world, world.opened or 0)
    with pytest.raises(Failed, match="preview of shop/dev failed"):
        jobs.review()
    assert world.records == ()


def test_a_plan_is_never_younger_than_its_review(world: World) -> None:
    """`gate.plan_age` counts from it."""
    jobs = machines(world)
    jobs.preview()
    forged(jobs, created_at="2999-01-01T00:00:00Z")
    jobs.review()
    [record] = world.records
    assert record.body["plan"]["created_at"] == world.clock.now().isoformat()


def test_changed_lines_need_not_be_unicode(world: World) -> None:
    world.open({"words.txt": "words"}, branch="feature")
    (world.clone / "words.txt").write_bytes(b"\xff\xfe\n")
    git.git(world.clone, "commit", "--quiet", "--all", "--message", "Bytes")
    git.git(world.clone, "push", "--quiet", "origin", "feature")
    jobs = Machines(world, world.opened or 0)
    jobs.preview()
    jobs.review()
    assert [(one.path, one.line) for one in world.host.checks()[jobs.head]["gitops dev"].annotations] == []


def test_a_run_by_hand_is_on_the_pull_requests_own_commit(world: World) -> None:
    """On main, the pull request's code could leave a cache there that an apply takes up, with its role."""
    number = world.open(SCALE)
    head = git.git(world.clone, "rev-parse", "origin/feature")
    by_hand = {"GITHUB_EVENT_NAME": "workflow_dispatch"}
    with pytest.raises(Refused, match="was started on another commit"):
        shards.of_pull_request(world.context(GITHUB_SHA=world.main(), **by_hand), number)
    assert shards.of_pull_request(world.context(GITHUB_SHA=head, **by_hand), number).head == head
