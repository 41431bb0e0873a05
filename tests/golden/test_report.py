"""The HTML report as it reads, against expected files; how it looks is for `tests/browser`."""

from collections.abc import Callable

import pytest

from gitops import __version__
from gitops.views.html import report
from tests.golden.reviews import GOLDEN
from tests.support import reports
from tests.support.pages import Page

SHOWN = {
    **{
        name: GOLDEN[name]
        for name in ("nothing-changes", "secrets", "failed-preview", "hostile", "spared", "downstream")
    },
    "sample": reports.sample,
}


@pytest.mark.parametrize("name", SHOWN)
def test_the_report_reads_as_expected(name: str, golden: Callable[[str, str], None]) -> None:
    text = Page(report.render(SHOWN[name](), reports.histories())).text
    golden(f"report-{name}.txt", text.replace(f"gitops {__version__}.", "gitops VERSION."))
