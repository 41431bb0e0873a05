"""`gitops` stopped by signals or by a lost lease, on the real Pulumi CLI: state, lease and ledger agree afterwards."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitops.adapters.git.command import GitCommand
from gitops.adapters.git.leases import GitLeases
from gitops.adapters.system.clock import SystemClock
from gitops.flow.leases import lease as leases
from gitops.model import Holder, Stack
from gitops.ports import LeaseMoved
from tests.engine.journey import GITOPS, Journey
from tests.support.tiny import STACK

pytestmark = pytest.mark.engine

DEV = Stack("tiny", STACK)
URN = f"urn:pulumi:{STACK}::tiny::things:index:Thing::a"
SECRETS = {"tiny:pw": "correct horse"}


def begun(folder: Path, seconds: float, lease: str = "30s") -> Journey:
    """A reviewed and merged program that wants a slow thing, and then another."""
    wanted: dict[str, Any] = {
        "things": {"a": {"size": 1, "seconds": seconds}, "b": {"size": 2, "beside": {"of": "a.serial"}}}
    }
    journey = Journey.begin(folder, wanted, SECRETS)
    journey.push({"gitops.yaml": GITOPS.replace("duration: 30s", f"duration: {lease}")})
    journey.host.merge(journey.review())
    return journey


def in_mid_apply(journey: Journey) -> "subprocess.Popen[str]":
    """`gitops up`, at work on the slow thing."""
    process = journey.start("up", "--environment", "dev")
    wait_until((journey.tiny.root / "things" / ".working").exists)
    return process


def wait_until(true: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.1)


def records(journey: Journey) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(journey.gitops("log", "--json"))
    return [record for record in found if record["kind"] != "plan"]


def kinds(journey: Journey) -> list[str]:
    return [record["kind"] for record in records(journey)]


def things(journey: Journey) -> set[str]:
    return {serial.split("-")[0] for serial in journey.tiny.things}


def test_a_second_signal_cancels_at_once_and_repair_and_the_next_run_settle_it(tmp_path: Path) -> None:
    journey = begun(tmp_path, seconds=600)
    process = in_mid_apply(journey)
    process.send_signal(signal.SIGHUP)
    time.sleep(2)
    assert process.poll() is None, "the running operation is being finished"
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert list(journey.temporary.iterdir()) == []
    started, failed = records(journey)
    assert (started["kind"], failed["kind"]) == ("apply started", "apply failed")
    assert failed["body"]["message"] == "cancelled at once; operations may be pending"
    assert (failed["body"]["cancelled"], failed["body"]["host"]) == (True, started["body"]["host"])
    assert '"leases": []' in journey.gitops("status", "--json")
    assert journey.tiny.engine.start_state(journey.clone, STACK).pending == (URN,)

    # What no rule can find stops the run, which says how to go on.
    assert "gitops repair dev --absent URN" in journey.gitops("up", "--environment", "dev", expect=1)
    repaired = journey.gitops("repair", "--environment", "dev", "--absent", URN, "--yes")
    assert "the pending create of Thing a is dropped: somebody looked, and it is not there" in repaired
    assert kinds(journey)[-1] == "repaired"
    assert journey.tiny.engine.start_state(journey.clone, STACK).pending == ()
    assert "nothing to repair" in journey.gitops("repair", "--environment", "dev", "--yes")


def test_an_apply_that_loses_its_lease_stops_and_the_next_run_says_what_it_found(tmp_path: Path) -> None:
    journey = begun(tmp_path, seconds=6, lease="6s")
    process = in_mid_apply(journey)
    store = GitLeases(GitCommand(journey.clone))
    eve = leases.granted(DEV, Holder("eve", "elsewhere", 9, "up", "eve's"), SystemClock().now(), 3)
    theirs = None
    while theirs is None:
        try:
            theirs = store.swap(DEV, store.current(DEV), eve)
        except LeaseMoved:
            continue
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1, errors
    assert "The lease on tiny/dev was lost: it went to eve on elsewhere" in errors
    # The running operation was finished, the rest was left, and the stale holder wrote nothing more.
    assert things(journey) == {"a"}
    assert kinds(journey) == ["apply started"]
    assert store.current(DEV) == theirs

    finished = journey.gitops("up", "--environment", "dev")
    assert "first in line; leased to eve on elsewhere" in finished
    assert "never ended; looking at what it left" in finished
    assert "released" in finished
    assert things(journey) == {"a", "b"}
    assert kinds(journey)[-1] == "release"
    assert store.tickets() == ()


def test_a_preview_ends_at_once_at_a_signal_and_leaves_nothing(tmp_path: Path) -> None:
    journey = Journey.begin(tmp_path, {"things": {"a": {"size": 1}}}, SECRETS)
    process = journey.start("preview", "--base", "origin/main", "--environment", "dev")
    assert process.stderr is not None
    while "previewing" not in process.stderr.readline():
        pass
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert list(journey.temporary.iterdir()) == []
