"""Change windows, by the wall clock of a zone."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gitops.config.gate import Window
from gitops.flow.gate.windows import is_open, next_opening

MINUTE = timedelta(minutes=1)
BERLIN = "Europe/Berlin"
OFFICE = Window((0, 1, 2, 3), time(9), time(16), BERLIN)
NIGHT = Window((4,), time(22), time(4), BERLIN)
WEEKEND = Window((5, 6), time(0), None, "America/New_York")


def at(text: str, zone: str = BERLIN, fold: int = 0) -> datetime:
    """A moment by a zone's wall clock."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("window", "moment", "opened"),
    [
        (OFFICE, "2026-05-04T08:59", False),
        (OFFICE, "2026-05-04T09:00", True),
        (OFFICE, "2026-05-04T15:59", True),
        (OFFICE, "2026-05-04T16:00", False),
        (OFFICE, "2026-05-08T12:00", False),  # a Friday
        (NIGHT, "2026-05-08T21:59", False),
        (NIGHT, "2026-05-08T22:00", True),
        (NIGHT, "2026-05-09T03:59", True),  # Saturday morning belongs to Friday night
        (NIGHT, "2026-05-09T04:00", False),
        (NIGHT, "2026-05-08T03:00", False),  # Thursday night was not opened
        (NIGHT, "2026-05-09T22:00", False),
    ],
)
def test_a_window_holds_its_hours_on_its_days(window: Window, moment: str, opened: bool) -> None:
    assert is_open([window], at(moment)) is opened


@pytest.mark.parametrize(
    ("moment", "opened"),
    [
        ("2026-05-08T23:59", False),
        ("2026-05-09T00:00", True),
        ("2026-05-10T23:59:59", True),
        ("2026-05-11T00:00", False),
    ],
)
def test_a_window_until_midnight_holds_the_last_minute(moment: str, opened: bool) -> None:
    assert is_open([WEEKEND], at(moment, "America/New_York")) is opened


def test_the_same_moment_is_another_hour_in_another_zone() -> None:
    moment = at("2026-05-04T09:30")
    assert is_open([OFFICE], moment)
    assert not is_open([Window(OFFICE.days, OFFICE.opens, OFFICE.closes, "America/New_York")], moment)


def test_one_of_several_windows_is_enough_and_none_is_none() -> None:
    assert is_open([NIGHT, OFFICE], at("2026-05-04T10:00"))
    assert not is_open([], at("2026-05-04T10:00"))
    assert next_opening([], at("2026-05-04T10:00")) is None


def test_summer_time_moves_a_window_with_the_clock_on_the_wall() -> None:
    assert next_opening([OFFICE], at("2026-03-27T12:00")) == datetime(2026, 3, 30, 7, tzinfo=UTC)
    assert next_opening([OFFICE], at("2026-03-20T12:00")) == datetime(2026, 3, 23, 8, tzinfo=UTC)


def test_a_window_that_would_open_in_the_missing_hour_opens_when_the_clock_has_jumped() -> None:
    sunday = Window((6,), time(2, 30), time(4), BERLIN)
    assert next_opening([sunday], at("2026-03-28T12:00")) == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_a_window_inside_of_the_missing_hour_waits_for_the_next_week() -> None:
    sunday = Window((6,), time(2, 10), time(2, 40), BERLIN)
    assert next_opening([sunday], at("2026-03-28T12:00")) == datetime(2026, 4, 5, 0, 10, tzinfo=UTC)


def test_the_hour_that_comes_twice_is_open_twice() -> None:
    sunday = Window((6,), time(2), time(2, 30), BERLIN)
    first, second = (at("2026-10-25T02:15", fold=fold) for fold in (0, 1))
    assert second - first == timedelta(hours=1)
    assert is_open([sunday], first)
    assert is_open([sunday], second)
    assert next_opening([sunday], first + 30 * MINUTE) == datetime(2026, 10, 25, 1, tzinfo=UTC)


TIMES = st.times().map(lambda t: t.replace(second=0, microsecond=0))
ZONES = st.sampled_from(["UTC", BERLIN, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"])
WINDOWS = st.builds(
    Window,
    st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
    TIMES,
    st.none() | TIMES,
    ZONES,
).filter(lambda w: w.opens != w.closes)
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))


@settings(max_examples=60, deadline=None)
@given(WINDOWS, MOMENTS)
@example(Window((6,), time(2, 30), time(4), BERLIN), datetime(2026, 3, 28, 12, tzinfo=UTC))
def test_the_next_opening_is_open_and_right_before_it_is_not(window: Window, now: datetime) -> None:
    opening = next_opening([window], now)
    assert opening is not None
    assert now < opening <= now + timedelta(days=15)
    assert is_open([window], opening)
    before = opening - MINUTE
    assert before <= now or not is_open([window], before)
