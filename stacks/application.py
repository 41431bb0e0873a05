"""The application that every environment holds: its data on AWS, its web workload on Kubernetes."""

from enum import Enum

import pulumi

from infra import settings as configuration
from infra.bucket import Bucket, BucketArgs
from infra.encryption_key import EncryptionKey, EncryptionKeyArgs
from infra.namespace import Namespace, NamespaceArgs
from infra.network import Network, NetworkArgs
from infra.providers import aws_provider, kubernetes_provider
from infra.workload import Workload, WorkloadArgs


class Data(Enum):
    """Whether what holds data or identity may be deleted by a run of Pulumi."""

    PROTECTED = True
    DISPOSABLE = False


def build_application(data: Data) -> None:
    """Build the application from the running stack's configuration, and export what operators and checks need."""
    settings = configuration.load()
    prefix = settings.name_prefix
    on_aws = aws_provider(settings.aws, owner=settings.owner)
    on_kubernetes = kubernetes_provider(settings.kubernetes)
    holds_data = pulumi.ResourceOptions(providers=[on_aws], protect=data.value)

    network = Network(
        "network",
        NetworkArgs(
            region=settings.aws.region,
            cidr=settings.network.cidr,
            zones=settings.network.zones,
            nat_gateways=settings.network.nat_gateways,
        ),
        pulumi.ResourceOptions(providers=[on_aws]),
    )
    key = EncryptionKey(
        "data-key",
        EncryptionKeyArgs(
            alias=f"{prefix}-data",
            description=f"Encrypts the data of {prefix}",
            deletion_days=settings.data.key_deletion_days,
        ),
        holds_data,
    )
    assets = Bucket(
        "assets",
        BucketArgs(bucket_name=f"{prefix}-assets", key_arn=key.arn, retention_days=settings.data.bucket_retention_days),
        holds_data,
    )
    namespace = Namespace(
        "shop",
        NamespaceArgs(
            namespace_name=prefix,
            cpu=settings.quota.cpu,
            memory=settings.quota.memory,
            pods=settings.quota.pods,
        ),
        pulumi.ResourceOptions(providers=[on_kubernetes]),
    )
    web = Workload(
        "web",
        WorkloadArgs(
            namespace=namespace.name,
            image=settings.web.image,
            port=9898,
            ready_path="/readyz",
            alive_path="/healthz",
            min_replicas=settings.web.min_replicas,
            max_replicas=settings.web.max_replicas,
            cpu=settings.web.cpu,
            memory=settings.web.memory,
            ingress_namespace=settings.web.ingress_namespace,
            environment={"PODINFO_UI_MESSAGE": settings.web.message},
            after=namespace.guards,
        ),
        pulumi.ResourceOptions(providers=[on_kubernetes]),
    )

    pulumi.export("region", settings.aws.region)
    pulumi.export("vpcId", network.vpc_id)
    pulumi.export("publicSubnetIds", network.public_subnet_ids)
    pulumi.export("privateSubnetIds", network.private_subnet_ids)
    pulumi.export("keyArn", key.arn)
    pulumi.export("keyAlias", key.alias)
    pulumi.export("bucketName", assets.name)
    pulumi.export("bucketArn", assets.arn)
    pulumi.export("kubeContext", settings.kubernetes.context)
    pulumi.export("namespace", namespace.name)
    pulumi.export("deployment", web.deployment)
    pulumi.export("service", web.service)
    pulumi.export("image", web.image)
    pulumi.export("url", web.url)
