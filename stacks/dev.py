"""dev: where changes arrive first; everything in it may be thrown away."""

from stacks.application import Data, build_application


def build() -> None:
    """Build the dev environment."""
    build_application(Data.DISPOSABLE)
