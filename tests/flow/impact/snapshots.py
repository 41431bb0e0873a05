"""Snapshots and changes from plain dictionaries of files."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from gitops.flow.impact.affected import affected_stacks
from gitops.flow.impact.discovery import Snapshot, snapshot_of
from gitops.model import AffectedStack, Change, FileChange, FileStatus

Files = Mapping[str, str]


def snapshot(files: Files, symlinks: Mapping[str, str] | None = None) -> Snapshot:
    """The commit that holds exactly these files (and links: path → target)."""
    texts = {path: text.encode() for path, text in {**files, **(symlinks or {})}.items()}

    def contents(paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        return ((path, texts[path]) for path in paths)

    listing = {path: hashlib.sha1(text).hexdigest() for path, text in texts.items()}  # noqa: S324 - as Git names objects
    return snapshot_of("c0ffee" * 6, listing, symlinks or {}, contents)


def change(before: Files, after: Files) -> Change:
    """What Git would say differs."""
    files = []
    for path in sorted(before.keys() | after.keys()):
        if path not in after:
            files.append(FileChange(path, FileStatus.DELETED))
        elif path not in before:
            files.append(FileChange(path, FileStatus.ADDED))
        elif before[path] != after[path]:
            files.append(FileChange(path, FileStatus.MODIFIED))
    return Change("base", "head", tuple(files))


def affected(before: Files, changed: Mapping[str, str | None], **links: Mapping[str, str]) -> tuple[AffectedStack, ...]:
    """The stacks that these edits of `before` affect (None: the file is deleted)."""
    after = {path: text for path, text in {**before, **changed}.items() if text is not None}
    symlinks = links.get("symlinks", {})
    return affected_stacks(change(before, after), snapshot(before, symlinks), snapshot(after, symlinks))


def names(stacks: Sequence[AffectedStack]) -> str:
    """Their names in a line."""
    return " ".join(one.stack.name for one in stacks)
