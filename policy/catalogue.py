"""All rules, in the order in which documents and reports list them."""

from policy.aws import buckets, compute, eks, identity, logging, network, storage
from policy.kubernetes import access, pods
from policy.kubernetes import network as cluster_network
from policy.rule import Rule, StackRule

RULES: tuple[Rule, ...] = (
    *storage.RULES,
    *network.RULES,
    *compute.RULES,
    *identity.RULES,
    *logging.RULES,
    *eks.RULES,
    *pods.RULES,
    *access.RULES,
    *cluster_network.RULES,
)
STACK_RULES: tuple[StackRule, ...] = (
    *buckets.STACK_RULES,
    *storage.STACK_RULES,
    *network.STACK_RULES,
    *identity.STACK_RULES,
    *logging.STACK_RULES,
    *cluster_network.STACK_RULES,
)
ALL: tuple[Rule | StackRule, ...] = (*RULES, *STACK_RULES)
NAMES = frozenset(rule.name for rule in ALL)
