"""The `gitops` command with a simulated code host that has labels, and a clock that can be ahead.

`SIMULATED_LABELS` has the labels of each pull request as JSON, `SIMULATED_LATER` the seconds that the clock is ahead.
"""

import json
import os
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from gitops import cli
from gitops.adapters.clock import SystemClock
from gitops.context import Context
from tests.fakes.labelling_host import LabellingHost


class LaterClock(SystemClock):
    """The machine's clock, ahead."""

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=int(os.environ.get("SIMULATED_LATER", "0")))


class LabelledContext(Context):
    """A world that is real but for labels and time."""

    def __init__(self, folder: Path, environment: dict[str, str], purpose: str) -> None:
        super().__init__(folder, environment, purpose, LaterClock())

    @cached_property
    def host(self) -> LabellingHost:  # type: ignore[override] # the rest of the port comes with the real hosts
        host = LabellingHost(Path(self._address), self.clock)
        labels = json.loads(os.environ["SIMULATED_LABELS"])
        host.labels = {int(number): tuple(names) for number, names in labels.items()}
        return host


if __name__ == "__main__":
    cli.main(world=LabelledContext)
