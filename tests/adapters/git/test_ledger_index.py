"""The index beside a clone is a convenience: whatever happens to it, answers are those of the ledger."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from gitops.adapters.git.command import GitCommand
from gitops.adapters.git.ledger import GitLedger
from gitops.flow.ledger.chain import BRANCH
from gitops.model import Query, Record, RecordKind
from tests.contracts.remotes import remote_with_clones
from tests.support import ledgers
from tests.support.git import git

ROOT = Path(__file__).parents[3]
COUNT = 60
READ = """
import resource, signal, sys
from gitops.adapters.git.command import GitCommand
from gitops.adapters.git.ledger import GitLedger
from gitops.model import Query

if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
sys.stdin.readline()
print(len(list(GitLedger(GitCommand(sys.argv[1])).history().select(Query()))))
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    (made,) = remote_with_clones(tmp_path, 1)
    ledgers.write(tmp_path / "remote.git", ledgers.synthetic(COUNT))
    return made


def ledger_of(clone: Path) -> GitLedger:
    return GitLedger(GitCommand(clone))


def told(clone: Path) -> list[Record]:
    """All records, as a new process finds them."""
    return list(ledger_of(clone).history().select(Query(), oldest_first=True))


def index_of(clone: Path) -> Path:
    return clone / ".git" / "gitops" / "ledger-unsigned.sqlite"


def one_more() -> Record:
    return next(iter(ledgers.synthetic(1)))


WHOLE = [record for record, _ in ledgers.chained(ledgers.synthetic(COUNT))]
QUERIES = [
    Query(),
    Query(stack="shop/stack-02"),
    Query(stack="stack-02"),
    Query(stack="tack-02"),
    Query(kinds=(RecordKind.RELEASE,)),
    Query(kinds=(RecordKind.RELEASE, RecordKind.PLAN), environment="prod"),
    Query(stack="shop/stack-01", kinds=(RecordKind.APPLIED,), commit=f"{1:040x}"),
    Query(shown_on=30),
    Query(after=57),
    Query(since=WHOLE[40].at, until=WHOLE[44].at),
    Query(since=WHOLE[40].at + timedelta(microseconds=1), until=WHOLE[44].at - timedelta(microseconds=1)),
]


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_the_index_finds_what_going_through_all_records_finds(clone: Path, query: Query) -> None:
    history = ledger_of(clone).history()
    wanted = [record for record in WHOLE if query.includes(record)]
    assert list(history.select(query, oldest_first=True)) == wanted
    assert list(history.select(query)) == wanted[::-1]
    assert history.newest(query) == (wanted[-1] if wanted else None)


def test_a_history_stays_as_it_was_when_it_was_asked_for(clone: Path) -> None:
    ledger = ledger_of(clone)
    before = ledger.history()
    ledger.append(one_more())
    assert len(list(before.select(Query()))) == COUNT
    assert len(list(ledger.history().select(Query()))) == COUNT + 1


def scribbled(file: Path) -> None:
    file.write_bytes(b"this is no database, but it is long enough to be looked at" * 200)


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:6000])


def overwritten_in_the_middle(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096:-100] = b"\x07" * (len(content) - 4196)
    file.write_bytes(content)


def of_another_version(file: Path) -> None:
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA user_version = 99")


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def deleted(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize(
    "damage", [scribbled, cut_off, overwritten_in_the_middle, of_another_version, emptied, deleted]
)
def test_a_damaged_index_is_made_anew(clone: Path, damage: Callable[[Path], None]) -> None:
    assert told(clone) == WHOLE
    damage(index_of(clone))
    assert told(clone) == WHOLE
    assert told(clone) == WHOLE
    with sqlite3.connect(index_of(clone)) as database:
        assert database.execute("SELECT count(*) FROM record").fetchone() == (COUNT,)


@pytest.mark.parametrize("damage", [scribbled, overwritten_in_the_middle])
def test_an_index_that_is_damaged_while_it_is_used_is_made_anew(clone: Path, damage: Callable[[Path], None]) -> None:
    ledger = ledger_of(clone)
    history = ledger.history()
    damage(index_of(clone))
    assert list(history.select(Query(), oldest_first=True)) == WHOLE
    assert ledger.append(one_more()).sequence == COUNT + 1


def test_where_no_index_can_be_written_the_run_goes_without(clone: Path) -> None:
    (clone / ".git" / "gitops").write_text("a file, where the folder should be")
    ledger = ledger_of(clone)
    assert list(ledger.history().select(Query(), oldest_first=True)) == WHOLE
    ledger.append(one_more())
    assert len(list(ledger.history().select(Query()))) == COUNT + 1


def test_on_a_full_disk_the_run_goes_without(clone: Path) -> None:
    """The system refuses files beyond a size, which those that Git writes do not reach here."""
    git(clone, "fetch", "--quiet", "origin", BRANCH)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(clone), "24000"],
        cwd=ROOT,
        input="\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{COUNT}\n", "")
    assert told(clone) == WHOLE


