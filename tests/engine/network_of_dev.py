"""dev made small, in the place of stacks/dev.py: its keys and its network, which are enough to be killed in."""

from stacks.foundation import Data, build_foundation


def build() -> None:
    """Build about fifty resources."""
    build_foundation(Data.DISPOSABLE)
