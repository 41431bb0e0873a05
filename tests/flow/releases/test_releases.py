"""What is a release, what a rollback takes back and cannot undo, and texts that tell of it, whatever is in them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from gitops.config.gate import Gate
from gitops.config.settings import Environment
from gitops.flow.ledger import chain as records
from gitops.flow.plans import plan as plans
from gitops.flow.releases import release, rollback
from gitops.flow.releases.promotion import Content
from gitops.flow.releases.release import Release, Rollback
from gitops.model import AffectedStack, Commit, History, Operation, Plan, Reason, ReasonKind, Record, RecordKind, Stack
from gitops.views.markdown import promotion
from gitops.views.markdown import rollback as rollback_text
from tests.support.plans import DEV, NOW, change, plan
from tests.support.records import BODIES, record_of

OTHER = Stack("shop", "other")
ONE, TWO = "1" * 40, "2" * 40
PROD = Environment("prod", "prod", ("prod",))
QUEUE = "aws:sqs/queue:Queue"
LIMIT = 65_536


def chain(*given: tuple[RecordKind, Stack, str, Mapping[str, Any]]) -> History:
    """A ledger of these records, a minute apart."""
    author, found, last = records.Author("ada", "dev"), [], None
    for number, (kind, stack, commit, body) in enumerate(given):
        made = record_of(kind, author, stack, commit, NOW + timedelta(minutes=number), body)
        found.append(records.following(made, last))
        last = records.place_of(found[-1])
    return History(tuple(found))


def released(commit: str, stack: Stack = DEV) -> tuple[RecordKind, Stack, str, Mapping[str, Any]]:
    return RecordKind.RELEASE, stack, commit, {"checks": [{"name": "nothing left", "passed": True, "detail": "yes"}]}


def applied(made: Plan, **failed: Any) -> list[tuple[RecordKind, Stack, str, Mapping[str, Any]]]:
    """A plan, shown and applied, or failed so."""
    body = {"plan_digest": made.plan_digest, **failed}
    end = RecordKind.APPLY_FAILED if failed else RecordKind.APPLIED
    shown = {"plan": plans.to_body(made), "shown_on": 1}
    return [(RecordKind.PLAN, DEV, TWO, shown), (RecordKind.APPLY_STARTED, DEV, TWO, body), (end, DEV, TWO, body)]


def found(history: History, commit: str = ONE, *stacks: Stack) -> Release:
    made = release.release_at(history, "dev", commit, stacks or (DEV,))
    assert made
    return made


def test_a_release_is_of_every_stack_and_as_old_as_the_last_of_them() -> None:
    history = chain(released(ONE), released(ONE, OTHER), released(ONE))
    assert found(history, ONE, DEV, OTHER).since == NOW + timedelta(minutes=1)
    assert release.release_at(history, "dev", TWO, (DEV,)) is None
    assert release.release_at(chain(released(ONE)), "dev", ONE, (DEV, OTHER)) is None
    assert release.release_at(history, "dev", ONE, ()) is None
    assert release.release_at(history, "prod", ONE, (DEV,)) is None


@pytest.mark.parametrize(("commit", "taken"), [(1, False), (2, False), (3, True), (4, True), (5, False)])
def test_a_rollback_takes_back_what_lies_between(commit: int, taken: bool) -> None:
    asked = Rollback("eve", NOW, taken="4", to="2", head="5", pull_request=7)
    assert release.takes_back(asked, str(commit), lambda one, other: int(one) >= int(other)) is taken


@pytest.mark.parametrize(
    ("kind", "body", "says"),
    [
        (RecordKind.APPLY_FAILED, {"message": "quota"}, "its apply failed"),
        (RecordKind.APPLY_STARTED, {}, "its apply has not ended"),
        (RecordKind.REFUSED, {}, "refused by the gate"),
        (
            RecordKind.NOT_VERIFIED,
            {"checks": [{"name": "ready", "passed": False, "detail": "no\x1b[31m"}]},
            "not verified (ready: no\\u001b[31m)",
        ),
    ],
)
def test_how_far_a_commit_came_is_told(kind: RecordKind, body: Mapping[str, Any], says: str) -> None:
    (told,) = release.why_not_released(chain((kind, DEV, ONE, body)), ONE, (DEV,))
    assert told.startswith("shop/dev: ")
    assert says in told
    assert release.why_not_released(chain(released(ONE)), ONE, (DEV,)) == []


def test_what_was_deleted_or_replaced_since_is_lost() -> None:
    gone = plan(change(Operation.DELETE, QUEUE, "jobs"), change(Operation.REPLACE, QUEUE, "more"))
    harmless = plan(change(Operation.CREATE, QUEUE, "new"))
    history = chain(*applied(gone), released(ONE), *applied(harmless))
    assert rollback.losses(history, found(history)) == rollback.Losses()
    history = chain(released(ONE), *applied(gone))
    lost = rollback.losses(history, found(history)).lost
    assert [(one.change.name, one.change.operation.value) for one in lost] == [("jobs", "delete"), ("more", "replace")]


def test_an_apply_that_touched_nothing_lost_nothing_and_one_that_failed_may_have() -> None:
    gone = plan(change(Operation.DELETE, QUEUE, "jobs"))
    untouched = chain(released(ONE), *applied(gone, message="no", touched=False))
    assert rollback.losses(untouched, found(untouched)) == rollback.Losses()
    failed = chain(released(ONE), *applied(gone, message="no"))
    assert [one.change.name for one in rollback.losses(failed, found(failed)).lost] == ["jobs"]


def test_an_operation_that_nobody_knows_may_have_destroyed() -> None:
    history = chain(released(ONE), *applied(plan(change(Operation.UNKNOWN, QUEUE, "jobs"))))
    assert [one.change.name for one in rollback.losses(history, found(history)).lost] == ["jobs"]


def test_without_its_plan_an_apply_is_untold() -> None:
    history = chain(released(ONE), (RecordKind.APPLY_STARTED, DEV, TWO, {"plan_digest": "f" * 64}))
    assert [one.commit for one in rollback.losses(history, found(history)).untold] == [TWO]


@pytest.mark.parametrize(
    ("soak", "hours", "says"),
    [
        (None, 3, "3 hours when this was written. `prod` asks for none."),
        (86400, 3, "`prod` asks for 1d: until 2026-05-05 09:30 UTC."),
        (86400, 72, "3 days when this was written. `prod` asks for 1d: that is over."),
        (3600, -1, "0 minutes when this was written."),
    ],
)
def test_the_soak_so_far_is_evidence(soak: int | None, hours: int, says: str) -> None:
    environment = Environment("prod", "prod", ("prod",), gate=Gate(soak=soak))
    content = Content((), (), ())
    text = promotion.body(environment, found(chain(released(ONE))), content, (), NOW + timedelta(hours=hours))
    assert says in text


def test_the_texts_always_fit_and_hold_no_markup() -> None:
    hostile = "<img src=x>|`@everybody`\u202e\n# " * 200
    stacks = [Stack("shop", f"{hostile}{number}") for number in range(300)]
    checks = [{"name": hostile, "passed": True, "detail": hostile}] * 30
    record = Record(
        1,
        "",
        RecordKind.RELEASE,
        NOW,
        hostile,
        "dev",
        "shop/dev",
        ONE,
        {**BODIES[RecordKind.RELEASE], "checks": checks},
    )
    of = Release("dev", ONE, dict.fromkeys(stacks, record))
    commits = tuple(Commit(ONE, hostile, NOW, hostile) for _ in range(500))
    paths = tuple(f"{hostile}{number}" for number in range(500))
    affected = tuple(AffectedStack(one, (Reason(ReasonKind.UNKNOWN, hostile, hostile),)) for one in stacks)
    later = [hostile] * 300
    carried = promotion.body(PROD, of, Content(commits, paths, affected, paths, 7), later, NOW)
    lost = tuple(rollback.Lost(one, change(Operation.DELETE, QUEUE, hostile), record) for one in stacks)
    losses = rollback.Losses(lost, (record,) * 300)
    result = rollback.Result("prod", rollback.Outcome.PROPOSED, ONE, TWO, losses=losses)
    returned = rollback_text.body(result, of, rollback.Content(commits, paths, paths), hostile)
    for text in (carried, returned):
        assert len(text) < LIMIT
        assert "more stacks." in text
        assert "\u202e" not in text
        assert "<img" not in _without_code(text)
        assert "@everybody" not in _without_code(text)


def _without_code(text: str) -> str:
    """The text without its code spans, each with a fence that is longer than what is in it."""
    lines = []
    for line in text.splitlines():
        rest = line
        while "`" in rest:
            start = rest.index("`")
            fence = rest[start : len(rest) - len(rest[start:].lstrip("`"))]
            end = rest.find(fence, start + len(fence))
            assert end > 0, line
            rest = rest[:start] + rest[end + len(fence) :]
        lines.append(rest)
    return "\n".join(lines)
