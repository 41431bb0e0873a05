"""What each workflow hands to its verb, under act, with a verb that only writes down what it was given.

The repository here is not this one: it has the real `.github`, and a `gitops` that records. That keeps these
cases short; the pipeline itself runs in test_workflows_end_to_end.py. Which events start a workflow is not
tested here: act runs the one it is given.
"""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.workflows.acting import ROOT, Act, Finished, Settings
from tests.workflows.simulated_github import TOKEN, SimulatedGitHub

# Stands where `gitops.toolchain` is: "installs" the recording verb.
RECORDING_TOOLCHAIN = """
import sys, pathlib
print("simulated toolchain:", *sys.argv[1:])
binary = pathlib.Path(".venv/bin/gitops")
binary.parent.mkdir(parents=True)
binary.write_text(VERB)
binary.chmod(0o755)
"""
# What it writes down: its arguments, what it is given, and where it stands. `matrix` answers with RECORDED_LEGS.
RECORDING_VERB = r"""#!/usr/bin/env python3
import json, os, pathlib, subprocess, sys
def git(*arguments, **given):
    quiet = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    return subprocess.run(["git", *arguments], capture_output=True, text=True, env=quiet, **given).stdout
token = os.environ["GITHUB_TOKEN"]
record = {
    "arguments": sys.argv[1:],
    "environment": dict(os.environ),
    "credential": git("credential", "fill", input="protocol=https\nhost=github.com\n\n").splitlines(),
    "head": git("rev-parse", "HEAD").strip(),
    "kept": git("grep", "-c", "--no-index", token),
    "event": json.loads(pathlib.Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8")),
    "previews": sorted(str(path) for path in pathlib.Path().glob("previews/**/*.json")),
}
folder = pathlib.Path(os.environ["RECORD"])
folder.mkdir(exist_ok=True)
(folder / f"{len(list(folder.iterdir())):02}-{sys.argv[1]}-{os.getpid()}.json").write_text(json.dumps(record))
if sys.argv[1] == "matrix":
    head = record["head"]
    outputs = {"environment": "dev", "branch": "main", "base": "1" * 40, "head": head, "number": "1"}
    outputs |= json.loads(os.environ["RECORDED_LEGS"])
    with open(os.environ["GITHUB_OUTPUT"], "a") as file:
        file.writelines(f"{name}={value}\n" for name, value in outputs.items())
if "--output" in sys.argv:
    pathlib.Path(sys.argv[sys.argv.index("--output") + 1]).write_text("{}")
sys.exit(int(os.environ.get("RECORDED_EXIT", "0")))
"""
ONE = json.dumps([{"number": 1, "title": "1 of 1", "stacks": ["shop/dev"]}])
TWO = json.dumps(
    [
        {"number": 1, "title": "1 of 2", "stacks": ["shop/a", "shop/b"]},
        {"number": 2, "title": "2 of 2", "stacks": ["shop/$(id)"]},
    ]
)
ALONE = {"legs": ONE, "alone": "true", "wave-1": ONE, "wave-2": "[]", "wave-3": "[]", "wave-4": "[]"}


