"""The HTML report in a real browser: on a phone and a desk, by keyboard, in the dark, on paper, and under attack."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from gitops.model import (
    Diagnostic,
    Operation,
    Outcome,
    PolicyFinding,
    PolicyLevel,
    PreviewFailure,
    Reason,
    ReasonKind,
    Record,
    RecordKind,
    ResourceGraph,
    ResourceNode,
    Review,
    RuleResult,
    Severity,
    Stack,
    Verdict,
)
from gitops.views.html import report
from tests.browser import looking
from tests.golden.reviews import GOLDEN
from tests.support import reports
from tests.support.browser import started
from tests.support.plans import HEAD, NOW, add, change, plan, review, reviewed, update, urn
from tests.support.records import BODIES

WIDTHS = (360, 768, 1280)
REVIEWS = {
    "sample": reports.sample,
    **{name: GOLDEN[name] for name in ("hostile", "many-stacks", "failed-preview", "violations", "nothing-changes")},
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as browser:
        yield browser


@dataclass
class Opened:
    """A page and what it did."""

    page: Page
    url: str
    said: list[str] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    denied: list[tuple[str, str]] = field(default_factory=list)


Show = Callable[..., Opened]


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Show]:
    """Open a report as people do: a file. What was opened is closed with the test."""
    with ExitStack() as pages:

        def open_file(html: str, width: int = 1280, **options: Any) -> Opened:
            file = tmp_path / "report.html"
            file.write_text(html, encoding="utf-8")
            page = browser.new_page(viewport={"width": width, "height": 800}, **options)
            pages.callback(page.close)
            opened = Opened(page, file.as_uri())
            page.on("console", lambda message: opened.said.append(message.text))
            page.on("pageerror", lambda error: opened.said.append(str(error)))
            page.on("request", lambda request: opened.asked_for.append(request.url))
            page.on("requestfailed", lambda request: opened.denied.append((request.url, str(request.failure))))
            page.on("dialog", lambda dialog: (opened.dialogs.append(dialog.message), dialog.dismiss()))
            page.goto(opened.url)
            return opened

        yield open_file


def html(name: str) -> str:
    made = REVIEWS[name]()
    return report.render(made, {one.stack: reports.histories()[reports.DEV] for one in made.stacks})


@pytest.mark.parametrize("name", REVIEWS)
def test_it_fits_every_screen_and_loads_nothing(show: Show, name: str) -> None:
    opened = show(html(name))
    for width in WIDTHS:
        opened.page.set_viewport_size({"width": width, "height": 800})
        assert opened.page.evaluate(looking.TOO_WIDE) == []
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert (opened.asked_for, opened.said, opened.dialogs) == ([opened.url], [], [])


@pytest.mark.parametrize("name", REVIEWS)
def test_every_text_stands_out_from_what_is_behind_it(show: Show, name: str) -> None:
    page = show(html(name)).page
    page.evaluate(looking.OPEN_ALL)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        contrasts = page.evaluate(looking.CONTRASTS)
        assert len(contrasts) > 20
        assert [one for one in contrasts if one["ratio"] < 4.5] == []


def test_it_is_dark_where_people_want_it_dark(show: Show) -> None:
    page = show(html("nothing-changes"), color_scheme="light").page
    assert page.evaluate(looking.BACKGROUND) > 0.9
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(looking.BACKGROUND) < 0.1


def test_nothing_moves_where_people_want_no_motion(show: Show) -> None:
    page = show(html("sample"), reduced_motion="reduce").page
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "smooth"


@pytest.mark.parametrize("name", REVIEWS)
def test_it_has_landmarks_headings_in_order_and_names_for_everything(show: Show, name: str) -> None:
    page = show(html(name)).page
    for role in ("banner", "main", "contentinfo"):
        assert page.get_by_role(role).count() == 1
    page.evaluate(looking.OPEN_ALL)
    assert page.evaluate(looking.NAMELESS) == []
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(one => Number(one.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert [pair for pair in pairwise(levels) if pair[1] > pair[0] + 1] == []


def test_the_keyboard_reaches_and_opens_every_fold(show: Show) -> None:
    page = show(html("sample"), width=360).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the verdict"
    wanted = page.locator("summary:visible").count()
    reached, opened = 0, 0
    for _ in range(100):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            reached += 1
            before = page.evaluate("document.activeElement.parentElement.open")
            page.keyboard.press("Enter")
            opened += page.evaluate("document.activeElement.parentElement.open") is not before
            page.keyboard.press("Enter")
    assert reached == opened == wanted > 8


def test_the_keyboard_scrolls_the_graph_on_a_phone(show: Show) -> None:
    page = show(html("sample"), width=360, reduced_motion="reduce").page
    graph = page.get_by_role("region", name="Graph of shop/dev")
    graph.focus()
    page.keyboard.press("End")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    # Asked from outside: a page that allows no script lets nothing wait inside of it.
    for _ in range(100):
        if scrolled := page.evaluate("document.querySelector('figure .scroll').scrollLeft"):
            break
        page.wait_for_timeout(50)
    assert scrolled > 0
    assert page.evaluate("document.documentElement.scrollLeft") == 0


def test_the_graph_has_a_name_and_a_table_that_says_the_same(show: Show) -> None:
    page = show(html("sample")).page
    picture = page.get_by_role("img", name="Dependency graph of shop/dev")
    assert picture.count() == 1
    boxes = page.evaluate("[...document.querySelectorAll('.box title')].map(one => one.textContent.split(':  ')[0])")
    page.get_by_text("The graph as a table").click()
    rows = page.locator("table.links tbody th").all_inner_texts()
    assert len(rows) == len(boxes) > 8
    assert all(box.startswith(row) for box, row in zip(boxes, rows, strict=True))
    marked = page.evaluate("[...document.querySelectorAll('.box .mark')].map(one => one.textContent.trim())")
    assert {"-/+", "-", "~", "+"} == set(marked)


def test_a_link_from_what_is_destroyed_leads_to_its_properties(show: Show) -> None:
    page = show(html("sample"), reduced_motion="reduce").page
    page.get_by_role("link", name="aws:rds:Instance orders").first.click()
    target = page.locator(":target")
    assert target.is_visible()
    assert "storageEncrypted: false → true" in target.inner_text()


def test_on_paper_everything_is_open(show: Show) -> None:
    page = show(html("sample")).page
    closed = page.locator("details:not([open]) .diff").first
    assert not closed.is_visible()
    page.emulate_media(media="print")
    assert closed.is_visible()
    assert closed.bounding_box()["height"] > 20


def test_text_from_right_to_left_does_not_swap_before_and_after(show: Show) -> None:
    one = change(Operation.UPDATE, "things:index:Thing", "a", update("key", "אבג", "דהו"))
    page = show(report.render(review(reviewed(plan(one))), {})).page
    before, after = page.evaluate(looking.PLACES, ["אבג", "דהו"])
    assert before < after


def test_ten_thousand_resources_open_on_a_phone(show: Show) -> None:
    changes = [
        change(
            Operation.CREATE, "aws:s3/bucket:Bucket", f"b-{number:05}", add("bucket", "x" * 60), add("tags", {"a": "b"})
        )
        for number in range(9_000)
    ] + [
        change(Operation.UPDATE, "aws:s3/bucket:Bucket", f"u-{number}", update("acl", "a", "b"))
        for number in range(1_000)
    ]
    graph = ResourceGraph(tuple(ResourceNode(one.urn) for one in changes))
    made = report.render(review(replace(reviewed(plan(*changes)), graph=graph)), {})
    opened = show(made, width=360)
    assert opened.page.locator(".changes > li").count() == 10_000
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 360
    opened.page.evaluate("location.hash = 's1-10000'")
    assert opened.page.locator(":target").is_visible()
    assert (opened.asked_for, opened.said) == ([opened.url], [])


CANARIES = (
    "<script>document.title = 'pwned'</script>",
    "</title></style><script>document.title = 'pwned'</script>",
    '"><img src=x onerror="document.title = \'pwned\'">',
    "'><svg onload=document.title='pwned'>",
    "</pre></code></svg><iframe srcdoc='<script>top.document.title=1</script>'></iframe>",
    "javascript:document.title='pwned'",
    "{{ 7 * 7 }}{% raw %}<style>body { display: none }</style>",
    "--><base href='https://evil.example/'><meta http-equiv=refresh content='0;url=https://evil.example/'>",
)


def poisoned(text: str) -> tuple[Review, dict[Stack, tuple[Record, ...]]]:
    """A review in which everything that can be text from outside is this text."""
    stack = Stack(text, text)
    one = change(
        Operation.REPLACE, text, text, update(text, text, text + "x", replaces=True), add(text, {text: [text]})
    )
    result = plan(
        one,
        change(Operation.DELETE, text, f"{text}2"),
        stack=stack,
        findings=(PolicyFinding(text, text, PolicyLevel.MANDATORY, text, one.urn),),
        warnings=(Diagnostic(Severity.WARNING, text, one.urn),),
    )
    reason = Reason(ReasonKind.UNKNOWN, text, text)
    graph = ResourceGraph((ResourceNode(one.urn, text, (urn(text, "other"),)), ResourceNode(urn(text, "other"), text)))
    good = reviewed(result, stack, reason)
    failed = reviewed(PreviewFailure(text, (text,), text), Stack("failed", text), reason)
    verdict = Verdict((RuleResult(text, Outcome.REFUSE, text, remedy=text),))
    made = Review(text, text, text, (replace(good, graph=graph), failed), verdict=verdict, undeclared=(stack,))
    told: dict[RecordKind, dict[str, object]] = {
        RecordKind.PLAN: {"plan": {"plan_digest": text}},
        RecordKind.APPLY_FAILED: {"message": text},
        RecordKind.BREAK_GLASS: {"reason": text},
    }
    records = tuple(
        Record(1, "", kind, NOW, text, text, stack.label, HEAD, {**BODIES[kind], **body}) for kind, body in told.items()
    )
    return made, {stack: records, failed.stack: records}


@pytest.mark.parametrize("canary", CANARIES)
def test_no_text_from_outside_runs_loads_or_becomes_markup(show: Show, canary: str) -> None:
    made, histories = poisoned(canary)
    opened = show(report.render(made, histories))
    page = opened.page
    page.evaluate(looking.OPEN_ALL)
    assert page.locator("script, img, iframe, base, link, object, embed, form, meta[http-equiv=refresh]").count() == 0
    assert page.locator("style").count() == 1
    assert page.title().startswith(canary[:10])
    assert page.get_by_role("heading", level=1).is_visible()
    assert canary in page.get_by_role("main").inner_text()
    assert (opened.asked_for, opened.said, opened.dialogs) == ([opened.url], [], [])


def test_what_got_in_all_the_same_would_neither_run_nor_load(show: Show) -> None:
    planted = (
        "<script>document.title = 'pwned'</script>"
        "<img src='https://evil.example/x.png' onerror=\"document.title = 'pwned'\">"
        "<style>body { display: none }</style><p id='planted' style='color: red'>planted</p>"
        "<link rel='stylesheet' href='https://evil.example/x.css'>"
    )
    opened = show(html("sample").replace("<main>", f"<main>{planted}"))
    assert opened.page.locator("#planted").is_visible()
    assert opened.page.title().startswith("dev: destroys")
    assert opened.page.evaluate("getComputedStyle(document.getElementById('planted')).color") != "rgb(255, 0, 0)"
    evil = [url for url in opened.asked_for if url != opened.url]
    assert sorted(opened.denied) == sorted((url, "csp") for url in evil)
    assert len([line for line in opened.said if "Content Security Policy" in line]) >= 4
