"""Symbolic links: the further paths by which a program can reach a file of the repository."""

import posixpath
from collections.abc import Mapping

# A link through a link through a link: deeper nesting is followed no further, which also ends circles.
_DEPTH = 8


def follow_links(paths: Mapping[str, str], symlinks: Mapping[str, str]) -> Mapping[str, str]:
    """Path through links → the file it stands for. Links that lead out of the repository, or nowhere, have none.

    A link's own path keeps standing for the link in `paths`; here it stands for the file behind it.
    """
    if not symlinks:
        return {}
    real: dict[str, str] = {}
    targets = {link: _target(link, text) for link, text in symlinks.items()}
    files = [path for path in paths if path not in symlinks]
    for _ in range(_DEPTH):
        found: dict[str, str] = {}
        for link, target in targets.items():
            below = f"{target}/" if target != "." else ""
            for path in (*files, *real):
                if path == target or (path.startswith(below) and not path.startswith(f"{link}/")):
                    alias = link if path == target else f"{link}/{path.removeprefix(below)}"
                    if alias not in real:
                        found[alias] = real.get(path, path)
        if not found:
            break
        real.update(found)
    return real


def _target(link: str, text: str) -> str:
    target = posixpath.normpath(posixpath.join(posixpath.dirname(link), text))
    # An absolute target, or one above the root, is not a file of the repository; no path begins like this.
    return "\0outside" if target.startswith(("/", "../")) or target == ".." else target
