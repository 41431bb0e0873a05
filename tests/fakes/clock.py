"""A clock that tests turn."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


class FakeClock:
    """Implements `gitops.ports.Clock`; time passes only in `sleep` and `advance`."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now

    def now(self) -> datetime:
        """The time it was turned to."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Turn it; nobody waits."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Turn it forward."""
        self._now += timedelta(seconds=seconds)
