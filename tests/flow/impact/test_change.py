"""Reading Git's raw difference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.errors import GitFailed
from gitops.flow.impact.change import parse_raw_diff
from gitops.model import FileChange, FileStatus

ZERO, ONE = b"0" * 40, b"1" * 40


def entry(status: bytes, *paths: bytes, modes: tuple[bytes, bytes] = (b"100644", b"100644")) -> bytes:
    return b":%s %s %s %s %s\0" % (*modes, ZERO, ONE, status) + b"".join(path + b"\0" for path in paths)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (b"A", FileStatus.ADDED),
        (b"M", FileStatus.MODIFIED),
        (b"D", FileStatus.DELETED),
        (b"T", FileStatus.CHANGED),
        (b"X", FileStatus.CHANGED),
        (b"Q", FileStatus.CHANGED),
    ],
)
def test_a_status_that_does_not_name_one_file_change_counts_as_changed(status: bytes, expected: FileStatus) -> None:
    assert parse_raw_diff(entry(status, b"a.py")) == (FileChange("a.py", expected),)


def test_a_rename_that_comes_all_the_same_counts_for_both_paths() -> None:
    assert [c.path for c in parse_raw_diff(entry(b"R100", b"old.py", b"new.py"))] == ["old.py", "new.py"]


def test_a_submodule_counts_as_changed_because_git_does_not_look_inside() -> None:
    assert parse_raw_diff(entry(b"M", b"lib", modes=(b"160000", b"160000")))[0].status is FileStatus.CHANGED


def test_no_output_is_no_change() -> None:
    assert parse_raw_diff(b"") == ()


@given(st.lists(st.binary(min_size=1).filter(lambda path: b"\0" not in path)))
def test_every_path_survives_whatever_its_bytes(paths: list[bytes]) -> None:
    found = parse_raw_diff(b"".join(entry(b"M", path) for path in paths))
    assert [change.path.encode("utf-8", "surrogateescape") for change in found] == paths


@given(st.integers(min_value=1, max_value=len(entry(b"M", b"a.py", b"")) - 2))
def test_half_a_difference_is_an_error_and_never_a_smaller_one(length: int) -> None:
    with pytest.raises(GitFailed, match="Could not read the difference"):
        parse_raw_diff(entry(b"M", b"a.py")[:length])
