"""The depot: an application that runs in no container, on hosts of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from infra.alarms import Alarm, load_balancer_alarms, node_alarms
from infra.host_patching import Patching
from infra.host_script import HostFile, HostService, HostSetup
from infra.legacy_hosts import LegacyHosts, LegacyHostsArgs
from infra.tags import default_tags
from stacks.foundation import Foundation

_PORT = 8080
_UNIT = f"""\
[Unit]
Description=Depot
After=network-online.target

[Service]
EnvironmentFile=/etc/depot.env
ExecStart=/usr/bin/java -Xmx512m -jar /usr/share/depot/depot.jar --port {_PORT}
DynamicUser=yes
Restart=on-failure
NoNewPrivileges=yes
ProtectSystem=strict

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True, kw_only=True)
class Depot:
    """What the database lets in, and what to watch."""

    security_group_id: pulumi.Output[str]
    alarms: Sequence[Alarm]


def build_depot(base: Foundation) -> Depot:
    """Build the hosts. Packages, files and services below are the whole of what distinguishes them from their image."""
    settings, legacy = base.settings, base.settings.legacy
    hosts = LegacyHosts(
        "depot",
        LegacyHostsArgs(
            name_prefix=settings.name_prefix,
            region=settings.aws.region,
            account_id=settings.aws.account_id,
            vpc_id=base.network.vpc_id,
            subnet_ids=base.network.private_subnet_ids,
            image_id=legacy.image_id,
            instance_type=legacy.instance_type,
            min_hosts=legacy.min_hosts,
            max_hosts=legacy.max_hosts,
            port=_PORT,
            health_path="/health",
            setup=HostSetup(
                packages={"depot": "4.2.0-1", "java-21-amazon-corretto-headless": "21.0.8+9-1.amzn2023.1"},
                files={
                    "/etc/depot.env": HostFile(content=f"SHOP_URL=https://{settings.web.host}\n"),
                },
                services={"depot": HostService(unit=_UNIT)},
                health_check=[f"curl --fail --silent http://127.0.0.1:{_PORT}/health"],
            ),
            patching=Patching(schedule=legacy.patch_schedule, after_days=legacy.patch_after_days),
            disk_key_arn=base.data_key.arn,
            log_key_arn=base.log_key.arn,
            certificate_arn=legacy.certificate_arn,
            plain_http=legacy.certificate_arn is None,
            from_cidrs=[settings.network.cidr],
            permissions_boundary_arn=base.delivery.boundary_arn,
            log_days=settings.watch.log_days,
            # The provider's own default tags do not reach what an Auto Scaling group starts.
            host_tags=default_tags(settings.owner, settings.cost_centre),
            disposable=base.disposable,
        ),
        base.on_aws,
    )
    pulumi.export("depotAddress", hosts.address)
    return Depot(
        security_group_id=hosts.security_group_id,
        alarms=[
            *node_alarms("depot", hosts.group_name, fewest=legacy.min_hosts),
            *load_balancer_alarms("depot", hosts.load_balancer_arn_suffix),
        ],
    )
