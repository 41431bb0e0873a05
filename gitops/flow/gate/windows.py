"""Change windows: is now inside one, and if not, when does the next open? Pure; the zone's wall clock decides.

At the end of summer time an hour comes twice, and both count. At its start an hour is missing: a window that lies in
it does not open that day, and one that would open in it opens when the clock has jumped.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from gitops.config.gate import Window

_MINUTE = timedelta(minutes=1)
# Two weeks: a window can fall into the missing hour of its only day.
_MINUTES_AHEAD = 15 * 24 * 60


def is_open(windows: Sequence[Window], now: datetime) -> bool:
    """Whether the moment lies in one of the windows."""
    return any(_is_open(window, now) for window in windows)


def next_opening(windows: Sequence[Window], now: datetime) -> datetime | None:
    """The first whole minute after `now`, in UTC, that lies in one of the windows; None if none does for two weeks.

    Looks at each minute, which takes up to 0.1 s a window and needs no thought about clocks that are put back.
    """
    moment = now.astimezone(UTC).replace(second=0, microsecond=0)
    for _ in range(_MINUTES_AHEAD):
        moment += _MINUTE
        if is_open(windows, moment):
            return moment
    return None


def _is_open(window: Window, now: datetime) -> bool:
    local = now.astimezone(ZoneInfo(window.zone))
    today, clock = local.weekday(), local.time()
    if window.closes is None:
        return today in window.days and window.opens <= clock
    if window.opens < window.closes:
        return today in window.days and window.opens <= clock < window.closes
    yesterday = (today - 1) % 7
    return (today in window.days and clock >= window.opens) or (yesterday in window.days and clock < window.closes)
