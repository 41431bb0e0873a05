"""Where moto 5.2.5 answers otherwise than AWS about databases, and about rules that admit security groups to them."""

import uuid
from typing import Any

from moto.ec2.models.security_groups import SecurityGroupRule
from moto.rds.models import DBInstance, RDSBackend


def apply() -> None:
    """Put the corrections in place; once per process, before the server starts."""
    _keep_performance_insights_and_resource_ids()
    _keep_changed_subnet_groups()
    _describe_rules_for_groups()


def _keep_performance_insights_and_resource_ids() -> None:
    """moto forgets that performance insights are on, and gives every database the same resource id."""
    initialise = DBInstance.__init__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - it replaces that very method
        initialise(self, *args, **kwargs)
        self.dbi_resource_id = f"db-{uuid.uuid4().hex[:26].upper()}"
        self.performance_insights_enabled = kwargs.get("enable_performance_insights", False)
        self.performance_insights_kms_key_id = kwargs.get("performance_insights_kms_key_id")
        self.performance_insights_retention_period = kwargs.get("performance_insights_retention_period")

    DBInstance.__init__ = __init__


def _keep_changed_subnet_groups() -> None:
    """moto takes a database's subnet group away when it is changed."""
    modify = RDSBackend.modify_db_subnet_group

    def modify_db_subnet_group(self: Any, subnet_name: str, description: str, subnets: Any) -> Any:
        self.subnet_groups[subnet_name] = modify(self, subnet_name, description, subnets)
        return self.subnet_groups[subnet_name]

    RDSBackend.modify_db_subnet_group = modify_db_subnet_group


def _describe_rules_for_groups() -> None:
    """moto looks for a rule's description at its range only, and not at the security group it admits."""
    SecurityGroupRule.description = property(
        lambda self: self.ip_range.get("Description") or self.source_group.get("Description")
    )
