"""The ledger's commits in this clone: reading what was added, and writing the next one.

Each commit has the one before it as its only parent (the first has none) and adds one file: its record.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gitops.adapters.git.command import GitCommand
from gitops.errors import GitFailed, LedgerBroken
from gitops.flow.ledger import chain as records
from gitops.flow.ledger.chain import BRANCH, Place
from gitops.model import Record

# Thousands are read with two Git processes, and their files are in memory at once: about 10 MB.
BATCH = 2000
_COMMIT = re.compile(rb"\x01([0-9a-f]+) ([0-9a-f ]*)(?:\0|\n|\Z)")
_ADDED = re.compile(rb":0{6} 100644 0+ ([0-9a-f]+) A")


@dataclass(frozen=True, slots=True)
class Written:
    """A commit of the ledger with the record that it added, in its place, and the blob of its file."""

    commit: str
    blob: str
    record: Record
    place: Place


def between(git: GitCommand, after: str, head: str) -> tuple[str, ...]:
    """The commits of `head` that `after` ("": none) does not have, oldest first."""
    return tuple(git.text("rev-list", "--reverse", "--topo-order", head, *([f"^{after}"] if after else [])).split())


def read(git: GitCommand, commits: Sequence[str], after: str, last: Place | None) -> Iterator[Written]:
    """What each commit wrote, in their order, behind the commit `after` and the record `last`.

    Raises LedgerBroken at the first that is not what the ledger would have written.
    """
    blobs = []
    for number, found in enumerate(_changes(git, commits), start=last.sequence + 1 if last else 1):
        blobs.append(_added(found, after, number))
        after = found.commit
    for commit, blob, content in zip(commits, blobs, contents(git, blobs), strict=True):
        number = last.sequence + 1 if last else 1
        record, place = records.read(content, records.path_of(number))
        wrong = records.problem(record, last)
        if wrong:
            raise broken(f"{wrong} (commit {commit[:12]})")
        yield Written(commit, blob, record, place)
        last = place


def contents(git: GitCommand, blobs: Sequence[str]) -> list[bytes]:
    """The blobs' contents, through one Git process. Raises GitFailed when one is not here."""
    if not blobs:
        return []
    output = git.run("cat-file", "--batch", stdin="".join(f"{blob}\n" for blob in blobs).encode())
    found, offset = [], 0
    while offset < len(output):
        end = output.index(b"\n", offset)
        header = output[offset:end].split()
        if len(header) != 3:
            raise GitFailed(
                f"The file of a ledger record is not in this clone: {output[offset:end].decode(errors='replace')}",
                hint=f"Fetch it: git fetch {git.remote} {BRANCH}",
            )
        size = int(header[2])
        found.append(output[end + 1 : end + 1 + size])
        offset = end + 1 + size + 1
    return found


def write(git: GitCommand, record: Record, parent: str, *, sign: bool) -> tuple[str, str]:
    """Write the record's commit behind `parent` ("": none) into this clone; the ids of commit and blob.

    One Git process, and one more to sign. Raises GitFailed, also when Git cannot sign.
    """
    path = records.path_of(record.sequence)
    subject = " ".join(filter(None, (record.kind.value, record.stack, record.commit[:12])))
    message = f"{subject} by {record.by}\n\n{path}\n".encode()
    # A name is needed, and forgotten again before the end: `reset` without `from` leaves no ref.
    ref = b"refs/gitops/appending"
    stream = b"".join(
        (
            b"blob\nmark :1\n",
            _data(records.encode(record)),
            b"commit %s\nmark :2\ncommitter gitops <gitops@localhost> now\n" % ref,
            _data(message),
            b"from %s\n" % parent.encode() if parent else b"",
            b"M 100644 :1 %s\n" % path.encode(),
            b'get-mark :2\nget-mark :1\nls :2 ""\nreset %s\n' % ref,
        )
    )
    commit, blob, tree = git.text("fast-import", "--quiet", "--date-format=now", stdin=stream).splitlines()
    if sign:
        signing = ["-c", "gpg.format=ssh", "commit-tree", "-S", tree.split()[2], *(["-p", parent] if parent else [])]
        status, output, errors = git.attempt(*signing, stdin=message)
        if status:
            raise GitFailed(
                f"Could not sign a ledger record: {errors}",
                hint="Records of this repository are signed (`ledger.signers` in gitops.yaml). Name your SSH key: "
                "git config user.signingkey FILE, and have its public half listed there.",
            )
        commit = output.decode().strip()
    return commit, blob


def broken(why: str) -> LedgerBroken:
    """The error of a ledger that nothing may be decided by."""
    return LedgerBroken(
        f"The ledger's chain does not hold: {why}.",
        hint=f"Nothing should be applied until it is explained. Look at {BRANCH}, and compare it with another clone's: "
        "docs/ledger.md says how, and how to go on.",
    )


@dataclass(frozen=True, slots=True)
class _Change:
    """A commit as Git shows it: its parents, and what it changed as pairs of a raw header and a path."""

    commit: str
    parents: str
    raw: list[bytes]


def _changes(git: GitCommand, commits: Sequence[str]) -> list[_Change]:
    # The plumbing command: what people configure for their own eyes must not hide a change from us.
    options = ["--stdin", "--root", "--always", "-r", "--raw", "--no-abbrev", "--no-renames", "-z"]
    output = git.run("diff-tree", *options, "--format=%x01%H %P", stdin="".join(f"{c}\n" for c in commits).encode())
    found = list(_COMMIT.finditer(output))
    if [match[1].decode() for match in found] != list(commits):
        raise broken(f"the commits from {commits[0][:12]} on cannot be read")
    ends = [match.start() for match in found[1:]] + [len(output)]
    return [
        _Change(match[1].decode(), match[2].decode(), output[match.end() : end].strip(b"\n\0").split(b"\0"))
        for match, end in zip(found, ends, strict=True)
    ]


def _added(found: _Change, parent: str, number: int) -> str:
    """The blob of the one file that the commit may add. Raises LedgerBroken when it did anything else."""
    path = records.path_of(number)
    if found.parents != parent:
        raise _foreign(found.commit, f"it does not stand behind record {number - 1}")
    added = _ADDED.fullmatch(found.raw[0])
    if len(found.raw) != 2 or not added or found.raw[1] != path.encode():
        raise _foreign(found.commit, f"it {_told(found.raw)}, where {path} was to be added and nothing else")
    return added[1].decode()


def _foreign(commit: str, why: str) -> LedgerBroken:
    return broken(f"commit {commit[:12]} was not written by the ledger: {why}")


def _told(raw: list[bytes]) -> str:
    """What a commit did, in words, as far as a message has room for it."""
    verbs = {b"A": "adds", b"D": "removes"}
    told = [
        f"{verbs.get(header[-1:], 'alters')} {path.decode(errors='replace')}"
        for header, path in zip(raw[::2], raw[1::2], strict=False)
    ]
    more = [f"and {len(told) - 3} more"] if len(told) > 3 else []
    return ", ".join([*told[:3], *more]) or "changes nothing"


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)
