"""What the bootstrap stack makes for the delivery of an environment, by the names that both agree on."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DeliveryNames:
    """`name_prefix` is the environment's. No outputs: the pipeline must not read the bootstrap's state."""

    name_prefix: str
    account_id: str
    partition: str = "aws"

    @property
    def preview_role(self) -> str:
        """The role that previews."""
        return f"{self.name_prefix}-delivery-preview"

    @property
    def apply_role(self) -> str:
        """The role that applies."""
        return f"{self.name_prefix}-delivery-apply"

    @property
    def boundary(self) -> str:
        """The policy that every role of the environment carries as its boundary."""
        return f"{self.name_prefix}-boundary"

    @property
    def preview_role_arn(self) -> str:
        """The ARN of the role that previews."""
        return self._arn("role", self.preview_role)

    @property
    def apply_role_arn(self) -> str:
        """The ARN of the role that applies."""
        return self._arn("role", self.apply_role)

    @property
    def boundary_arn(self) -> str:
        """The ARN of the boundary."""
        return self._arn("policy", self.boundary)

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:{self.partition}:iam::{self.account_id}:{kind}/{name}"
