"""What is read of roles and buckets, asked of the simulated AWS with the real client library."""

import json
from collections.abc import Iterator

import pytest

from gitops.adapters.aws.settings import AwsSettings
from gitops.errors import Failed
from gitops.model import BucketSettings
from tests.toolchain.emulator import client, emulator

ACCOUNT = "123456789012"
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
BLOCK = dict.fromkeys(
    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
)  # fmt: skip


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with emulator({}) as address:
        yield address


@pytest.fixture(autouse=True)
def credentials(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": aws,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_CONFIG_FILE": "/nowhere",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)


def bucket(aws: str, name: str) -> str:
    client(aws, "s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return f"s3://{name}?region=eu-west-1"


def test_a_roles_trust_policy_is_read(aws: str) -> None:
    client(aws, "iam").create_role(RoleName="apply", Path="/gitops/", AssumeRolePolicyDocument=json.dumps(TRUST))
    assert AwsSettings().trust(f"arn:aws:iam::{ACCOUNT}:role/gitops/apply").policy == TRUST


def test_a_role_of_that_name_in_another_account_is_not_that_role(aws: str) -> None:
    client(aws, "iam").create_role(RoleName="twin", AssumeRolePolicyDocument=json.dumps(TRUST))
    with pytest.raises(Failed, match="another account"):
        AwsSettings().trust("arn:aws:iam::999999999999:role/twin")


def test_a_role_that_is_not_there_is_a_failure_that_names_the_right(aws: str) -> None:
    with pytest.raises(Failed, match="answered NoSuchEntity") as raised:
        AwsSettings().trust(f"arn:aws:iam::{ACCOUNT}:role/nobody")
    assert "iam:GetRole" in raised.value.hint


def test_a_bucket_as_it_is_made_keeps_no_versions_and_does_once_that_is_turned_on(aws: str) -> None:
    address = bucket(aws, "plain")
    before = AwsSettings().bucket(address)
    assert (before.versioned, before.private) == (False, False)
    AwsSettings().keep_versions(address)
    assert AwsSettings().bucket(address).versioned


def test_a_bucket_that_has_everything_has_everything(aws: str) -> None:
    address, s3 = bucket(aws, "sound"), client(aws, "s3")
    s3.put_public_access_block(Bucket="sound", PublicAccessBlockConfiguration=BLOCK)
    rules = [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]
    s3.put_bucket_encryption(Bucket="sound", ServerSideEncryptionConfiguration={"Rules": rules})
    AwsSettings().keep_versions(address)
    assert AwsSettings().bucket(address) == BucketSettings(versioned=True, encrypted=True, private=True)
    s3.put_public_access_block(Bucket="sound", PublicAccessBlockConfiguration=BLOCK | {"BlockPublicAcls": False})
    s3.delete_bucket_encryption(Bucket="sound")
    assert AwsSettings().bucket(address) == BucketSettings(versioned=True, encrypted=False, private=False)


def test_a_bucket_that_is_not_there_is_a_failure(aws: str) -> None:
    with pytest.raises(Failed, match="NoSuchBucket"):
        AwsSettings().bucket("s3://nowhere-to-be-found?region=eu-west-1")


def test_without_credentials_it_is_said_how_to_get_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    with pytest.raises(Failed, match="there are no credentials") as raised:
        AwsSettings().bucket("s3://x?region=eu-west-1")
    assert "aws sso login" in raised.value.hint


def test_a_profile_that_does_not_exist_is_a_failure() -> None:
    with pytest.raises(Failed, match="ProfileNotFound"):
        AwsSettings().bucket("s3://x?region=eu-west-1&profile=nobody")
