"""Who has a say over a change, and who counts: approvals, owners, and the paths that are theirs. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from gitops.config.durations import duration
from gitops.config.gate import Approvals, Owners


@dataclass(frozen=True, slots=True)
class Voice:
    """Somebody's approval; `void` says why it does not count, empty if it does."""

    by: str
    at: datetime
    void: str = ""


def counted(wanted: Approvals, voices: Sequence[Voice], now: datetime) -> tuple[list[str], dict[str, str]]:
    """Who counts, and who does not and why."""
    counts: set[str] = set()
    void: dict[str, str] = {}
    for voice in voices:
        if voice.void:
            void[voice.by] = voice.void
        elif wanted.expire is not None and now - voice.at > timedelta(seconds=wanted.expire):
            void[voice.by] = f"approved more than {duration(wanted.expire)} ago"
        else:
            counts.add(voice.by)
    return sorted(counts), {name: why for name, why in sorted(void.items()) if name not in counts}


def people(one: Owners, teams: Mapping[str, frozenset[str]]) -> set[str]:
    """The logins of the owners, in lower case."""
    found: set[str] = set()
    for person in one.people:
        found |= {login.casefold() for login in teams.get(person, ())} if "/" in person else {person.casefold()}
    return found


def matching(pattern: str, files: Sequence[str] | None) -> list[str]:
    """The paths that the pattern matches, or one that stands for all of them where they are not known."""
    if files is None:
        return ["(paths that the code host does not list)"]
    compiled = _path_pattern(pattern)
    return [path for path in files if compiled.fullmatch(path)]


@lru_cache(maxsize=256)
def _path_pattern(pattern: str) -> re.Pattern[str]:
    """`*` and `?` stay in a folder, `**` does not; a pattern that ends in `/` is everything below it."""
    if pattern.endswith("/"):
        pattern += "**"
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.removeprefix("/"))
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(known.get(part, re.escape(part)) for part in parts), re.DOTALL)
