"""What GitHub would make of a comment: its Markdown parsed, and nothing in it that is not the pipeline's own."""

import re
from collections.abc import Iterable

from markdown_it import MarkdownIt
from markdown_it.token import Token

from gitops.flow.words import visible

OWN_HTML = re.compile(
    r"<!-- gitops:preview:[\w.-]+ -->|</?details>|<summary>[^<]*</summary>|</?sub>|</?code>|\s", re.ASCII
)


def tokens(text: str) -> Iterable[Token]:
    """Every token of the Markdown, those inside of others too."""
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(text):
        yield token
        yield from token.children or ()


def only_ours(text: str) -> None:
    """Assert that no markup, mention, image, link or command to a runner comes from outside."""
    in_code = False
    for token in tokens(text):
        if token.type == "html_inline" and token.content in ("<code>", "</code>"):
            in_code = token.content == "<code>"
        if token.type in ("html_block", "html_inline"):
            rest = OWN_HTML.sub("", re.sub(r"<summary>.*</summary>", "", token.content))
            assert not rest, token.content
        if token.type == "text" and not in_code:  # GitHub finds no mention inside code
            assert "@" not in token.content, token.content
        assert token.type != "image"
        if token.type == "link_open":
            assert str(token.attrs["href"]).startswith("https://ci.example/")
    for line in text.splitlines():
        assert not line.lstrip().startswith("::"), line
        assert "##[" not in line
        assert line == visible(line)
