"""The two providers everything is built with; the default ones are switched off in Pulumi.yaml."""

import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from infra.inputs import require
from infra.settings import AwsSettings, KubernetesSettings
from infra.tags import default_tags


def aws_provider(settings: AwsSettings, *, owner: str) -> aws.Provider:
    """The AWS provider of a stack: one region, named accounts only, default tags.

    Credentials come from the environment, as the AWS SDK finds them. So does the address of an emulator
    (`AWS_ENDPOINT_URL`): it then holds for every service, where a list of addresses lets those it forgot go to AWS.
    """
    require(
        all(len(account) == 12 and account.isdecimal() for account in settings.account_ids),
        "aws.awsAccountIds",
        "account ids of 12 digits",
        settings.account_ids,
    )
    require(settings.max_retries >= 0, "aws.awsMaxRetries", "0 or more", settings.max_retries)
    return aws.Provider(
        "aws",
        region=settings.region,
        allowed_account_ids=list(settings.account_ids),
        default_tags=aws.ProviderDefaultTagsArgs(tags=default_tags(owner)),
        max_retries=settings.max_retries,
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
        # Their names are fixed: replaced, they would be missing for a moment. What reads them rolls by a digest.
        enable_config_map_mutable=True,
    )
