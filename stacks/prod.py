"""prod: what customers use; what holds data or identity is protected from deletion."""

from stacks.application import Data, build_application


def build() -> None:
    """Build the prod environment."""
    build_application(Data.PROTECTED)
