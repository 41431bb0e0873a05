"""The longest tests begin first, so that none of them is left over for one worker at the end.

`tests/seconds.json` has what the tests took that take longest; `pytest --record-seconds` writes it anew. A test that is
not in it counts as short. Nothing depends on the figures but the order.
"""

import json
from pathlib import Path

import pytest

FILE = Path(__file__).parents[1] / "seconds.json"
OPTION = "--record-seconds"
_WORTH_NOTING = 4.0  # seconds


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, action="store_true", help="note what the longest tests take, for their order")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption(OPTION) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Recorder(), "record-seconds")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    seconds: dict[str, float] = json.loads(FILE.read_text()) if FILE.exists() else {}
    items.sort(key=lambda item: -seconds.get(item.nodeid, 0))


class _Recorder:
    """Adds up what set-up, call and tear-down of each test took."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] = self._seconds.get(report.nodeid, 0) + report.duration

    def pytest_sessionfinish(self) -> None:
        known: dict[str, float] = json.loads(FILE.read_text()) if FILE.exists() else {}
        known |= {name: round(seconds, 1) for name, seconds in self._seconds.items()}
        longest = {name: seconds for name, seconds in sorted(known.items()) if seconds >= _WORTH_NOTING}
        FILE.write_text(json.dumps(longest, indent=1) + "\n")
