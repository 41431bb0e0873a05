"""Who moved what a plan came from, as far as the ledger and Git tell."""

from dataclasses import replace
from datetime import timedelta

from gitops.flow.plans.attribution import Mover, by_kind, movers, paths
from gitops.flow.plans.compare import compare
from gitops.model import Commit, MovedInput, Plan, Record, RecordKind
from tests.support.plans import DEV, NOW, inputs, plan, start
from tests.support.records import BODIES

APPROVED = plan(origin=inputs({"__main__.py": "f0", "policy/rules.py": "p0"}), state=start({"a": "1"}))
FRESH_COMMIT = "e" * 40


def fresh(**parts: object) -> Plan:
    given = {"origin": APPROVED.inputs, "state": APPROVED.start, **parts}
    return replace(plan(**given), commit=FRESH_COMMIT)  # type: ignore[arg-type]


def record(kind: RecordKind, minutes: int, **more: object) -> Record:
    moment = NOW + timedelta(minutes=minutes)
    made = Record(1, "", kind, moment, "grace", "dev", DEV.label, "c" * 40, BODIES[kind])
    return replace(made, **more)  # type: ignore[arg-type]


def commit(path: str, minutes: int = 5, identity: str = "d" * 40) -> Commit:
    return Commit(identity, "Linus", NOW + timedelta(minutes=minutes), "Scale up", (path,))


def texts(now: Plan, records: tuple[Record, ...] = (), commits: tuple[Commit, ...] = ()) -> dict[MovedInput, list[str]]:
    found = movers(compare(APPROVED, now), (APPROVED, now), records, commits)
    return {kind: list(those) for kind, those in by_kind(found).items()}


MOVED_STATE = fresh(state=start({"a": "2"}))


def test_a_state_is_moved_by_the_applies_since_the_review() -> None:
    records = (
        record(RecordKind.APPLIED, -5, by="too early"),
        record(RecordKind.APPLIED, 5, stack="shop/other", by="elsewhere"),
        record(RecordKind.APPLY_STARTED, 6),
        record(RecordKind.APPLIED, 7),
        record(RecordKind.APPLY_STARTED, 8, by="ada"),
    )
    assert texts(MOVED_STATE, records) == {
        MovedInput.STATE: [
            "applied by grace at 2026-05-04 09:37 UTC, commit cccccccccccc",
            "an apply that never told its end, by ada at 2026-05-04 09:38 UTC, commit cccccccccccc",
        ]
    }


def test_a_state_that_no_apply_moved_was_changed_outside() -> None:
    outside = ["no apply is on record since the review: it was changed outside of the pipeline"]
    assert texts(MOVED_STATE) == {MovedInput.STATE: outside}
    untouched = record(RecordKind.APPLY_FAILED, 5, body={**BODIES[RecordKind.APPLY_FAILED], "touched": False})
    assert texts(MOVED_STATE, (record(RecordKind.APPLY_STARTED, 4), untouched)) == {MovedInput.STATE: outside}


def test_a_rotated_digest_key_is_not_called_a_change_from_outside() -> None:
    approved, now = (
        replace(one, inputs=replace(one.inputs, digest_key=key)) for one, key in ((APPROVED, "k1"), (MOVED_STATE, "k2"))
    )
    found = movers(compare(approved, now), (approved, now), (), ())
    assert [one.moved for one in found] == [MovedInput.STATE]
    assert "another digest key" in found[0].text


def test_files_are_moved_by_the_commits_that_touch_them() -> None:
    moved = fresh(origin=inputs({"__main__.py": "f1", "policy/rules.py": "p1"}, config="c1"))
    found = texts(
        moved,
        commits=(
            commit("__main__.py", identity=FRESH_COMMIT),
            commit("__main__.py"),
            commit("policy/rules.py", 6),
            commit("Pulumi.dev.yaml", 7, FRESH_COMMIT),
            commit("__main__.py", -5),
        ),
    )
    assert found == {
        MovedInput.PROGRAM: ["commit dddddddddddd by Linus at 2026-05-04 09:35 UTC: Scale up"],
        MovedInput.CONFIG: ["commit eeeeeeeeeeee by Linus at 2026-05-04 09:37 UTC: Scale up"],
        MovedInput.POLICY: ["commit dddddddddddd by Linus at 2026-05-04 09:36 UTC: Scale up"],
    }


def test_a_commit_in_the_second_of_the_review_counts() -> None:
    approved = replace(APPROVED, created_at=NOW + timedelta(seconds=0.9))
    now = fresh(origin=inputs({"__main__.py": "f1", "policy/rules.py": "p0"}))
    (found,) = movers(compare(approved, now), (approved, now), (), (commit("__main__.py", minutes=0),))
    assert "by Linus at 2026-05-04 09:30 UTC" in found.text


def test_a_file_that_no_commit_moved_came_with_the_merge() -> None:
    (found,) = texts(fresh(origin=inputs({"__main__.py": "f1", "policy/rules.py": "p0"})))[MovedInput.PROGRAM]
    assert found.startswith("no commit since the review touches it")


def test_what_nobody_moves_in_the_repository_names_nobody() -> None:
    assert texts(fresh(origin=replace(APPROVED.inputs, versions={"pulumi": "4"}))) == {}
    assert texts(fresh(origin=replace(APPROVED.inputs, ambient={"AWS_REGION": "x"}))) == {}


def test_many_movers_are_counted() -> None:
    records = tuple(record(RecordKind.APPLIED, minutes) for minutes in range(1, 9))
    found = texts(MOVED_STATE, records)[MovedInput.STATE]
    assert len(found) == 6
    assert found[-1] == "and 3 applies before these"


def test_the_history_asked_for_is_that_of_the_moved_files() -> None:
    differs = compare(APPROVED, fresh(origin=inputs({"__main__.py": "f1", "policy/rules.py": "p0"}, config="c1")))
    assert paths(differs, "Pulumi.dev.yaml") == ("__main__.py", "Pulumi.dev.yaml")
    assert Mover(MovedInput.STATE, "x") != Mover(MovedInput.CONFIG, "x")
