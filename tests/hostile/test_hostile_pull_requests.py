"""A corpus of hostile pull requests through the verbs of a preview: none leaks, none breaks the comment.

Git is real, the engine is a fake that creates what the config names. What forks get: tests/workflows.
"""

import json
from pathlib import Path

import pytest

from gitops.adapters.codehost.simulated.code_host import CODE_SCANNING
from gitops.verbs import explain, matrix, preview, review
from gitops.views.markdown.review_comment import COMMENT_LIMIT, STEP_SUMMARY_LIMIT, marker
from tests.hostile.corpus import CANARY, CORPUS, HostilePullRequest
from tests.operations.world import World
from tests.support import git
from tests.support.markup import only_ours

OUTPUTS = {
    *("alone", "base", "branch", "environment", "head", "legs", "number"),
    *(f"wave-{number}" for number in range(1, 5)),
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def opened(world: World, hostile: HostilePullRequest) -> int:
    """The pull request, on a main that holds what it starts from."""
    if hostile.base:
        world.push_to_main(hostile.base)
        things = json.loads(str(hostile.base["Pulumi.dev.yaml"]))["config"]["shop:things"]
        world.engine.states["dev"] = dict(things)
    world.commit(hostile.files, hostile.branch)
    return world.host.open(hostile.branch, "main", title=hostile.title, author="mallory")


@pytest.mark.parametrize("name", CORPUS)
def test_a_hostile_pull_request_gets_an_ordinary_review(
    world: World, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = CORPUS[name]()
    number = opened(world, hostile)
    places = {place: world.folder / place for place in ("outputs", "summary")}
    monkeypatch.setenv("GITHUB_OUTPUT", str(places["outputs"]))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(places["summary"]))
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", CANARY)
    monkeypatch.chdir(world.folder)

    world.run(matrix.command, "--pull-request", str(number))
    given = [line.split("=", 1) for line in places["outputs"].read_text(encoding="utf-8").splitlines()]
    assert {key for key, _ in given} == OUTPUTS
    assert len(given) == len(OUTPUTS)
    outputs = dict(given)

    change = ["--environment", outputs["environment"], "--base", outputs["base"], "--head", outputs["head"]]
    change += ["--pull-request", str(number)]
    [leg] = json.loads(outputs["legs"])
    result = world.folder / "previews" / "preview.json"
    result.parent.mkdir()
    world.run(preview.command, *change, "--leg", json.dumps(leg["stacks"]), "--output", str(result))
    world.run(review.command, *change, str(result.parent))

    [comment] = world.host.comments(number)
    assert comment.startswith(marker("dev"))
    assert len(comment.encode()) <= COMMENT_LIMIT
    only_ours(comment)
    summary = places["summary"].read_text(encoding="utf-8")
    assert len(summary.encode()) <= STEP_SUMMARY_LIMIT
    only_ours(summary)

    check = world.host.checks()[outputs["head"]]["gitops dev"]
    only_ours(check.summary)
    assert all("\n" not in one.title and "\n::" not in one.message for one in check.annotations)
    assert json.loads((world.remote / CODE_SCANNING).read_bytes())["runs"]

    log = "".join(capsys.readouterr())
    for line in log.splitlines():
        assert not line.lstrip().startswith("::"), line[:200]
        assert "##[" not in line
    assert "\x1b[2J" not in log
    for text in (log, comment, summary, result.read_text(encoding="utf-8"), str(check)):
        assert CANARY not in text
    assert list(world.folder.rglob("pwned")) == []


@pytest.mark.parametrize("name", ["a branch and a title that speak", "markup in names"])
def test_its_gate_is_explained_without_obeying_it(world: World, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    number = opened(world, CORPUS[name]())
    with pytest.raises(Exception, match="would not be applied"):
        world.run(explain.command, "--pull-request", str(number))
    assert not any(line.lstrip().startswith("::") for line in "".join(capsys.readouterr()).splitlines())


def test_files_that_git_cannot_name_in_text_affect_their_stacks(world: World) -> None:
    """A path that is not UTF-8 is a path all the same."""
    clone = world.clone
    git.git(clone, "checkout", "--quiet", "-b", "bytes", "origin/main")
    (Path(str(clone)) / "infra").mkdir()
    with open(bytes(clone) + b"/infra/\xff\xfe.py", "wb") as file:  # noqa: PTH123 - a path of bytes
        file.write(b"x = 1\n")
    git.git(clone, "add", "--all")
    git.git(clone, "commit", "--quiet", "-m", "bytes")
    git.git(clone, "push", "--quiet", "origin", "bytes")
    number = world.host.open("bytes", "main", title="bytes", author="mallory")
    world.opened = number
    review = world.preview("bytes")
    only_ours(world.host.comments(number)[0])
    assert [one.stack.label for one in review.stacks] == ["shop/dev"]
