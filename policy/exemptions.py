"""Who may break which rule where, why, and until when; `exemptions.yaml` says it."""

import fnmatch
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from policy.files import Entry, parse

_KEYS = ("rule", "urn", "owner", "reason", "expires")


@dataclass(frozen=True, kw_only=True)
class Exemption:
    """`urn` is a URN, or a pattern in which `*` stands for anything; `expires` is the last day (UTC) that it holds."""

    rule: str
    urn: str
    owner: str
    reason: str
    expires: date

    def covers(self, rule: str, urn: str) -> bool:
        """Whether it is about this rule on this resource, be it still valid or not."""
        return self.rule == rule and fnmatch.fnmatchcase(urn, self.urn)


@dataclass(frozen=True)
class Exemptions:
    """All exemptions, and the day they are looked at."""

    all: tuple[Exemption, ...]
    today: date

    def valid(self, rule: str, urn: str) -> Exemption | None:
        """The exemption of this rule on this resource; of several, the one that holds longest."""
        return self._last(rule, urn, expired=False)

    def expired(self, rule: str, urn: str) -> Exemption | None:
        """The exemption that it had, where none is valid any more."""
        return None if self.valid(rule, urn) else self._last(rule, urn, expired=True)

    def _last(self, rule: str, urn: str, *, expired: bool) -> Exemption | None:
        found = [one for one in self.all if one.covers(rule, urn) and (one.expires < self.today) is expired]
        return max(found, key=lambda one: one.expires, default=None)


def read(text: str, file: str, rules: Collection[str], today: date) -> Exemptions:
    """The exemptions that a file lists. Raises `FileError`, with line and key: a broken one exempts from nothing."""
    listed = parse(text, file).mapping(required=("exemptions",))["exemptions"].list()
    return Exemptions(tuple(_exemption(entry, rules) for entry in listed), today)


def _exemption(entry: Entry, rules: Collection[str]) -> Exemption:
    keys = entry.mapping(required=_KEYS)
    rule, urn = keys["rule"].text(), keys["urn"].text()
    if rule not in rules:
        raise keys["rule"].error(f"names no rule: {rule}; docs/policy.md lists them all")
    if not urn.startswith("urn:pulumi:"):
        raise keys["urn"].error(f"must begin with urn:pulumi: and a stack; got {urn}")
    if any(sign in urn for sign in "?[]"):
        raise keys["urn"].error(f"may have no other wildcard than *; got {urn}")
    try:
        expires = date.fromisoformat(keys["expires"].text())
    except ValueError:
        raise keys["expires"].error("must be a date such as 2027-03-31") from None
    return Exemption(
        rule=rule, urn=urn, owner=keys["owner"].text(), reason=keys["reason"].text().rstrip("."), expires=expires
    )