class Wired:
    """A simulated repository with the recording verb, and what each run of it was given."""

    def __init__(self, github: SimulatedGitHub, folder: Path) -> None:
        self.github = github
        self.record = folder / "record"
        self.folder = folder
        self.act = self.acting(ALONE)

    def acting(self, outputs: Mapping[str, str], **more: str) -> Act:
        """act, where `gitops matrix` gives these outputs, and `more` is in the runner's environment."""
        settings = Settings(
            variables={"PULUMI_BACKEND_URL": "s3://state", "AWS_ROLE": "arn:aws:iam::1:role/reader"},
            secrets={"PULUMI_CONFIG_PASSPHRASE": "simulated passphrase"},
            runner={
                "RECORD": str(self.record),
                "SIMULATED_PYTHON": "true",
                "RECORDED_LEGS": json.dumps(outputs),
                **more,
            },
        )
        folder = self.folder / f"act-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        return Act(self.github, folder, settings)

    def given(self, verb: str) -> list[dict[str, Any]]:
        """What each run of the verb was given, in their order."""
        files = sorted(self.record.glob(f"*-{verb}-*.json"))
        return [json.loads(file.read_text(encoding="utf-8")) for file in files]

    def was_not_called(self) -> bool:
        return not self.record.exists()


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[Wired]:
    work, remote = tmp_path / "work", tmp_path / "remote.git"
    (work / "gitops/toolchain").mkdir(parents=True)
    (work / "gitops/__init__.py").touch()
    (work / "gitops/toolchain/__init__.py").touch()
    toolchain = f"VERB = {RECORDING_VERB!r}\n{RECORDING_TOOLCHAIN}"
    (work / "gitops/toolchain/__main__.py").write_text(toolchain, encoding="utf-8")
    (work / "toolchain").mkdir()
    (work / "Makefile").write_text("test long kills:\n\t@echo simulated target $@\n", encoding="utf-8")
    for pins in ("requirements.lock", "toolchain/pins.toml"):
        (work / pins).touch()
    git(work, "init", "--quiet", "--initial-branch=main")
    git(work, "commit", "--quiet", "--allow-empty", "-m", "Start")
    subprocess.run(["cp", "-r", ROOT / ".github", ROOT / "action.yml", work], check=True)
    git(work, "add", ".")
    git(work, "commit", "--quiet", "-m", "Bring in the workflows")
    git(tmp_path, "clone", "--quiet", "--bare", str(work), str(remote))
    with SimulatedGitHub(remote) as github:
        yield Wired(github, tmp_path)


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True)


def branch(wired: Wired, name: str) -> str:
    """A branch with one commit more than main."""
    tree, parent = wired.github.git("rev-parse", "main^{tree}"), wired.github.git("rev-parse", "main")
    commit = wired.github.git("commit-tree", tree, "-p", parent, "-m", "A change")
    wired.github.git("update-ref", f"refs/heads/{name}", commit)
    return commit


def succeeded(run: Finished) -> None:
    assert run.code == 0, run.output


def test_each_job_of_a_preview_runs_one_verb_and_hands_over_to_the_next(wired: Wired) -> None:
    head = branch(wired, "feature")
    number = wired.github.open("feature", "main")
    succeeded(wired.act.pull_request(number))
    [matrix], [preview], [review] = wired.given("matrix"), wired.given("preview"), wired.given("review")
    change = ["--environment", "dev", "--base", "1" * 40, "--head", head, "--pull-request", "1"]
    assert matrix["arguments"] == ["matrix", "--pull-request", str(number)]
    assert preview["arguments"][:-4] == ["preview", *change]
    assert preview["arguments"][-4::2] == ["--leg", "--output"]
    assert json.loads(preview["arguments"][-3]) == ["shop/dev"]
    assert review["arguments"] == ["review", *change, "--report", "report.html", "previews"]
    assert review["previews"] == ["previews/preview-1/preview.json"]
    assert {one["head"] for one in (matrix, preview, review)} == {head}


def test_a_preview_is_spread_over_machines_and_comes_together_in_one_review(wired: Wired) -> None:
    branch(wired, "feature")
    act = wired.acting({**ALONE, "legs": TWO})
    succeeded(act.pull_request(wired.github.open("feature", "main")))
    stacks = [json.loads(given["arguments"][-3]) for given in wired.given("preview")]
    assert sorted(stacks) == [["shop/$(id)"], ["shop/a", "shop/b"]]
    [review] = wired.given("review")
    assert review["previews"] == ["previews/preview-1/preview.json", "previews/preview-2/preview.json"]


def test_where_nothing_is_to_be_previewed_the_review_says_so(wired: Wired) -> None:
    branch(wired, "feature")
    succeeded(wired.acting({**ALONE, "legs": "[]"}).pull_request(wired.github.open("feature", "main")))
    assert wired.given("preview") == []
    assert len(wired.given("review")) == 1


