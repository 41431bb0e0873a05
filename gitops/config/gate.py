"""The gate of an environment, as gitops.yaml writes it: from raw to valid. What each rule means is in docs/gate.md."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Literal

import msgspec

from gitops.config.durations import seconds
from gitops.model import Outcome, PolicyLevel

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_END_OF_DAY = "24:00"
_LONGEST_EXPRESSION = 4000


@dataclass(frozen=True, slots=True)
class Owners:
    """Who has a say about the paths that a pattern matches: logins, and teams as @organisation/team."""

    pattern: str
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Approvals:
    """How many approvals, whose, and for how many seconds one counts (None: for ever)."""

    count: int = 1
    owners: tuple[Owners, ...] = ()
    expire: int | None = None


@dataclass(frozen=True, slots=True)
class Protect:
    """What may not be deleted or replaced: patterns of type tokens and of URNs."""

    types: tuple[str, ...] = ()
    urns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """When applying is fine: on these days (0 is Monday), by the zone's wall clock. `closes` None is midnight.

    One that closes before it opens lasts into the next day; its days are those on which it opens.
    """

    days: tuple[int, ...]
    opens: time
    closes: time | None
    zone: str

    def __str__(self) -> str:
        closes = f"{self.closes:%H:%M}" if self.closes else _END_OF_DAY
        return f"{','.join(DAYS[day] for day in self.days)} {self.opens:%H:%M}-{closes} {self.zone}"


@dataclass(frozen=True, slots=True)
class Expression:
    """A CEL expression, with its place in the file for messages. Two of the same text are equal."""

    text: str
    key: str = field(default="", compare=False)
    line: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class FreeRule:
    """A rule of one's own: unless the expression is true, the gate does `then`."""

    name: str
    unless: Expression
    then: Outcome
    because: str = ""


@dataclass(frozen=True, slots=True)
class Gate:
    """What an environment asks of a plan beyond its approvals. None and empty: that is not asked. Times in seconds."""

    policy: PolicyLevel = PolicyLevel.MANDATORY
    not_evaluated: Outcome = Outcome.REFUSE
    destroys: int | None = None
    replaces: int | None = None
    protect: Protect = Protect()
    known: tuple[str, ...] = ()
    windows: tuple[Window, ...] = ()
    soak: int | None = None
    plan_age: int | None = None
    rules: tuple[FreeRule, ...] = ()
    auto_approve: Expression | None = None


class RawApprovals(msgspec.Struct, forbid_unknown_fields=True):
    """`approvals` in its long form."""

    count: int = 1
    owners: dict[str, list[str]] = {}
    expire: str | None = None


class _RawProtect(msgspec.Struct, forbid_unknown_fields=True):
    types: list[str] = []
    urns: list[str] = []


class _RawWindow(msgspec.Struct, forbid_unknown_fields=True):
    days: str | list[str]
    opens: str | int = msgspec.field(name="from")
    closes: str | int = msgspec.field(name="to")
    zone: str


