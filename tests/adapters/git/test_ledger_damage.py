"""What was done to a ledger behind the pipeline's back is found: in a clone that knows it and in a new one, on Git."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gitops.adapters.git.command import GitCommand
from gitops.adapters.git.ledger import GitLedger
from gitops.errors import LedgerBroken
from gitops.flow.ledger import chain as records
from gitops.flow.ledger.chain import BRANCH
from gitops.model import Query, Record
from tests.contracts.remotes import remote_with_clones
from tests.support import ledgers
from tests.support.git import git

COUNT = 6


@dataclass
class Vandal:
    """Somebody who may push anything to the ledger's branch."""

    remote: Path

    def tree_with(self, commit: str, *lines: str) -> str:
        """The commit's tree with further entries of the records folder replaced, added or (mode 0) removed."""
        index = ["-c", "core.bare=false", "--work-tree", "."]
        git(self.remote, *index, "read-tree", commit)
        git(self.remote, *index, "update-index", "--index-info", stdin="".join(f"{line}\n" for line in lines).encode())
        return git(self.remote, *index, "write-tree")

    def blob(self, content: bytes) -> str:
        """A file's content in the repository."""
        return git(self.remote, "hash-object", "-w", "--stdin", stdin=content)

    def commit(self, tree: str, *parents: str) -> str:
        """A commit of the tree, which becomes the branch."""
        options = [word for parent in parents for word in ("-p", parent)]
        made = git(self.remote, "commit-tree", tree, *options, "-m", "nothing to see here")
        git(self.remote, "update-ref", f"refs/heads/{BRANCH}", made)
        return made

    def write_anew(self, given: list[Record]) -> None:
        """Another history of these records as they are, each in a commit of its own, as the ledger would commit."""
        git(self.remote, "update-ref", "-d", f"refs/heads/{BRANCH}")
        parent: tuple[str, ...] = ()
        for number, record in enumerate(given, start=1):
            line = f"100644 {self.blob(records.encode(record))}\t{records.path_of(number)}"
            parent = (self.commit(self.tree_with(parent[0] if parent else EMPTY_TREE, line), *parent),)

    def read(self) -> list[Record]:
        """The records as they stand."""
        paths = git(self.remote, "ls-tree", "-r", "--name-only", BRANCH).split()
        return [records.decode(git(self.remote, "show", f"{BRANCH}:{path}").encode(), path) for path in paths]


EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
SECOND = records.path_of(2)


def altered(vandal: Vandal) -> None:
    content = git(vandal.remote, "show", f"{BRANCH}:{SECOND}").replace('"ada"', '"eve"').encode()
    vandal.commit(vandal.tree_with(BRANCH, f"100644 {vandal.blob(content)}\t{SECOND}"), BRANCH)


def removed(vandal: Vandal) -> None:
    vandal.commit(vandal.tree_with(BRANCH, f"0 {'0' * 40}\t{SECOND}"), BRANCH)


def foreign_file(vandal: Vandal) -> None:
    vandal.commit(vandal.tree_with(BRANCH, f"100644 {vandal.blob(b'hello')}\tREADME.md"), BRANCH)


def nothing_in_it(vandal: Vandal) -> None:
    vandal.commit(f"{BRANCH}^{{tree}}", BRANCH)


def merge(vandal: Vandal) -> None:
    vandal.commit(f"{BRANCH}^{{tree}}", BRANCH, f"{BRANCH}~2")


def record_with_company(vandal: Vandal) -> None:
    following = records.following(vandal.read()[0], records.place_of(vandal.read()[-1]))
    mine = f"100644 {vandal.blob(records.encode(following))}\t{records.path_of(following.sequence)}"
    other = f"100644 {vandal.blob(b'{}')}\t{records.path_of(following.sequence + 1)}"
    vandal.commit(vandal.tree_with(BRANCH, mine, other), BRANCH)


def record_as_a_link(vandal: Vandal) -> None:
    following = records.following(vandal.read()[0], records.place_of(vandal.read()[-1]))
    path = records.path_of(following.sequence)
    vandal.commit(vandal.tree_with(BRANCH, f"120000 {vandal.blob(b'000001.json')}\t{path}"), BRANCH)


