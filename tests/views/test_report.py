"""The HTML report's promises: one bounded file that loads and runs nothing, and in which nothing becomes markup."""

import base64
import hashlib
import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops.model import (
    Diagnostic,
    Operation,
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
    Severity,
    Stack,
)
from gitops.views.html import report
from tests.golden.reviews import GOLDEN, HOSTILE
from tests.support import reports
from tests.support.pages import Page
from tests.support.plans import DEV, HEAD, NOW, add, change, plan, review, reviewed, update, urn
from tests.support.records import BODIES

BUCKET = "aws:s3/bucket:Bucket"
OUR_TAGS = frozenset(
    re.findall(
        r"\S+",
        """html head meta title style body a header main section nav footer p b em small strong code span div pre br
        h1 h2 h3 h4 ul ol li dl dt dd details summary table thead tbody tr th td time figure figcaption
        svg desc defs marker path rect text""",
    )
)
# What an attribute may hold: names and numbers of ours. The others are listed with what else they hold.
OURS = re.compile(r"[\w #().:/-]*", re.ASCII)
FREE = {("meta", "content"), ("div", "aria-label"), ("path", "d"), ("time", "datetime")}


def size(text: str) -> int:
    return len(text.encode())


def hostile() -> Review:
    """The hostile review, with a graph of its resources."""
    made = GOLDEN["hostile"]()
    changed = next(one for one in made.stacks if one.changes)
    nodes = tuple(
        ResourceNode(one.urn, HOSTILE, tuple(other.urn for other in changed.changes)) for one in changed.changes
    )
    return replace(made, stacks=tuple(replace(one, graph=ResourceGraph(nodes)) for one in made.stacks))


def hostile_history(stack: Stack) -> tuple[Record, ...]:
    verdict = {"rules": [{"rule": HOSTILE, "outcome": "refuse", "reason": HOSTILE}]}
    check = {"name": HOSTILE, "passed": False, "detail": HOSTILE}
    told: dict[str, object] = {
        "plan": {"plan_digest": HOSTILE},
        "verdict": verdict,
        "message": HOSTILE,
        "reason": HOSTILE,
        "checks": [check],
        "repairs": [HOSTILE],
        "why": HOSTILE,
    }
    alike = ({**whole, **{key: told[key] for key in whole.keys() & told.keys()}} for whole in BODIES.values())
    broken = ({"plan": HOSTILE, "message": 1, "checks": HOSTILE, "by": 1, "verdict": HOSTILE, "repairs": 7},)
    return tuple(
        Record(1, "", kind, NOW, HOSTILE, HOSTILE, stack.label, HOSTILE, body)
        for kind, hostile_body in zip(BODIES, alike, strict=True)
        for body in (hostile_body, *broken)
    )


def rendered(name: str) -> str:
    if name == "sample":
        return report.render(reports.sample(), reports.histories())
    made = hostile() if name == "hostile" else GOLDEN[name]()
    return report.render(made, {one.stack: hostile_history(one.stack) for one in made.stacks})


NAMES = [*GOLDEN, "sample"]


@pytest.mark.parametrize("name", NAMES)
def test_it_has_no_tag_and_no_attribute_but_ours(name: str) -> None:
    page = Page(rendered(name))
    assert {tag for tag, _ in page.tags} <= OUR_TAGS
    for tag, attributes in page.tags:
        for key, value in attributes.items():
            assert key in ("href", "open", "reversed") or (
                key not in ("src", "style", "srcdoc") and not key.startswith("on")
            )
            assert (tag, key) in FREE or OURS.fullmatch(value or ""), (tag, key, value)
        assert (attributes.get("href") or "#").startswith("#")
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {attributes["href"][1:] for _, attributes in page.tags if "href" in attributes} <= set(ids)


