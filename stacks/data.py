"""What the environment keeps: a database, a bucket, images, and messages on their way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.alarms import Alarm, database_alarms, queue_alarms
from infra.bucket import Bucket, BucketArgs
from infra.container_registry import ContainerRegistry, ContainerRegistryArgs
from infra.database import Database, DatabaseArgs
from infra.queue import Queue, QueueArgs
from stacks.foundation import Foundation

_OLDEST_ORDER_SECONDS = 900


@dataclass(frozen=True, kw_only=True)
class Stores:
    """What the application is told, and what to watch."""

    database: Database
    assets: Bucket
    orders: Queue
    alarms: Sequence[Alarm]


def build_data(base: Foundation, database_clients: Mapping[str, pulumi.Input[str]]) -> Stores:
    """Build the stores; `database_clients` are security groups, by names for the rules that let them in."""
    settings = base.settings
    prefix, account, region = settings.name_prefix, settings.aws.account_id, settings.aws.region
    assets = Bucket(
        "assets",
        BucketArgs(
            bucket_name=f"{prefix}-assets",
            key_arn=base.data_key.arn,
            retention_days=settings.data.bucket_retention_days,
            disposable=base.disposable,
        ),
        base.holds_data,
    )
    database = Database(
        "database",
        DatabaseArgs(
            identifier=f"{prefix}-database",
            region=region,
            account_id=account,
            vpc_id=base.network.vpc_id,
            subnet_ids=base.network.isolated_subnet_ids,
            key_arn=base.data_key.arn,
            log_key_arn=base.log_key.arn,
            major_version="17",
            instance_class=settings.database.instance_class,
            database_name="shop",
            storage_gib=settings.database.storage,
            max_storage_gib=settings.database.max_storage,
            from_security_groups=database_clients,
            multi_az=settings.database.multi_az,
            backup_days=settings.database.backup_days,
            log_days=settings.watch.log_days,
            permissions_boundary=base.delivery.boundary_arn,
            disposable=base.disposable,
        ),
        base.holds_data,
    )
    images = ContainerRegistry(
        "images",
        ContainerRegistryArgs(
            name_prefix=prefix, repositories=["web"], key_arn=base.data_key.arn, disposable=base.disposable
        ),
        base.holds_data,
    )
    orders = Queue(
        "orders",
        QueueArgs(queue_name=f"{prefix}-orders", key_arn=base.data_key.arn, region=region, account_id=account),
        base.holds_data,
    )

    pulumi.export("keyArn", base.data_key.arn)
    pulumi.export("keyAlias", base.data_key.alias)
    pulumi.export("bucketName", assets.name)
    pulumi.export("bucketArn", assets.arn)
    pulumi.export("databaseAddress", database.address)
    pulumi.export("databaseSecretArn", database.secret_arn)
    pulumi.export("imageRepositories", dict(images.repository_urls))
    pulumi.export("ordersUrl", orders.url)
    return Stores(
        database=database,
        assets=assets,
        orders=orders,
        alarms=[
            *database_alarms(
                "database", database.identifier, storage_gib=settings.database.storage, most_connections=200
            ),
            *queue_alarms("orders", orders.name, orders.dead_letter_name, oldest_seconds=_OLDEST_ORDER_SECONDS),
        ],
    )
