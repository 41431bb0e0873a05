"""The real clock."""

import time
from datetime import UTC, datetime

# Linux's CLOCK_MONOTONIC stands still while the machine sleeps; elsewhere it goes on.
_COUNTING = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """Implements `gitops.ports.Clock` on the machine's clock."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return time.clock_gettime(_COUNTING)

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        time.sleep(seconds)
