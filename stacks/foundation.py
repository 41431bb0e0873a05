"""What every part of an environment stands on: its settings, its network, its keys."""

from dataclasses import dataclass
from enum import Enum

import pulumi
import pulumi_aws as aws

from infra import settings as configuration
from infra.delivery_names import DeliveryNames
from infra.encryption_key import EncryptionKey, EncryptionKeyArgs
from infra.network import Network, NetworkArgs
from infra.providers import aws_provider
from infra.settings import Settings


class Data(Enum):
    """Whether what holds data or identity may be deleted by a run of Pulumi."""

    PROTECTED = True
    DISPOSABLE = False


@dataclass(frozen=True, kw_only=True)
class Foundation:
    """What the other parts take."""

    settings: Settings
    data: Data
    aws: aws.Provider
    network: Network
    data_key: EncryptionKey
    log_key: EncryptionKey
    delivery: DeliveryNames

    @property
    def on_aws(self) -> pulumi.ResourceOptions:
        """The options of what can be made anew."""
        return pulumi.ResourceOptions(providers=[self.aws])

    @property
    def holds_data(self) -> pulumi.ResourceOptions:
        """The options of what holds data or identity."""
        return pulumi.ResourceOptions(providers=[self.aws], protect=self.data.value)

    @property
    def disposable(self) -> bool:
        """Whether AWS's own protection against deletion stays off."""
        return self.data is Data.DISPOSABLE


def build_foundation(data: Data) -> Foundation:
    """Read the running stack's configuration, and build its keys and its network."""
    settings = configuration.load()
    prefix, account, region = settings.name_prefix, settings.aws.account_id, settings.aws.region
    delivery = DeliveryNames(name_prefix=settings.delivery_prefix, account_id=account)
    provider = aws_provider(settings.aws, owner=settings.owner, cost_centre=settings.cost_centre)
    holds_data = pulumi.ResourceOptions(providers=[provider], protect=data.value)

    data_key = EncryptionKey(
        "data-key",
        EncryptionKeyArgs(
            account_id=account,
            region=region,
            alias=f"{prefix}-data",
            description=f"Encrypts the data of {prefix}",
            deletion_days=settings.data.key_deletion_days,
            services=("ec2", "logs"),  # disks of nodes and hosts; and EKS keeps Secrets and its logs under one key
        ),
        holds_data,
    )
    log_key = EncryptionKey(
        "log-key",
        EncryptionKeyArgs(
            account_id=account,
            region=region,
            alias=f"{prefix}-logs",
            description=f"Encrypts the logs and alarms of {prefix}",
            deletion_days=settings.data.key_deletion_days,
            services=("logs", "cloudwatch", "budgets"),
        ),
        holds_data,
    )
    network = Network(
        "network",
        NetworkArgs(
            name_prefix=prefix,
            region=region,
            account_id=account,
            cidr=settings.network.cidr,
            zones=settings.network.zones,
            nat_gateways=settings.network.nat_gateways,
            interface_endpoints=settings.network.interface_endpoints,
            log_key_arn=log_key.arn,
            flow_log_days=settings.watch.log_days,
            permissions_boundary=delivery.boundary_arn,
        ),
        pulumi.ResourceOptions(providers=[provider]),
    )
    return Foundation(
        settings=settings,
        data=data,
        aws=provider,
        network=network,
        data_key=data_key,
        log_key=log_key,
        delivery=delivery,
    )