def test_a_reader_that_was_killed_leaves_an_index_to_go_on_from(tmp_path: Path) -> None:
    (clone,) = remote_with_clones(tmp_path, 1)
    ledgers.write(tmp_path / "remote.git", ledgers.synthetic(9000))
    reading = subprocess.Popen([sys.executable, "-c", READ, str(clone)], cwd=ROOT, stdin=subprocess.PIPE)
    assert reading.stdin is not None
    reading.stdin.write(b"\n")
    reading.stdin.flush()
    while rows(clone) == 0:
        assert reading.poll() is None
        time.sleep(0.01)
    reading.kill()
    reading.wait()
    assert 0 < rows(clone) <= 9000
    assert len(told(clone)) == 9000


def rows(clone: Path) -> int:
    """How many records are in the index on disk."""
    if not index_of(clone).exists():
        return 0
    try:
        with sqlite3.connect(f"file:{index_of(clone)}?mode=ro", uri=True, timeout=30) as database:
            return int(database.execute("SELECT count(*) FROM record").fetchone()[0])
    except sqlite3.OperationalError:  # its table is not made yet
        return 0


def test_processes_that_read_a_new_ledger_at_once_help_each_other(tmp_path: Path) -> None:
    (clone,) = remote_with_clones(tmp_path, 1)
    ledgers.write(tmp_path / "remote.git", ledgers.synthetic(5000))
    started = [
        subprocess.Popen(
            [sys.executable, "-c", READ, str(clone)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    assert {process.communicate("\n")[0] for process in started} == {"5000\n"}
    assert rows(clone) == 5000


def test_threads_share_a_ledger(clone: Path) -> None:
    ledger = ledger_of(clone)

    def work(number: int) -> int:
        if number % 3 == 0:
            ledger.append(one_more())
        return len(list(ledger.history().select(Query(kinds=(RecordKind.PLAN,)))))

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(work, range(12))) == {COUNT // 10}
    assert len(told(clone)) == COUNT + 4


def test_a_linked_worktree_uses_the_index_of_its_clone(clone: Path, tmp_path: Path) -> None:
    assert told(clone) == WHOLE
    git(clone, "worktree", "add", "--quiet", str(tmp_path / "linked"))
    index_of(clone).chmod(0o600)
    before = index_of(clone).stat().st_mtime_ns
    assert told(tmp_path / "linked") == WHOLE
    assert index_of(clone).stat().st_mtime_ns == before
    ledger_of(tmp_path / "linked").append(one_more())
    assert rows(clone) == COUNT + 1


def test_only_what_is_new_is_fetched(tmp_path: Path) -> None:
    one, other = remote_with_clones(tmp_path)
    ledgers.write(tmp_path / "remote.git", ledgers.synthetic(1500))
    assert len(told(one)) == len(told(other)) == 1500
    before = objects(other)
    ledger_of(one).append(one_more())
    assert len(told(other)) == 1501
    assert objects(other) - before <= 5


def objects(clone: Path) -> int:
    """How many objects the clone holds, loose or packed."""
    counted = dict(line.split(": ") for line in git(clone, "count-objects", "-v").splitlines())
    return int(counted["count"]) + int(counted["in-pack"])


def test_files_that_git_cleaned_up_are_fetched_again(clone: Path) -> None:
    history = ledger_of(clone).history()
    git(clone, "update-ref", "-d", "refs/gitops/ledger")
    git(clone, "reflog", "expire", "--expire=now", "--all")
    git(clone, "gc", "--quiet", "--prune=now")
    assert list(history.select(Query(), oldest_first=True)) == WHOLE
    assert git(clone, "ls-remote", "origin", BRANCH)
