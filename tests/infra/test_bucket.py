"""The bucket by itself: who reaches it, what it keeps, and what it refuses."""

import json
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pulumi
import pytest

from infra.bucket import Bucket, BucketArgs, access_log_statement
from infra.inputs import InputError
from infra.tags import RESOURCE
from tests.infra.recording import Recorded, record

ARGS = BucketArgs(bucket_name="shop-assets", key_arn="arn:key", retention_days=30)


def bucket(args: BucketArgs = ARGS) -> Recorded:
    return record(lambda: Bucket("assets", args))


def test_a_bucket_is_closed_to_the_public() -> None:
    block = bucket().only(":BucketPublicAccessBlock").inputs
    assert [block[key] for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls")] == [True] * 3
    assert block["restrictPublicBuckets"] is True
    assert bucket().only(":BucketOwnershipControls").inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


def test_a_bucket_is_encrypted_with_the_given_key() -> None:
    (rule,) = bucket().only(":BucketServerSideEncryptionConfiguration").inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "arn:key"}
    assert rule["bucketKeyEnabled"] is True


def test_a_bucket_without_a_key_is_encrypted_with_s3_s_own() -> None:
    (rule,) = bucket(replace(ARGS, key_arn=None)).only(":BucketServerSideEncryptionConfiguration").inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "AES256"}
    assert rule["bucketKeyEnabled"] is False


def test_a_bucket_answers_over_tls_only() -> None:
    recorded = bucket(replace(ARGS, partition="aws-cn"))
    policy = recorded.only(":BucketPolicy")
    (statement,) = json.loads(policy.inputs["policy"])["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == ["arn:aws-cn:s3:::shop-assets", "arn:aws-cn:s3:::shop-assets/*"]
    assert any("BucketPublicAccessBlock" in urn for urn in policy.depends_on)


def test_statements_of_the_caller_stand_beside_tls_only() -> None:
    def program() -> None:
        reader = {"AWS": pulumi.Output.from_input("arn:reader")}
        extra = {"Sid": "Reader", "Effect": "Allow", "Principal": reader}
        Bucket("assets", replace(ARGS, statements=(extra,)))

    recorded = record(program)
    first, second = json.loads(recorded.only(":BucketPolicy").inputs["policy"])["Statement"]
    assert first["Sid"] == "TlsOnly"
    assert second == {"Sid": "Reader", "Effect": "Allow", "Principal": {"AWS": "arn:reader"}}


def test_a_bucket_keeps_old_versions_for_a_while() -> None:
    assert bucket().only(":BucketVersioning").inputs["versioningConfiguration"] == {"status": "Enabled"}
    (rule,) = bucket().only(":BucketLifecycleConfiguration").inputs["rules"]
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
    assert "expiration" not in rule


def test_a_bucket_for_logs_lets_go_of_them() -> None:
    (rule,) = bucket(replace(ARGS, expire_days=365)).only(":BucketLifecycleConfiguration").inputs["rules"]
    assert rule["expiration"] == {"days": 365}


@pytest.mark.parametrize("disposable", [False, True])
def test_only_a_disposable_bucket_is_ever_emptied(disposable: bool) -> None:
    assert bucket(replace(ARGS, disposable=disposable)).only(":Bucket").inputs["forceDestroy"] is disposable


def test_a_bucket_is_not_disposable_unasked() -> None:
    assert bucket().only(":Bucket").inputs["forceDestroy"] is False


def test_a_bucket_takes_names_that_are_not_known_yet() -> None:
    recorded = record(lambda: Bucket("assets", replace(ARGS, bucket_name=pulumi.Output.from_input("later-known"))))
    assert recorded.only(":Bucket").inputs["bucket"] == "later-known"


def test_access_logs_go_under_the_bucket_s_name_once_the_other_one_allows_it() -> None:
    def program() -> None:
        allowed = access_log_statement("shop-logs", "123456789012")
        logs = Bucket("logs", replace(ARGS, bucket_name="shop-logs", key_arn=None, statements=(allowed,)))
        Bucket("assets", replace(ARGS, log_bucket=logs))

    recorded = record(program)
    logging = recorded.only(":BucketLogging")
    assert logging.name == "assets-logging"
    assert (logging.inputs["targetBucket"], logging.inputs["targetPrefix"]) == ("shop-logs", "shop-assets/")
    assert any("BucketPolicy::logs-policy" in urn for urn in logging.depends_on)


def test_access_logs_are_taken_from_buckets_of_the_account_only() -> None:
    statement = access_log_statement("shop-logs", "123456789012", "aws-cn")
    assert statement["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert statement["Action"] == "s3:PutObject"
    assert statement["Resource"] == "arn:aws-cn:s3:::shop-logs/*"
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_a_bucket_that_is_not_asked_to_logs_nothing() -> None:
    assert not bucket().of(":BucketLogging")


def test_the_bucket_is_tagged_with_its_own_name() -> None:
    assert bucket().only(":Bucket").inputs["tags"][RESOURCE] == "assets"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bucket_name": "Shop.Assets"}, "assets.bucket_name must be 3 to 63 lower-case"),
        ({"retention_days": 0}, "assets.retention_days must be 1 or more; got 0"),
        ({"expire_days": 0}, "assets.expire_days must be 1 or more; got 0"),
    ],
)
def test_an_input_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        bucket(replace(ARGS, **changes))


def test_arguments_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        ARGS.retention_days = 1  # type: ignore[misc]
