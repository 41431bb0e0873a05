"""A ledger that an earlier release wrote, with every kind of record: read with the same results, written byte for byte.

The records in `ledger-of-format-1` and the outputs in `expected` were made before records had types. They are never
made anew: what no longer reads them breaks a ledger that somebody has.
"""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitops.flow.gate import destroys
from gitops.flow.ledger import chain as records
from gitops.flow.ledger.history import plan_for
from gitops.flow.releases.release import Release, rollbacks, why_not_released
from gitops.flow.releases.rollback import losses
from gitops.model import History
from gitops.operations.recovery import one_stack
from gitops.verbs import log, status
from gitops.views.html import history
from gitops.views.markdown import release
from tests.operations.world import DEV, PROD, World
from tests.support import ledgers

FOLDER = Path(__file__).parent / "ledger-of-format-1"
FILES = {int(file.stem): file.read_bytes() for file in sorted(FOLDER.glob("*.json"))}
Golden = Callable[[str, str], None]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """The clone whose remote has that ledger; the released commit is this repository's first."""
    made = World(tmp_path)
    ledgers.write_files(made.remote, FILES.values())
    return made


def printed(world: World, capsys: pytest.CaptureFixture[str], *command: Any) -> str:
    capsys.readouterr()
    world.run(*command)
    return capsys.readouterr().out


def test_it_has_every_kind_of_record_that_there_was_then() -> None:
    assert Counter(json.loads(content)["kind"] for content in FILES.values()) == {
        "plan": 2,
        "apply started": 5,
        "applied": 1,
        "not verified": 2,
        "apply failed": 4,
        "refused": 2,
        "repaired": 1,
        "release": 2,
        "superseded": 1,
        "break glass": 1,
        "destroy started": 3,
        "destroyed": 1,
        "destroy failed": 2,
        "destroy approved": 1,
        "command": 2,
        "rollback asked": 1,
    }


@pytest.mark.parametrize("number", FILES)
def test_each_record_is_written_as_it_was_read(number: int) -> None:
    assert records.encode(records.decode(FILES[number], "x")) == FILES[number]


def test_its_chain_holds(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(world, capsys, log.command, "--verify") == f"The chain holds: {len(FILES)} records.\n"


def test_the_log_prints_it_as_it_always_did(world: World, capsys: pytest.CaptureFixture[str], golden: Golden) -> None:
    golden("format-1-log.txt", printed(world, capsys, log.command))
    golden("format-1-log.json", printed(world, capsys, log.command, "--json"))


def test_the_status_is_what_it_always_was(world: World, capsys: pytest.CaptureFixture[str], golden: Golden) -> None:
    golden("format-1-status.txt", printed(world, capsys, status.command))
    golden("format-1-status.json", printed(world, capsys, status.command, "--json"))


def test_people_are_told_the_same_of_each_record(world: World, golden: Golden) -> None:
    lines = [f"{one.kind} {one.tone} {one.plan} {one.note}\n" for one in history.events(world.records)]
    golden("format-1-events.txt", "".join(lines))
    released = {DEV: world.records[21], PROD: world.records[22]}
    golden("format-1-evidence.txt", "\n".join(release.evidence(Release("dev", world.main(), released))) + "\n")


def test_decisions_are_the_same(world: World, golden: Golden) -> None:
    found, head = world.ledger.history(), world.main()
    plan = plan_for(found, DEV, head, 7)
    before = History(world.records[:15])
    lost = losses(found, Release("dev", head, {DEV: world.records[0]}))
    told = {
        "plan": plan.plan_digest if plan else None,
        "released": [record.sequence for record in (found.release(DEV), found.release(PROD)) if record],
        "cut short": [record.sequence for record in (one_stack.cut_off(before, DEV),) if record],
        "rollbacks": [repr(one) for one in rollbacks(found, "dev")],
        "approvals": [(comment, record.sequence) for comment, record in destroys.given(found, DEV, 7)],
        "why not": [why_not_released(History(world.records[:end]), head, [DEV]) for end in range(len(FILES))],
        "destroyed": [(one.change.urn, one.applied.sequence) for one in lost.lost],
    }
    golden("format-1-decisions.json", json.dumps(told, indent=1) + "\n")
