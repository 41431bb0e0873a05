"""Change: what Git says differs between two commits, read without guessing.

The input is the output of `git diff-tree -r --raw -z --no-renames`: NUL-separated, so that paths with spaces,
quotes, newlines or bytes that are not UTF-8 arrive as they are (format: git-diff-tree(1), "raw output format").
"""

import os

from gitops.errors import GitFailed
from gitops.model import FileChange, FileStatus

# The only statuses that say exactly what happened to one file. "T" (a file became a symlink, say), "U", "X" and
# whatever a later Git invents do not; they count as changed, and the rules then widen.
_STATUSES = {b"A": FileStatus.ADDED, b"M": FileStatus.MODIFIED, b"D": FileStatus.DELETED}

# A commit of another repository (a submodule): what differs inside is not in this repository's objects.
_GITLINK = b"160000"


def parse_raw_diff(output: bytes) -> tuple[FileChange, ...]:
    """The changed files in Git's order. Bytes that are not UTF-8 become surrogates, as `os.fsdecode` makes them.

    Raises GitFailed for output of another shape: half a difference must never look like a small one.
    """
    fields = output.split(b"\0")
    if fields.pop() != b"":
        raise _unreadable(output)
    changes: list[FileChange] = []
    remaining = iter(fields)
    for header in remaining:
        parts = header.split(b" ")
        if len(parts) != 5 or not header.startswith(b":"):
            raise _unreadable(header)
        letter = parts[4][:1]
        paths = [next(remaining, b"")]
        if letter in (b"R", b"C"):  # renames are switched off; if they come anyway, both paths count
            paths.append(next(remaining, b""))
        if not all(paths):
            raise _unreadable(header)
        submodule = _GITLINK in (parts[0][1:], parts[1])
        status = FileStatus.CHANGED if submodule else _STATUSES.get(letter, FileStatus.CHANGED)
        changes.extend(FileChange(os.fsdecode(path), status) for path in paths)
    return tuple(changes)


def _unreadable(part: bytes) -> GitFailed:
    return GitFailed(
        f"Could not read the difference that Git printed; stopped at {part[:80]!r}",
        hint="This is a fault of gitops or an unknown Git version: report it with the output of `git --version`.",
    )