def test_a_pull_request_that_a_workflow_opened_is_previewed_by_hand(wired: Wired) -> None:
    branch(wired, "feature")
    number = wired.github.open("feature", "main")
    succeeded(wired.act.started("preview", {"pull_request": str(number)}, "feature"))
    [matrix], [preview], [review] = wired.given("matrix"), wired.given("preview"), wired.given("review")
    assert matrix["arguments"] == ["matrix", "--pull-request", str(number)]
    assert preview["arguments"][0] == "preview"
    assert "--queued" not in review["arguments"]


def test_this_repository_tests_itself(wired: Wired) -> None:
    """`make` here is a stand-in: the tests would start themselves."""
    branch(wired, "feature")
    wired.github.merge(wired.github.open("feature", "main"))
    run = wired.act.push("main", "ci")
    succeeded(run)
    assert "simulated toolchain: install --for test" in run.output
    assert [target for target in ("test", "long", "kills") if f"simulated target {target}" not in run.output] == []
    assert {"3.11", "3.13"} <= set(re.findall(r"Test \(Python (3\.\d+)\)", run.output))


def test_a_merge_queue_is_previewed_and_judged(wired: Wired) -> None:
    branch(wired, "feature")
    number = wired.github.open("feature", "main")
    succeeded(wired.act.merge_group(number))
    [matrix], [preview], [review] = wired.given("matrix"), wired.given("preview"), wired.given("review")
    base = wired.github.git("rev-parse", "main")
    assert matrix["arguments"] == ["matrix", "--queued", f"refs/heads/gh-readonly-queue/main/pr-{number}-{base}"]
    assert "--queued" in review["arguments"]
    merge = wired.github.git("rev-parse", f"gh-readonly-queue/main/pr-{number}-{base}")
    assert {one["head"] for one in (matrix, preview, review)} == {merge}


def test_an_apply_stands_on_the_merged_commit_and_knows_its_branch(wired: Wired) -> None:
    branch(wired, "feature")
    commit = wired.github.merge(wired.github.open("feature", "main"))
    succeeded(wired.act.push("main"))
    [matrix], [up] = wired.given("matrix"), wired.given("up")
    assert matrix["arguments"] == ["matrix", "--apply", "main", "--commit", commit]
    assert (up["arguments"], up["head"]) == (["up", "--commit", commit], commit)
    assert up["environment"]["GITHUB_REF_NAME"] == "main"


def test_an_apply_on_several_machines_is_judged_first_and_goes_in_waves(wired: Wired) -> None:
    branch(wired, "feature")
    commit = wired.github.merge(wired.github.open("feature", "main"))
    act = wired.acting({"legs": TWO, "alone": "", "wave-1": TWO, "wave-2": ONE, "wave-3": "[]", "wave-4": "[]"})
    succeeded(act.push("main"))
    runs = [given["arguments"] for given in wired.given("up")]
    assert [run[:4] for run in runs] == [["up", "--commit", commit, "--leg"]] * 5
    assert [run[5:] for run in runs] == [["--dry-run"], ["--dry-run"], [], [], []]
    assert json.loads(runs[-1][4]) == ["shop/dev"]


def test_a_verb_gets_its_settings_and_git_gets_the_token_without_a_file(wired: Wired) -> None:
    branch(wired, "feature")
    run = wired.act.pull_request(wired.github.open("feature", "main"))
    succeeded(run)
    [preview], [review] = wired.given("preview"), wired.given("review")
    assert preview["environment"]["PULUMI_BACKEND_URL"] == "s3://state"
    assert preview["environment"]["PULUMI_CONFIG_PASSPHRASE"] == "simulated passphrase"
    # Who may write gets nothing that opens a stack, and runs nothing of the program.
    assert "PULUMI_CONFIG_PASSPHRASE" not in review["environment"]
    for given in (preview, review):
        environment = given["environment"]
        assert (environment["GITHUB_API_URL"], environment["GITHUB_TOKEN"]) == (wired.github.url, TOKEN)
        assert {"username=x-access-token", f"password={TOKEN}"} <= set(given["credential"])
        assert given["kept"] == ""
    assert TOKEN not in run.output


