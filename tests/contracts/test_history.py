"""Who touched a file, asked of a real repository."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from gitops.adapters.git.repository import GitRepository
from tests.support import git

MADE = datetime(2026, 1, 5, 10, tzinfo=UTC)  # of every commit that tests make


def test_commits_that_touch_a_path_come_newest_first_with_what_they_touched(tmp_path: Path) -> None:
    folder = git.create(tmp_path / "clone", {"a": "1", "b": "1", "dir/c d": "1"})
    second = git.commit(folder, {"a": "2", "b": "2"}, "Two\n\nwith a body")
    git.commit(folder, {"other": "1"})
    git.git(folder, "checkout", "--quiet", "-b", "side")
    git.commit(folder, {"dir/c d": "2"}, "on the side")
    git.git(folder, "checkout", "--quiet", "main")
    git.git(folder, "merge", "--quiet", "--no-ff", "--message", "Merge side", "side")
    merge = git.head(folder)
    with GitRepository(folder) as repository:
        found = repository.commits_touching(["a", "dir/c d"], MADE - timedelta(days=1), "HEAD")
        assert [(one.id, one.subject, one.paths) for one in found[:2]] == [
            (merge, "Merge side", ("dir/c d",)),
            (second, "Two", ("a",)),
        ]
        assert (found[1].author, found[1].at) == ("Test Author", MADE)
        assert len(found) == 3
        assert repository.commits_touching(["a"], MADE + timedelta(days=1), "HEAD") == ()
        assert repository.commits_touching(["missing", "*"], MADE - timedelta(days=1), "HEAD") == ()
        assert repository.commits_touching([], MADE, "HEAD") == ()
