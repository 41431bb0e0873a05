"""The two providers everything is built with; the default ones are switched off in Pulumi.yaml."""

from urllib.parse import urlsplit

import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from infra.inputs import require
from infra.settings import AwsSettings, KubernetesSettings
from infra.tags import default_tags

# What the components of this repository talk to; an emulator must be named for each service.
EMULATED_SERVICES = ("ec2", "kms", "s3", "sts")


def aws_provider(settings: AwsSettings, *, owner: str) -> aws.Provider:
    """The AWS provider of a stack: one region, named accounts only, default tags.

    Credentials come from the environment, as the AWS SDK finds them.
    """
    require(
        all(len(account) == 12 and account.isdecimal() for account in settings.account_ids),
        "aws.awsAccountIds",
        "account ids of 12 digits",
        settings.account_ids,
    )
    require(settings.max_retries >= 0, "aws.awsMaxRetries", "0 or more", settings.max_retries)
    tags = aws.ProviderDefaultTagsArgs(tags=default_tags(owner))
    if settings.endpoint is None:
        return aws.Provider(
            "aws",
            region=settings.region,
            allowed_account_ids=list(settings.account_ids),
            default_tags=tags,
            max_retries=settings.max_retries,
        )
    address = urlsplit(settings.endpoint)
    require(
        address.scheme in ("http", "https") and bool(address.hostname),
        "aws.awsEndpoint",
        "an address that starts with http:// or https://",
        settings.endpoint,
    )
    # The account check stays on: an emulator answers it as well.
    return aws.Provider(
        "aws",
        region=settings.region,
        allowed_account_ids=list(settings.account_ids),
        default_tags=tags,
        max_retries=settings.max_retries,
        endpoints=[aws.ProviderEndpointArgs(**dict.fromkeys(EMULATED_SERVICES, settings.endpoint))],
        skip_credentials_validation=True,
        skip_metadata_api_check=True,
        skip_region_validation=True,
        s3_use_path_style=True,
    )


def kubernetes_provider(settings: KubernetesSettings) -> kubernetes.Provider:
    """The Kubernetes provider of a stack, for an existing cluster, named by its context.

    The context is always explicit, so that whatever a kubeconfig calls current does not matter.
    """
    return kubernetes.Provider(
        "kubernetes",
        context=settings.context,
        # Without it, a cluster reached by another address counts as another cluster, and everything is replaced.
        cluster_identifier=settings.context,
        # Empty, not None: the SDK would put the caller's KUBECONFIG, a path on one machine, into state and plans.
        kubeconfig=settings.kubeconfig or "",
        enable_server_side_apply=True,
    )
