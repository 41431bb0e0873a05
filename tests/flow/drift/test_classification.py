"""Classifying drift, and its issue: noise is none, values stay out of it, foreign text stays text."""

from gitops.flow.drift import classification
from gitops.flow.drift.classification import Look, Report, State
from gitops.model import Operation, PropertyChange, SecretValue, Stack
from gitops.views.markdown import drift
from tests.support.plans import DEV, change, update

QUEUE = "aws:sqs/queue:Queue"
RELEASE = "a" * 40


def report(*changes: object, **more: object) -> Report:
    return Report("dev", "main", "b" * 40, (Look(DEV, RELEASE, tuple(changes), **more),))  # type: ignore[arg-type]


def test_a_providers_bookkeeping_is_no_drift() -> None:
    read = change(Operation.READ, QUEUE, "jobs")
    upgraded = change(Operation.UPDATE, QUEUE, "jobs")
    (look,) = report(read, upgraded).looks
    assert (look.state, look.noise, look.drifted) == (State.AS_RELEASED, 2, ())


def test_an_operation_that_nobody_knows_is_drift() -> None:
    (look,) = report(change(Operation.UNKNOWN, QUEUE, "jobs")).looks
    assert look.state is State.DRIFTED


def test_the_issue_names_resources_and_properties_without_values() -> None:
    secret = update("password", SecretValue("d1"), SecretValue("d2"))
    text = drift.issue(report(change(Operation.UPDATE, QUEUE, "jobs", secret, update("tags.owner", "eve", "ada"))))
    assert text is not None
    assert text.startswith("<!-- gitops:drift:dev -->\n")
    assert "<code>password</code>, <code>tags</code>" in text
    for value in ("d1", "d2", "eve", "ada"):
        assert f">{value}<" not in text


def test_nothing_in_a_name_becomes_markup() -> None:
    stack = Stack("shop", "dev`@all")
    hostile = change(Operation.DELETE, QUEUE, "<img src=x>|@everybody\n# head")
    text = drift.issue(Report("dev", "main", RELEASE, (Look(stack, RELEASE, (hostile,)),)))
    assert text is not None
    for markup in ("<img", "@everybody", "\n# head"):
        assert markup not in text


def test_many_resources_fit_into_an_issue() -> None:
    paths = tuple(PropertyChange(f"property{n}", update("x", 1, 2).kind, 1, 2) for n in range(50))
    text = drift.issue(report(*(change(Operation.UPDATE, QUEUE, f"{'<' * 300}{n}", *paths) for n in range(5000))))
    assert text is not None
    assert len(text) < 65_000
    assert "more resources." in text


def test_an_issue_is_closed_only_where_all_is_known() -> None:
    assert drift.issue(report()) is None
    assert not classification.must_stay(report())
    assert classification.must_stay(report(problem="no credentials"))
