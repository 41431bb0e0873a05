"""review: what a pull request's own stack holds. What dev does, and as easily thrown away."""

from infra.node_group import Capacity
from stacks.environment import build_environment
from stacks.foundation import Data


def build() -> None:
    """Build a pull request's own environment."""
    build_environment(data=Data.DISPOSABLE, nodes=Capacity.SPOT)
