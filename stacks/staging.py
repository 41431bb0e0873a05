"""staging: the rehearsal for prod; its data are copies and may be thrown away."""

from infra.node_group import Capacity
from stacks.environment import build_environment
from stacks.foundation import Data


def build() -> None:
    """Build the staging environment."""
    build_environment(data=Data.DISPOSABLE, nodes=Capacity.ON_DEMAND)