def gap(vandal: Vandal) -> None:
    last = vandal.read()[-1]
    skipped = records.replace(last, sequence=last.sequence + 2, previous=records.digest_of(last))
    path = records.path_of(skipped.sequence)
    vandal.commit(vandal.tree_with(BRANCH, f"100644 {vandal.blob(records.encode(skipped))}\t{path}"), BRANCH)


def out_of_nowhere(vandal: Vandal) -> None:
    last = vandal.read()[-1]
    loose = records.replace(last, sequence=last.sequence + 1, previous="0" * 64)
    path = records.path_of(loose.sequence)
    vandal.commit(vandal.tree_with(BRANCH, f"100644 {vandal.blob(records.encode(loose))}\t{path}"), BRANCH)


def back_dated(vandal: Vandal) -> None:
    first, last = vandal.read()[0], vandal.read()[-1]
    following = records.replace(records.following(first, records.place_of(last)), at=first.at)
    path = records.path_of(following.sequence)
    vandal.commit(vandal.tree_with(BRANCH, f"100644 {vandal.blob(records.encode(following))}\t{path}"), BRANCH)


def no_record(vandal: Vandal) -> None:
    vandal.commit(vandal.tree_with(BRANCH, f"100644 {vandal.blob(b'hello')}\t{records.path_of(COUNT + 1)}"), BRANCH)


# Each adds to the branch, which a rule against force pushes does not forbid.
ADDITIONS = [
    (altered, f"alters {SECOND}"),
    (removed, f"removes {SECOND}"),
    (foreign_file, r"adds README\.md"),
    (nothing_in_it, "changes nothing"),
    (merge, "does not stand behind record 6"),
    (record_with_company, r"and nothing else"),
    (record_as_a_link, "was not written by the ledger"),
    (gap, r"adds records/000/000008\.json, where records/000/000007\.json was to be added"),
    (out_of_nowhere, "record 7 does not follow record 6"),
    (back_dated, "record 7 is dated before record 6"),
    (no_record, r"records/000/000007\.json cannot be read"),
]


def newest_removed(vandal: Vandal) -> None:
    git(vandal.remote, "update-ref", f"refs/heads/{BRANCH}", f"{BRANCH}~1")


def branch_deleted(vandal: Vandal) -> None:
    git(vandal.remote, "update-ref", "-d", f"refs/heads/{BRANCH}")


def branch_replaced(vandal: Vandal) -> None:
    """A ledger whose chain holds: only who has seen the other one can tell."""
    ledgers.write(vandal.remote, (records.replace(one, by="eve") for one in ledgers.synthetic(COUNT + 3)))


def one_swapped(vandal: Vandal) -> None:
    given = vandal.read()
    vandal.write_anew([*given[:1], given[2], given[1], *given[3:]])


def one_edited(vandal: Vandal) -> None:
    given = vandal.read()
    vandal.write_anew([given[0], records.replace(given[1], by="eve"), *given[2:]])


def one_left_out(vandal: Vandal) -> None:
    given = vandal.read()
    vandal.write_anew([given[0], *given[2:]])


# Each rewrites the branch; with what a clone finds that has never seen the ledger before ("": nothing, it cannot).
REWRITINGS = [
    (newest_removed, ""),
    (branch_deleted, ""),
    (branch_replaced, ""),
    (one_swapped, "record 2 is missing: 3 stands in its place"),
    (one_edited, "record 3 does not follow record 2: one of the two was altered"),
    (one_left_out, "record 2 is missing: 3 stands in its place"),
]


@dataclass
class Scene:
    """A remote with a ledger, a clone that has read it, and one that has not."""

    remote: Path
    knowing: Path
    new: Path


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    knowing, new = remote_with_clones(tmp_path)
    ledgers.write(tmp_path / "remote.git", ledgers.synthetic(COUNT))
    assert len(told(knowing)) == COUNT
    return Scene(tmp_path / "remote.git", knowing, new)


def told(clone: Path) -> list[Record]:
    """All records, as a new process finds them."""
    return list(GitLedger(GitCommand(clone)).history().select(Query()))


def look(clone: Path, how: str) -> None:
    ledger = GitLedger(GitCommand(clone))
    if how == "verify":
        ledger.verify()
    elif how == "append":
        ledger.append(next(iter(ledgers.synthetic(1))))
    else:
        ledger.history()


