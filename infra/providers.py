"""The AWS provider everything is built with; the default one is switched off in Pulumi.yaml."""

import pulumi_aws as aws

from infra.inputs import require
from infra.settings import AwsSettings
from infra.tags import default_tags


def aws_provider(settings: AwsSettings, *, owner: str, cost_centre: str) -> aws.Provider:
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
        default_tags=aws.ProviderDefaultTagsArgs(tags=default_tags(owner, cost_centre)),
        max_retries=settings.max_retries,
    )
