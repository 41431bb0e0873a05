"""staging: the rehearsal for prod; its data are copies and may be thrown away."""

from stacks.application import Data, build_application


def build() -> None:
    """Build the staging environment."""
    build_application(Data.DISPOSABLE)
