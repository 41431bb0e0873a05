"""What all tests share."""

import os

import pytest

from tests.support.sandbox import sandbox

__all__ = ["sandbox"]


def pytest_configure(config: pytest.Config) -> None:
    """Name the tiers that need more than Python, and forget the workflow that may run the tests.

    What they start would otherwise take that job's repository, branch and summary for its own.
    """
    for name in [name for name in os.environ if name.startswith("GITHUB_")]:
        del os.environ[name]
    config.addinivalue_line("markers", "engine: needs the real Pulumi, Kubernetes API and AWS provider")
