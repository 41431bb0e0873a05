"""prod: what customers use; what holds data or identity is protected from deletion."""

from infra.node_group import Capacity
from stacks.environment import build_environment
from stacks.foundation import Data


def build() -> None:
    """Build the prod environment."""
    build_environment(data=Data.PROTECTED, nodes=Capacity.ON_DEMAND)
