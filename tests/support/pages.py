"""HTML as tests look at it: its tags with their attributes, and what a reader reads."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

# Elements that do not begin a new line for a reader.
_INLINE = frozenset({"a", "b", "br", "code", "em", "span", "small", "strong", "time"})
_UNREAD = frozenset({"style", "svg"})
_VOID = frozenset({"br", "link", "meta"})


@dataclass
class Page(HTMLParser):
    """`tags` in order with their attributes; `text` is one line a block, as it reads from top to bottom."""

    source: str
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    _text: list[str] = field(default_factory=list)
    _unread: int = 0
    _in_block: int = 0

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._unread += tag in _UNREAD and tag not in _VOID
        if tag == "br" or tag not in _INLINE:
            self._text.append("\n" if tag not in ("td", "th") else " | ")
        self._in_block += tag == "pre"
        if tag == "span" and self._in_block:  # one span a line
            self._text.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._unread -= tag in _UNREAD
        self._in_block -= tag == "pre"

    def handle_data(self, data: str) -> None:
        if not self._unread:
            self._text.append(re.sub(r"\s+", " ", data))

    @property
    def text(self) -> str:
        """What a reader reads."""
        lines = (re.sub(r"  +", " ", line.strip()) for line in "".join(self._text).split("\n"))
        return "\n".join(line for line in lines if line) + "\n"
