"""The real clock."""

import time
from datetime import UTC, datetime


class SystemClock:
    """Implements `gitops.ports.Clock` on the machine's clock."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        time.sleep(seconds)
