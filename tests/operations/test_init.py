"""`gitops init` on real Git: what it writes into a repository that exists, what it starts anew, what it refuses."""

import os
import pty
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gitops.adapters.system import shipped
from gitops.cli import run
from gitops.config import settings
from gitops.flow.doctor import workflows
from gitops.toolchain import tools
from tests.support import git

ROOT = Path(__file__).parents[2]
ACTION = f"example/gitops@{'0123456789' * 4}"
FILES = {
    "Pulumi.yaml": "name: shop\nruntime: python\n",
    "__main__.py": "import pulumi\n",
    "Pulumi.dev.yaml": "config: {}\n",
    "Pulumi.prod.yaml": "config: {}\n",
    "network/Pulumi.yaml": "name: network\nruntime: python\n",
    "network/__main__.py": "import pulumi\n",
    "network/Pulumi.prod-eu.yaml": "config: {}\n",
    "network/Pulumi.spare.yaml": "config: {}\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = git.create(tmp_path / "shop", FILES)
    git.git(made, "branch", "--move", "trunk")
    return made


def init(folder: Path, *options: str) -> int:
    return run(["-C", str(folder), "init", "--action", ACTION, *options])


def files(folder: Path) -> Mapping[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def parsed(folder: Path) -> settings.Config:
    return settings.parse((folder / settings.FILE).read_bytes())


def test_it_writes_gitops_yaml_and_the_workflows_and_nothing_else(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(folder)
    assert init(folder, "--yes") == 0
    after = files(folder)
    written = set(after) - set(before)
    ours = {path for path, text in shipped.workflow_files().items() if workflows.is_pipelines(text)}
    assert written == {settings.FILE, *ours}
    assert {".github/workflows/preview.yml", ".github/workflows/apply.yml"} <= ours
    assert ".github/workflows/ci.yml" not in ours
    assert {path: after[path] for path in before} == before
    assert [(one.name, one.branch, one.stacks) for one in parsed(folder).environments] == [
        ("dev", "trunk", ("dev",)),
        ("prod", "prod", ("prod", "prod-eu")),
    ]
    out = capsys.readouterr().out
    assert "In no environment, so not previewed or applied: network/spare." in out
    assert "`gitops doctor`" in out


def test_what_it_wrote_is_a_change_that_affects_every_stack(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init(folder, "--yes") == 0
    git.commit(folder, {})
    capsys.readouterr()
    assert run(["-C", str(folder), "affected", "--base", "HEAD~1"]) == 0
    out = capsys.readouterr().out
    assert {line.split()[0] for line in out.splitlines()} == {
        "network/prod-eu",
        "network/spare",
        "shop/dev",
        "shop/prod",
    }


def test_the_workflows_name_the_action_by_commit_and_the_environments_branches(folder: Path) -> None:
    assert init(folder, "--yes") == 0
    for file in sorted((folder / workflows.FOLDER).glob("*.yml")):
        content = file.read_bytes()
        assert workflows.unpinned(content) == ()
        assert f"uses: {ACTION} # gitops ".encode() in content
        assert b"uses: ./" not in content
        for event in ("pull_request", "merge_group", "push"):
            assert (workflows.branches(content, event) or frozenset()) <= {"trunk", "prod"}, (file.name, event)
    assert workflows.branches((folder / ".github/workflows/apply.yml").read_bytes(), "push") == {"trunk", "prod"}


def test_actionlint_and_zizmor_find_nothing_in_them(folder: Path) -> None:
    assert init(folder, "--yes") == 0
    (folder / ".github/actionlint.yaml").write_bytes((ROOT / ".github/actionlint.yaml").read_bytes())
    actionlint = tools.find(["actionlint"]).path("actionlint")
    linted = subprocess.run([actionlint, "-no-color"], cwd=folder, capture_output=True, text=True, check=False)
    assert (linted.returncode, linted.stdout) == (0, "")
    zizmor = [Path(sys.executable).with_name("zizmor"), "--offline", "--persona=auditor", "--no-progress"]
    settings = ["--config", ROOT / ".github/zizmor.yml"]
    audited = subprocess.run(
        [*zizmor, *settings, "--color=never", folder / ".github"], capture_output=True, text=True, check=False
    )
    assert audited.returncode == 0, audited.stdout


def test_the_machines_that_run_programs_install_what_those_import(folder: Path) -> None:
    git.commit(folder, {"requirements.txt": "pulumi-random==4.18.0 --hash=sha256:aa\n"})
    assert init(folder, "--yes") == 0
    for name in (workflows.PREVIEWS, workflows.APPLIES):
        jobs = (workflows.load((folder / workflows.FOLDER / name).read_bytes()) or {})["jobs"].values()
        used = [step["with"] for job in jobs for step in job.get("steps", ()) if step.get("uses") == ACTION]
        assert used
        assert all(("requirements" in one) is (one.get("for") != "environment") for one in used)


def test_a_person_at_a_terminal_is_asked_and_an_empty_answer_takes_what_is_proposed(folder: Path) -> None:
    terminal, side = pty.openpty()
    command = [
        sys.executable,
        "-c",
        "from gitops.cli import main; main()",
        "-C",
        str(folder),
        "init",
        "--action",
        ACTION,
    ]
    os.write(terminal, b"dev live\n\n\n\nprod network/prod-*\n")
    done = subprocess.run(command, stdin=side, capture_output=True, text=True, check=False, cwd=ROOT)
    os.close(terminal)
    os.close(side)
    assert done.returncode == 0, done.stderr
    assert "Found 4 stacks: shop/dev, shop/prod, network/prod-eu and network/spare." in done.stdout
    assert [(one.name, one.branch, one.stacks) for one in parsed(folder).environments] == [
        ("dev", "trunk", ("dev",)),
        ("live", "live", ("prod", "network/prod-*")),
    ]


def test_once_more_it_changes_nothing_also_before_it_is_committed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(folder, "--yes") == 0
    before = files(folder)
    capsys.readouterr()
    assert init(folder, "--yes") == 0
    assert files(folder) == before
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines() if line.endswith((".yml", ".yaml"))} == {
        "unchanged"
    }


def test_environments_can_be_given(folder: Path) -> None:
    assert init(folder, "--environment", "one=trunk:dev", "--environment", "two=live:network/*") == 0
    assert [(one.name, one.branch, one.stacks) for one in parsed(folder).environments] == [
        ("one", "trunk", ("dev",)),
        ("two", "live", ("network/*",)),
    ]
    assert workflows.branches((folder / ".github/workflows/apply.yml").read_bytes(), "push") == {"trunk", "live"}


def test_the_first_environment_follows_the_remotes_default_branch(folder: Path, tmp_path: Path) -> None:
    git.git(tmp_path, "clone", "--quiet", str(folder), "clone")
    git.git(tmp_path / "clone", "checkout", "--quiet", "-b", "my-change")
    assert init(tmp_path / "clone", "--yes") == 0
    assert parsed(tmp_path / "clone").environments[0].branch == "trunk"


def test_a_dry_run_shows_all_and_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(folder)
    assert init(folder, "--yes", "--dry-run") == 0
    out = capsys.readouterr().out
    assert files(folder) == before
    assert "would write  .github/workflows/apply.yml" in out
    assert "  |   - name: dev" in out


# --- refusals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["gitops.yaml", ".github/workflows/apply.yml"])
def test_another_file_that_is_there_is_refused_by_name_and_nothing_is_written(
    folder: Path, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    git.commit(folder, {path: "# mine\n"})
    before = files(folder)
    assert init(folder, "--yes") == 3
    assert f"There already, and different: {path}. Nothing was written." in capsys.readouterr().err
    assert files(folder) == before
    assert init(folder, "--yes", "--dry-run") == 3
    assert f"differs      {path}" in capsys.readouterr().out


def test_a_folder_that_leads_out_of_the_repository_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (folder / ".github").symlink_to(tmp_path / "elsewhere")
    git.commit(folder, {})
    assert init(folder, "--yes") == 3
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"Pulumi.yaml": "name: [\n"}, "Pulumi.yaml:2: not valid YAML"),
        ({"Pulumi.yaml": None, "network/Pulumi.yaml": None}, "no Pulumi.yaml is committed"),
        ({path: None for path in FILES if ".dev." in path or ".prod" in path or ".spare" in path}, "has no stack"),
    ],
)
def test_a_repository_that_is_not_ready_is_told_why(
    folder: Path, broken: Mapping[str, Any], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    git.commit(folder, broken)
    before = files(folder)
    assert init(folder, "--yes") == 2
    assert says in capsys.readouterr().err
    assert files(folder) == before


def test_a_folder_that_is_no_repository_or_has_no_commit_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path, "--yes") == 1
    assert "is not inside a Git repository" in capsys.readouterr().err
    git.create(tmp_path / "empty")
    assert init(tmp_path / "empty", "--yes") == 2
    assert "has no commit yet" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["Pulumi.yaml", "network/new.py"])
