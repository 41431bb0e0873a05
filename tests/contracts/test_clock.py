"""What every clock must do."""

from datetime import UTC

import pytest

from gitops.adapters.system.clock import SystemClock
from gitops.ports import Clock
from tests.fakes.clock import FakeClock


@pytest.fixture(params=[SystemClock, FakeClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


def test_time_is_aware_and_in_utc(clock: Clock) -> None:
    assert clock.now().tzinfo is UTC


def test_sleeping_takes_its_time_and_time_never_goes_back(clock: Clock) -> None:
    before = clock.now()
    clock.sleep(0.02)
    assert (clock.now() - before).total_seconds() >= 0.02
