"""The folder: which one is meant, what it refuses to touch, and that one command works in it at a time."""

import threading
from pathlib import Path

import pytest

from gitops.errors import Failed, UsageError, Waiting
from gitops.sandbox.folder import NAME, VARIABLE, Folder, Record, Running, locate
from gitops.sandbox.remote import git


def test_the_folder_named_on_the_command_line_comes_first(tmp_path: Path) -> None:
    assert locate(Path("mine"), tmp_path, {VARIABLE: "/elsewhere"}).root == tmp_path / "mine"


def test_the_folder_of_the_shell_comes_before_what_lies_around(tmp_path: Path) -> None:
    assert locate(None, tmp_path, {VARIABLE: str(tmp_path / "shell")}).root == tmp_path / "shell"


def test_the_sandbox_is_found_from_inside_its_checkout(tmp_path: Path) -> None:
    folder = Folder(tmp_path / NAME)
    folder.create()
    inside = folder.checkout / "infra"
    inside.mkdir(parents=True)
    (folder.checkout / ".git").mkdir()
    assert locate(None, inside, {}) == folder


def test_without_any_sandbox_it_belongs_to_the_top_of_the_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert locate(None, tmp_path / "a" / "b", {}).root == tmp_path / NAME


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="not a sandbox"):
        Folder(tmp_path).create()
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_the_record_is_private_and_comes_back_as_written(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "s")
    folder.create()
    record = Record(ports={"etcd": 20_001}, running={"etcd": Running(42, 1.5)}, complete=True, source="/r")
    folder.write(record)
    assert folder.read() == record
    assert folder.record_file.stat().st_mode & 0o777 == 0o600
    assert folder.root.stat().st_mode & 0o777 == 0o700


def test_a_sandbox_in_a_repository_does_not_show_in_its_status(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    folder = Folder(tmp_path / NAME)
    folder.create()
    assert git(tmp_path, "status", "--porcelain") == b""


def test_a_record_that_cannot_be_understood_is_an_error_with_the_way_out(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "s")
    folder.create()
    folder.record_file.write_text("{")
    with pytest.raises(Failed, match="cannot be understood") as caught:
        folder.read()
    assert "sandbox down" in caught.value.hint


def test_an_interrupted_removal_can_be_finished(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "s")
    folder.create()
    (folder.state / "x").mkdir()
    for path in (folder.cluster, folder.logs):
        path.rmdir()
    folder.remove()
    assert not folder.root.exists()


def test_a_second_command_waits_and_then_says_so(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "s")
    with folder.locked(), pytest.raises(Waiting, match="Another"), folder.locked(patience=0.1):
        pass


def test_a_command_that_waited_for_a_removal_works_in_the_new_folder(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "s")
    held, seen = threading.Event(), []

    def wait_for_it() -> None:
        held.wait()
        with folder.locked(patience=10):
            folder.create()
            seen.append(folder.exists())

    other = threading.Thread(target=wait_for_it)
    other.start()
    with folder.locked():
        folder.create()
        held.set()
        folder.remove()
    other.join(timeout=10)
    assert seen == [True]
    assert folder.exists()


def test_a_command_that_found_nothing_to_do_leaves_no_folder(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "s")
    with folder.locked():
        pass
    assert not folder.root.exists()
