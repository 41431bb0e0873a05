"""The `gitops` command with a clock that is `SIMULATED_LATER` seconds ahead."""

import os
from datetime import datetime, timedelta
from pathlib import Path

from gitops import cli
from gitops.adapters.system.clock import SystemClock
from gitops.context import Context


class LaterClock(SystemClock):
    """The machine's clock, ahead."""

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=int(os.environ["SIMULATED_LATER"]))


class LaterContext(Context):
    """A world that is real but for its time."""

    def __init__(self, folder: Path, environment: dict[str, str], purpose: str) -> None:
        super().__init__(folder, environment, purpose, LaterClock())


if __name__ == "__main__":
    cli.main(world=LaterContext)
