"""What belongs to the delivery of one environment, and how a policy about it is written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.delivery_names import DeliveryNames
from infra.tags import PROJECT, STACK

Statement = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class DeliveryScope:
    """What belongs to one environment, by name; `stacks` are its stacks' labels, as in `project/stack`.

    Every role, policy and instance profile that the program makes is named `<name_prefix>-…`; the apply role can make
    no other. The `guarded_…` are other things that delivery must leave alone: the audit trail's bucket, log group and
    key. Aliases are without `alias/`; the state's own bucket and key are guarded in any case.
    """

    environment: str
    name_prefix: str
    account_id: str
    region: str
    state_bucket: str
    state_alias: str
    stacks: Sequence[str]
    guarded_buckets: Sequence[str] = ()
    guarded_aliases: Sequence[str] = ()
    guarded_log_groups: Sequence[str] = ()
    partition: str = "aws"

    def iam(self, kind: str, name: str) -> str:
        """The ARN of something in IAM, such as `role` and a name."""
        return f"arn:{self.partition}:iam::{self.account_id}:{kind}/{name}"

    def bucket(self, name: str) -> str:
        """The ARN of a bucket."""
        return f"arn:{self.partition}:s3:::{name}"

    def systems_manager(self, *kinds: str) -> list[str]:
        """The ARNs of everything of some kinds in Systems Manager: its ids tell nobody's name."""
        return [f"arn:{self.partition}:ssm:{self.region}:{self.account_id}:{kind}/*" for kind in kinds]

    def tagged(self, key: str) -> Mapping[str, Sequence[str]]:
        """What a condition on tags asks for, with `aws:RequestTag` or `aws:ResourceTag` as the key."""
        projects, stacks = ({label.split("/")[part] for label in self.stacks} for part in (0, 1))
        return {f"{key}/{PROJECT}": sorted(projects), f"{key}/{STACK}": sorted(stacks)}

    @property
    def names(self) -> DeliveryNames:
        """What the environment's own program calls the roles and the boundary."""
        return DeliveryNames(name_prefix=self.name_prefix, account_id=self.account_id, partition=self.partition)


def document(*statements: Statement) -> str:
    """The statements as a policy, without blanks: AWS counts them in some of its limits."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, separators=(",", ":"))


def allow(sid: str, actions: Sequence[str], resource: str | Sequence[str]) -> dict[str, Any]:
    """A statement that allows."""
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": resource}


def deny(sid: str, actions: Sequence[str], resource: str | Sequence[str]) -> dict[str, Any]:
    """A statement that denies."""
    return {"Sid": sid, "Effect": "Deny", "Action": list(actions), "Resource": resource}
