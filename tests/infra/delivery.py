"""The delivery of an environment that tests ask: may this role do that?"""

from typing import Any

from infra.delivery_policies import apply_policy, boundary_policy, preview_policy
from infra.delivery_scope import DeliveryScope
from tests.infra.iam import allowed

ACCOUNT = "arn:aws:iam::123456789012"
SCOPE = DeliveryScope(
    environment="dev",
    name_prefix="shop-dev",
    account_id="123456789012",
    region="eu-west-1",
    state_bucket="shop-state",
    state_alias="shop-state",
    stacks=("infrastructure/dev",),
    guarded_buckets=("shop-audit",),
    guarded_aliases=("shop-audit",),
    guarded_log_groups=("shop-audit",),
)
STATE = "arn:aws:s3:::shop-state"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1"
OWN_ROLE = f"{ACCOUNT}:role/shop-dev-web"
BOUNDARY = f"{ACCOUNT}:policy/shop-dev-boundary"
DELIVERY = f"{ACCOUNT}:role/shop-dev-delivery-apply"
PREVIEW_ROLE = f"{ACCOUNT}:role/shop-dev-delivery-preview"


def may_preview(action: str, resource: str = "*", **context: Any) -> bool:
    return allowed(
        [preview_policy(SCOPE), boundary_policy(SCOPE)],
        action,
        resource,
        **{"aws__PrincipalArn": PREVIEW_ROLE} | context,
    )


def may_apply(action: str, resource: str = "*", **context: Any) -> bool:
    return allowed(
        [apply_policy(SCOPE), boundary_policy(SCOPE)], action, resource, **{"aws__PrincipalArn": DELIVERY} | context
    )


def may_ever(action: str, resource: str = "*", **context: Any) -> bool:
    """What a role that the program makes may do if its own policy allows everything."""
    return allowed([boundary_policy(SCOPE)], action, resource, **{"aws__PrincipalArn": OWN_ROLE} | context)
