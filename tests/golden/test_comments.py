"""The review comment, in Markdown and in the terminal, against expected files."""

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from gitops.views.markdown import review_comment
from gitops.views.terminal import screen
from tests.golden.reviews import GOLDEN


@pytest.mark.parametrize("name", GOLDEN)
def test_the_comment_reads_as_expected(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"comment-{name}.md", review_comment.render(GOLDEN[name]()))


@pytest.mark.parametrize("name", GOLDEN)
def test_the_terminal_reads_as_expected(name: str, golden: Callable[[str, str], None]) -> None:
    stream = io.StringIO()
    screen.console(stream).print(screen.review(GOLDEN[name]()))
    golden(f"terminal-{name}.txt", stream.getvalue())


def test_long_lines_hang_in_a_narrow_terminal(golden: Callable[[str, str], None]) -> None:
    stream = io.StringIO()
    Console(file=stream, width=60, markup=False, emoji=False, highlight=False).print(screen.review(GOLDEN["updates"]()))
    golden("terminal-narrow.txt", stream.getvalue())


def test_nothing_hostile_steers_the_terminal_or_the_log() -> None:
    stream = io.StringIO()
    screen.console(stream).print(screen.review(GOLDEN["hostile"]()))
    for line in stream.getvalue().splitlines():
        assert line.isprintable()
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
