"""What all tests share."""

from tests.support.sandbox import sandbox

__all__ = ["sandbox"]