class _RawRule(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    unless: str
    then: Literal["refuse", "wait"] = "refuse"
    because: str = ""


class RawGate(msgspec.Struct, forbid_unknown_fields=True):
    """`gate` of an environment."""

    policy: Literal["mandatory", "advisory"] = "mandatory"
    not_evaluated: Literal["refuse", "wait", "allow"] = "refuse"
    destroys: int | None = None
    replaces: int | None = None
    protect: _RawProtect = msgspec.field(default_factory=_RawProtect)
    known: list[str] = []
    windows: list[_RawWindow] = []
    soak: str | None = None
    plan_age: str | None = None
    rules: list[_RawRule] = []
    auto_approve: str | None = None


def approvals_of(raw: int | RawApprovals) -> Approvals:
    """The approvals, from either form; only for what has no `problems_of_approvals`."""
    if isinstance(raw, int):
        return Approvals(raw)
    owners = tuple(Owners(pattern, tuple(people)) for pattern, people in raw.owners.items())
    return Approvals(raw.count, owners, seconds(raw.expire) if raw.expire else None)


def gate_of(raw: RawGate, key: str, lines: Mapping[str, int]) -> Gate:
    """The gate; only for what has no `problems_of_gate`. `lines` are those of the dotted keys."""

    def expression(text: str, place: str) -> Expression:
        return Expression(text.strip(), place, lines.get(place))

    return Gate(
        policy=PolicyLevel(raw.policy),
        not_evaluated=Outcome(raw.not_evaluated),
        destroys=raw.destroys,
        replaces=raw.replaces,
        protect=Protect(tuple(raw.protect.types), tuple(raw.protect.urns)),
        known=tuple(raw.known),
        windows=tuple(map(_window, raw.windows)),
        soak=seconds(raw.soak) if raw.soak else None,
        plan_age=seconds(raw.plan_age) if raw.plan_age else None,
        rules=tuple(
            FreeRule(one.name, expression(one.unless, f"{key}.rules[{index}].unless"), Outcome(one.then), one.because)
            for index, one in enumerate(raw.rules)
        ),
        auto_approve=expression(raw.auto_approve, f"{key}.auto_approve") if raw.auto_approve is not None else None,
    )


def problems_of_approvals(raw: int | RawApprovals, key: str) -> Iterator[tuple[str, str]]:
    """What is wrong, each with its dotted key."""
    if isinstance(raw, int):
        if raw < 0:
            yield key, "cannot be negative"
        return
    if raw.count < 0:
        yield f"{key}.count", "cannot be negative"
    yield from _durations({"expire": raw.expire}, key)
    for pattern, people in raw.owners.items():
        place = f"{key}.owners.{pattern}"
        if not pattern:
            yield f"{key}.owners", "an empty pattern matches no path"
        if not people:
            yield place, "name at least one owner, or nobody could approve such a change"
        for person in people:
            if not person.strip("@") or (person.startswith("@") and person.count("/") != 1):
                yield place, f"{person!r} is neither a login nor a team such as @organisation/team"


def problems_of_gate(raw: RawGate, key: str, *, first: bool) -> Iterator[tuple[str, str]]:
    """What is wrong, each with its dotted key; `first` for the first environment, which has none before it."""
    for name, budget in (("destroys", raw.destroys), ("replaces", raw.replaces)):
        if budget is not None and budget < 0:
            yield f"{key}.{name}", "cannot be negative"
    yield from _durations({"soak": raw.soak, "plan_age": raw.plan_age}, key)
    if raw.soak is not None and first:
        yield f"{key}.soak", "the first environment has none before it to soak in"
    for index, window in enumerate(raw.windows):
        yield from _problems_of_window(window, f"{key}.windows[{index}]")
    names: set[str] = set()
    for index, rule in enumerate(raw.rules):
        place = f"{key}.rules[{index}]"
        if not rule.name.strip():
            yield f"{place}.name", "give the rule a name: verdicts are listed by it"
        if rule.name in names:
            yield f"{place}.name", f"{rule.name!r} names another rule already"
        names.add(rule.name)
        yield from _problems_of_expression(rule.unless, f"{place}.unless")
    if raw.auto_approve is not None:
        yield from _problems_of_expression(raw.auto_approve, f"{key}.auto_approve")


def _problems_of_expression(text: str, key: str) -> Iterator[tuple[str, str]]:
    if not text.strip():
        yield key, "is empty; write a CEL expression such as `plan.deletes == 0`"
    if len(text) > _LONGEST_EXPRESSION:
        yield key, f"is longer than {_LONGEST_EXPRESSION} characters"


def _durations(found: Mapping[str, str | None], key: str) -> Iterator[tuple[str, str]]:
    for name, text in found.items():
        if text is not None and seconds(text) is None:
            yield f"{key}.{name}", f"{text!r} is not a duration such as 90m, 24h or 7d"


def _problems_of_window(raw: _RawWindow, key: str) -> Iterator[tuple[str, str]]:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    days = _days(raw.days)
    if isinstance(days, str):
        yield f"{key}.days", f"{days!r} is neither a day nor a range of days; write mon-fri or [mon, wed-thu]"
    for name, moment, end in (("from", raw.opens, ""), ("to", raw.closes, _END_OF_DAY)):
        if not isinstance(moment, str):
            yield f"{key}.{name}", 'put the time in quotes, as in "16:00": YAML reads it as a number otherwise'
        elif moment != end and not _TIME.fullmatch(moment):
            yield f"{key}.{name}", f"{moment!r} is not a time such as 09:00"
    if raw.opens == raw.closes:
        yield f"{key}.to", 'a window that closes when it opens is none; a whole day is from "00:00" to "24:00"'
    try:
        ZoneInfo(raw.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield f"{key}.zone", f"there is no time zone {raw.zone!r}; write one such as Europe/Berlin or UTC"


def _window(raw: _RawWindow) -> Window:
    days = _days(raw.days)
    closes = None if raw.closes == _END_OF_DAY else time.fromisoformat(str(raw.closes))
    opens = time.fromisoformat(str(raw.opens))
    return Window(days if isinstance(days, tuple) else (), opens, closes, raw.zone)


def _days(raw: str | list[str]) -> tuple[int, ...] | str:
    """The days' numbers, or the text that is none. A range may pass the end of the week: fri-mon."""
    found: set[int] = set()
    for part in [raw] if isinstance(raw, str) else raw:
        first, dash, last = part.strip().lower().partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            return part
        start, end = DAYS.index(first), DAYS.index(last or first)
        found.update((start + step) % 7 for step in range((end - start) % 7 + 1))
    return tuple(sorted(found)) or ""
