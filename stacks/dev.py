"""dev: where changes arrive first; everything in it may be thrown away, and its nodes may be taken away."""

from infra.node_group import Capacity
from stacks.environment import build_environment
from stacks.foundation import Data


def build() -> None:
    """Build the dev environment."""
    build_environment(data=Data.DISPOSABLE, nodes=Capacity.SPOT)