def test_a_role_in_aws_is_taken_by_the_job_that_previews_alone(wired: Wired) -> None:
    branch(wired, "feature")
    run = wired.act.pull_request(wired.github.open("feature", "main"))
    assert run.output.count("would take arn:aws:iam::1:role/reader for 3600 s") == 1
    assert "update-kubeconfig" not in run.output


def test_an_apply_holds_its_role_as_long_as_its_job_may_take(wired: Wired) -> None:
    branch(wired, "feature")
    wired.github.merge(wired.github.open("feature", "main"))
    run = wired.act.push("main")
    assert "would take arn:aws:iam::1:role/reader for 10800 s" in run.output


def test_names_and_titles_stay_data(wired: Wired) -> None:
    hostile = "$(touch${IFS}pwned)`id`"
    branch(wired, hostile)
    number = wired.github.open(hostile, "main", title='"; touch pwned; echo "')
    succeeded(wired.act.pull_request(number))
    assert list(wired.folder.rglob("pwned")) == []


def test_a_fork_gets_no_preview_and_is_told_why(wired: Wired) -> None:
    branch(wired, "feature")
    number = wired.github.open("feature", "main")
    event = wired.github.pull_request_event(number)
    event["pull_request"]["head"]["repo"]["full_name"] = "stranger/infrastructure"
    run = wired.act.pull_request(number, pull_request=event["pull_request"])
    assert run.code != 0
    assert "comes from a fork" in run.output
    assert wired.was_not_called()


def test_an_edited_title_leaves_no_skipped_check_behind(wired: Wired) -> None:
    """GitHub takes a skipped required check for a passed one."""
    branch(wired, "feature")
    number = wired.github.open("feature", "main")
    succeeded(wired.act.pull_request(number, "edited", changes={"title": {"from": "Old"}}))
    assert len(wired.given("review")) == 1


# --- command ----------------------------------------------------------------------------------------

HOSTILE = "$(touch${IFS}pwned)`id`"


def commented(wired: Wired, body: str, **payload: object) -> Finished:
    """The workflow's run for a comment below a pull request whose branch is called something hostile."""
    branch(wired, HOSTILE)
    number = wired.github.open(HOSTILE, "main", title='"; touch pwned; echo "')
    return wired.act.comment(number, wired.github.say(number, "mallory", body), **payload)


def test_a_command_runs_on_the_default_branch_and_reads_its_comment_from_a_file(wired: Wired) -> None:
    body = "/gitops preview $(touch pwned) `touch pwned` ${{ github.token }}\n'; touch pwned; '\n::error::pwned"
    succeeded(commented(wired, body))
    [given] = wired.given("command")
    assert (given["arguments"], given["head"]) == (["command"], wired.github.git("rev-parse", "main"))
    assert given["event"]["comment"]["body"] == body
    assert [name for name, value in given["environment"].items() if "touch pwned" in value] == []
    assert list(wired.folder.rglob("pwned")) == []


def test_a_command_has_the_token_and_no_setting_of_an_environment(wired: Wired) -> None:
    run = commented(wired, "/gitops help")
    succeeded(run)
    [given] = wired.given("command")
    environment = given["environment"]
    assert environment["GITHUB_TOKEN"] == TOKEN
    assert f"password={TOKEN}" in given["credential"]
    assert given["kept"] == ""
    assert not {"PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE"} & environment.keys()
    assert "would take arn:" not in run.output


@pytest.mark.parametrize("body", ["Please do /gitops preview", "> /gitops preview", ""])
def test_any_other_comment_starts_nothing(wired: Wired, body: str) -> None:
    succeeded(commented(wired, body))
    assert wired.was_not_called()


def test_a_comment_on_an_issue_starts_nothing(wired: Wired) -> None:
    succeeded(commented(wired, "/gitops preview", issue={"number": 1}))
    assert wired.was_not_called()
