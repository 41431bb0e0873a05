"""What all tests share."""

import signal

from tests.support.golden import golden, pytest_addoption
from tests.support.sandbox import sandbox

__all__ = ["golden", "pytest_addoption", "sandbox"]

# A suite that is started with `nohup`, or in the background of a script, ignores hang-ups or interrupts, and so would
# all that it starts. A handler is not inherited.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda _number, _frame: None)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
