"""A clock that tests turn."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


class FakeClock:
    """Implements `gitops.ports.Clock`; time passes only in `sleep` and `advance`."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now
        self._passed = 0.0

    def now(self) -> datetime:
        """The time it was turned to."""
        return self._now

    def monotonic(self) -> float:
        """The seconds that passed."""
        return self._passed

    def sleep(self, seconds: float) -> None:
        """Let time pass; nobody waits."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._passed += seconds
        self._now += timedelta(seconds=seconds)

    def set(self, seconds: float) -> None:
        """Somebody sets it forward or back; no time passes."""
        self._now += timedelta(seconds=seconds)