@pytest.mark.parametrize("name", NAMES)
def test_no_character_in_it_is_invisible(name: str) -> None:
    seen = set(rendered(name)) - {"\n"}
    assert [one for one in seen if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")] == []


def test_what_a_template_prints_is_escaped_and_visible_also_where_it_forgets_to_clip() -> None:
    printed = report.templates().from_string("{{ text }}").render(text="a\u202e<b>\x00\n::set-output")
    assert printed == r"a\u202e&lt;b&gt;\u0000\n::set-output"


@pytest.mark.parametrize("name", NAMES)
def test_no_secret_leaves_a_digest(name: str) -> None:
    assert "5ec2e7d16e57" not in rendered(name)


def test_its_policy_allows_its_own_style_sheet_and_nothing_else() -> None:
    text = rendered("sample")
    style = text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    (said,) = (one for tag, one in Page(text).tags if tag == "meta" and "http-equiv" in one)
    assert (said["http-equiv"], said["content"]) == ("Content-Security-Policy", policy)
    assert text.index("Content-Security-Policy") < text.index("<style>")
    assert "url(http" not in style
    assert "@import" not in style


def test_the_same_review_gives_the_same_file() -> None:
    assert rendered("sample") == rendered("sample")


def test_the_verdict_comes_first_and_what_is_destroyed_next() -> None:
    text = Page(rendered("sample")).text
    places = [
        "dev: destroys 2 resources",
        "Once approved",
        "Gate: waiting",
        "What is destroyed",
        "Stacks\n",
        "Resources\n",
    ]
    places += ["Graph\n", "History\n", "Affected, but without changes"]
    found = [text.rindex(place) if place == "dev: destroys 2 resources" else text.index(place) for place in places]
    assert found == sorted(found)
    assert "storageEncrypted changes protected: the apply stops here" in text.partition("Stacks\n")[0]


def many(count: int, **properties: object) -> Review:
    items = [add(name, value) for name, value in (properties or {"bucket": "x" * 100, "tags": {"team": "web"}}).items()]
    changes = [change(Operation.CREATE, BUCKET, f"bucket-{number:05}", *items) for number in range(count - 11)]
    changes += [change(Operation.DELETE, BUCKET, f"doomed-{number}") for number in range(10)]
    changes.append(change(Operation.UPDATE, BUCKET, "hub", update("acl", "private", "public-read")))
    hub = urn(BUCKET, "hub")
    graph = ResourceGraph(tuple(ResourceNode(one.urn, "", () if one.urn == hub else (hub,)) for one in changes))
    return review(replace(reviewed(plan(*changes)), graph=graph))


def test_ten_thousand_resources_are_all_named_in_a_bounded_file() -> None:
    text = report.render(many(10_000), {})
    assert size(text) < report.LIMIT
    assert text.count('<li id="s1-') == 10_000
    assert "Not listed" not in text
    assert "acl: &#34;private&#34; → &#34;public-read&#34;" in text
    assert "Not drawn, for want of room: 9,960 changed resources." in Page(text).text
    without = re.search(r"([\d,]+) resources above without properties", text)
    assert without
    assert text.count('<pre class="diff">') + int(without[1].replace(",", "")) == 10_000 - 10


def test_a_thousand_changed_stacks_stay_below_the_limit_and_are_all_counted() -> None:
    stacks = [Stack("shop", f"region-{number:04}") for number in range(1_000)]
    one = change(Operation.UPDATE, BUCKET, "assets", update("acl", "a", "b"))
    graph = ResourceGraph((ResourceNode(one.urn, "", (urn(BUCKET, "key"),)), ResourceNode(urn(BUCKET, "key"))))
    made = review(*(replace(reviewed(plan(one, stack=stack), stack), graph=graph) for stack in stacks))
    text = report.render(made, {stack: reports.histories()[DEV] for stack in stacks})
    assert size(text) < report.LIMIT
    assert text.count('<th scope="row"><a href="#s') + text.count('<th scope="row">shop/region') >= 1_000
    sections = text.count('<section class="stack"')
    assert f"{1_000 - sections:,} stacks without a section here, for want of room." in text


def test_hostile_floods_stay_below_the_limit() -> None:
    long = "&\n|<\"'" * 1_000
    finding = PolicyFinding(long, long, PolicyLevel.MANDATORY, long, long)
    result = plan(
        *(
            change(
                Operation.REPLACE,
                long,
                f"{number}{long}",
                update(long, long, long + "x", replaces=True),
                add(long, [long]),
            )
            for number in range(100)
        ),
        findings=(finding,) * 50,
        warnings=(Diagnostic(Severity.WARNING, long, long),) * 50,
    )
    reasons = tuple(Reason(ReasonKind.UNKNOWN, f"{number}{long}", long) for number in range(50))
    nodes = ResourceGraph(
        tuple(ResourceNode(one.urn, long, tuple(other.urn for other in result.changes)) for one in result.changes)
    )
    stacks = [Stack(long, f"{number}") for number in range(4)]
    made = review(
        *(replace(reviewed(result, stack, *reasons), graph=nodes) for stack in stacks),
        *(reviewed(PreviewFailure(long, (long,) * 50, long), Stack("f", one.name), *reasons) for one in stacks),
        *(reviewed(plan(stack=stack), Stack("quiet", stack.name + long)) for stack in stacks),
        undeclared=tuple(stacks),
    )
    assert size(report.render(made, {stack: hostile_history(stack) for stack in stacks})) < report.LIMIT


def test_what_has_no_room_in_a_stack_is_counted() -> None:
    findings = tuple(
        PolicyFinding("pack", f"rule-{number}", PolicyLevel.ADVISORY, "x" * 300, urn(BUCKET, "a"))
        for number in range(3_000)
    )
    one = change(Operation.UPDATE, BUCKET, "a", update("acl", "a", "b"))
    text = report.render(review(reviewed(plan(one, findings=findings))), {})
    left = re.search(r"([\d,]+) findings not listed, for want of room", text)
    assert left
    assert text.count('<li class="finding') + int(left[1].replace(",", "")) == 3_000


def test_a_history_shows_its_newest_records_only() -> None:
    records = tuple(
        Record(99 - age, "", RecordKind.APPLIED, NOW, f"user-{age}", "dev", DEV.label, HEAD) for age in range(50)
    )
    one = change(Operation.UPDATE, BUCKET, "a", update("acl", "a", "b"))
    text = report.render(review(reviewed(plan(one))), {DEV: records})
    assert re.findall(r"by (user-\d+)", text) == [f"user-{age}" for age in range(report.HISTORY)]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_whatever_a_name_is_it_stays_text(name: str) -> None:
    one = change(Operation.REPLACE, BUCKET, name, update(name, name, f"{name}x", replaces=True), add("k", {name: name}))
    finding = PolicyFinding(name, name, PolicyLevel.ADVISORY, name, one.urn)
    made = review(replace(reviewed(plan(one, findings=(finding,))), graph=ResourceGraph((ResourceNode(one.urn),))))
    page = Page(report.render(made, {}))
    assert {tag for tag, _ in page.tags} <= OUR_TAGS
