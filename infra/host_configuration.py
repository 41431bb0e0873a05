"""Keeps hosts as they are declared: the script that sets a host up is run when it starts, and ever again."""

import re
from dataclasses import dataclass

import pulumi
from pulumi_aws import ssm

from infra.host_script import HostSetup, render, validate
from infra.inputs import require
from infra.tags import resource_tags

# A host that carries this tag is set up by the script of that digest, and by no other.
CONFIGURATION_TAG = "gitops:configuration"

# https://docs.aws.amazon.com/systems-manager/latest/userguide/reference-cron-and-rate-expressions.html: associations
# take no shorter rate than 30 minutes.
_SCHEDULE = re.compile(r"rate\(((3\d|[4-9]\d|[1-9]\d{2,}) minutes|[1-9]\d* (hours?|days?))\)")
_TIMEOUT_SECONDS = "1800"
_GROUP_NAME = re.compile(r"[a-z][a-z0-9-]{1,61}[a-z0-9]")


@dataclass(frozen=True, kw_only=True)
class HostConfigurationArgs:
    """`group_name` is the Auto Scaling group's; `schedule` a rate of 30 minutes or more at which drift is repaired.

    `setup` is plain data and no output: a review has to show it.
    """

    group_name: str
    region: str
    setup: HostSetup
    schedule: str = "rate(30 minutes)"


class HostConfiguration(pulumi.ComponentResource):
    """The association that runs the setup on a host when it starts, and on schedule from then on.

    A host is never changed from one configuration to another: one with another digest is not among the targets. So
    nothing has to be taken away from a host, and the way back is the way forward.

    The script is a parameter of AWS's own document. In a document of ours it could not go back: SSM refuses content
    that it already has in an earlier version, and the provider takes that refusal for success.
    """

    digest: str

    def __init__(self, name: str, args: HostConfigurationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:hostConfiguration:HostConfiguration", name, None, opts)
        _validate(name, args)
        script = render(args.group_name, args.region, args.setup)
        self.digest = script.digest
        ssm.Association(
            name,
            association_name=f"{args.group_name}-setup",
            name="AWS-RunShellScript",
            parameters={"commands": script.text, "executionTimeout": _TIMEOUT_SECONDS},
            targets=[ssm.AssociationTargetArgs(key=f"tag:{CONFIGURATION_TAG}", values=[self.digest])],
            schedule_expression=args.schedule,
            compliance_severity="HIGH",
            # Repairs restart services: one host after the other, and no further once one has failed.
            max_concurrency="1",
            max_errors="0",
            tags=resource_tags(name),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"digest": self.digest})


def _validate(name: str, args: HostConfigurationArgs) -> None:
    require(
        _GROUP_NAME.fullmatch(args.group_name) is not None,
        f"{name}.group_name",
        "3 to 63 lower-case letters, digits and inner hyphens, a letter first",
        args.group_name,
    )
    require(
        _SCHEDULE.fullmatch(args.schedule) is not None,
        f"{name}.schedule",
        "a rate of 30 minutes or more, such as rate(30 minutes)",
        args.schedule,
    )
    validate(f"{name}.setup", args.setup)
