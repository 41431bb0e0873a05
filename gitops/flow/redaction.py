"""Take known secrets out of text that somebody else wrote. Pure.

In goes what a run knows of secret values and a text of the engine, a provider or a program; out comes what a terminal
may show of it. A secret is replaced in each spelling in which tools print it. Where a secret is too short to be told
from other text, the lines that could hold it are left out and counted. No text of this kind goes anywhere else: not
into records, comments or reports.
"""

import base64
import binascii
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from gitops.errors import FreeText

REPLACEMENT = "[secret]"
SHORTEST = 8
"""Characters that a secret has at least, for it to be replaced in a line and the rest of that line to be shown."""
FRAGMENT = 12
"""Characters of a longer secret that are taken for a part of it: providers cut long values off."""
_SAMPLE = 8
_BETWEEN = FRAGMENT - _SAMPLE + 1
"""From one sample of a spelling to the next: a text is searched for these, and only where it has one for fragments."""

_VIOLATION = re.compile(r"(violates plan).*", re.DOTALL)
# Names of environment variables whose values are secret by what they are called.
_SECRET_NAME = re.compile(r"token|secret|passw|passphrase|credential|api_?key|private_?key|access_?key", re.IGNORECASE)
_NAMES_A_PLACE = re.compile(r"_(file|path|dir|url|uri|endpoint|id|arn|name)$", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")


@dataclass(frozen=True)
class Redactor:
    """Shows what may be shown of a text. `complete` false: not all secrets are known, so nothing may be shown."""

    values: frozenset[str] = field(default_factory=frozenset, repr=False)
    complete: bool = True
    others: frozenset[str] = field(default_factory=frozenset, repr=False)
    """Secrets that are looked for as well, as far as they are long enough to be replaced."""

    def clean(self, texts: Iterable[str]) -> FreeText:
        """The lines of the texts with the secrets replaced; a line that an earlier text had is not repeated."""
        shown: list[str] = []
        left_out = 0
        for text in texts:
            if not self.complete:
                left_out += len(text.splitlines())
                continue
            # The engine says most things twice, on its standard error and as an event.
            before = frozenset(shown)
            for line in self.replaced(_without_values(text)).splitlines():
                if any(short in line for short in self._short):
                    left_out += 1
                elif line not in before:
                    shown.append(line)
        return FreeText(tuple(shown), left_out)

    @property
    def is_short(self) -> bool:
        """Whether there is a secret, or a part of one, that is too short to be replaced."""
        return bool(self._parts[1])

    def line(self, text: str) -> str:
        """The text as `clean` shows it, for a message that others quote; what is left out is named in its place."""
        told = self.clean([text])
        hidden = [f"({told.left_out} not shown: it could hold a secret)"] if told.left_out else []
        return "\n".join((*told.lines, *hidden))

    @cached_property
    def _parts(self) -> tuple[frozenset[str], frozenset[str]]:
        """The secrets and their parts: those that can be replaced, and those that are too short for that."""
        parts = {part for value in self.values for part in _parts(value)}
        long = {part for value in self.others for part in _parts(value)} | parts
        return frozenset(p for p in long if len(p) >= SHORTEST), frozenset(p for p in parts if len(p) < SHORTEST)

    @cached_property
    def _short(self) -> frozenset[str]:
        """Every spelling of a short secret."""
        return frozenset(form for part in self._parts[1] for form in (*_spelled(part), *_whole_base64(part)))

    @cached_property
    def _forms(self) -> tuple[str, ...]:
        """Every spelling to be replaced, the longest first: one may be a part of another."""
        every = {form for part in self._parts[0] for form in (*_spelled(part), *_encoded(part))}
        return tuple(sorted((form for form in every if len(form) >= SHORTEST), key=len, reverse=True))

    @cached_property
    def _samples(self) -> frozenset[str]:
        """Of every spelling so many short parts that each fragment of it contains one."""
        return frozenset(
            form[at : at + _SAMPLE] for form in self._forms for at in range(0, len(form) - _SAMPLE + 1, _BETWEEN)
        )

    def replaced(self, text: str) -> str:
        """The text with each secret replaced; what is too short for that is not looked for."""
        for form in self._forms:
            text = text.replace(form, REPLACEMENT)
        return self._without_fragments(text)

    def _without_fragments(self, text: str) -> str:
        """The text without parts of long secrets, each of at least `FRAGMENT` characters."""
        samples, last = self._samples, len(text) - FRAGMENT
        sampled = [at for at in range(len(text) - _SAMPLE + 1) if text[at : at + _SAMPLE] in samples]
        windows = {
            text[start : start + FRAGMENT]
            for at in sampled
            for start in range(max(at - _BETWEEN + 1, 0), min(at, last) + 1)
        }
        shared = {window for window in windows if any(window in form for form in self._forms)}
        if not shared:
            return text
        kept: list[str] = []
        hidden_until = 0
        for at, character in enumerate(text):
            if text[at : at + FRAGMENT] in shared:
                if at >= hidden_until:
                    kept.append(REPLACEMENT)
                hidden_until = at + FRAGMENT
            if at >= hidden_until:
                kept.append(character)
        return "".join(kept)


def _without_values(text: str) -> str:
    """The text up to the words "violates plan": what follows them are values, known to this run or not.

    `sdk/go` writes `resource URN violates plan: properties changed: ~~data[{old}!={new}]` (pkg/resource/deploy,
    `step_generator.go` and `plan.go`, engine 3.259). The new value may be a secret that nobody has seen before.
    """
    return _VIOLATION.sub(r"\1", text)


def secrets_in(value: Any) -> Iterator[str]:
    """The secret texts of a clear value that the engine decrypted: of an object or a list, each leaf.

    True, false and null are left out: they can be guessed, and they stand in every text.
    """
    if isinstance(value, Mapping):
        for child in value.values():
            yield from secrets_in(child)
    elif isinstance(value, list):
        for child in value:
            yield from secrets_in(child)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _spellings(value)


def secrets_of_environment(environment: Mapping[str, str]) -> Iterator[str]:
    """The values of variables whose names say that they are secret, and passwords inside of addresses."""
    for name, value in environment.items():
        if _SECRET_NAME.search(name) and not _NAMES_A_PLACE.search(name):
            yield value
        for password in _IN_ADDRESS.findall(value):
            # As the address spells it, and as it is.
            yield from {password, unquote(password)}


def _spellings(number: float) -> Iterator[str]:
    """A number as JSON and as Go print it: Go writes 1234567 as 1.234567e+06."""
    yield json.dumps(number)
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    if isinstance(exponent, int) and len(digits) + exponent > 1:
        whole, *rest = map(str, digits)
        power = len(digits) + exponent - 1
        yield f"{'-' if sign else ''}{whole}{'.' if rest else ''}{''.join(rest)}e+{power:02d}"


def _parts(value: str) -> Iterator[str]:
    """The secret itself, each of its lines, what it says where it is base64, and the leaves where it is JSON."""
    text = value.strip()
    if not text:
        return
    yield text
    lines = text.splitlines()
    if len(lines) > 1:
        # A line of brackets alone holds nothing.
        yield from (line.strip() for line in lines if any(map(str.isalnum, line)))
    if text[0] in "{[":
        try:
            leaves = list(secrets_in(json.loads(text)))
        except (ValueError, RecursionError):
            leaves = []
        for leaf in leaves:
            yield from _parts(leaf)
    decoded = _decoded(text)
    if decoded:
        yield from _parts(decoded)


def _decoded(text: str) -> str:
    """What a base64 text says; empty where it is none, or says nothing that anybody could read."""
    if len(text) < SHORTEST or len(text) % 4 or not re.fullmatch(r"[A-Za-z0-9+/\s]+=*", text):
        return ""
    try:
        decoded = base64.b64decode(text, validate=False).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return decoded if decoded.replace("\n", "").isprintable() and len(decoded) < len(text) else ""


def _spelled(part: str) -> Iterator[str]:
    """The spellings in which tools print a text."""
    escaped = json.dumps(part, ensure_ascii=False)[1:-1]
    yield part
    yield escaped
    yield json.dumps(part)[1:-1]
    # Go's encoder writes these three as \u003c and so on, and its %q has two escapes that JSON lacks.
    yield escaped.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    yield escaped.replace("\\u0007", "\\a").replace("\\u000b", "\\v")
    # JSON inside of JSON, as a policy document has it.
    yield json.dumps(escaped, ensure_ascii=False)[1:-1]
    yield repr(part)[1:-1]
    yield html.escape(part)
    yield quote(part, safe="", errors="replace")
    yield quote_plus(part, errors="replace")


def _whole_base64(part: str) -> Iterator[str]:
    content = part.encode(errors="replace")
    yield base64.b64encode(content).decode()
    yield base64.urlsafe_b64encode(content).decode()


def _encoded(part: str) -> Iterator[str]:
    """The text as bytes are printed: in hexadecimal and in base64, also in the middle of other bytes.

    There a base64 text starts at one of three places, and its first and last character depend on its neighbours.
    """
    content = part.encode(errors="replace")
    yield content.hex()
    yield content.hex().upper()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(content).decode().rstrip("=")
        for shift in range(3):
            inner = encode(b"\0" * shift + content).decode().rstrip("=")
            yield inner[(0, 2, 3)[shift] : len(inner) - (1 if (shift + len(content)) % 3 else 0)]


def without_credentials(address: str) -> str:
    """A remote's address without user name and password: people do put tokens there."""
    return re.sub(r"(?<=://)[^/@]*@", "", address)
