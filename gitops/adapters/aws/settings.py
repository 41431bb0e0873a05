"""What the pipeline's roles and its state rest on in AWS, read with boto3 and whatever credentials there are."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gitops.errors import Failed
from gitops.model import BucketSettings, RoleTrust

READS = "iam:GetRole, s3:GetBucketVersioning, s3:GetEncryptionConfiguration, s3:GetBucketPublicAccessBlock"
_NO_ENCRYPTION = "ServerSideEncryptionConfigurationNotFoundError"
_NO_BLOCK = "NoSuchPublicAccessBlockConfiguration"
# IAM is not regional; its client wants a region all the same.
_ANY_REGION = "us-east-1"


class AwsSettings:
    """Implements `gitops.ports.CloudSettings`. Credentials come from where AWS's own tools take them."""

    def trust(self, role: str) -> RoleTrust:
        """See `CloudSettings.trust`. A role of that name in another account is not that role."""
        name = role.rpartition("/")[2]
        with _asking(f"for the role {role}"):
            answer = _client("iam", _ANY_REGION).get_role(RoleName=name)["Role"]
        if answer["Arn"] != role:
            raise Failed(
                f"asked AWS for the role {role}: the credentials here are of another account",
                hint="use credentials of the role's own account",
            )
        return RoleTrust(answer["AssumeRolePolicyDocument"])

    def bucket(self, address: str) -> BucketSettings:
        """See `CloudSettings.bucket`."""
        with _asking(f"for the bucket {_shown(address)}"):
            name, client = _bucket(address)
            versioning = client.get_bucket_versioning(Bucket=name)
            encryption = _unless(_NO_ENCRYPTION, client.get_bucket_encryption, name)
            block = _unless(_NO_BLOCK, client.get_public_access_block, name)
            blocked = (block or {}).get("PublicAccessBlockConfiguration", {})
        return BucketSettings(
            versioned=versioning.get("Status") == "Enabled",
            encrypted=encryption is not None,
            private=len(blocked) == 4 and all(blocked.values()),
        )

    def keep_versions(self, address: str) -> None:
        """See `CloudSettings.keep_versions`."""
        with _asking(f"to keep old versions in the bucket {_shown(address)}"):
            name, client = _bucket(address)
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


def _shown(address: str) -> str:
    return address.partition("?")[0]


def _bucket(address: str) -> tuple[str, Any]:
    """The bucket's name and a client for it, as the address of a Pulumi backend says: `s3://name?region=…`."""
    parts = urlsplit(address)
    options = {key: values[0] for key, values in parse_qs(parts.query).items()}
    endpoint = options.get("endpoint")
    if endpoint and "://" not in endpoint:
        endpoint = f"{'http' if options.get('disableSSL') == 'true' else 'https'}://{endpoint}"
    return parts.netloc, _client("s3", options.get("region"), endpoint, options.get("profile"))


def _client(service: str, region: str | None, endpoint: str | None = None, profile: str | None = None) -> Any:
    try:
        import boto3  # type: ignore[import-untyped]
        from botocore.config import Config  # type: ignore[import-untyped]
    except ImportError as error:
        raise Failed("AWS cannot be asked: boto3 is not installed", hint="pip install boto3") from error
    quick = Config(connect_timeout=10, read_timeout=20, retries={"total_max_attempts": 3})
    session = boto3.session.Session(profile_name=profile)
    region = region or session.region_name or _ANY_REGION
    return session.client(service, region_name=region, endpoint_url=endpoint, config=quick)


def _unless(code: str, ask: Any, bucket: str) -> Any:
    """The answer, or None where AWS says by that code that there is no such setting."""
    from botocore.exceptions import ClientError  # type: ignore[import-untyped]

    try:
        return ask(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == code:
            return None
        raise


@contextmanager
def _asking(question: str) -> Iterator[None]:
    try:
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            NoCredentialsError,
        )
    except ImportError as error:
        raise Failed("AWS cannot be asked: boto3 is not installed", hint="pip install boto3") from error
    try:
        yield
    except NoCredentialsError as error:
        raise Failed(
            f"asked AWS {question}: there are no credentials",
            hint=f"log in (`aws sso login`, AWS_PROFILE) with the rights {READS}, and run it again",
        ) from error
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        raise Failed(f"asked AWS {question}: answered {code}", hint=f"it takes the rights {READS}") from error
    except BotoCoreError as error:
        raise Failed(
            f"asked AWS {question}: {type(error).__name__}", hint="check network, profile and region, then run it again"
        ) from error
