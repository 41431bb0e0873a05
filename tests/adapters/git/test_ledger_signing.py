"""Records are signed by those who may, with their SSH keys, through Git itself. Real Git, real ssh-keygen."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from gitops.adapters.git.command import GitCommand
from gitops.adapters.git.ledger import GitLedger, Options
from gitops.errors import GitFailed, LedgerBroken
from gitops.flow.ledger.chain import BRANCH
from gitops.model import Query, Record
from tests.contracts.remotes import remote_with_clones
from tests.support import ledgers
from tests.support.git import git


@dataclass
class Person:
    """Somebody with a clone and an SSH key."""

    name: str
    clone: Path
    key: Path

    def listed(self, options: str = "") -> bytes:
        """Their line in a list of allowed signers."""
        public = self.key.with_suffix(".pub").read_text().split()
        return f"{self.name}@example.com {options + ' ' if options else ''}{public[0]} {public[1]}\n".encode()

    def ledger(self, *allowed: bytes) -> GitLedger:
        """The ledger as a new process of theirs sees it; without a list nobody signs."""
        return GitLedger(GitCommand(self.clone), Options(b"".join(allowed)))


@pytest.fixture
def people(tmp_path: Path) -> Sequence[Person]:
    """Ada, Bob and Eve; their Git is told which key to sign with, and nothing else."""
    made = []
    for name, clone in zip(("ada", "bob", "eve"), remote_with_clones(tmp_path, 3), strict=True):
        key = tmp_path / f"{name}-key"
        made_key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)]
        subprocess.run(made_key, check=True)
        git(clone, "config", "user.signingkey", str(key))
        made.append(Person(name, clone, key))
    return made


def one_more() -> Record:
    return next(iter(ledgers.synthetic(1)))


def test_signed_records_are_read_and_counted_by_signer(people: Sequence[Person]) -> None:
    ada, bob, eve = people
    allowed = (ada.listed(), bob.listed())
    for writer in (ada, bob, ada):
        writer.ledger(*allowed).append(one_more())
    reader = eve.ledger(*allowed)
    assert len(list(reader.history().select(Query()))) == 3
    assert reader.verify().signers == {"ada@example.com": 2, "bob@example.com": 1}


def test_records_from_before_the_first_signed_one_need_no_signature(people: Sequence[Person]) -> None:
    ada, bob, _ = people
    bob.ledger().append(one_more())
    ada.ledger(ada.listed()).append(one_more())
    report = bob.ledger(ada.listed()).verify()
    assert (report.records, report.signers) == (2, {"ada@example.com": 1})


def test_after_the_first_signed_record_each_must_be(people: Sequence[Person], tmp_path: Path) -> None:
    ada, bob, eve = people
    for _ in range(2):
        ada.ledger(ada.listed()).append(one_more())
    remote = tmp_path / "remote.git"
    headers, _, message = git(remote, "cat-file", "commit", BRANCH).partition("\n\n")
    unsigned = [line for line in headers.split("\n") if not line.startswith(("gpgsig", " "))]
    content = "\n".join(unsigned) + f"\n\n{message}\n"
    forged = git(remote, "hash-object", "-t", "commit", "-w", "--stdin", stdin=content.encode())
    git(remote, "update-ref", f"refs/heads/{BRANCH}", forged)
    for reader in (bob, eve):
        for ask in (reader.ledger(ada.listed()).history, reader.ledger(ada.listed()).verify):
            with pytest.raises(LedgerBroken, match="is not signed, though records before it are"):
                ask()
    with pytest.raises(LedgerBroken, match="is not signed"):
        eve.ledger(ada.listed()).append(one_more())


def test_signed_records_are_not_believed_where_nobody_is_listed(people: Sequence[Person]) -> None:
    ada, bob, _ = people
    ada.ledger(ada.listed()).append(one_more())
    for ask in (bob.ledger().history, bob.ledger().verify, lambda: bob.ledger().append(one_more())):
        with pytest.raises(LedgerBroken, match=r"is signed, and gitops\.yaml here names nobody who may"):
            ask()


def test_a_signer_who_is_not_listed_is_told(people: Sequence[Person]) -> None:
    ada, bob, eve = people
    eve.ledger(eve.listed()).append(one_more())
    for reader in (ada, bob):
        with pytest.raises(LedgerBroken, match="is signed with a key that is not in the list"):
            reader.ledger(ada.listed()).history()


def test_what_was_read_under_one_list_is_looked_at_again_under_another(people: Sequence[Person]) -> None:
    ada, _, eve = people
    eve.ledger(eve.listed()).append(one_more())
    assert ada.ledger(eve.listed()).history().newest(Query()) is not None
    with pytest.raises(LedgerBroken, match="not in the list"):
        ada.ledger(ada.listed()).history()


def test_a_key_that_had_expired_when_it_signed_is_told(people: Sequence[Person]) -> None:
    ada, bob, _ = people
    ada.ledger(ada.listed()).append(one_more())
    retired = ada.listed('valid-before="20200101"')
    with pytest.raises(LedgerBroken, match="not in the list, or was not at that time"):
        bob.ledger(retired).history()
    assert bob.ledger(ada.listed('valid-before="21200101"')).history().newest(Query()) is not None


def test_a_signature_of_another_record_is_told(people: Sequence[Person], tmp_path: Path) -> None:
    ada, bob, _ = people
    ada.ledger(ada.listed()).append(one_more())
    head = git(tmp_path / "remote.git", "rev-parse", BRANCH)
    content = git(tmp_path / "remote.git", "cat-file", "commit", head).replace("by ada", "by eve") + "\n"
    forged = git(tmp_path / "remote.git", "hash-object", "-t", "commit", "-w", "--stdin", stdin=content.encode())
    git(tmp_path / "remote.git", "update-ref", f"refs/heads/{BRANCH}", forged)
    with pytest.raises(LedgerBroken, match="has a bad signature"):
        bob.ledger(ada.listed()).history()


def test_of_a_long_ledger_that_is_new_here_the_newest_signatures_are_checked_and_all_when_asked(
    people: Sequence[Person],
) -> None:
    ada, bob, eve = people
    eve.ledger(eve.listed()).append(one_more())
    for _ in range(3):
        ada.ledger(ada.listed(), eve.listed()).append(one_more())
    reader = GitLedger(GitCommand(bob.clone), Options(ada.listed(), signatures=3))
    assert reader.history().newest(Query()) is not None
    with pytest.raises(LedgerBroken, match="not in the list"):
        reader.verify()


def test_who_cannot_sign_is_told_what_to_do_and_writes_nothing(people: Sequence[Person], tmp_path: Path) -> None:
    ada, _, _ = people
    git(ada.clone, "config", "user.signingkey", str(tmp_path / "no-such-key"))
    with pytest.raises(GitFailed, match="Could not sign a ledger record") as caught:
        ada.ledger(ada.listed()).append(one_more())
    assert "git config user.signingkey FILE" in caught.value.hint
    assert git(tmp_path / "remote.git", "for-each-ref", f"refs/heads/{BRANCH}") == ""


def test_a_key_that_is_no_key_is_not_shown(people: Sequence[Person], tmp_path: Path) -> None:
    ada, _, _ = people
    secret = "c2VjcmV0LWtleS1tYXRlcmlhbA"
    ada.key.write_text(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{secret}\n-----END OPENSSH PRIVATE KEY-----\n")
    ada.key.with_suffix(".pub").unlink()
    with pytest.raises(GitFailed) as caught:
        ada.ledger(b"ada@example.com ssh-ed25519 AAAA\n").append(one_more())
    assert secret not in f"{caught.value.message} {caught.value.hint}"
