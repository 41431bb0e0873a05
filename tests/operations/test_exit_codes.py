"""Exit codes and messages of the whole command line, as a shell sees them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gitops.adapters.git.leases import GitLeases
from gitops.adapters.system.clock import SystemClock
from gitops.cli import run
from gitops.flow.leases import lease as leases
from gitops.model import Holder
from tests.operations.world import DEV, World, wanting
from tests.support import git

VERBS = ("affected", "preview", "up", "compliance", "repair", "status", "log", "demo", "sandbox", "toolchain")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("GITHUB_ACTIONS", "GITHUB_REF_NAME", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    made = World(tmp_path, clock=SystemClock())  # type: ignore[arg-type]
    git.git(made.clone, "checkout", "--quiet", "main")
    return made


def gitops(world: World, *arguments: str) -> int:
    return run(["-C", str(world.clone), *arguments])


def test_done_is_0(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert gitops(world, "log", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []
    assert gitops(world, "status") == 0
    assert "\x1b[" not in capsys.readouterr().out


@pytest.mark.parametrize("verb", [["status"], ["log"], ["up"], ["affected"], ["preview", "--base", "main"]])
def test_outside_of_a_repository_is_1_and_says_where(
    tmp_path: Path, verb: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    assert run(["-C", str(outside), *verb]) == 1
    assert "not inside a Git repository" in capsys.readouterr().err


@pytest.mark.parametrize("verb", [["status"], ["log"], ["up"], ["up", "--environment", "dev"]])
def test_a_remote_that_is_gone_is_1_and_nothing_is_applied(
    world: World, verb: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(world.remote)
    assert gitops(world, *verb) == 1
    told = capsys.readouterr().err
    assert "'origin'" in told
    assert "Traceback" not in told


@pytest.mark.parametrize("verb", [["status"], ["log"], ["up", "--environment", "dev"]])
def test_a_broken_gitops_yaml_is_2_with_file_line_and_key(
    world: World, verb: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    git.commit(world.clone, {"gitops.yaml": "version: 1\nenvironments:\n  - {name: dev, branch: main, stacks: dev}\n"})
    assert gitops(world, *verb) == 2
    assert "gitops.yaml:3: environments[0].stacks: Expected array, got str" in capsys.readouterr().err


def test_no_gitops_yaml_is_2(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    git.commit(world.clone, {"gitops.yaml": None})
    assert gitops(world, "status") == 2
    assert "gitops.yaml: commit" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["up", "--environment", "nope"], "no environment 'nope'"),
        (["up", "--nope"], "No such option"),
        (["nope"], "No such command"),
        (["log", "--last", "0"], "0 is not in the range"),
    ],
)
def test_a_wrong_request_is_2(
    world: World, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gitops(world, *arguments) == 2
    assert told in capsys.readouterr().err


def test_a_branch_without_an_environment_is_2_and_names_those_there_are(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    git.git(world.clone, "checkout", "--quiet", "-b", "feature")
    assert gitops(world, "up") == 2
    told = capsys.readouterr().err
    assert "No environment follows the branch 'feature'" in told
    assert "dev (main), prod (prod)" in told


def test_an_environments_branch_that_is_missing_is_1(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    git.git(world.remote, "branch", "-D", "prod")
    assert gitops(world, "up", "--environment", "prod") == 1
    assert "no branch 'prod'" in capsys.readouterr().err


def test_a_commit_that_is_not_on_the_branch_is_3(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    head = world.commit({"Pulumi.dev.yaml": wanting(web=20)})
    assert gitops(world, "up", "--environment", "dev", "--commit", head) == 3
    assert "is not on main" in capsys.readouterr().err


def test_a_stack_that_somebody_holds_is_4(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    holder = Holder("eve", "elsewhere", 9, "up", "run of eve")
    lease = leases.granted(DEV, holder, SystemClock().now(), 60)
    GitLeases(world.context().git).swap(DEV, None, lease)
    assert gitops(world, "up", "--environment", "dev", "--wait", "0s") == 4
    assert "leased to eve on elsewhere" in capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_every_verb_has_an_example_and_the_exit_codes(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([verb, "--help"]) == 0
    told = capsys.readouterr().out
    assert f"\n  gitops {verb}" in told
    assert "\b" not in told
    assert "Exit codes: 0 done, 1 failed, 2 usage, 3 refused by a gate, 4 waiting" in told


def test_the_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    told = capsys.readouterr().out
    assert all(f"\n  {verb} " in told for verb in VERBS)


def test_a_full_disk_is_1_and_no_traceback() -> None:
    with Path("/dev/full").open("w") as full:
        done = _help(stdout=full.fileno())
    assert done.returncode == 1
    assert "Failed: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_went_away_is_not_complained_about() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = _help(stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def _help(stdout: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-P", "-m", "gitops", "--help"]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)