WAYS = ["read", "verify", "append"]


@pytest.mark.parametrize(("done", "says"), ADDITIONS, ids=[done.__name__ for done, _ in ADDITIONS])
def test_what_was_added_by_hand_is_found_by_everybody(scene: Scene, done: Callable[[Vandal], None], says: str) -> None:
    done(Vandal(scene.remote))
    before = git(scene.remote, "rev-parse", BRANCH)
    for clone in (scene.knowing, scene.new):
        for how in (*WAYS, "read"):
            with pytest.raises(LedgerBroken, match=says):
                look(clone, how)
    assert git(scene.remote, "rev-parse", BRANCH) == before


@pytest.mark.parametrize("memory", ["index and ref", "ref alone", "index alone"])
@pytest.mark.parametrize("done", [done for done, _ in REWRITINGS], ids=lambda done: done.__name__)
def test_a_rewritten_ledger_is_found_by_a_clone_that_has_seen_it(
    scene: Scene, done: Callable[[Vandal], None], memory: str
) -> None:
    done(Vandal(scene.remote))
    if memory == "ref alone":
        forget_the_index(scene.knowing)
    if memory == "index alone":
        git(scene.knowing, "update-ref", "-d", "refs/gitops/ledger")
    for how in WAYS:
        with pytest.raises(LedgerBroken, match="The ledger was rewritten: this clone saw gitops/ledger at") as caught:
            look(scene.knowing, how)
        assert "gitops log --accept-rewritten" in caught.value.hint


@pytest.mark.parametrize(("done", "says"), REWRITINGS, ids=[done.__name__ for done, _ in REWRITINGS])
def test_a_rewritten_ledger_in_a_clone_that_has_not_seen_it(
    scene: Scene, done: Callable[[Vandal], None], says: str
) -> None:
    done(Vandal(scene.remote))
    if not says:
        GitLedger(GitCommand(scene.new)).verify()
        return
    with pytest.raises(LedgerBroken, match=says):
        look(scene.new, "read")


def test_a_rewriting_that_was_explained_can_be_accepted(scene: Scene) -> None:
    newest_removed(Vandal(scene.remote))
    report = GitLedger(GitCommand(scene.knowing)).accept_rewritten()
    assert (report.records, report.head) == (COUNT - 1, git(scene.remote, "rev-parse", BRANCH))
    assert len(told(scene.knowing)) == COUNT - 1
    look(scene.knowing, "append")
    assert len(told(scene.new)) == COUNT


def test_a_rewritten_ledger_whose_chain_is_broken_cannot_be_accepted(scene: Scene) -> None:
    one_edited(Vandal(scene.remote))
    with pytest.raises(LedgerBroken, match="record 3 does not follow record 2"):
        GitLedger(GitCommand(scene.knowing)).accept_rewritten()
    with pytest.raises(LedgerBroken, match="was rewritten"):
        look(scene.knowing, "read")


def test_damage_that_was_taken_back_leaves_no_trace(scene: Scene) -> None:
    foreign_file(Vandal(scene.remote))
    with pytest.raises(LedgerBroken):
        look(scene.knowing, "read")
    newest_removed(Vandal(scene.remote))
    assert len(told(scene.knowing)) == COUNT


def test_a_field_that_this_release_does_not_know_counts_for_the_chain(scene: Scene) -> None:
    vandal = Vandal(scene.remote)
    given = vandal.read()
    git(scene.remote, "update-ref", "-d", f"refs/heads/{BRANCH}")
    parent: tuple[str, ...] = ()
    for number, record in enumerate(given, start=1):
        content = json.loads(records.encode(record)) | ({"later": 1} if number == 2 else {})
        line = f"100644 {vandal.blob(json.dumps(content).encode())}\t{records.path_of(number)}"
        parent = (vandal.commit(vandal.tree_with(parent[0] if parent else EMPTY_TREE, line), *parent),)
    with pytest.raises(LedgerBroken, match="record 3 does not follow record 2"):
        look(scene.new, "read")


def forget_the_index(clone: Path) -> None:
    for file in (clone / ".git" / "gitops").iterdir():
        file.unlink()
