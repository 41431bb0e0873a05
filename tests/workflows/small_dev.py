"""dev made small, in the place of stacks/dev.py: a key in AWS, and the shop's web service on a cluster that is there.

What happens to a change on its way through the workflows does not depend on how much there is to change.
"""

import pulumi

from infra import settings as configuration
from infra.cluster import existing_cluster
from infra.encryption_key import EncryptionKey, EncryptionKeyArgs
from infra.namespace import Namespace, NamespaceArgs
from infra.providers import aws_provider
from infra.workloads.web_service import WebService, WebServiceArgs


def build() -> None:
    """Build about twenty resources."""
    settings = configuration.load()
    assert settings.kubernetes is not None, "the stack says `cluster: existing`"
    on_aws = pulumi.ResourceOptions(
        providers=[aws_provider(settings.aws, owner=settings.owner, cost_centre=settings.cost_centre)]
    )
    on_kubernetes = pulumi.ResourceOptions(providers=[existing_cluster(settings.kubernetes).provider])
    EncryptionKey(
        "data-key",
        EncryptionKeyArgs(
            account_id=settings.aws.account_id,
            region=settings.aws.region,
            alias=f"{settings.name_prefix}-data",
            description="Encrypts nothing yet",
            deletion_days=settings.data.key_deletion_days,
        ),
        on_aws,
    )
    shop = Namespace(
        "shop",
        NamespaceArgs(
            namespace_name=settings.name_prefix,
            cpu=settings.quota.cpu,
            memory=settings.quota.memory,
            pods=settings.quota.pods,
        ),
        on_kubernetes,
    )
    WebService(
        "web",
        WebServiceArgs(
            namespace=shop.name,
            image=settings.web.image,
            port=9898,
            host=settings.web.host,
            tls_secret=settings.web.tls_secret,
            min_replicas=settings.web.min_replicas,
            max_replicas=settings.web.max_replicas,
            cpu=settings.web.cpu,
            memory=settings.web.memory,
            after=shop.guards,
        ),
        on_kubernetes,
    )
