"""What each workflow hands to its verb, under act, with a verb that only writes down what it was given.

The repository here is not this one: it has the real `.github`, and a `gitops` that records. That keeps these
cases short; the pipeline itself runs in test_workflows_end_to_end.py. Which events start a workflow is not
tested here: act runs the one it is given.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workflows.acting import ROOT, Act, Finished, Settings
from tests.workflows.simulated_github import TOKEN, SimulatedGitHub

# Stands where `gitops.toolchain` is: "installs" the recording verb.
RECORDING_TOOLCHAIN = '''
import sys, pathlib
print("simulated toolchain:", *sys.argv[1:])
binary = pathlib.Path(".venv/bin/gitops")
binary.parent.mkdir(parents=True)
binary.write_text("""#!/usr/bin/env python3
import json, os, subprocess, sys
fill = subprocess.run(["git", "credential", "fill"], input="protocol=https\\\\nhost=github.com\\\\n\\\\n",
                      capture_output=True, text=True, env={**os.environ, "GIT_TERMINAL_PROMPT": "0"})
record = {"arguments": sys.argv[1:], "environment": dict(os.environ), "credential": fill.stdout.splitlines()}
record["head"] = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
record["kept"] = subprocess.run(["git", "grep", "-c", "--no-index", os.environ["GITHUB_TOKEN"]],
                                capture_output=True, text=True).stdout
open(os.environ["RECORD"], "w").write(json.dumps(record))
""")
binary.chmod(0o755)
'''


class Wired:
    """A simulated repository with the recording verb, and what the last run of it was given."""

    def __init__(self, github: SimulatedGitHub, folder: Path) -> None:
        self.github = github
        self.record = folder / "record.json"
        self.settings = Settings(
            variables={"PULUMI_BACKEND_URL": "s3://state", "AWS_ROLE": "arn:aws:iam::1:role/reader"},
            secrets={"PULUMI_CONFIG_PASSPHRASE": "simulated passphrase"},
            runner={"RECORD": str(self.record), "SIMULATED_PYTHON": "true"},
        )
        self.act = Act(github, folder, self.settings)

    def given(self) -> dict[str, object]:
        loaded = json.loads(self.record.read_text(encoding="utf-8"))
        assert isinstance(loaded, dict)
        return loaded

    def was_not_called(self) -> bool:
        return not self.record.exists()


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[Wired]:
    work, remote = tmp_path / "work", tmp_path / "remote.git"
    (work / "gitops/toolchain").mkdir(parents=True)
    (work / "gitops/__init__.py").touch()
    (work / "gitops/toolchain/__init__.py").touch()
    (work / "gitops/toolchain/__main__.py").write_text(RECORDING_TOOLCHAIN, encoding="utf-8")
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


def test_a_preview_is_told_its_base_head_and_number(wired: Wired) -> None:
    head = branch(wired, "feature")
    number = wired.github.open("feature", "main")
    succeeded(wired.act.pull_request(number))
    given = wired.given()
    expected = ["preview", "--base", "origin/main", "--head", head, "--pull-request", str(number)]
    assert given["arguments"] == expected
    assert given["head"] == head


def test_an_apply_stands_on_the_merged_commit_and_knows_its_branch(wired: Wired) -> None:
    branch(wired, "feature")
    commit = wired.github.merge(wired.github.open("feature", "main"))
    succeeded(wired.act.push("main"))
    given = wired.given()
    assert (given["arguments"], given["head"]) == (["up", "--commit", commit], commit)
    assert given["environment"]["GITHUB_REF_NAME"] == "main"


def test_a_verb_gets_its_settings_and_git_gets_the_token_without_a_file(wired: Wired) -> None:
    branch(wired, "feature")
    run = wired.act.pull_request(wired.github.open("feature", "main"))
    succeeded(run)
    given = wired.given()
    environment = given["environment"]
    assert environment["PULUMI_BACKEND_URL"] == "s3://state"
    assert environment["PULUMI_CONFIG_PASSPHRASE"] == "simulated passphrase"
    assert (environment["GITHUB_API_URL"], environment["GITHUB_TOKEN"]) == (wired.github.url, TOKEN)
    assert {"username=x-access-token", f"password={TOKEN}"} <= set(given["credential"])
    assert given["kept"] == ""
    assert TOKEN not in run.output


def test_a_role_in_aws_is_taken_where_one_is_set(wired: Wired) -> None:
    branch(wired, "feature")
    run = wired.act.pull_request(wired.github.open("feature", "main"))
    assert "would take arn:aws:iam::1:role/reader for 3600 s" in run.output
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
    assert list(wired.record.parent.rglob("pwned")) == []


def test_a_fork_gets_no_preview_and_is_told_why(wired: Wired) -> None:
    branch(wired, "feature")
    number = wired.github.open("feature", "main")
    event = wired.github.pull_request_event(number)
    event["pull_request"]["head"]["repo"]["full_name"] = "stranger/infrastructure"
    run = wired.act.pull_request(number, pull_request=event["pull_request"])
    assert run.code != 0
    assert "comes from a fork" in run.output
    assert wired.was_not_called()


def test_an_edited_title_is_no_reason_for_a_preview(wired: Wired) -> None:
    branch(wired, "feature")
    number = wired.github.open("feature", "main")
    succeeded(wired.act.pull_request(number, "edited", changes={"title": {"from": "Old"}}))
    assert wired.was_not_called()


def test_an_edited_base_branch_is(wired: Wired) -> None:
    branch(wired, "feature")
    number = wired.github.open("feature", "main")
    succeeded(wired.act.pull_request(number, "edited", changes={"base": {"ref": {"from": "staging"}}}))
    assert not wired.was_not_called()
