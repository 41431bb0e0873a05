"""What all tests share."""

import pytest

from tests.support.sandbox import sandbox

__all__ = ["sandbox"]


def pytest_configure(config: pytest.Config) -> None:
    """Name the tiers that need more than Python."""
    config.addinivalue_line("markers", "engine: needs the real Pulumi, Kubernetes API and AWS provider")
