"""`gitops sandbox` as a person meets it, as far as it goes without the engine."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gitops.errors import UsageError
from gitops.sandbox import remote
from gitops.sandbox.environment import exports
from gitops.sandbox.folder import Folder
from gitops.verbs.sandbox import sandbox
from tests.support.sandbox import small_repository


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A sandbox of which only the Git remote exists."""
    made = Folder(tmp_path / "sandbox")
    made.create()
    remote.create(made, small_repository(tmp_path / "source"), ["main", "prod"])
    return made


def run(folder: Folder, *arguments: str) -> Result:
    result = CliRunner().invoke(sandbox, [*arguments, "--folder", str(folder.root)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def pull_request(folder: Folder, *arguments: str) -> str:
    return run(folder, "pull-request", *arguments).output


def test_a_first_deploy_is_opened_approved_and_merged_by_three_short_commands(folder: Folder) -> None:
    assert pull_request(folder, "open", "--as", "ada") == (
        "Pull request 1 is open: first-deploy into main (simulated code host).\n"
    )
    assert "grace approved pull request 1 at " in pull_request(folder, "approve", "1", "--as", "grace")
    assert "Pull request 1 is merged into main as " in pull_request(folder, "merge", "1", "--as", "grace")
    assert remote.git(folder.remote, "cat-file", "-e", "main:Pulumi.yaml") == b""


def test_every_answer_says_that_the_code_host_is_simulated(folder: Folder) -> None:
    for arguments in (("open",), ("list",), ("show", "1"), ("approve", "1", "--as", "grace"), ("merge", "1")):
        assert "simulated code host" in pull_request(folder, *arguments)


def test_the_list_tells_which_approvals_still_hold(folder: Folder) -> None:
    pull_request(folder, "open", "--as", "ada", "--title", "First deploy")
    pull_request(folder, "approve", "1", "--as", "grace")
    assert "First deploy (by ada; open at " in pull_request(folder, "list")
    assert "approved by grace" in pull_request(folder, "list")
    (folder.checkout / "__main__.py").write_text("# changed\n")
    remote.publish_configuration(folder)
    assert "1 approved an earlier head" in pull_request(folder, "list")
    entry = json.loads(pull_request(folder, "list", "--json"))[0]
    assert (entry["number"], entry["branch"], entry["approvals"][0]["by"]) == (1, "first-deploy", "grace")


def test_show_prints_the_comments(folder: Folder) -> None:
    from gitops.verbs.sandbox_pull_request import host_of

    pull_request(folder, "open")
    host_of(folder).comment(1, "<!-- m -->", "<!-- m -->\n**2 to create**")
    assert "--- gitops ---\n<!-- m -->\n**2 to create**" in pull_request(folder, "show", "1")


def test_status_where_nothing_is_says_how_to_begin_and_exits_with_one(tmp_path: Path) -> None:
    result = run(Folder(tmp_path / "none"), "status")
    assert result.exit_code == 1
    assert "`gitops sandbox up` starts one" in result.output
    assert not (tmp_path / "none").exists()


def test_status_of_a_half_started_sandbox_is_not_ready(folder: Folder) -> None:
    result = run(folder, "status", "--json")
    found = json.loads(result.output)
    assert (result.exit_code, found["ready"]) == (1, False)
    assert {part["ready"] for part in found["parts"]} == {False}


def test_down_where_nothing_is_says_so_and_succeeds(tmp_path: Path) -> None:
    result = run(Folder(tmp_path / "none"), "down")
    assert (result.exit_code, result.output) == (0, f"There is no sandbox in {tmp_path / 'none'}.\n")


def test_down_removes_a_half_started_sandbox(folder: Folder) -> None:
    assert "is gone" in run(folder, "down").output
    assert not folder.root.exists()


def test_a_pull_request_without_a_sandbox_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no sandbox") as caught:
        run(Folder(tmp_path / "none"), "pull-request", "list")
    assert "sandbox up" in caught.value.hint


def test_exported_values_survive_the_shell() -> None:
    assert exports({"B": "it's $HOME", "A": ""}) == "export A=''\nexport B='it'\"'\"'s $HOME'\n"