def test_changes_that_are_not_committed_are_named(folder: Path, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / path).write_text("# changed\n")
    assert init(folder, "--yes") == 2
    assert f"changes that are not committed: {path}." in capsys.readouterr().err
    assert not (folder / settings.FILE).exists()


def test_where_no_order_can_be_told_or_nobody_asked_it_says_how_to_name_it(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(folder) == 2
    assert "no terminal to ask on" in capsys.readouterr().err
    colourful = {"Pulumi.yaml": FILES["Pulumi.yaml"], "Pulumi.blue.yaml": "", "Pulumi.red.yaml": ""}
    colours = git.create(tmp_path / "colours", colourful)
    assert init(colours, "--yes") == 2
    assert "--environment NAME=BRANCH" in capsys.readouterr().err


def test_an_environment_without_any_stack_is_a_mistake(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init(folder, "--environment", "dev=trunk:nothing-like-it") == 2
    assert "No stack belongs to the environment dev." in capsys.readouterr().err


def test_an_action_that_can_move_is_a_mistake(folder: Path) -> None:
    assert run(["-C", str(folder), "init", "--yes", "--action", "example/gitops@main"]) == 2


# --- new --------------------------------------------------------------------------------------------


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in git.IDENTITY.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("identity")
def test_a_new_repository_has_the_example_a_first_commit_and_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path, "--new", "infrastructure") == 0
    made = tmp_path / "infrastructure"
    assert git.git(made, "status", "--porcelain") == ""
    assert git.git(made, "log", "--format=%an %s") == "Test Author Start from the example of gitops"
    assert git.git(made, "branch", "--show-current") == "main"
    assert (made / "policy/__main__.py").stat().st_mode & 0o100
    capsys.readouterr()
    assert run(["-C", str(made), "affected"]) == 0
    out = capsys.readouterr().out
    assert {line.split()[0] for line in out.splitlines()} == {
        "infrastructure/dev", "infrastructure/staging", "infrastructure/prod", "bootstrap/bootstrap",
    }  # fmt: skip
    assert parsed(made).environments == settings.parse((ROOT / settings.FILE).read_bytes()).environments


@pytest.mark.usefixtures("identity")
def test_the_example_says_nothing_of_files_that_it_does_not_have(tmp_path: Path) -> None:
    assert init(tmp_path, "--new", "made") == 0
    written = {path: text for path, text in files(tmp_path / "made").items() if path.endswith((".yml", "gitops.yaml"))}
    assert [path for path, text in written.items() if b" docs/" in text or b"(docs/" in text] == []


def test_a_folder_that_is_not_empty_is_refused(folder: Path) -> None:
    before = files(folder)
    assert init(folder.parent, "--new", folder.name) == 3
    assert files(folder) == before


def test_the_wheel_ships_what_a_checkout_has() -> None:
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    included = {source: target for source, target in built["force-include"].items() if source != "toolchain"}
    assert included == {path: f"gitops/shipped/{path}" for path in (shipped.WORKFLOWS, *shipped.example())}
    assert all((ROOT / path).exists() for path in included)
