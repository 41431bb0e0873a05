"""What all tests share."""

import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.support import golden as golden_files
from tests.support import longest_first
from tests.support.golden import golden
from tests.support.longest_first import pytest_collection_modifyitems, pytest_configure
from tests.support.sandbox import sandbox

__all__ = ["golden", "pytest_collection_modifyitems", "pytest_configure", "sandbox"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of both."""
    golden_files.pytest_addoption(parser)
    longest_first.pytest_addoption(parser)


# A suite that is started with `nohup`, or in the background of a script, ignores hang-ups or interrupts, and so would
# all that it starts. A handler is not inherited.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda _number, _frame: None)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A machine that is busy with other tests is slow, and that is no finding.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
