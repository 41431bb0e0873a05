"""A KMS key that encrypts data at rest."""

from dataclasses import dataclass

import pulumi
from pulumi_aws import kms

from infra.inputs import require
from infra.tags import resource_tags


@dataclass(frozen=True, kw_only=True)
class EncryptionKeyArgs:
    """`alias` is without its `alias/`; `deletion_days` (7 to 30, AWS's limits) is how long a deletion can be undone."""

    alias: pulumi.Input[str]
    description: pulumi.Input[str]
    deletion_days: int


class EncryptionKey(pulumi.ComponentResource):
    """A symmetric key with yearly rotation and an alias.

    It keeps AWS's default key policy: who may use the key is decided by IAM in its account.
    """

    arn: pulumi.Output[str]
    alias: pulumi.Output[str]

    def __init__(self, name: str, args: EncryptionKeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:encryptionKey:EncryptionKey", name, None, opts)
        require(7 <= args.deletion_days <= 30, f"{name}.deletion_days", "from 7 to 30", args.deletion_days)
        if isinstance(args.alias, str):
            require(not args.alias.startswith("alias/"), f"{name}.alias", "without its alias/", args.alias)
        child = pulumi.ResourceOptions(parent=self)
        key = kms.Key(
            name,
            description=args.description,
            enable_key_rotation=True,
            deletion_window_in_days=args.deletion_days,
            tags=resource_tags(name),
            opts=child,
        )
        alias = kms.Alias(
            f"{name}-alias", name=pulumi.Output.concat("alias/", args.alias), target_key_id=key.key_id, opts=child
        )
        self.arn = key.arn
        self.alias = alias.name
        self.register_outputs({"arn": self.arn, "alias": self.alias})
